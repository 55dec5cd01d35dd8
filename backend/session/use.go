package session

import (
	"context"
	"encoding/hex"
	"maps"
	"slices"
	"sync"
	"time"

	"sana/backend/postgres"

	"github.com/jackc/pgx/v5"
)

const (
	// flushInterval is the interval between two writes of recorded uses.
	flushInterval = 15 * time.Second
	// flushBatch is the maximum number of sessions of one statement.
	flushBatch = 5000
)

// publicID is a session's ID before encoding.
type publicID [16]byte

// parseID parses what NewID returns. It does not allocate.
func parseID[T string | []byte](id T) (public publicID, ok bool) {
	if len(id) != 2*len(public) {
		return public, false
	}
	_, err := hex.Decode(public[:], []byte(id))
	return public, err == nil
}

// use is a use of a session since the last flush.
type use struct {
	key    key            // of the token that it was read by
	cached *CachedSession // nil if it was read from the database
}

// recordUse queues the use of a session for the next flush. Uses are recorded by id: a read by a
// replaced token is a use of the session. An uncached read does not overwrite the entry of a cached
// session, because only a flush lets that session record its use again.
func (s *Shared) recordUse(k key, id string, cached *CachedSession) {
	used, ok := parseID(id)
	if !ok {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.inUse[used]; ok && cached == nil {
		return
	}
	s.inUse[used] = use{key: k, cached: cached}
}

// Run writes the uses of sessions and access keys every few seconds, and once more when ctx ends;
// then it returns. It also follows the revocation log for the cache.
func (s *Shared) Run(ctx context.Context) {
	var following sync.WaitGroup
	defer following.Wait()
	if s.listener != nil {
		following.Go(func() { s.listener.run(ctx) })
	}

	tick := time.NewTicker(flushInterval)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			s.flush(ctx)
			s.flushKeys(ctx)
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
			defer cancel()
			s.flush(last)
			s.flushKeys(last)
			return
		}
	}
}

// flush writes the recorded uses.
func (s *Shared) flush(ctx context.Context) {
	s.mu.Lock()
	uses := s.inUse
	s.inUse = map[publicID]use{}
	s.mu.Unlock()

	for batch := range slices.Chunk(slices.Collect(maps.Keys(uses)), flushBatch) {
		if err := s.touch(ctx, batch, uses); err != nil {
			s.log.WarnContext(ctx, "session use not recorded", "sessions", len(batch), "error", err)
		}
	}
	for _, u := range uses {
		if u.cached != nil {
			u.cached.usePending.Store(false)
		}
	}
}

// isDue is the condition for writing the use of a valid session: once in useInterval.
const isDue = `(last_used_at < now() - least(
		@interval::interval, make_interval(secs => idle_seconds / 4.0))
	OR last_used_at > now() + interval '1 minute')`

// touchLive moves last_used_at of valid sessions. It only updates rows that are valid, so it cannot
// bring back a session that was revoked or has expired.
const touchLive = `
	UPDATE sessions
	SET last_used_at = now()
	WHERE id = ANY(@ids::uuid[])
	  AND ` + isDue + `
	  AND ` + isLive

// touchCached is touchLive that also returns the times of each session, to extend the cached ones.
// It has no join: without statistics of the ids that would be a nested loop.
const touchCached = `
	WITH touched AS (` + touchLive + `
	    RETURNING id, k, idle_seconds
	)
	SELECT id, k, make_interval(secs => idle_seconds), interval '0'
	FROM touched
	UNION ALL
	SELECT id, k, make_interval(secs => idle_seconds), ` + unusedFor + `
	FROM sessions
	WHERE id = ANY(@ids::uuid[])
	  AND NOT ` + isDue + `
	  AND ` + isLive

// touch writes the uses of sessions. With a cache it extends the cached sessions that the
// database confirms and evicts the others. A session that another instance touches at the same
// moment may be among those; it is cached again by the next read.
func (s *Shared) touch(ctx context.Context, ids []publicID, uses map[publicID]use) error {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	args := pgx.NamedArgs{"ids": ids, "interval": maxUseInterval}
	if s.cache == nil {
		_, err := s.db.Exec(ctx, touchLive, args)
		return postgres.Error("record session use", err)
	}

	sent := s.cache.now()
	rows, err := s.db.Query(ctx, touchCached, args)
	if err != nil {
		return postgres.Error("record session use", err)
	}

	missing := make(map[publicID]key, len(ids))
	for _, used := range ids {
		missing[used] = uses[used].key
	}
	var row publicID
	var k string
	var times sessionTimes
	_, err = pgx.ForEachRow(rows, []any{&row, &k, &times.idle, &times.unused}, func() error {
		u := uses[row]
		if k != u.key.text() { // read by a token that was replaced
			return nil
		}
		if u.cached != nil {
			u.cached.extend(s.cache.elapsed(sent), times)
		}
		delete(missing, row)
		return nil
	})
	if err != nil {
		return postgres.Error("record session use", err)
	}
	s.cache.evict(slices.Collect(maps.Values(missing))...)
	return nil
}
