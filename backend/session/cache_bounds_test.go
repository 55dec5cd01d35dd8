package session

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"testing"
	"time"

	"sana/backend/observe/metrics"
)

func TestCache_WithoutLeaseAndDatabaseIsUnavailable(t *testing.T) {
	t.Parallel()
	here := newCached(t)
	session := signInByID(t, here)
	here.advance(leaseFor - time.Millisecond)
	here.wantSource(t, session.Token, metrics.Cache, "the lease is young enough")
	here.advance(time.Millisecond)
	here.wantSource(t, session.Token, metrics.Store, "the lease is too old")
	here.shared.db.Close() // the instance's own pool
	_, byToken := here.Read(t.Context(), session.Token)
	_, byID := here.shared.ReadByID(t.Context(), session.ID)
	for _, err := range []error{byToken, byID} {
		if err == nil || errors.Is(err, ErrNone) {
			t.Errorf("without a lease and a database: got %v, want an error that is not ErrNone",
				err)
		}
	}
}

// The monotonic clock stops while a machine is suspended.
func TestCache_LeaseExpiresWhileMachineIsSuspended(t *testing.T) {
	t.Parallel()
	here, _, session := twoInstances(t)
	before := here.cache.lease.Load()
	here.cache.lease.Store(&lease{
		generation: before.generation, at: before.at, wall: before.wall.Add(-time.Hour),
	})
	here.wantSource(t, session.Token, metrics.Store, "only the wall clock continued")
	here.listener.last.sent = here.listener.last.sent.Round(0).Add(-2 * time.Hour)
	here.mustPoll(t)
	here.wantSource(t, session.Token, metrics.Store, "its timeouts used the other clock")
}

// The cached session expires on time, without a query.
func TestCache_SessionExpiresByItself(t *testing.T) {
	t.Parallel()
	for name, timeout := range map[string]time.Duration{"idle": limits.Idle, "age": limits.MaxAge} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			here, _, session := twoInstances(t)
			if name == "age" {
				kept, _ := here.cache.sessions.GetIfPresent(mustKey(session.Token))
				kept.idleAt.Store(int64(2 * limits.MaxAge))
			}
			here.advance(timeout - 10*time.Second)
			here.mustPoll(t)
			here.wantSource(t, session.Token, metrics.Cache, "before the timeout")
			here.advance(10 * time.Second)
			here.mustPoll(t)
			here.wantSource(t, session.Token, metrics.Store, "at the timeout, by this clock alone")
		})
	}
}

// One statement writes all uses, once a minute for each session, and extends what is cached.
func TestUse_CachedSessionsAreExtendedTogether(t *testing.T) {
	t.Parallel()
	here, _, first := twoInstances(t)
	tokens := []string{first.Token, here.signIn(t, here.ada()).Token}
	here.wantSource(t, tokens[1], metrics.Store, "the first read")
	use := func(d time.Duration) (recorded int) {
		here.pass(d)
		for _, token := range tokens {
			here.wantSource(t, token, metrics.Cache, fmt.Sprintf("after another %s", d))
		}
		recorded = len(here.shared.inUse)
		here.flush(t)
		return recorded
	}
	for i, want := range []struct {
		after    time.Duration
		recorded int
	}{
		{30 * time.Second, 0},
		{31 * time.Second, 2},
		{30 * time.Second, 0},
		{23 * time.Hour, 2},
		{23 * time.Hour, 2},
		{30 * time.Second, 0},
	} {
		if recorded := use(want.after); recorded != want.recorded {
			t.Errorf("step %d: %d uses were recorded, want %d", i, recorded, want.recorded)
		}
	}
}

func TestUse_TouchEvictsRevokedSessions(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]string{
		"deleted":     `DELETE FROM sessions`,
		"another key": `UPDATE sessions SET k = md5(k) || md5(k)`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			here, _, session := twoInstances(t)
			here.pass(2 * time.Minute)
			exec(t, here.db, `ALTER TABLE sessions DISABLE TRIGGER USER`)
			exec(t, here.db, change)
			here.wantSource(t, session.Token, metrics.Cache, "without a log entry")
			here.flush(t)
			here.wantNone(t, session.Token, "after its use could not be written")
		})
	}
}

func TestCache_IsBoundedByBytes(t *testing.T) {
	t.Parallel()
	c, err := newCache(100*(sessionBytes+maxMemo), func(key, *CachedSession) {})
	if err != nil {
		t.Fatal(err)
	}
	c.grant(c.now(), true)
	for i := range 10_000 {
		f, _ := c.beginFill(key{byte(i), byte(i >> 8)})
		c.cacheSession(f, Session{ID: "x"}, sessionTimes{left: time.Hour, idle: time.Hour})
	}
	c.sessions.CleanUp()
	if n := c.sessions.EstimatedSize(); n == 0 || n > 100 {
		t.Errorf("it holds %d sessions, want at most 100", n)
	}
}

// A flush that exceeds its timeout would lose the uses, and all these sessions would expire.
func TestUse_FlushWritesTenThousand(t *testing.T) {
	t.Parallel()
	here, _, _ := twoInstances(t)
	exec(t, here.db, `
		INSERT INTO sessions (k, v, e, id, user_id, idle_seconds, last_used_at, sweep_at)
		SELECT encode(sha256(n::text::bytea), 'hex'), '{}',
		       extract(epoch FROM now())::bigint + 86400,
		       encode(substr(sha256(n::text::bytea), 1, 16), 'hex')::uuid, gen_random_uuid(),
		       86400, now() - interval '1 hour', 0
		FROM generate_series(1, 10000) AS n`)
	exec(t, here.db, `ANALYZE sessions`) // as autovacuum does
	for n := range 10_000 {
		k := key(sha256.Sum256([]byte(strconv.Itoa(n + 1))))
		here.shared.recordUse(k, hex.EncodeToString(k[:16]), nil)
	}
	here.flush(t)
	left := queryOne[int](t, here.db, `
		SELECT count(*) FROM sessions WHERE last_used_at < now() - interval '30 minutes'`)
	if left > 0 {
		t.Errorf("%d uses were not written", left)
	}
}
