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
func (s *Shared) Read(ctx context.Context, token string) (session Session, err error) {
	k, ok := keyOf(token)
	if !ok {
		return Session{}, ErrNone
	}
	if found := s.readCache(k); found != nil {
		session = found.session
	} else if f, ok := s.beginFill(k); ok {
		session, err = s.fill(ctx, f)
	} else {
		session, err = s.readUncached(ctx, k)
	}
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
	if !ok {
		return nil
	}
	return s.readCache(k)
}

func (s *Shared) readCache(k key) *CachedSession {
	if s.cache == nil {
		return nil
	}
	found := s.cache.read(k)
	if found != nil {
		s.onRead(metrics.Cache)
	}
	return found
}

func (s *Shared) beginFill(k key) (f fill, ok bool) {
	if s.cache == nil {
		return fill{}, false
	}
	return s.cache.beginFill(k)
}

// readUncached reads through the storage package. Only if there is no session it queries the
// reason.
func (s *Shared) readUncached(ctx context.Context, k key) (Session, error) {
	s.onRead(metrics.Store)
	value, err := s.kv.GetWithContext(ctx, k.text())
	if err != nil {
		return Session{}, postgres.Error("read session", err)
	}
	var found foundRow
	if value != nil {
		found.session, err = decode(value)
	} else {
		found, err = s.find(ctx, findByKey, pgx.NamedArgs{"key": k.text()})
	}
	if err != nil {
		return Session{}, err
	}
	s.confirm(ctx, k, &found.session)
	s.recordUse(k, found.session.ID, nil)
	return found.session, nil
}

// fill reads a session and caches it, unless its token was replaced or could not be confirmed.
func (s *Shared) fill(ctx context.Context, f fill) (Session, error) {
	s.onRead(metrics.Store)
	found, err := s.find(ctx, findByKey, pgx.NamedArgs{"key": f.key.text()})
	if err != nil {
		return Session{}, err
	}
	s.confirm(ctx, f.key, &found.session)
	if !found.session.Unconfirmed && !found.isReplaced {
		s.cache.cacheSession(f, found.session, found.times)
	}
	if found.times.isUseDue() {
		s.recordUse(f.key, found.session.ID, nil)
	}
	return found.session, nil
}

// foundRow is a valid session in the database.
type foundRow struct {
	session    Session
	isReplaced bool   // it was found by a replaced token
	key        string // column k, if it was found by its id
	times      sessionTimes
}

// Parts of the statements below, each with the columns of foundRow and of Ended: the session of a
// condition, and the reason why one ended.
const (
	selectSession = `
	SELECT k, false, CASE WHEN ` + isLive + ` THEN v END,
	       ` + expiredFor + `, '', ` + expiredAt + `,
	       to_timestamp(e) - now(), make_interval(secs => idle_seconds), ` + unusedFor + `
	FROM sessions
	WHERE `

	selectReason = `
	SELECT '', false, NULL, reason, ended_by, ended_at,
	       interval '0', interval '0', interval '0'
	FROM ended_sessions
	WHERE ended_at > now() - @age::interval
	  AND `
)

// findByKey returns at most one row, of the first of these that exists: the session with this
// token, the replaced token with its session, or the reason why a session with this token ended. v
// is NULL if the session or the replaced token is not valid, and the reason empty if there is none.
const findByKey = selectSession + `k = @key
	UNION ALL
	SELECT '', true, CASE WHEN current.is_live AND is_open AND old_ends_at > now() THEN old_v END,
	       CASE WHEN NOT current.is_live THEN current.expired_for
	            WHEN current.is_live AND is_open THEN 'max_age'
	            WHEN current.is_live THEN ''
	            ELSE coalesce(ended.reason, '')
	       END,
	       coalesce(ended.ended_by, ''),
	       coalesce(ended.ended_at, CASE WHEN NOT current.is_live THEN expired_at END, old_ends_at),
	       interval '0', coalesce(current.idle, interval '0'),
	       coalesce(current.unused, interval '0')
	FROM (
	    SELECT id, v AS old_v, to_timestamp(e) AS old_ends_at,
	           presented_at IS NULL
	               OR presented_at > now() - interval '10 seconds'
	                  AND presented_at <= now() + interval '1 minute' AS is_open
	    FROM replaced_tokens
	    WHERE k = @key
	) AS replaced
	LEFT JOIN (
	    SELECT id, ` + isLive + ` AS is_live, ` + expiredFor + ` AS expired_for,
	           ` + expiredAt + ` AS expired_at, make_interval(secs => idle_seconds) AS idle,
	           ` + unusedFor + ` AS unused
	    FROM sessions
	) AS current USING (id)
	LEFT JOIN ended_sessions AS ended
	    ON ended.id = replaced.id AND ended.ended_at > now() - @age::interval
	UNION ALL` + selectReason + `k = @key
	LIMIT 1`

// findByID is findByKey for a public id.
const findByID = selectSession + `id = @id::uuid
	UNION ALL` + selectReason + `id = @id::uuid
	LIMIT 1`

// find returns the valid session that findByKey or findByID finds. If there is none, the error is
// ErrNone or an *Ended.
func (s *Shared) find(
	ctx context.Context, statement string, args pgx.NamedArgs,
) (f foundRow, err error) {
	args["age"] = reasonAge
	var value []byte
	var why Ended
	err = s.db.QueryRow(ctx, statement, args).Scan(
		&f.key, &f.isReplaced, &value, &why.Reason, &why.By, &why.At,
		&f.times.left, &f.times.idle, &f.times.unused)
	switch {
	case errors.Is(err, pgx.ErrNoRows), err == nil && value == nil && why.Reason == "":
		return foundRow{}, ErrNone
	case err != nil:
		return foundRow{}, postgres.Error("read session", err)
	case value == nil:
		return foundRow{}, &why
	}
	f.session, err = decode(value)
	return f, err
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

// confirm records the first presentation of an unconfirmed token. If that fails, the token stays
// unconfirmed and the tokens before it valid, and the next read tries again.
func (s *Shared) confirm(ctx context.Context, k key, session *Session) {
	if !session.Unconfirmed {
		return
	}
	if _, err := s.db.Exec(ctx, confirmToken, pgx.NamedArgs{"key": k.text()}); err != nil {
		s.log.WarnContext(ctx, "session token not confirmed: the replaced token stays valid",
			"session", session.ID, "error", err)
		return
	}
	session.Unconfirmed = false
}
