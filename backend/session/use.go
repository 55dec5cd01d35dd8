package session

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"sana/backend/postgres"

	"github.com/jackc/pgx/v5"
)

const (
	// flushInterval is how often it is written which sessions are in use.
	flushInterval = 15 * time.Second
	// flushBatch is how many sessions one statement touches at most.
	flushBatch = 5000
)

// note has a session written as seen with the next flush. c is its copy in the cache, nil if there is none.
func (s *Shared) note(k key, c *Copy) {
	s.mu.Lock()
	s.seen[k] = c
	s.mu.Unlock()
}

// Run keeps the store until ctx ends: it writes back which sessions are in use, once more at the end, and lets the cache
// hear of endings. Without it the cache is not used.
func (s *Shared) Run(ctx context.Context) {
	var hearing sync.WaitGroup
	defer hearing.Wait()
	if s.follower != nil {
		if s.follower.listen {
			hearing.Go(func() { s.hint(ctx) })
		}
		hearing.Go(func() { s.follower.run(ctx) })
	}
	tick := time.NewTicker(flushInterval)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			s.flush(ctx)
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
			defer cancel()
			s.flush(last)
			return
		}
	}
}

// flush moves last_seen_at of what is in use.
func (s *Shared) flush(ctx context.Context) {
	s.mu.Lock()
	seen := s.seen
	s.seen = map[key]*Copy{}
	s.mu.Unlock()
	for batch := range slices.Chunk(slices.Collect(maps.Keys(seen)), flushBatch) {
		if err := s.touch(ctx, batch, seen); err != nil {
			s.log.WarnContext(ctx, "sessions in use were not noted", "sessions", len(batch), "error", err)
		}
	}
	for _, c := range seen {
		if c != nil {
			c.noted.Store(false)
		}
	}
}

// isDue is whether it is to be written that a living session is in use: at most once in seenInterval.
const isDue = `last_seen_at < now() - least(@interval::interval, make_interval(secs => idle_seconds / 4.0))`

// touchLiving moves last_seen_at of living sessions that are in use.
const touchLiving = `
		UPDATE sessions
		SET last_seen_at = now()
		WHERE k = ANY(@keys)
		  AND ` + isDue + `
		  AND ` + isLive

// touch is an UPDATE of living rows only, so that it can never bring back a session that was ended or has expired
// meanwhile. A copy lives on as the database confirms; what it does not know any more is forgotten, and so is what another
// instance touched at the same moment.
func (s *Shared) touch(ctx context.Context, keys []key, seen map[key]*Copy) error {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	living := make(map[string]key, len(keys))
	for _, k := range keys {
		living[k.text()] = k
	}
	args := pgx.NamedArgs{"keys": slices.Collect(maps.Keys(living)), "interval": maxSeenInterval}
	if s.cache == nil {
		_, err := s.db.Exec(ctx, touchLiving, args)
		return postgres.Error("note sessions in use", err)
	}
	began := s.cache.now()
	// No join: without statistics of the keys it would be a loop within a loop.
	rows, err := s.db.Query(ctx, `
		WITH touched AS (`+touchLiving+`
		    RETURNING k, idle_seconds
		)
		SELECT k, idle_seconds, 0::float8
		FROM touched
		UNION ALL
		SELECT k, idle_seconds, `+unusedFor+`
		FROM sessions
		WHERE k = ANY(@keys)
		  AND NOT `+isDue+`
		  AND `+isLive, args)
	if err != nil {
		return postgres.Error("note sessions in use", err)
	}
	var text string
	var idle, unused float64
	_, err = pgx.ForEachRow(rows, []any{&text, &idle, &unused}, func() error {
		if c := seen[living[text]]; c != nil {
			c.touched(s.cache.elapsed(began), left{idle: seconds(idle - unused), unused: seconds(unused)})
		}
		delete(living, text)
		return nil
	})
	if err != nil {
		return postgres.Error("note sessions in use", err)
	}
	s.cache.forget(slices.Collect(maps.Values(living))...)
	return nil
}

// seconds of the database as a duration.
func seconds(n float64) time.Duration { return time.Duration(n * float64(time.Second)) }
