package session

import (
	"sync"
	"testing"
	"time"
)

func TestSweep_KeepsReasonsForAWeek(t *testing.T) {
	t.Parallel()
	s := newShared(t)
	idle, aged, ended := s.signIn(t, s.ada()), s.signIn(t, s.ada()), s.signIn(t, s.ada())
	valid := s.signIn(t, s.ada())
	s.setLastUse(t, idle, 25*time.Hour)
	exec(t, s.db, `
		UPDATE sessions
		SET e = extract(epoch FROM now())::bigint - 3600
		WHERE id = $1::uuid`, aged.ID)
	exec(t, s.db, `UPDATE sessions SET sweep_at = 0`)
	for _, session := range []Session{ended, idle, aged} { // what has expired keeps its own reason
		s.revoke(t, session, Ended{Reason: SignedOut})
	}
	want := func(when string) {
		t.Helper()
		s.wantEnded(t, idle.Token, Ended{Reason: Idle, At: s.now().Add(-time.Hour)}, when)
		s.wantEnded(t, aged.Token, Ended{Reason: MaxAge, At: s.now().Add(-time.Hour)}, when)
		s.wantEnded(t, ended.Token, Ended{Reason: SignedOut, At: s.now()}, when)
		s.wantSession(t, valid.Token, when)
	}

	want("before the sweep")
	if n, err := s.shared.Sweep(t.Context()); n != 2 || err != nil {
		t.Errorf("swept %d (%v), want 2", n, err)
	}
	want("after the sweep")
	if rows := queryOne[int](t, s.db, `SELECT count(*) FROM sessions`); rows != 1 {
		t.Errorf("%d sessions are left, want the valid one", rows)
	}

	exec(t, s.db, `UPDATE ended_sessions SET ended_at = ended_at - interval '7 days'`)
	for _, session := range []Session{idle, aged, ended} {
		s.wantNoReason(t, session.Token, "after a week")
	}
	if _, err := s.shared.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if rows := queryOne[int](t, s.db, `SELECT count(*) FROM ended_sessions`); rows != 0 {
		t.Errorf("%d reasons are left, want none", rows)
	}
}

// A used session is checked once per idle timeout, and an expired one in time.
func TestSweep_ChecksSessionsWhenTheyMayExpire(t *testing.T) {
	t.Parallel()
	s := newShared(t)
	token := s.signIn(t, s.ada()).Token
	want := func(when string) {
		t.Helper()
		s.wantSession(t, token, when)
		seconds := queryOne[int](t, s.db,
			`SELECT sweep_at - ceil(extract(epoch FROM `+expiredAt+`))::bigint FROM sessions`)
		if seconds != 0 {
			t.Errorf("%s: the sweep is %d seconds after the possible expiry, want 0", when, seconds)
		}
	}
	want("signed in")
	for when, change := range map[string]string{
		"used since":                    `sweep_at = 0, last_used_at = now() - interval '1 hour'`,
		"close to its absolute timeout": `sweep_at = 0, e = extract(epoch FROM now())::bigint + 60`,
	} {
		exec(t, s.db, `UPDATE sessions SET `+change)
		if _, err := s.shared.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		want(when)
	}
}

// F-18: the database's clock was 40 days ahead and is set back. Rows that were written meanwhile
// are valid no longer than rows that are written now.
func TestSweep_ClockSetBackLengthensNoSession(t *testing.T) {
	t.Parallel()
	s := newShared(t)
	token := s.signIn(t, s.ada()).Token
	advanceDatabase(t, s.db, -40*24*time.Hour)
	exec(t, s.db, `UPDATE sessions SET sweep_at = ceil(extract(epoch FROM `+expiredAt+`))::bigint`)
	if _, err := s.shared.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.wantSession(t, token, "set back")
	idle := queryOne[time.Duration](t, s.db, `SELECT `+expiredAt+` - now() FROM sessions`)
	age := queryOne[time.Duration](t, s.db, `SELECT to_timestamp(e) - now() FROM sessions`)
	due := queryOne[time.Duration](t, s.db, `SELECT to_timestamp(sweep_at) - now() FROM sessions`)
	if idle > limits.Idle || age > limits.MaxAge || due > limits.Idle {
		t.Errorf("it expires in %s or %s and is checked in %s, want the timeouts %+v", idle, age,
			due, limits)
	}
}

func TestSweep_ConcurrentSweepsProcessEveryBatch(t *testing.T) {
	t.Parallel()
	s := newShared(t)
	const expired, valid = 2500, 700
	exec(t, s.db, `
		INSERT INTO sessions (k, v, e, id, user_id, idle_seconds, sweep_at)
		SELECT encode(sha256(n::text::bytea), 'hex'), '{}', e, md5(n::text)::uuid, $3::uuid, 1000, e
		FROM generate_series(1, $2) AS n,
		     LATERAL (SELECT CASE WHEN n <= $1 THEN -10 ELSE 1000 END AS seconds) AS age,
		     LATERAL (SELECT extract(epoch FROM now())::bigint + age.seconds AS e) AS expiry`,
		expired, expired+valid, adaID)
	var wait sync.WaitGroup
	swept := make([]int, 2)
	for i := range swept {
		wait.Go(func() {
			n, err := s.shared.Sweep(t.Context())
			if err != nil {
				t.Error(err)
			}
			swept[i] = n
		})
	}
	wait.Wait()
	if _, err := s.shared.Sweep(t.Context()); err != nil { // each left what the other had locked
		t.Fatal(err)
	}
	left := queryOne[int](t, s.db, `SELECT count(*) FROM sessions`)
	reasons := queryOne[int](t, s.db, `SELECT count(*) FROM ended_sessions`)
	if left != valid || reasons != expired {
		t.Errorf("%d sessions and %d reasons are left, want %d and %d; swept %v",
			left, reasons, valid, expired, swept)
	}
}

func TestSweep_KeepsRequiredReplacedTokens(t *testing.T) {
	t.Parallel()
	s := newShared(t)
	const week = 7 * 24 * time.Hour
	replaced := func(replacedAgo time.Duration, isPresented, hasSession bool) Session {
		t.Helper()
		first := s.signIn(t, s.ada())
		second := s.renew(t, first)
		exec(t, s.db, `
			UPDATE replaced_tokens SET replaced_at = now() - $2::interval WHERE id = $1::uuid`,
			first.ID, replacedAgo)
		if isPresented {
			s.wantSession(t, second.Token, "presented")
		}
		if !hasSession {
			s.revoke(t, second, Ended{Reason: SignedOut})
		}
		return first
	}
	kept := map[string]Session{
		"new, presented":                 replaced(week-time.Minute, true, true),
		"new, of a revoked session":      replaced(week-time.Minute, true, false),
		"old, the new one not presented": replaced(week+time.Minute, false, true),
	}
	gone := map[string]Session{
		"old, presented":            replaced(week+time.Minute, true, true),
		"old, of a revoked session": replaced(week+time.Minute, false, false),
	}
	if _, err := s.shared.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}

	has := func(session Session) bool {
		return queryOne[bool](t, s.db, `SELECT EXISTS (SELECT FROM replaced_tokens WHERE k = $1)`,
			mustKey(session.Token).text())
	}
	for name, session := range kept {
		if !has(session) {
			t.Errorf("%s: it was deleted", name)
		}
	}
	for name, session := range gone {
		if has(session) {
			t.Errorf("%s: it was not deleted", name)
		}
	}
	session := kept["old, the new one not presented"]
	s.wantSame(t, session, "replaced a week ago, the new token not presented")
}
