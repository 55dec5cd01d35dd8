package session

import (
	"errors"
	"sync"
	"testing"
	"time"
)

func TestTheReasonIsKeptForAWeekAlsoOfWhatWasSwept(t *testing.T) {
	t.Parallel()
	s, store := newSubject(t)
	idle, aged, ended := s.issue(t, s.ada(), ""), s.issue(t, s.ada(), ""), s.issue(t, s.ada(), "")
	waiting := s.issue(t, Session{Pending: s.pending()}, "")
	living := s.issue(t, s.ada(), "")
	exec(t, s.db, `UPDATE sessions SET last_seen_at = now() - interval '25 hours' WHERE id = $1::uuid`, idle.ID)
	exec(t, s.db, `UPDATE sessions SET e = extract(epoch FROM now())::bigint - 3600 WHERE id = $1::uuid OR user_id IS NULL`, aged.ID)
	exec(t, s.db, `UPDATE sessions SET sweep_at = 0`)
	for _, session := range []Session{ended, idle, aged} { // what has ended before keeps its own reason
		if err := s.end(t, session.Token); err != nil {
			t.Fatal(err)
		}
	}
	want := func(when string) {
		t.Helper()
		s.wantEnded(t, idle.Token, Ended{Reason: Idle, At: s.now().Add(-time.Hour)}, when)
		s.wantEnded(t, aged.Token, Ended{Reason: MaxAge, At: s.now().Add(-time.Hour)}, when)
		s.wantEnded(t, ended.Token, Ended{Reason: SignedOut, At: s.now()}, when)
		s.wantNone(t, waiting.Token, when)
		s.wantSession(t, living.Token, when)
	}
	want("before the sweep")
	if n, err := store.Sweep(t.Context()); n != 3 || err != nil {
		t.Errorf("swept %d (%v), want 3", n, err)
	}
	want("after the sweep")
	var rows int
	if err := s.db.QueryRow(t.Context(), `SELECT count(*) FROM sessions`).Scan(&rows); err != nil || rows != 1 {
		t.Errorf("%d sessions are left (%v), want the living one", rows, err)
	}
	exec(t, s.db, `UPDATE ended_sessions SET ended_at = ended_at - interval '7 days'`)
	for _, session := range []Session{idle, aged, ended} {
		_, err := s.Read(t.Context(), session.Token)
		if told, ok := errors.AsType[*Ended](err); !errors.Is(err, ErrNone) || ok {
			t.Errorf("after a week: got %v (%v), want ErrNone without a reason", err, told)
		}
	}
	if _, err := store.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.db.QueryRow(t.Context(), `SELECT count(*) FROM ended_sessions`).Scan(&rows); err != nil || rows != 0 {
		t.Errorf("%d reasons are left (%v), want none", rows, err)
	}
}

// What was used is looked at once in its idle timeout, and not at every sweep; what will have expired is looked at in time.
func TestTheSweepLooksAtASessionWhenItMayHaveExpiredAndNoEarlier(t *testing.T) {
	t.Parallel()
	s, store := newSubject(t)
	token := s.issue(t, s.ada(), "").Token
	want := func(when string) {
		t.Helper()
		s.wantSession(t, token, when)
		var seconds int
		err := s.db.QueryRow(t.Context(), `SELECT sweep_at - ceil(extract(epoch FROM `+expiredAt+`))::bigint FROM sessions`).Scan(&seconds)
		if err != nil || seconds != 0 {
			t.Errorf("%s: the sweep looks at it %d seconds after it may have expired (%v), want 0", when, seconds, err)
		}
	}
	want("issued")
	for when, change := range map[string]string{
		"issued by the release before": `sweep_at = 0`,
		"used since":                   `sweep_at = extract(epoch FROM now())::bigint - 1, last_seen_at = now() - interval '1 hour'`,
		"about to be too old":          `sweep_at = 0, e = extract(epoch FROM now())::bigint + 60`,
	} {
		exec(t, s.db, `UPDATE sessions SET `+change)
		if _, err := store.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		want(when)
	}
}

// An index on it would make every touch write all indexes, and leave a dead row in each.
func TestNoIndexHasWhatATouchWrites(t *testing.T) {
	t.Parallel()
	s, _ := newSubject(t)
	var indexes int
	err := s.db.QueryRow(t.Context(), `
		SELECT count(*)
		FROM pg_index
		WHERE indrelid = 'sessions'::regclass
		  AND pg_get_indexdef(indexrelid) LIKE '%last_seen_at%'`).Scan(&indexes)
	if err != nil || indexes != 0 {
		t.Errorf("%d indexes have last_seen_at (%v), want none", indexes, err)
	}
}

func TestTheSweepGoesThroughEveryPageAndTwoDoNoHarm(t *testing.T) {
	t.Parallel()
	s, store := newSubject(t)
	const dead, living = 2500, 700
	exec(t, s.db, `
		INSERT INTO sessions (k, v, e, idle_seconds)
		SELECT encode(sha256(n::text::bytea), 'hex'),
		       convert_to(format('{"id": "%s", "user": {"id": "98e35920-c49e-4131-afc6-ed01d92e7e17"}}', md5(n::text)), 'UTF8'),
		       extract(epoch FROM now())::bigint + CASE WHEN n <= $1 THEN -10 ELSE 1000 END,
		       1000
		FROM generate_series(1, $2) AS n`, dead, dead+living)
	var wait sync.WaitGroup
	swept := make([]int, 2)
	for i := range swept {
		wait.Go(func() {
			n, err := store.Sweep(t.Context())
			if err != nil {
				t.Error(err)
			}
			swept[i] = n
		})
	}
	wait.Wait()
	if _, err := store.Sweep(t.Context()); err != nil { // what one had locked the other one left alone
		t.Fatal(err)
	}
	var left, reasons int
	err := s.db.QueryRow(t.Context(), `SELECT (SELECT count(*) FROM sessions), (SELECT count(*) FROM ended_sessions)`).Scan(&left, &reasons)
	if err != nil || left != living || reasons != dead {
		t.Errorf("%d sessions and %d reasons are left (%v), want %d and %d; swept %v", left, reasons, err, living, dead, swept)
	}
}
