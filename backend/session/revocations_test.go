package session

import (
	"context"
	"sync"
	"testing"
	"time"

	"sana/backend/observe/metrics"
	"sana/backend/test/postgrestest"

	"github.com/jackc/pgx/v5"
)

// revokeLate revokes a session in a transaction that is not committed yet.
func revokeLate(t *testing.T, c *cached, session Session) pgx.Tx {
	t.Helper()
	late := postgrestest.Begin(t, c.db)
	_, err := late.Exec(t.Context(), `DELETE FROM sessions WHERE id = $1::uuid`, session.ID)
	if err != nil {
		t.Fatal(err)
	}
	return late
}

// A reader that stores the highest transaction id would miss one that commits late.
func TestRevocationLog_LateCommitIsRead(t *testing.T) {
	t.Parallel()
	here, there, session := twoInstances(t)
	late := revokeLate(t, here, session)
	for range 3 { // others overtake it, and are read
		other := here.signIn(t, here.grace())
		there.wantSource(t, other.Token, metrics.Store, "the first read")
		here.revoke(t, other, Ended{Reason: SignedOut})
		there.mustPoll(t)
		there.wantNone(t, other.Token, "revoked and polled")
	}
	there.wantSource(t, session.Token, metrics.Cache, "not revoked yet")
	if err := late.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	there.mustPoll(t)
	there.wantNone(t, session.Token, "its revocation was committed late")
}

func TestRevocationLog_EntryIsReadOnce(t *testing.T) {
	t.Parallel()
	here, there, session := twoInstances(t)
	here.revoke(t, session, Ended{Reason: SignedOut})
	for i, want := range []int{1, 0, 0} {
		there.mustPoll(t)
		if got := there.listener.last; len(got.Revocations) != want || !got.Complete {
			t.Errorf("result %d: %d revocations, complete %v, want %d",
				i, len(got.Revocations), got.Complete, want)
		}
	}
}

// After a gap, revocations may be missing: sessions cached before it must not be used.
func TestRevocationLog_GapResetsCache(t *testing.T) {
	t.Parallel()
	for name, gap := range map[string]func(t *testing.T, here *cached, session Session){
		"another connection": func(t *testing.T, here *cached, _ Session) { here.connect(t) },
		"another server": func(_ *testing.T, here *cached, _ Session) {
			here.listener.last.Server = here.listener.last.Server.Add(-time.Hour)
		},
		"database's clock was set": func(_ *testing.T, here *cached, _ Session) {
			here.listener.last.Now = here.listener.last.Now.Add(-2 * time.Hour)
		},
		"log was swept": func(t *testing.T, here *cached, session Session) {
			exec(t, here.db, `DELETE FROM sessions WHERE id = $1::uuid`, session.ID)
			sweepLog(t, here)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			here, _, session := twoInstances(t)
			valid := here.signIn(t, here.ada()).Token
			here.wantSource(t, valid, metrics.Store, "the first read")
			here.wantSource(t, valid, metrics.Cache, "the second read")
			gap(t, here, session)
			here.mustPoll(t)
			here.wantSource(t, valid, metrics.Store, "after the gap")
			here.wantSource(t, valid, metrics.Cache, "filled after the gap")
			if name == "log was swept" {
				here.wantNone(t, session.Token, "revoked before the log was swept")
			}
		})
	}
}

// sweepLog sweeps until the log is empty; pollers poll before each sweep. The sweep waits for any
// transaction that is open on the server, in other tests too.
func sweepLog(t *testing.T, c *cached, pollers ...*cached) {
	t.Helper()
	for left, end := 1, time.Now().Add(time.Minute); left > 0; {
		if time.Now().After(end) {
			t.Fatalf("%d entries are left", left)
		}
		for _, p := range pollers {
			p.mustPoll(t)
		}
		sweepLogOnce(t, c)
		left = queryOne[int](t, c.db, `SELECT count(*) FROM session_revocations`)
	}
}

func sweepLogOnce(t *testing.T, c *cached) {
	t.Helper()
	exec(t, c.db, `UPDATE session_revocations_swept SET next_at = now() - interval '1 hour'`)
	if err := c.shared.sweepLog(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func wantLogged(t *testing.T, c *cached, want int) {
	t.Helper()
	if got := queryOne[int](t, c.db, `SELECT count(*) FROM session_revocations`); got != want {
		t.Errorf("%d revocations are logged, want %d", got, want)
	}
}

// An instance that polls several times a second has read an entry long before it is swept.
func TestRevocationLog_SweepOfReadEntriesKeepsCache(t *testing.T) {
	t.Parallel()
	here, there, session := twoInstances(t)
	valid := here.signIn(t, here.ada()).Token
	there.wantSource(t, valid, metrics.Store, "the first read")
	here.revoke(t, session, Ended{Reason: SignedOut})
	if _, err := here.shared.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantLogged(t, here, 1)
	sweepLog(t, here, there)
	there.mustPoll(t)
	there.wantSource(t, valid, metrics.Cache, "after a sweep of what was read")
}

// A transaction that has its id and has not ended at a sweep is not swept by the next one.
func TestRevocationLog_SweepKeepsUncommittedEntries(t *testing.T) {
	t.Parallel()
	here, there, session := twoInstances(t)
	late := revokeLate(t, here, session)
	for range 3 {
		sweepLogOnce(t, here)
	}
	there.mustPoll(t)
	if err := late.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	sweepLogOnce(t, here)
	there.mustPoll(t)
	there.wantNone(t, session.Token, "revoked, then the log was swept")
}

func TestRevocationListener_StandbyGrantsNoLease(t *testing.T) {
	t.Parallel()
	here, _, session := twoInstances(t)
	next := *here.listener.last
	here.advance(leaseFor)
	next.sent, next.Writable, next.Complete = here.cache.now(), false, true
	here.listener.apply(t.Context(), next)
	here.wantSource(t, session.Token, metrics.Store, "a standby was polled")
}

func TestRevocationListener_FullResultResetsCache(t *testing.T) {
	t.Parallel()
	here, _, session := twoInstances(t)
	exec(t, here.db, `
		INSERT INTO session_revocations (k)
		SELECT md5(n::text) || md5(n::text) FROM generate_series(1, $1) AS n`, maxRevocations)
	exec(t, here.db, `DELETE FROM sessions`)
	here.mustPoll(t)
	here.wantNone(t, session.Token, "one of many that were revoked")
	valid := here.signIn(t, here.ada()).Token
	here.wantSource(t, valid, metrics.Store, "the first read")
	here.wantSource(t, valid, metrics.Cache, "the second read")
}

// Run follows the log by itself.
func TestRun_FollowsRevocations(t *testing.T) {
	t.Parallel()
	here, there, session := twoInstances(t)
	ctx, stop := context.WithCancel(t.Context())
	there.listener.last = nil
	var running sync.WaitGroup
	running.Go(func() { there.shared.Run(ctx) })
	defer running.Wait()
	defer stop()
	isCached := func() bool { return there.shared.ReadCached([]byte(session.Token)) != nil }
	waitFor(t, "a cached session", func() bool {
		there.wantSession(t, session.Token, "signed in")
		return isCached()
	})
	here.revoke(t, session, Ended{Reason: SignedOut})
	waitFor(t, "the revocation", func() bool { return !isCached() })
	there.wantNone(t, session.Token, "revoked")
}

// While no session is read, an instance sends no statement to the database. The next read uses the
// database, so that it misses no revocation, and re-enables the cache.
func TestRun_StopsPollingWithoutReads(t *testing.T) {
	t.Parallel()
	here, there, session := twoInstances(t)
	revoked := here.signIn(t, here.grace())
	there.listener.last = nil
	connections := func() int {
		return queryOne[int](t, here.db, `
			SELECT count(*)
			FROM pg_stat_activity
			WHERE datname = current_database()
			  AND query LIKE '%pg_current_snapshot%'
			  AND pid <> pg_backend_pid()`)
	}
	resting := connections() // those of the test itself
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { there.shared.Run(ctx) })
	defer running.Wait()
	defer stop()
	isCached := func(token string) func() bool {
		return func() bool {
			there.wantSession(t, session.Token, "signed in")
			return there.shared.ReadCached([]byte(token)) != nil
		}
	}
	waitFor(t, "polls", func() bool { return connections() == resting+1 })
	waitFor(t, "a cached session", isCached(session.Token))
	there.wantSession(t, revoked.Token, "not revoked yet")

	waitFor(t, "the end of the polls", func() bool {
		there.passed.Add(int64(idleAfter))
		return connections() == resting
	})
	here.revoke(t, revoked, Ended{Reason: SignedOut})
	there.wantNone(t, revoked.Token, "revoked meanwhile")
	waitFor(t, "a cached session again", isCached(session.Token))
}

// waitFor polls a condition, with a deadline for slow machines.
func waitFor(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !is(); {
		if time.Now().After(end) {
			t.Fatalf("waited too long for %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}
