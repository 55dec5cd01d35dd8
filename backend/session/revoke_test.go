package session

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"sana/backend/observe/metrics"

	"github.com/jackc/pgx/v5"
)

func TestRevoke_RevokesOnlyTheUsersSessions(t *testing.T) {
	t.Parallel()
	eachShared(t, func(t *testing.T, s sharedSubject) {
		mine, one, other := s.signIn(t, s.ada()), s.signIn(t, s.ada()), s.signIn(t, s.ada())
		grace := s.signIn(t, s.grace())
		for _, id := range []string{grace.ID, strings.Repeat("0", 32), "nonsense", ""} {
			foreign := mine
			foreign.ID = id
			if s.revoke(t, foreign, Ended{Reason: RevokedElsewhere}) {
				t.Errorf("revoked %q, which is not hers", id)
			}
		}

		by := Ended{Reason: RevokedElsewhere, By: "Firefox on Linux"}
		if !s.revoke(t, one, by) {
			t.Error("her session was not found")
		}
		by.At = s.now()
		s.wantEnded(t, one.Token, by, "revoked individually")
		if s.revoke(t, one, by) {
			t.Error("it was revoked twice")
		}

		if n := s.revokeOthers(t, adaID, mine.ID, Ended{Reason: RevokedEverywhere}); n != 1 {
			t.Errorf("revoked %d others, want 1", n)
		}
		everywhere := Ended{Reason: RevokedEverywhere, At: s.now()}
		s.wantEnded(t, other.Token, everywhere, "one of the others")
		s.wantSession(t, mine.Token, "the excepted one")
		s.wantSession(t, grace.Token, "another user's")
		if n := s.revokeOthers(t, adaID, "", Ended{Reason: RevokedByOperator}); n != 1 {
			t.Errorf("revoked %d of all, want 1", n)
		}
	})
}

func TestRevoke_ReturnsTheSession(t *testing.T) {
	t.Parallel()
	s := newShared(t)
	session := s.signIn(t, s.ada())
	err := s.inTx(t, func(ctx context.Context, tx pgx.Tx) error {
		got, found, err := s.shared.Revoke(ctx, tx, adaID, session.ID, Ended{Reason: SignedOut})
		if !found || got.ID != session.ID || got.Platform != session.Platform || got.Token != "" {
			t.Errorf("got %+v (found %v)", got, found)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func TestRevokeBatch_RevokesAllSessions(t *testing.T) {
	t.Parallel()
	here, there, session := twoInstances(t)
	exec(t, here.db, `
		INSERT INTO sessions (k, v, e, id, user_id, idle_seconds, sweep_at)
		SELECT md5(n::text) || md5(n::text), v, e, md5(n::text)::uuid, user_id, idle_seconds,
		       sweep_at
		FROM sessions, generate_series(1, $1) AS n`, revokeBatch+10)

	var got []int
	for {
		var n int
		err := here.inTx(t, func(ctx context.Context, tx pgx.Tx) error {
			revoked, err := here.shared.RevokeBatch(ctx, tx, Ended{Reason: RevokedByOperator})
			n = len(revoked)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			break
		}
		got = append(got, n)
	}
	if len(got) != 2 || got[0] != revokeBatch || got[1] != 11 {
		t.Errorf("revoked batches of %v", got)
	}
	there.mustPoll(t)
	want := Ended{Reason: RevokedByOperator, At: here.now()}
	here.wantEnded(t, session.Token, want, "here")
	there.wantEnded(t, session.Token, want, "on the other instance")
}

// A restore replaces the table while its triggers are off: the log has no entry for the deleted
// sessions.
func TestRevokeBatch_RevokesCachedSessionsWithoutRows(t *testing.T) {
	t.Parallel()
	here, there, session := twoInstances(t)
	exec(t, here.db, `ALTER TABLE sessions DISABLE TRIGGER USER`)
	exec(t, here.db, `DELETE FROM sessions`)
	exec(t, here.db, `ALTER TABLE sessions ENABLE TRIGGER USER`)
	there.mustPoll(t)
	there.wantSource(t, session.Token, metrics.Cache, "no log entry")

	err := here.inTx(t, func(ctx context.Context, tx pgx.Tx) error {
		_, err := here.shared.RevokeBatch(ctx, tx, Ended{Reason: RevokedByOperator})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	there.mustPoll(t)
	there.wantNone(t, session.Token, "after the revocation of all sessions")
}

func TestFindByToken_FindsCurrentAndReplacedTokens(t *testing.T) {
	t.Parallel()
	s := newShared(t)
	first := s.signIn(t, s.ada())
	second := s.renew(t, first)
	third := s.renew(t, second)
	other := s.signIn(t, s.grace())
	want := func(token, id, userID, why string) {
		t.Helper()
		gotID, gotUser, err := s.shared.FindByToken(t.Context(), s.db, token)
		if gotID != id || gotUser != userID || err != nil {
			t.Errorf("%s: got %q of %q (%v)", why, gotID, gotUser, err)
		}
	}
	for _, token := range []string{first.Token, second.Token, third.Token} {
		want(token, first.ID, adaID, "a token of the session")
	}
	want(other.Token, other.ID, graceID, "another session")
	exec(t, s.db, `UPDATE replaced_tokens SET presented_at = now() - interval '6 days', e = 0`)
	want(first.Token, first.ID, adaID, "replaced long ago")
	for _, token := range []string{"", "x", NewToken()} {
		want(token, "", "", "no token")
	}

	s.setLastUse(t, first, 25*time.Hour)
	want(first.Token, "", "", "of an idle session")
	want(third.Token, "", "", "of an idle session")
	s.revoke(t, other, Ended{Reason: SignedOut})
	want(other.Token, "", "", "of a revoked session")
}

func TestSetEmail_IsSeenByAllTokensAndInstances(t *testing.T) {
	t.Parallel()
	here, there, first := twoInstances(t)
	second := here.renew(t, first)
	for _, c := range []*cached{here, there} {
		c.mustPoll(t)
		c.wantSession(t, second.Token, "not changed yet")
		c.mustPoll(t)
		c.wantSession(t, second.Token, "not changed yet")
	}
	const email = "lovelace@sana.example"
	err := here.inTx(t, func(ctx context.Context, tx pgx.Tx) error {
		return here.shared.SetEmail(ctx, tx, adaID, first.ID, email)
	})
	if err != nil {
		t.Fatal(err)
	}
	there.mustPoll(t)
	for name, c := range map[string]*cached{"here": here, "on the other instance": there} {
		for _, token := range []string{first.Token, second.Token} {
			if got := c.wantSession(t, token, name); got.User.Email != email || got.ID != first.ID {
				t.Errorf("%s: got the address %s of session %s", name, got.User.Email, got.ID)
			}
		}
	}
}

func TestSetEmail_ChangesNoOtherSession(t *testing.T) {
	t.Parallel()
	s := newShared(t)
	mine, grace, idle := s.signIn(t, s.ada()), s.signIn(t, s.grace()), s.signIn(t, s.ada())
	s.setLastUse(t, idle, 25*time.Hour)
	for _, id := range []string{grace.ID, idle.ID, strings.Repeat("0", 32), "x", ""} {
		err := s.inTx(t, func(ctx context.Context, tx pgx.Tx) error {
			return s.shared.SetEmail(ctx, tx, adaID, id, "lovelace@sana.example")
		})
		if !errors.Is(err, ErrNone) {
			t.Errorf("%q: got %v, want ErrNone", id, err)
		}
	}
	s.wantSame(t, mine, "her other session")
	s.wantSame(t, grace, "another user's")
}
