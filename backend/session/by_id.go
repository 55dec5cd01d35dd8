package session

import (
	"context"
	"encoding/hex"
	"errors"

	"sana/backend/observe/metrics"
	"sana/backend/postgres"

	"github.com/jackc/pgx/v5"
)

// ReadByID returns the valid session with a public id and records its use. An id is not a
// credential: callers must have verified another credential of the session. Errors are those of
// Read. The token stays unconfirmed, because it was not presented.
//
// It reads from the cache if CacheOptions.ByID is set; the promise of the cache applies (see
// cache).
func (s *Shared) ReadByID(ctx context.Context, id string) (Session, error) {
	if !idPattern.MatchString(id) {
		return Session{}, ErrNone
	}
	if found := s.ReadCachedByID([]byte(id)); found != nil {
		return found.session, nil
	}

	var f fill
	mayCache := false
	if s.cache != nil && s.cache.tokens != nil {
		f, mayCache = s.cache.beginFill(key{}) // the key is known only after the row was read
	}
	s.onRead(metrics.Store)
	k, found, err := s.findByID(ctx, id)
	if err != nil {
		return Session{}, err
	}
	session, err := decode(found.value)
	if err != nil {
		return Session{}, err
	}

	if mayCache && !session.Unconfirmed {
		f.key = k
		s.cache.cacheSession(f, session, found.left())
		s.cache.cacheToken(id, k)
	}
	if seconds(found.unused) >= useInterval(seconds(found.idle)) {
		s.recordUse(k, session, nil)
	}
	return session, nil
}

// ReadCachedByID returns the cached session with a public id, nil if none may be used; the
// caller then calls ReadByID. It does not block and does not allocate.
func (s *Shared) ReadCachedByID(id []byte) *CachedSession {
	if s.cache == nil || s.cache.tokens == nil {
		return nil
	}
	found := s.cache.readByID(id)
	if found != nil {
		s.onRead(metrics.Cache)
	}
	return found
}

// readByID is read by a public id. tokens maps the id to a key, and read validates the session of
// that key. The key of a replaced token finds no session, because replaced tokens are not cached.
func (c *cache) readByID(id []byte) *CachedSession {
	var public publicID
	if len(id) != 2*len(public) {
		return nil
	}
	if _, err := hex.Decode(public[:], id); err != nil {
		return nil
	}
	k, _ := c.tokens.GetIfPresent(public) // without one the zero key, which no session has
	return c.read(k)
}

// cacheToken caches the key of a session; id must come from NewID.
func (c *cache) cacheToken(id string, k key) {
	var public publicID
	if _, err := hex.Decode(public[:], []byte(id)); err == nil {
		c.tokens.Set(public, k)
	}
}

// findByRowID is findByKey for a public id; its first column is the key.
const findByRowID = `
	SELECT k, CASE WHEN ` + isLive + ` THEN v END,
	       ` + expiredFor + `, '', ` + expiredAt + `,
	       e - extract(epoch FROM now())::float8, idle_seconds, ` + unusedFor + `
	FROM sessions
	WHERE id = @id::uuid
	UNION ALL
	SELECT '', NULL, reason, ended_by, ended_at, 0, 0, 0
	FROM ended_sessions
	WHERE id = @id::uuid
	  AND ended_at > now() - @age::interval
	LIMIT 1`

// findByID returns the valid session with an id, and its key. If there is none, the error is
// ErrNone or an *Ended.
func (s *Shared) findByID(ctx context.Context, id string) (k key, f foundRow, err error) {
	var text string
	var why Ended
	err = s.db.QueryRow(ctx, findByRowID, pgx.NamedArgs{"id": id, "age": reasonAge}).Scan(
		&text, &f.value, &why.Reason, &why.By, &why.At, &f.age, &f.idle, &f.unused)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return key{}, foundRow{}, ErrNone
	case err != nil:
		return key{}, foundRow{}, postgres.Error("read session by id", err)
	case f.value == nil:
		return key{}, foundRow{}, &why
	}
	keys, _ := keysOf([]string{text})
	if len(keys) != 1 {
		return key{}, foundRow{}, ErrNone // a key that is no SHA-256 belongs to no token
	}
	return keys[0], f, nil
}
