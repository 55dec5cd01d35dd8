package session

import (
	"context"
	"errors"
	"testing"
	"time"

	"sana/backend/observe/metrics"

	"github.com/jackc/pgx/v5"
)

// wantByID reads a session by its id and fails the test unless it came from the source.
func (c *cached) wantByID(t testing.TB, id string, want metrics.Source, why string) Session {
	t.Helper()
	before := c.reads(want)
	found, err := c.shared.ReadByID(t.Context(), id)
	if err != nil || found.ID != id {
		t.Errorf("%s: %q, %v", why, found.ID, err)
	}
	if c.reads(want) != before+1 {
		t.Errorf("%s: the session was not read from source %d", why, want)
	}
	return found
}

func wantNoneByID(t testing.TB, s *Shared, id, why string) {
	t.Helper()
	if found := s.ReadCachedByID([]byte(id)); found != nil {
		t.Errorf("%s: it is cached", why)
	}
	if _, err := s.ReadByID(t.Context(), id); !errors.Is(err, ErrNone) {
		t.Errorf("%s: got %v, want ErrNone", why, err)
	}
}

// signInByID returns a new session that all instances have cached by its id, and by its token.
func signInByID(t *testing.T, instances ...*cached) Session {
	t.Helper()
	session := instances[0].signIn(t, instances[0].ada())
	for _, c := range instances {
		c.mustPoll(t)
		c.wantByID(t, session.ID, metrics.Store, "the first read")
		c.wantByID(t, session.ID, metrics.Cache, "the second read")
		c.wantSource(t, session.Token, metrics.Cache, "the same by its token")
	}
	return session
}

func TestReadByID_ReturnsSessionWithSeedAndReasons(t *testing.T) {
	t.Parallel()
	eachShared(t, func(t *testing.T, s sharedSubject) {
		session := s.signIn(t, s.ada())
		found, err := s.shared.ReadByID(t.Context(), session.ID)
		if err != nil || found.User.ID != session.User.ID ||
			string(found.Seed) != string(session.Seed) ||
			found.Token != "" {
			t.Errorf("got %v, %v", found, err)
		}
		for _, id := range []string{"", "x", NewID(), session.ID[:31] + "G", session.ID + "0",
			session.ID[:30]} {
			wantNoneByID(t, s.shared, id, "id "+id)
		}
		s.revoke(t, session, Ended{Reason: RevokedElsewhere, By: "Firefox on Linux"})
		_, err = s.shared.ReadByID(t.Context(), session.ID)
		ended, ok := errors.AsType[*Ended](err)
		if !ok || ended.Reason != RevokedElsewhere || ended.By != "Firefox on Linux" {
			t.Errorf("revoked: got %v, want the reason", err)
		}
	})
}

// A use by id is a use: a session that only apps use does not become idle.
func TestReadByID_KeepsSessionFromBecomingIdle(t *testing.T) {
	t.Parallel()
	eachShared(t, func(t *testing.T, s sharedSubject) {
		session := s.signIn(t, s.ada())
		for range 3 {
			s.pass(limits.Idle - time.Minute)
			if _, err := s.shared.ReadByID(t.Context(), session.ID); err != nil {
				t.Fatal(err)
			}
			s.flush(t)
		}
	})
}

// A renewed session has its id, under another key. Until its token was presented it is not cached,
// because the first read of the token confirms it.
func TestReadByID_FollowsRenewal(t *testing.T) {
	t.Parallel()
	here, there, _ := twoInstances(t)
	old := signInByID(t, here, there)
	renewed := here.renew(t, old)
	here.mustPoll(t)
	there.mustPoll(t)
	for range 2 {
		found := there.wantByID(t, old.ID, metrics.Store, "renewed, not confirmed")
		if !found.User.SignedInAt.Equal(renewed.User.SignedInAt) || !found.Unconfirmed {
			t.Errorf("signed in at %s, unconfirmed %v, want the renewed session",
				found.User.SignedInAt, found.Unconfirmed)
		}
	}
	there.wantSource(t, renewed.Token, metrics.Store, "the token is presented")
	there.mustPoll(t)
	there.wantByID(t, old.ID, metrics.Store, "confirmed")
	if found := there.wantByID(t, old.ID, metrics.Cache, "cached anew"); found.Unconfirmed {
		t.Error("the session is unconfirmed in the cache")
	}
}

func TestSetName_ChangesEverySessionAtOnce(t *testing.T) {
	t.Parallel()
	here, there, _ := twoInstances(t)
	first, second := signInByID(t, here, there), signInByID(t, here, there)
	err := here.inTx(t, func(ctx context.Context, tx pgx.Tx) error {
		return here.shared.SetName(ctx, tx, first.User.ID, `Ada "L" 😀`)
	})
	if err != nil {
		t.Fatal(err)
	}
	there.mustPoll(t)
	for _, c := range []*cached{here, there} {
		for _, id := range []string{first.ID, second.ID} {
			if got := c.wantByID(t, id, metrics.Store, "renamed").User.Name; got != `Ada "L" 😀` {
				t.Errorf("the name is %q", got)
			}
		}
	}
}

func TestReadCachedByID_AllocatesNothing(t *testing.T) {
	here, _, _ := twoInstances(t)
	session := signInByID(t, here)
	id := []byte(session.ID)
	if n := testing.AllocsPerRun(100, func() {
		if here.shared.ReadCachedByID(id) == nil {
			t.Fatal("it is not cached")
		}
	}); n != 0 {
		t.Errorf("got %v allocations, want none", n)
	}
}
