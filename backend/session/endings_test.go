package session

import (
	"context"
	"strings"
	"testing"
	"time"

	"sana/backend/metrics"

	"github.com/jackc/pgx/v5"
)

// endLate ends a session in a transaction that is not committed yet.
func endLate(t *testing.T, c *cached, session Session) pgx.Tx {
	t.Helper()
	late, err := c.db.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = late.Rollback(context.Background()) })
	if _, err := late.Exec(t.Context(), `DELETE FROM sessions WHERE id = $1::uuid`, session.ID); err != nil {
		t.Fatal(err)
	}
	return late
}

// A number that a transaction got early is not a reason to miss it when it commits late: a reader who remembers the
// highest number that he has seen would.
func TestAnEndingThatCommitsLateIsHeard(t *testing.T) {
	t.Parallel()
	here, there, s, session := twoInstances(t)
	late := endLate(t, here, session)
	for range 3 { // others overtake it, and are heard
		graces := s.ada()
		graces.User.ID = "0c6e3bfe-7f06-4a8b-a3c4-d0f5a2d9b111"
		other := s.issue(t, graces, "").Token
		there.wantSource(t, other, metrics.Store, "the first read")
		if err := here.signOut(t, other); err != nil {
			t.Fatal(err)
		}
		there.hear(t)
		there.wantGone(t, other, "ended and heard")
	}
	there.wantSource(t, session.Token, metrics.Cache, "not ended yet")
	if err := late.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	there.hear(t)
	there.wantGone(t, session.Token, "its end was committed late")
}

func TestAnEndingIsHeardOnce(t *testing.T) {
	t.Parallel()
	here, there, _, session := twoInstances(t)
	if err := here.signOut(t, session.Token); err != nil {
		t.Fatal(err)
	}
	for i, want := range []int{1, 0, 0} {
		there.hear(t)
		if got := there.follower.last; len(got.Endings) != want || !got.Whole {
			t.Errorf("answer %d: %d endings, whole %v, want %d", i, len(got.Endings), got.Whole, want)
		}
	}
}

// What may have been missed was missed: then nothing is used that was copied before.
func TestCopiesAreNotUsedAfterAGapInWhatWasHeard(t *testing.T) {
	t.Parallel()
	for name, gap := range map[string]func(t *testing.T, here *cached, session Session){
		"on another connection": func(t *testing.T, here *cached, _ Session) { here.connect(t) },
		"of another server": func(_ *testing.T, here *cached, _ Session) {
			here.follower.last.Server = here.follower.last.Server.Add(-time.Hour)
		},
		"when the database's clock was set": func(_ *testing.T, here *cached, _ Session) {
			here.follower.last.Now = here.follower.last.Now.Add(-2 * time.Hour)
		},
		"when the log was swept": func(t *testing.T, here *cached, session Session) {
			exec(t, here.db, `DELETE FROM sessions WHERE id = $1::uuid`, session.ID)
			sweepLog(t, here)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			here, _, s, session := twoInstances(t)
			living := s.issue(t, s.ada(), "").Token
			here.wantSource(t, living, metrics.Store, "the first read")
			here.wantSource(t, living, metrics.Cache, "the second read")
			gap(t, here, session)
			here.hear(t)
			here.wantSource(t, living, metrics.Store, "after the gap")
			here.wantSource(t, living, metrics.Cache, "filled after the gap")
			if name == "when the log was swept" {
				here.wantGone(t, session.Token, "ended before the log was swept")
			}
		})
	}
}

// sweepLog sweeps until everything that was logged is gone; who hears has heard before each sweep. The sweep waits for
// whatever transaction is under way on the server, in other tests too.
func sweepLog(t *testing.T, c *cached, hears ...*cached) {
	t.Helper()
	for left, end := 1, time.Now().Add(time.Minute); left > 0; {
		if time.Now().After(end) {
			t.Fatalf("%d endings are left", left)
		}
		for _, h := range hears {
			h.hear(t)
		}
		sweepOnce(t, c)
		if err := c.db.QueryRow(t.Context(), `SELECT count(*) FROM session_endings`).Scan(&left); err != nil {
			t.Fatal(err)
		}
	}
}

func wantLogged(t *testing.T, c *cached, want int) {
	t.Helper()
	var got int
	if err := c.db.QueryRow(t.Context(), `SELECT count(*) FROM session_endings`).Scan(&got); err != nil || got != want {
		t.Errorf("%d endings are logged (%v), want %d", got, err, want)
	}
}

// Whoever asks several times a second has heard long before.
func TestTheLogIsSweptOfWhatEverybodyHasHeard(t *testing.T) {
	t.Parallel()
	here, there, s, session := twoInstances(t)
	living := s.issue(t, s.ada(), "").Token
	there.wantSource(t, living, metrics.Store, "the first read")
	if err := here.signOut(t, session.Token); err != nil {
		t.Fatal(err)
	}
	if _, err := here.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantLogged(t, here, 1)
	sweepLog(t, here, there)
	there.hear(t)
	there.wantSource(t, living, metrics.Cache, "after a sweep of what was heard")
}

// A transaction that has its number and not ended when a sweep looks is not swept by the next one either.
func TestASweepTakesNothingThatIsNotCommitted(t *testing.T) {
	t.Parallel()
	here, there, _, session := twoInstances(t)
	late := endLate(t, here, session)
	for range 3 {
		sweepOnce(t, here)
	}
	there.hear(t)
	if err := late.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	sweepOnce(t, here)
	there.hear(t)
	there.wantGone(t, session.Token, "ended, then the log was swept")
}

func sweepOnce(t *testing.T, c *cached) {
	t.Helper()
	exec(t, c.db, `UPDATE session_endings_swept SET next_at = now() - interval '1 hour'`)
	if err := c.sweepEndings(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestAStandbyProvesNothing(t *testing.T) {
	t.Parallel()
	here, _, _, session := twoInstances(t)
	next := *here.follower.last
	here.passHere(leaseFor)
	next.began, next.Writable, next.Whole = here.cache.now(), false, true
	here.follower.take(t.Context(), next)
	here.wantSource(t, session.Token, metrics.Store, "a standby has answered")
}

func TestMoreEndingsThanOneAnswerHoldsForgetEverything(t *testing.T) {
	t.Parallel()
	here, _, s, session := twoInstances(t)
	exec(t, here.db, `INSERT INTO session_endings (k) SELECT md5(n::text) || md5(n::text) FROM generate_series(1, $1) AS n`, maxEndings)
	exec(t, here.db, `DELETE FROM sessions`)
	here.hear(t)
	here.wantGone(t, session.Token, "one of many that ended")
	living := s.issue(t, s.ada(), "").Token
	here.wantSource(t, living, metrics.Store, "the first read")
	here.wantSource(t, living, metrics.Cache, "the second read")
}

// Endings that a sign-in brings about are asked for, not hinted at: NOTIFY locks the whole database at commit.
func TestNoSignInNotifies(t *testing.T) {
	t.Parallel()
	here, _, s, session := twoInstances(t)
	conn, err := pgx.ConnectConfig(t.Context(), here.follower.config)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if _, err := conn.Exec(t.Context(), `LISTEN session_endings`); err != nil {
		t.Fatal(err)
	}
	s.issue(t, s.ada(), session.Token)
	surplus(t, s)
	if len(here.hints) != 0 {
		t.Error("a sign-in gives a hint")
	}
	exec(t, here.db, `SELECT pg_notify('session_endings', 'marker')`)
	n, err := conn.WaitForNotification(t.Context())
	if err != nil || n.Payload != "marker" {
		t.Errorf("heard %+v (%v) before the test's own notification", n, err)
	}
}

func TestKeysThatAreNotOursAreNobodys(t *testing.T) {
	t.Parallel()
	ours := mustKey(newToken())
	keys, all := keysOf([]string{"x", strings.Repeat("z", 64), ours.text(), ours.text()[:10], ours.text() + "00"})
	if all || len(keys) != 2 || keys[0] != ours {
		t.Errorf("got %v and all %v", keys, all)
	}
	if _, all := keysOf([]string{ours.text(), ""}); !all {
		t.Error("an empty key is every session's")
	}
}
