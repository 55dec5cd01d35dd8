package session

import (
	"strings"
	"testing"
	"time"
)

func TestList_HasValidSessionsLastUsedFirst(t *testing.T) {
	t.Parallel()
	s := newShared(t)
	old, idle := s.signIn(t, s.ada()), s.signIn(t, s.ada())
	fresh := s.renew(t, s.signIn(t, s.ada())) // it stays one session
	s.signIn(t, s.grace())
	s.setLastUse(t, old, time.Hour)
	s.setLastUse(t, fresh, 0)
	s.setLastUse(t, idle, 25*time.Hour)

	list, err := s.shared.List(t.Context(), adaID)
	if err != nil || len(list) != 2 || list[0].ID != fresh.ID || list[1].ID != old.ID {
		t.Fatalf("got %+v (%v), want the fresh one and the old one", list, err)
	}
	last := list[1]
	if ago := s.now().Sub(last.LastUsedAt); (ago - time.Hour).Abs() > time.Minute {
		t.Errorf("the old one was last used %s ago", ago)
	}
	if last.IP != "203.0.113.9" || last.Token != "" {
		t.Errorf("got %+v", last)
	}
}

func TestListEnded_HasReasonsForAWeek(t *testing.T) {
	t.Parallel()
	s := newShared(t)
	one, other := s.signIn(t, s.ada()), s.renew(t, s.signIn(t, s.ada()))
	s.revoke(t, one, Ended{Reason: SignedOut})
	exec(t, s.db, `UPDATE ended_sessions SET ended_at = now() - interval '1 hour'`)
	s.revoke(t, other, Ended{Reason: EmailChanged, By: "Firefox"})

	past, err := s.shared.ListEnded(t.Context(), adaID)
	if err != nil || len(past) != 2 || past[0].ID != other.ID || past[1].ID != one.ID {
		t.Fatalf("got %+v (%v), want the newest first", past, err)
	}
	if past[0].Reason != EmailChanged || past[0].By != "Firefox" {
		t.Errorf("got %+v", past[0])
	}
	exec(t, s.db, `UPDATE ended_sessions SET ended_at = ended_at - interval '8 days'`)
	if past, err := s.shared.ListEnded(t.Context(), adaID); err != nil || len(past) != 0 {
		t.Errorf("after a week: got %+v (%v)", past, err)
	}
}

func TestOwner_IsTheUserOfAValidSession(t *testing.T) {
	t.Parallel()
	s := newShared(t)
	valid, revoked := s.signIn(t, s.ada()), s.signIn(t, s.ada())
	s.revoke(t, revoked, Ended{Reason: SignedOut})
	if owner, err := s.shared.Owner(t.Context(), valid.ID); err != nil || owner != adaID {
		t.Errorf("got the owner %q (%v)", owner, err)
	}
	for _, id := range []string{revoked.ID, strings.Repeat("0", 32), "", "'"} {
		if owner, err := s.shared.Owner(t.Context(), id); owner != "" || err != nil {
			t.Errorf("%q: got the owner %q (%v), want none", id, owner, err)
		}
	}
}
