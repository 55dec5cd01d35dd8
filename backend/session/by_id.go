package session

import (
	"context"

	"sana/backend/observe/metrics"

	"github.com/jackc/pgx/v5"
)

// ReadByID returns the valid session with a public id and records its use. An id is not a
// credential: callers must have verified another credential of the session. Errors are those of
// Read. The token stays unconfirmed, because it was not presented.
//
// The promise of the cache applies (see cache).
func (s *Shared) ReadByID(ctx context.Context, id string) (Session, error) {
	if !idPattern.MatchString(id) {
		return Session{}, ErrNone
	}
	if found := s.ReadCachedByID([]byte(id)); found != nil {
		return found.session, nil
	}

	f, mayCache := s.beginFill(key{}) // the key is known only after the row was read
	s.onRead(metrics.Store)
	found, err := s.find(ctx, findByID, pgx.NamedArgs{"id": id})
	if err != nil {
		return Session{}, err
	}
	var ok bool
	if f.key, ok = parseKey(found.key); !ok {
		return Session{}, ErrNone // a key that is no SHA-256 belongs to no token
	}
	if mayCache && !found.session.Unconfirmed {
		s.cache.cacheSession(f, found.session, found.times)
		public, _ := parseID(id)
		s.cache.keys.Set(public, f.key)
	}
	if found.times.isUseDue() {
		s.recordUse(f.key, id, nil)
	}
	return found.session, nil
}

// ReadCachedByID returns the cached session with a public id, nil if none may be used; the
// caller then calls ReadByID. It does not block and does not allocate.
func (s *Shared) ReadCachedByID(id []byte) *CachedSession {
	public, ok := parseID(id)
	if !ok || s.cache == nil {
		return nil
	}
	k, _ := s.cache.keys.GetIfPresent(public) // without one the zero key, which no session has
	return s.readCache(k)
}
