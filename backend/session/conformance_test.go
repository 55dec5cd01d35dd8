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
	"github.com/jackc/pgx/v5"
)

func TestWhatIsIssuedIsRead(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, s subject) {
		both := s.ada()
		both.Pending = s.pending()
		for name, session := range map[string]Session{"signed in": s.ada(), "waiting": {Pending: s.pending()}, "both": both} {
			issued := s.issue(t, session, "")
			got := s.wantSession(t, issued.Token, name)
			if diff := cmp.Diff(issued, got, cmpopts.IgnoreFields(Session{}, "Keep")); diff != "" {
				t.Errorf("%s (-issued +read):\n%s", name, diff)
			}
			if diff := cmp.Diff(session, got, cmpopts.IgnoreFields(Session{}, "ID", "ExpiresAt", "UserAgent", "IP", "Token", "Secret", "Keep"),
				cmpopts.EquateApproxTime(time.Second)); diff != "" {
				t.Errorf("%s (-wanted +read):\n%s", name, diff)
			}
			if len(got.ID) != 32 || len(issued.Token) < 43 || len(issued.Token) > 1024 {
				t.Errorf("%s: the id is %q, the token has %d characters", name, got.ID, len(issued.Token))
			}
		}
	})
}

func TestASessionEndsWhenItIsIdleAndSaysSo(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, s subject) {
		token := s.issue(t, s.ada(), "").Token
		end := s.now()
		s.pass(24*time.Hour - 30*time.Second)
		if s.isShared() { // reading the sealed one would be a use: it comes back with a new token
			s.wantSession(t, token, "30 seconds before the idle timeout")
		}
		s.pass(31 * time.Second)
		if !s.isShared() {
			end = end.Add(24 * time.Hour)
		}
		s.wantEnded(t, token, Ended{Reason: Idle, At: end}, "after the idle timeout")
	})
}

// The shortest idle timeout that the configuration takes. What is noted of use is written every 15 seconds.
func TestAUsedSessionLivesOnHoweverShortTheIdleTimeoutIs(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, s subject) {
		s.set(Limits{Idle: time.Minute, MaxAge: time.Hour})
		token := s.issue(t, s.ada(), "").Token
		for n := range 20 {
			for range 3 {
				s.pass(5 * time.Second)
				token = s.wantSession(t, token, fmt.Sprintf("used every 5 seconds for %d", 15*(n+1))).Token
			}
			s.use(t)
		}
		s.pass(time.Minute)
		s.wantNone(t, token, "not used for a minute")
	})
}

func TestAUsedSessionLivesOnButNoLongerThanItsAge(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, s subject) {
		issued := s.issue(t, s.ada(), "")
		if got := issued.ExpiresAt.Sub(issued.User.SignedInAt); got != limits.MaxAge {
			t.Errorf("it lives for %s, want %s", got, limits.MaxAge)
		}
		token := issued.Token
		for range 719 / 23 {
			s.pass(23 * time.Hour)
			token = s.wantSession(t, token, "used every 23 hours").Token
			s.use(t)
		}
		s.pass(7*time.Hour - 10*time.Second)
		token = s.wantSession(t, token, "ten seconds before its age").Token
		s.use(t)
		s.pass(11 * time.Second)
		_, err := s.Read(t.Context(), token)
		if ended, ok := errors.AsType[*Ended](err); !ok || ended.Reason != MaxAge {
			t.Errorf("after its age: got %v, want ended by age", err)
		}
	})
}

func TestAPendingSignInLivesOneHourAndASignedInPersonsNoLongerThanBefore(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, s subject) {
		waiting := s.issue(t, Session{Pending: s.pending()}, "")
		if got := waiting.ExpiresAt.Sub(waiting.Pending.SentAt); got != time.Hour || waiting.Keep != time.Hour {
			t.Errorf("the pending sign-in ends after %s, its cookie after %s, want an hour", got, waiting.Keep)
		}
		user := s.ada().User
		user.SignedInAt = user.SignedInAt.Add(-100 * time.Hour)
		both := s.issue(t, Session{User: user, Pending: s.pending()}, "")
		if got := both.ExpiresAt.Sub(both.User.SignedInAt); got != limits.MaxAge {
			t.Errorf("the signed-in session ends after %s, want %s", got, limits.MaxAge)
		}
		s.pass(time.Hour + time.Second)
		_, err := s.Read(t.Context(), waiting.Token)
		if ended, told := errors.AsType[*Ended](err); !errors.Is(err, ErrNone) || told {
			t.Errorf("a pending sign-in after its hour: got %v (%v), want ErrNone without a reason: nobody was signed in", err, ended)
		}
	})
}

// The browser keeps the cookie of a session that has ended, so that it can be told why.
func TestACookieOutlivesItsSessionByAWeek(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, s subject) {
		issued := s.issue(t, s.ada(), "")
		if diff := (issued.Keep - limits.MaxAge - 7*24*time.Hour).Abs(); diff > 2*time.Second {
			t.Errorf("the cookie is kept for %s", issued.Keep)
		}
	})
}

// What the cookie cannot do: a copy of an ended or replaced token stays good (docs/contrast.md).
func TestAnEndedOrReplacedSessionIsGoneForEverybodyButTheSealedOne(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, s subject) {
		first := s.issue(t, s.ada(), "")
		second := s.issue(t, s.ada(), first.Token)
		if err := s.end(t, second.Token); err != nil {
			t.Fatal(err)
		}
		if err := s.end(t, second.Token); err != nil {
			t.Errorf("ending it again: %v", err)
		}
		if first.Token == second.Token || first.ID == second.ID {
			t.Error("the new session has the token or the name of the old one")
		}
		if !s.isShared() {
			s.wantSession(t, first.Token, "a copy of a replaced cookie")
			s.wantSession(t, second.Token, "a copy of an ended cookie")
			return
		}
		s.wantNone(t, first.Token, "replaced")
		s.wantEnded(t, second.Token, Ended{Reason: SignedOut, At: s.now()}, "ended")
	})
}

func TestWhatIsNoTokenIsNobody(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, s subject) {
		foreign, _ := newSealed(t, "k2:"+secret2)
		other := subject{Store: foreign, now: s.now}
		for _, token := range []string{
			"", "x", "\x00\xff", strings.Repeat("A", 43), strings.Repeat("A", 44), strings.Repeat("_", 5000),
			newToken(), other.issue(t, other.ada(), "").Token,
		} {
			s.wantNone(t, token, fmt.Sprintf("%.20q", token))
			if err := s.end(t, token); err != nil {
				t.Errorf("ending %.20q: %v", token, err)
			}
		}
	})
}

// Every flipped bit, and every cut, of a real token.
func TestADamagedTokenIsNobodys(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, s subject) {
		token := s.issue(t, s.ada(), "").Token
		raw, err := base64.RawURLEncoding.DecodeString(token)
		if err != nil {
			t.Fatal(err)
		}
		for i := range len(raw) * 8 {
			flipped := append([]byte{}, raw...)
			flipped[i/8] ^= 1 << (i % 8)
			s.wantNone(t, base64.RawURLEncoding.EncodeToString(flipped), fmt.Sprintf("bit %d flipped", i))
		}
		for i := range token {
			s.wantNone(t, token[:i], fmt.Sprintf("cut after %d characters", i))
		}
		for _, same := range []string{token + "=", token + "\n", "\n" + token, " " + token, token + token} {
			s.wantNone(t, same, fmt.Sprintf("%.10q", same))
		}
		s.wantSession(t, token, "the token itself")
	})
}

func TestFiftyBrowsersAtOnceSeeEachTheirOwn(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, s subject) {
		var wait sync.WaitGroup
		for i := range 50 {
			wait.Go(func() {
				email := fmt.Sprintf("person%d@sana.example", i)
				session := s.ada()
				session.User.ID, session.User.Email = fmt.Sprintf("98e35920-c49e-4131-afc6-%012d", i), email
				var token string
				for range 10 {
					err := s.inTx(t.Context(), func(tx pgx.Tx) error {
						issued, err := IssueTx(t.Context(), tx, s, session, token)
						token = issued.Token
						return err
					})
					if err != nil {
						t.Error(err)
						return
					}
					got, err := s.Read(t.Context(), token)
					if err != nil || got.User.Email != email {
						t.Errorf("%s reads the session of %+v (%v)", email, got.User, err)
						return
					}
				}
				if err := s.end(t, token); err != nil {
					t.Error(err)
				}
			})
		}
		wait.Wait()
	})
}
