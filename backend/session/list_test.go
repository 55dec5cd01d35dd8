package session

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

func TestThereAreNeverMoreThanTenSessionsOfAUserAndTheOldestEnds(t *testing.T) {
	t.Parallel()
	s, store := newSubject(t)
	var all []Session
	start := s.now()
	for i := range 12 {
		session := s.ada()
		session.User.SignedInAt = start.Add(time.Duration(i-20) * time.Minute)
		all = append(all, s.issue(t, session, ""))
	}
	grace := s.ada()
	grace.User.ID = "0c6e3bfe-7f06-4a8b-a3c4-d0f5a2d9b111"
	graces := s.issue(t, grace, "")
	for _, session := range all[:2] {
		s.wantEnded(t, session.Token, Ended{Reason: TooManySessions, At: s.now()}, "one of the two oldest of twelve")
	}
	for _, session := range append(all[2:], graces) {
		s.wantSession(t, session.Token, "one of the ten newest, and somebody else's")
	}
	replacing := s.issue(t, s.ada(), all[11].Token)
	s.wantSession(t, replacing.Token, "the new one")
	s.wantSession(t, all[2].Token, "the oldest of ten, when one of them is replaced")
	if list, err := store.List(t.Context(), s.ada().User.ID); err != nil || len(list) != MaxPerUser {
		t.Errorf("listed %d (%v), want %d", len(list), err, MaxPerUser)
	}
}

// Sign-ins hold the lock on the user's row when they issue.
func TestParallelSignInsLeaveTenSessions(t *testing.T) {
	t.Parallel()
	s, _ := newSubject(t)
	exec(t, s.db, `INSERT INTO users (id, email) VALUES ($1, 'ada@sana.example')`, s.ada().User.ID)
	session := s.ada()
	var wait sync.WaitGroup
	for range 30 {
		wait.Go(func() {
			err := s.inTx(t.Context(), func(tx pgx.Tx) error {
				if _, err := tx.Exec(t.Context(), `UPDATE users SET last_signed_in_at = now()`); err != nil {
					return err
				}
				_, err := IssueTx(t.Context(), tx, s, session, "")
				return err
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	var live, ended int
	err := s.db.QueryRow(t.Context(), `SELECT (SELECT count(*) FROM sessions), (SELECT count(*) FROM ended_sessions)`).Scan(&live, &ended)
	if err != nil || live != MaxPerUser || ended != 30-MaxPerUser {
		t.Errorf("%d live and %d ended (%v), want 10 and 20", live, ended, err)
	}
}

func TestOneOrAllOtherSessionsOfAPersonCanBeEndedAndNobodyElses(t *testing.T) {
	t.Parallel()
	s, store := newSubject(t)
	mine, one, other := s.issue(t, s.ada(), ""), s.issue(t, s.ada(), ""), s.issue(t, s.ada(), "")
	grace := s.ada()
	grace.User.ID = "0c6e3bfe-7f06-4a8b-a3c4-d0f5a2d9b111"
	graces := s.issue(t, grace, "")
	ada := mine.User.ID
	for _, id := range []string{graces.ID, strings.Repeat("0", 32), "nonsense", ""} {
		if found, err := s.endOne(t, store, ada, id, Ended{Reason: EndedElsewhere}); found || err != nil {
			t.Errorf("ending %q: found %v (%v), want nothing of hers there", id, found, err)
		}
	}
	if found, err := s.endOne(t, store, ada, one.ID, Ended{Reason: EndedElsewhere, By: "Firefox on Linux"}); !found || err != nil {
		t.Errorf("ending one: found %v (%v)", found, err)
	}
	s.wantEnded(t, one.Token, Ended{Reason: EndedElsewhere, At: s.now(), By: "Firefox on Linux"}, "ended from elsewhere")
	if n, err := s.endOthers(t, store, ada, mine.ID, Ended{Reason: EndedEverywhere}); n != 1 || err != nil {
		t.Errorf("ending the others: %d (%v), want 1", n, err)
	}
	s.wantEnded(t, other.Token, Ended{Reason: EndedEverywhere, At: s.now()}, "ended everywhere")
	s.wantSession(t, mine.Token, "the one that ended the others")
	s.wantSession(t, graces.Token, "somebody else's")
	if n, err := s.endOthers(t, store, ada, "", Ended{Reason: EndedByOperator}); n != 1 || err != nil {
		t.Errorf("ending all: %d (%v), want 1", n, err)
	}
}

func TestTheListNamesWhatLivesTheLastUsedFirst(t *testing.T) {
	t.Parallel()
	s, store := newSubject(t)
	old, fresh, idle := s.issue(t, s.ada(), ""), s.issue(t, s.ada(), ""), s.issue(t, s.ada(), "")
	for id, ago := range map[string]time.Duration{old.ID: time.Hour, fresh.ID: 0, idle.ID: 25 * time.Hour} {
		exec(t, s.db, `UPDATE sessions SET last_seen_at = now() - $2::interval WHERE id = $1::uuid`, id, ago)
	}
	list, err := store.List(t.Context(), old.User.ID)
	if err != nil || len(list) != 2 || list[0].ID != fresh.ID || list[1].ID != old.ID {
		t.Fatalf("got %+v (%v), want the fresh one and the old one", list, err)
	}
	if ago := s.now().Sub(list[1].LastSeenAt); (ago-time.Hour).Abs() > time.Minute || list[1].IP != "203.0.113.9" || list[1].Token != "" {
		t.Errorf("the old one: %+v, last seen %s ago", list[1], ago)
	}
}

// A session that goes on in another one, to wait for a code, must not come back when it was ended meanwhile.
func TestASessionGoesOnOnlyWhereItStillLives(t *testing.T) {
	t.Parallel()
	s, store := newSubject(t)
	goOn := func(from Session) (Session, error) {
		next := Session{ID: from.ID, User: from.User, Pending: s.pending()}
		var issued Session
		err := s.inTx(t.Context(), func(tx pgx.Tx) (err error) {
			issued, err = IssueTx(t.Context(), tx, s, next, from.Token)
			return err
		})
		return issued, err
	}
	first := s.issue(t, s.ada(), "")
	second, err := goOn(first)
	if err != nil || second.ID == first.ID || second.Token == first.Token {
		t.Fatalf("got the session %q after %q (%v)", second.ID, first.ID, err)
	}
	if _, err := goOn(first); !errors.Is(err, ErrNone) {
		t.Errorf("from one that was replaced: got %v, want ErrNone", err)
	}
	if found, err := s.endOne(t, store, s.ada().User.ID, second.ID, Ended{Reason: EndedElsewhere, By: "Firefox"}); !found || err != nil {
		t.Fatal(found, err)
	}
	_, err = goOn(second)
	if ended, ok := errors.AsType[*Ended](err); !ok || ended.Reason != EndedElsewhere || ended.By != "Firefox" {
		t.Errorf("from one that was ended: got %v, want why", err)
	}
	idle := s.issue(t, s.ada(), "")
	exec(t, s.db, `UPDATE sessions SET last_seen_at = now() - interval '25 hours' WHERE id = $1::uuid`, idle.ID)
	_, err = goOn(idle)
	if ended, ok := errors.AsType[*Ended](err); !ok || ended.Reason != Idle {
		t.Errorf("from one that has expired: got %v, want why", err)
	}
	if list, err := store.List(t.Context(), s.ada().User.ID); err != nil || len(list) != 0 {
		t.Errorf("%d sessions live (%v), want none", len(list), err)
	}
}

func TestWhatEndedIsToldToWhoeverEndedIt(t *testing.T) {
	t.Parallel()
	s, store := newSubject(t)
	var all []Session
	for i := range MaxPerUser + 1 {
		session := s.ada()
		session.UserAgent = fmt.Sprint("browser ", i)
		session.User.SignedInAt = session.User.SignedInAt.Add(time.Duration(i) * time.Minute)
		all = append(all, s.issue(t, session, ""))
	}
	if last := all[MaxPerUser]; len(last.Surplus) != 1 || last.Surplus[0].UserAgent != "browser 0" {
		t.Errorf("got the surplus %+v, want the first", last.Surplus)
	}
	if len(all[0].Surplus) != 0 {
		t.Errorf("got the surplus %+v of one session", all[0].Surplus)
	}
	owner, err := store.Owner(t.Context(), all[1].ID)
	if err != nil || owner != s.ada().User.ID {
		t.Errorf("got the owner %q (%v)", owner, err)
	}
	for _, id := range []string{all[0].ID, strings.Repeat("0", 32), "", "'"} {
		if owner, err := store.Owner(t.Context(), id); owner != "" || err != nil {
			t.Errorf("%q: got the owner %q (%v), want none", id, owner, err)
		}
	}
	if n, err := s.endOthers(t, store, owner, all[1].ID, Ended{Reason: EmailChanged, By: "Firefox"}); n != MaxPerUser-1 || err != nil {
		t.Errorf("ended %d (%v)", n, err)
	}
	past, err := store.ListEnded(t.Context(), owner)
	if err != nil || len(past) != MaxPerUser || past[0].Reason != EmailChanged || past[0].By != "Firefox" || past[MaxPerUser-1].ID != all[0].ID {
		t.Errorf("got %+v (%v)", past, err)
	}
	exec(t, s.db, `UPDATE ended_sessions SET ended_at = now() - interval '8 days'`)
	if past, err := store.ListEnded(t.Context(), owner); err != nil || len(past) != 0 {
		t.Errorf("after a week: got %+v (%v)", past, err)
	}
}

func (s subject) endOne(t *testing.T, store *Shared, userID, id string, why Ended) (found bool, err error) {
	t.Helper()
	err = s.inTx(t.Context(), func(tx pgx.Tx) (err error) {
		_, found, err = store.EndOne(t.Context(), tx, userID, id, why)
		return err
	})
	return found, err
}

func (s subject) endOthers(t *testing.T, store *Shared, userID, except string, why Ended) (n int, err error) {
	t.Helper()
	err = s.inTx(t.Context(), func(tx pgx.Tx) error {
		ended, err := store.EndOthers(t.Context(), tx, userID, except, why)
		n = len(ended)
		return err
	})
	return n, err
}
