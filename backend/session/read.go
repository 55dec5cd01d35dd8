package session

import (
	"context"
	"encoding/json"
	"errors"

	"sana/backend/metrics"
	"sana/backend/postgres"

	"github.com/jackc/pgx/v5"
)

// Read implements Store, and notes that the session is in use.
func (s *Shared) Read(ctx context.Context, token string) (Session, error) {
	k, ok := tokenKey(token)
	if !ok {
		return Session{}, ErrNone
	}
	session, err := s.read(ctx, k)
	if err != nil {
		return Session{}, err
	}
	session.Token, session.Secret = token, token
	return session, nil
}

// ReadCached returns the copy of the session behind a token if there is a good one in this process, else nil: then only Read can
// tell. It waits for nothing and allocates nothing.
func (s *Shared) ReadCached(token []byte) *Copy {
	k, ok := tokenKey(token)
	if !ok || s.cache == nil {
		return nil
	}
	found := s.cache.read(k)
	if found != nil {
		s.onRead(metrics.Cache)
	}
	return found
}

// read asks the cache, and where that knows nothing, or has no proof, the database.
func (s *Shared) read(ctx context.Context, k key) (Session, error) {
	if s.cache == nil {
		return s.readUncached(ctx, k)
	}
	if found := s.cache.read(k); found != nil {
		s.onRead(metrics.Cache)
		return found.session, nil
	}
	if f, ok := s.cache.beginFill(k); ok {
		return s.fill(ctx, f)
	}
	return s.readUncached(ctx, k)
}

func (s *Shared) readUncached(ctx context.Context, k key) (Session, error) {
	s.onRead(metrics.Store)
	value, err := s.kv.GetWithContext(ctx, k.text())
	if err != nil {
		return Session{}, postgres.Error("read session", err)
	}
	if value == nil {
		return Session{}, s.whyNone(ctx, s.db, k)
	}
	var session Session
	if err := json.Unmarshal(value, &session); err != nil {
		return Session{}, err
	}
	s.note(k, nil)
	return session, nil
}

// fill reads a session, or why there is none, in one statement, and keeps a copy for the cache. A session that waits for
// a code is read from the database each time: it is replaced soon, and its end is not in the log unless somebody is signed
// in too.
func (s *Shared) fill(ctx context.Context, f fill) (Session, error) {
	s.onRead(metrics.Store)
	var value []byte
	var ended Ended
	var age, idle, unused float64
	err := s.db.QueryRow(ctx, `
		SELECT NULL::bytea, reason, ended_by, ended_at, 0::float8, 0::float8, 0::float8
		FROM ended_sessions
		WHERE k = @key
		  AND ended_at > now() - @age::interval
		UNION ALL
		SELECT CASE WHEN `+isLive+` THEN v END,
		       CASE WHEN user_id IS NULL THEN '' ELSE `+expiredFor+` END,
		       '',
		       `+expiredAt+`,
		       e - extract(epoch FROM now())::float8,
		       idle_seconds,
		       `+unusedFor+`
		FROM sessions
		WHERE k = @key`,
		pgx.NamedArgs{"key": f.key.text(), "age": reasonAge},
	).Scan(&value, &ended.Reason, &ended.By, &ended.At, &age, &idle, &unused)
	switch {
	case errors.Is(err, pgx.ErrNoRows), err == nil && value == nil && ended.Reason == "":
		return Session{}, ErrNone
	case err != nil:
		return Session{}, postgres.Error("read session", err)
	case value == nil:
		return Session{}, &ended
	}
	var session Session
	if err := json.Unmarshal(value, &session); err != nil {
		return Session{}, err
	}
	if session.User != nil && session.Pending == nil {
		s.cache.keep(f, session, left{age: seconds(age), idle: seconds(idle - unused), unused: seconds(unused)})
	}
	if seconds(unused) >= seenInterval(seconds(idle)) {
		s.note(f.key, nil)
	}
	return session, nil
}

// whyNone returns what is known of a key behind which no session lives.
func (*Shared) whyNone(ctx context.Context, db postgres.Querier, k key) error {
	var ended Ended
	err := db.QueryRow(ctx, `
		SELECT reason, ended_by, ended_at
		FROM ended_sessions
		WHERE k = @key
		  AND ended_at > now() - @age::interval
		UNION ALL
		SELECT `+expiredFor+`, '', `+expiredAt+`
		FROM sessions
		WHERE k = @key
		  AND user_id IS NOT NULL
		  AND NOT `+isLive,
		pgx.NamedArgs{"key": k.text(), "age": reasonAge}).Scan(&ended.Reason, &ended.By, &ended.At)
	if errors.Is(err, pgx.ErrNoRows) {
		return ErrNone
	}
	if err != nil {
		return postgres.Error("read why a session ended", err)
	}
	return &ended
}
