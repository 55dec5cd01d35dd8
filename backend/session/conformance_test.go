package session

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// Promises of both stores.

func TestStore_ReadReturnsTheStoredSession(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, s subject) {
		ada := s.ada()
		stored := s.signIn(t, ada)
		s.wantSame(t, stored, "signed in")

		ignored := cmpopts.IgnoreFields(Session{},
			"ID", "ExpiresAt", "Seed", "UserAgent", "Platform", "IP", "Token", "CookieMaxAge")
		got := s.wantSession(t, stored.Token, "signed in")
		if diff := cmp.Diff(ada, got, ignored, cmpopts.EquateApproxTime(slowness)); diff != "" {
			t.Errorf("(-signed in +read):\n%s", diff)
		}
		if !idPattern.MatchString(got.ID) || len(got.Token) < 43 || len(got.Token) > 1024 {
			t.Errorf("the id is %q, the token has %d characters", got.ID, len(got.Token))
		}
	})
}

func TestStore_RenewalKeepsIDAndRestartsTimeouts(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, s subject) {
		first := s.signIn(t, s.ada())
		s.pass(10 * time.Hour)
		second := s.renew(t, s.wantSession(t, first.Token, "ten hours old"))
		got := s.wantSession(t, second.Token, "renewed")

		if got.ID != first.ID || got.Token == first.Token {
			t.Errorf("the id is %q after %q, the tokens differ: %v",
				got.ID, first.ID, got.Token != first.Token)
		}
		if !got.CreatedAt.Equal(first.CreatedAt) {
			t.Errorf("created_at moved from %s to %s", first.CreatedAt, got.CreatedAt)
		}
		if age := s.now().Sub(got.User.SignedInAt); age.Abs() > 5*time.Second {
			t.Errorf("signed_in_at is %s old, want it to be new", age)
		}
		if lasts := got.ExpiresAt.Sub(got.User.SignedInAt); lasts != limits.MaxAge {
			t.Errorf("it lasts for %s from its renewal, want %s", lasts, limits.MaxAge)
		}
		s.pass(24*time.Hour - 30*time.Second)
		s.wantSession(t, second.Token, "30 seconds before the idle timeout after the renewal")
	})
}

// A renewal signs out no concurrent request.
func TestStore_ReplacedTokenIsSessionAsItWas(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, s subject) {
		first := s.signIn(t, s.ada())
		s.renew(t, first)
		for range 2 {
			s.wantSame(t, first, "replaced by a token that was not presented")
		}
	})
}

func TestStore_IdleTimeoutEndsSessionWithReason(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, s subject) {
		token := s.signIn(t, s.ada()).Token
		s.pass(24*time.Hour - 30*time.Second)
		s.wantSession(t, token, "30 seconds before the idle timeout")
		s.pass(31 * time.Second)
		s.wantEnded(t, token, Ended{Reason: Idle, At: s.now()}, "after the idle timeout")
	})
}

// A minute is the shortest idle timeout that the configuration accepts. Uses are written every 15
// seconds.
func TestStore_UseExtendsShortestIdleTimeout(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, s subject) {
		s.set(Limits{Idle: time.Minute, MaxAge: time.Hour})
		token := s.signIn(t, s.ada()).Token
		for n := range 20 {
			for range 3 {
				s.pass(5 * time.Second)
				token = s.wantSession(t, token, fmt.Sprintf("used for %d seconds", 15*(n+1))).Token
			}
			s.flush(t)
		}
		s.pass(time.Minute)
		s.wantNone(t, token, "not used for a minute")
	})
}

func TestStore_AbsoluteTimeoutEndsUsedSession(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, s subject) {
		stored := s.signIn(t, s.ada())
		if got := stored.ExpiresAt.Sub(stored.User.SignedInAt); got != limits.MaxAge {
			t.Errorf("it lasts for %s, want %s", got, limits.MaxAge)
		}
		token := stored.Token
		for range 719 / 23 {
			s.pass(23 * time.Hour)
			token = s.wantSession(t, token, "used every 23 hours").Token
			s.flush(t)
		}
		s.pass(7*time.Hour - 10*time.Second)
		token = s.wantSession(t, token, "ten seconds before its end").Token
		s.flush(t)
		s.pass(11 * time.Second)
		_, err := s.Read(t.Context(), token)
		if ended, ok := errors.AsType[*Ended](err); !ok || ended.Reason != MaxAge {
			t.Errorf("after its end: got %v, want the reason %s", err, MaxAge)
		}
	})
}

// The test flips every bit of a real token, truncates it to every length, and sends other texts.
func TestStore_DamagedTokensAreNone(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, s subject) {
		token := s.signIn(t, s.ada()).Token
		raw, err := base64.RawURLEncoding.DecodeString(token)
		if err != nil {
			t.Fatal(err)
		}
		for i := range len(raw) * 8 {
			flipped := append([]byte{}, raw...)
			flipped[i/8] ^= 1 << (i % 8)
			damaged := base64.RawURLEncoding.EncodeToString(flipped)
			s.wantNone(t, damaged, fmt.Sprintf("bit %d flipped", i))
		}
		for i := range token {
			s.wantNone(t, token[:i], fmt.Sprintf("cut after %d characters", i))
		}
		foreign, _ := sealedSubject(t, "k2:"+secret2)
		for _, other := range []string{
			token + "=", token + "\n", "\n" + token, " " + token, token + token,
			"x", "\x00\xff", strings.Repeat("A", 43), strings.Repeat("A", 44),
			strings.Repeat("_", 5000), NewToken(), foreign.signIn(t, foreign.ada()).Token,
		} {
			s.wantNone(t, other, fmt.Sprintf("%.20q", other))
		}
		s.wantSession(t, token, "the token itself")
	})
}

func TestStore_ParallelBrowsersReadTheirOwnSessions(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, s subject) {
		var wait sync.WaitGroup
		for i := range 50 {
			session := s.ada()
			session.User.ID = fmt.Sprintf("98e35920-c49e-4131-afc6-%012d", i)
			session.User.Email = fmt.Sprintf("person%d@sana.example", i)
			current := s.signIn(t, session)
			wait.Go(func() {
				for range 10 {
					got, err := s.Read(t.Context(), current.Token)
					if err != nil || got.User.Email != session.User.Email || got.ID != current.ID {
						t.Errorf("%s reads the session %s of %s (%v)",
							session.User.Email, got.ID, got.User.Email, err)
						return
					}
					current = s.renew(t, current)
				}
			})
		}
		wait.Wait()
	})
}
