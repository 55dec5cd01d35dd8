package session

import (
	"context"
	"errors"

	"sana/backend/observe/metrics"
	"sana/backend/postgres"

	"github.com/jackc/pgx/v5"
)

// Read implements Store. A replaced token is the session as it was, with the old SignedInAt and
// ExpiresAt, until the token that replaced it is first presented, and for ten seconds after that.
// Later it is ErrNone, like an unknown token, unless the session has ended since.
func (s *Shared) Read(ctx context.Context, token string) (Session, error) {
	k, ok := keyOf(token)
	if !ok {
		return Session{}, ErrNone
	}
	session, err := s.read(ctx, k)
	if err != nil {
		return Session{}, err
	}
	session.Token = token
	return session, nil
}

// ReadCached returns the cached session of a token, nil if none may be used; the caller
// then calls Read. It does not block and does not allocate.
func (s *Shared) ReadCached(token []byte) *CachedSession {
	k, ok := keyOf(token)
	if !ok || s.cache == nil {
		return nil
	}
	found := s.cache.read(k)
	if found != nil {
		s.onRead(metrics.Cache)
	}
	return found
}

// read reads from the cache, or else from the database. Without a valid lease it caches nothing.
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

// readUncached reads through the storage package. Only if there is no session it queries the
// reason.
func (s *Shared) readUncached(ctx context.Context, k key) (Session, error) {
	s.onRead(metrics.Store)
	value, err := s.kv.GetWithContext(ctx, k.text())
	if err != nil {
		return Session{}, postgres.Error("read session", err)
	}
	if value == nil {
		found, err := s.find(ctx, k)
		if err != nil {
			return Session{}, err
		}
		value = found.value
	}

	session, err := decode(value)
	if err != nil {
		return Session{}, err
	}
	s.confirm(ctx, k, &session)
	s.recordUse(k, session, nil)
	return session, nil
}

// fill reads a session and caches it, unless its token was replaced or could not be confirmed.
func (s *Shared) fill(ctx context.Context, f fill) (Session, error) {
	s.onRead(metrics.Store)
	found, err := s.find(ctx, f.key)
	if err != nil {
		return Session{}, err
	}
	session, err := decode(found.value)
	if err != nil {
		return Session{}, err
	}

	isConfirmed := s.confirm(ctx, f.key, &session)
	if isConfirmed && !found.isReplaced {
		s.cache.cacheSession(f, session, found.left())
	}
	if seconds(found.unused) >= useInterval(seconds(found.idle)) {
		s.recordUse(f.key, session, nil)
	}
	return session, nil
}

// foundRow is a valid session as the database returned it, with its times in seconds.
type foundRow struct {
	value      []byte
	isReplaced bool    // the token is a replaced one
	age        float64 // until its absolute timeout
	idle       float64 // its idle timeout
	unused     float64 // since its use was last recorded
}

func (f foundRow) left() timeLeft {
	return timeLeft{
		age:    seconds(f.age),
		idle:   seconds(f.idle - f.unused),
		unused: seconds(f.unused),
	}
}

// findByKey returns at most one row, of the first of these that exists: the session with this
// token, the replaced token with its session, or the reason why a session with this token ended. v
// is NULL if the session or the replaced token is not valid, and the reason empty if there is none.
const findByKey = `
	SELECT false, CASE WHEN ` + isLive + ` THEN v END,
	       ` + expiredFor + `, '', ` + expiredAt + `,
	       e - extract(epoch FROM now())::float8, idle_seconds, ` + unusedFor + `
	FROM sessions
	WHERE k = @key
	UNION ALL
	SELECT true, CASE WHEN current.is_live AND is_open AND old_ends_at > now() THEN old_v END,
	       CASE WHEN NOT current.is_live THEN current.expired_for
	            WHEN current.is_live AND is_open THEN 'max_age'
	            WHEN current.is_live THEN ''
	            ELSE coalesce(ended.reason, '')
	       END,
	       coalesce(ended.ended_by, ''),
	       coalesce(ended.ended_at, CASE WHEN NOT current.is_live THEN expired_at END, old_ends_at),
	       0, coalesce(current.idle_seconds, 0), coalesce(current.unused, 0)
	FROM (
	    SELECT id, v AS old_v, to_timestamp(e) AS old_ends_at,
	           presented_at IS NULL
	               OR presented_at > now() - interval '10 seconds'
	                  AND presented_at <= now() + interval '1 minute' AS is_open
	    FROM replaced_tokens
	    WHERE k = @key
	) AS replaced
	LEFT JOIN (
	    SELECT id, idle_seconds, ` + isLive + ` AS is_live, ` + expiredFor + ` AS expired_for,
	           ` + expiredAt + ` AS expired_at, ` + unusedFor + ` AS unused
	    FROM sessions
	) AS current USING (id)
	LEFT JOIN ended_sessions AS ended
	    ON ended.id = replaced.id AND ended.ended_at > now() - @age::interval
	UNION ALL
	SELECT NULL, NULL, reason, ended_by, ended_at, 0, 0, 0
	FROM ended_sessions
	WHERE k = @key
	  AND ended_at > now() - @age::interval
	LIMIT 1`

// find returns the valid session of a key. If there is none, the error is ErrNone or an *Ended.
func (s *Shared) find(ctx context.Context, k key) (f foundRow, err error) {
	var isReplaced *bool
	var why Ended
	err = s.db.QueryRow(ctx, findByKey, pgx.NamedArgs{"key": k.text(), "age": reasonAge}).Scan(
		&isReplaced, &f.value, &why.Reason, &why.By, &why.At, &f.age, &f.idle, &f.unused)
	switch {
	case errors.Is(err, pgx.ErrNoRows), err == nil && f.value == nil && why.Reason == "":
		return foundRow{}, ErrNone
	case err != nil:
		return foundRow{}, postgres.Error("read session", err)
	case f.value == nil:
		return foundRow{}, &why
	}
	f.isReplaced = *isReplaced
	return f, nil
}

// confirmToken records that a token was presented: it is confirmed if it is the current one, and
// the tokens before it expire in ten seconds.
const confirmToken = `
	WITH confirmed AS (
	    UPDATE sessions
	    SET v = convert_to((convert_from(v, 'UTF8')::jsonb - 'unconfirmed')::text, 'UTF8')
	    WHERE k = @key
	      AND convert_from(v, 'UTF8')::jsonb ? 'unconfirmed'
	    RETURNING id
	), presented AS (
	    SELECT id, 'infinity'::timestamptz AS replaced_at
	    FROM confirmed
	    UNION ALL
	    SELECT id, replaced_at
	    FROM replaced_tokens
	    WHERE k = @key
	)
	UPDATE replaced_tokens AS older
	SET presented_at = now()
	FROM presented
	WHERE older.id = presented.id
	  AND older.replaced_at < presented.replaced_at
	  AND older.presented_at IS NULL`

// confirm records the first presentation of an unconfirmed token. It reports whether the token is
// confirmed now. If it is not, the tokens before it stay valid, and the next read tries again.
func (s *Shared) confirm(ctx context.Context, k key, session *Session) bool {
	if !session.Unconfirmed {
		return true
	}
	if _, err := s.db.Exec(ctx, confirmToken, pgx.NamedArgs{"key": k.text()}); err != nil {
		s.log.WarnContext(ctx, "session token not confirmed: the replaced token stays valid",
			"session", session.ID, "error", err)
		return false
	}
	session.Unconfirmed = false
	return true
}
