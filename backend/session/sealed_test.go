package session

import (
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/google/go-cmp/cmp"
)

// A cookie as version 1 made it. If this test fails, an upgrade would sign everybody out: give the new form a new
// version, and go on reading this one.
const frozenV1 = "AQJrMaAKVnQCJ2fXY839Lmi6GzSgu1T6tGsPj08w7vVUeI9U16Aolq4LKBwF9WE9fHwKlG7oWDukad2Ur5Apy_BXP0zILb1jmkgyZqovi4U8_J" +
	"ti4EqvzOUPxLRw4JGn9rqewZaEDpHeEtjAm2_IZDpvNFVIenSkshI2Zqr6qnmTjNt5TCDozHlI_vMFzZ5P8HQMo6oX7XVukxU4xAx6rD6ugpIg" +
	"s-LkZ5xH0Yak9LGNu1ENkrom6d9dAdVD-VPHQhJntVirobXfniWVW9ewxIyZwMnCTjMt4DFFksJTXOjOqGrosZE7o4sOUijyPjlfeg"

func TestACookieOfTheFirstVersionIsReadForEver(t *testing.T) {
	t.Parallel()
	store, _ := newSealed(t, "k1:"+secret1)
	got, err := store.Read(t.Context(), frozenV1)
	if err != nil {
		t.Fatal(err)
	}
	at := time.Unix(1_800_000_000, 0).UTC()
	want := Session{
		ID:        "00112233445566778899aabbccddeeff",
		ExpiresAt: at.Add(limits.MaxAge),
		User:      &User{ID: "98e35920-c49e-4131-afc6-ed01d92e7e17", Email: "ada@sana.example", SignedInAt: at},
		Pending: &Pending{
			ChallengeID: "5c9d4a12-0c8f-4c8b-9d3e-2f6f0b1c7a55", Email: "ada@sana.example",
			Purpose: "sign_in", CodeKind: "digits", CodeLength: 6, SentAt: at,
		},
		Token: frozenV1,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-frozen +read):\n%s", diff)
	}
}

func sealedSubject(t testing.TB, keys string) (subject, *clock) {
	t.Helper()
	store, clock := newSealed(t, keys)
	return subject{Store: store, now: clock.now}, clock
}

func TestCookiesOutliveANewKeyAsLongAsTheOldOneStays(t *testing.T) {
	t.Parallel()
	before, _ := sealedSubject(t, "k1:"+secret1)
	token := before.issue(t, before.ada(), "").Token
	rolled, _ := sealedSubject(t, "k2:"+secret2+",k1:"+secret1)
	rolled.wantSession(t, token, "the old key is in the ring")
	withdrawn, _ := sealedSubject(t, "k2:"+secret2)
	withdrawn.wantEnded(t, token, Ended{Reason: KeyWithdrawn}, "the old key is gone")
	renamed, _ := sealedSubject(t, "k1:"+secret2)
	renamed.wantNone(t, token, "another key has the old one's name")
}

func TestACookieIsRenewedWithTheNewKeyAndOnceAMinute(t *testing.T) {
	t.Parallel()
	old, _ := sealedSubject(t, "k1:"+secret1)
	token := old.issue(t, old.ada(), "").Token
	s, clock := sealedSubject(t, "k2:"+secret2+",k1:"+secret1)
	clock.pass(59 * time.Second)
	if got := s.wantSession(t, token, "after 59 seconds"); got.Token != token {
		t.Error("it was renewed within a minute")
	}
	clock.pass(time.Second)
	renewed := s.wantSession(t, token, "after a minute")
	if renewed.Token == token || renewed.Keep != limits.MaxAge-time.Minute+reasonAge {
		t.Errorf("after a minute: renewed %v, kept for %s", renewed.Token != token, renewed.Keep)
	}
	waiting := s.issue(t, Session{Pending: s.pending()}, "")
	clock.pass(10 * time.Minute)
	if got := s.wantSession(t, waiting.Token, "a pending sign-in"); got.Token != waiting.Token {
		t.Error("a pending sign-in was renewed, which it does not need")
	}
	alone, _ := sealedSubject(t, "k2:"+secret2)
	if got := alone.wantSession(t, renewed.Token, "without the old key"); got.ID != renewed.ID {
		t.Errorf("the renewed session is %q, want %q", got.ID, renewed.ID)
	}
}

func TestACookieIsGoodUnderItsOwnNameOnly(t *testing.T) {
	t.Parallel()
	s, clock := sealedSubject(t, "k1:"+secret1)
	token := s.issue(t, s.ada(), "").Token
	other := subject{Store: NewSealed(s.Store.(*Sealed).keys, "sana_session", limits, clock.now, nil)}
	other.wantNone(t, token, "under another name")
}

// Whatever a later version seals must not be read as this one, also with the same key.
func TestACookieOfAnotherVersionIsNobodys(t *testing.T) {
	t.Parallel()
	s, _ := sealedSubject(t, "k1:"+secret1)
	store := s.Store.(*Sealed)
	header := []byte("\x02\x02k1")
	seed := randomBytes(seedBytes)
	plain, err := cbor.Marshal(contentOf(s.ada(), s.now()))
	if err != nil {
		t.Fatal(err)
	}
	box := aead(store.keys.Current(), seed).Seal(nil, zeroNonce, plain, store.additional(header))
	s.wantNone(t, base64.RawURLEncoding.EncodeToString(slices.Concat(header, seed, box)), "version 2")
}

func TestACookieShowsNothingAndNoTwoAreAlike(t *testing.T) {
	t.Parallel()
	s, _ := sealedSubject(t, "k1:"+secret1)
	one, two := s.issue(t, s.ada(), "").Token, s.issue(t, s.ada(), "").Token
	raw, err := base64.RawURLEncoding.DecodeString(one)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(raw), "ada") || strings.Contains(string(raw), "sana.example") {
		t.Error("the address can be read")
	}
	if shared := len(commonPrefix(one, two)); shared > 10 {
		t.Errorf("two cookies begin with the same %d characters", shared)
	}
}

func commonPrefix(a, b string) string {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return a[:i]
		}
	}
	return a[:min(len(a), len(b))]
}

func TestTheLongestSessionFitsIntoACookieOfAKilobyte(t *testing.T) {
	t.Parallel()
	s, _ := sealedSubject(t, "a-key-id-of-20-chars:"+secret1)
	session := s.ada()
	session.Pending = s.pending()
	session.User.Email = strings.Repeat("a", 64) + "@" + strings.Repeat("a", 189)
	session.Pending.Email = strings.Repeat("b", 64) + "@" + strings.Repeat("b", 189)
	session.Pending.CodeKind, session.Pending.Purpose = "letters", "change_email"
	session.UserAgent = strings.Repeat("Mozilla ", 1000)
	token := s.issue(t, session, "").Token
	if len(token) > 1024 {
		t.Errorf("the cookie has %d characters", len(token))
	}
	s.wantSession(t, token, "the longest")
}

// A clock that goes wrong by less than the timeouts signs nobody out.
func TestAClockThatIsBehindTakesWhatItReads(t *testing.T) {
	t.Parallel()
	s, clock := sealedSubject(t, "k1:"+secret1)
	token := s.issue(t, s.ada(), "").Token
	clock.pass(-45 * time.Minute)
	s.wantSession(t, token, "made by an instance whose clock is 45 minutes ahead")
}

func FuzzNothingButASealedTokenLeadsAnywhere(f *testing.F) {
	s, _ := sealedSubject(f, "k1:"+secret1)
	for _, seed := range []string{"", "AQ", "AQAA", "AQJrMQ", "Af8A", strings.Repeat("A", 1024), frozenV1, frozenV1[:100]} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, token string) {
		got, err := s.Read(t.Context(), token)
		if err == nil && token != frozenV1 {
			t.Errorf("%q is the session %+v", token, got)
		}
		if err != nil && !errors.Is(err, ErrNone) {
			t.Errorf("%q: got %v, want ErrNone", token, err)
		}
	})
}
