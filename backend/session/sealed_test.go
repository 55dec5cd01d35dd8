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

// sealedV1 is a cookie as version 1 sealed it. If TestSealed_ReadsVersion1Forever fails, an upgrade
// would sign all users out: give a new format a new version, and read this one too.
const sealedV1 = "AQJrMXBOQoaXigx4g6XNUWQPGI-cFI2pt6eckZ1N0oAgnZBfhFNxlPykI8UsdVmltzgBEhWu" +
	"HpKL7DU9tin0DoM1NYS_AcLr_vMewo7brkGG4vA5iMfrezppVZ6SfNgv0YqJy0pLJ56xR7PH" +
	"F2s2Hsl5dAZR_-Korplb4CNuWOOJVRn9_BhvSd0mGnjqFAJ-VsSJ0nEnWhiNFbhS9RqDSY8"

func TestSealed_ReadsVersion1Forever(t *testing.T) {
	t.Parallel()
	s, _ := sealedSubject(t, "k1:"+secret1)
	at := time.Unix(1_800_000_000, 0).UTC()
	want := Session{
		ID:        "00112233445566778899aabbccddeeff",
		CreatedAt: at.Add(-48 * time.Hour),
		ExpiresAt: at.Add(-time.Hour).Add(limits.MaxAge),
		User:      User{ID: adaID, Email: "ada@sana.example", SignedInAt: at.Add(-time.Hour)},
		Token:     sealedV1,
	}
	if diff := cmp.Diff(want, s.wantSession(t, sealedV1, "version 1")); diff != "" {
		t.Errorf("(-recorded +read):\n%s", diff)
	}
}

func TestSealed_CookiesOutliveNewKeyWhileOldOneStays(t *testing.T) {
	t.Parallel()
	before, _ := sealedSubject(t, "k1:"+secret1)
	token := before.signIn(t, before.ada()).Token
	rotated, _ := sealedSubject(t, "k2:"+secret2+",k1:"+secret1)
	rotated.wantSession(t, token, "the old key is in the ring")
	removed, _ := sealedSubject(t, "k2:"+secret2)
	removed.wantEnded(t, token, Ended{Reason: KeyRemoved}, "the old key was removed")
	renamed, _ := sealedSubject(t, "k1:"+secret2)
	renamed.wantNone(t, token, "another key has the old one's id")
}

func TestSealed_RenewsTokenOnceAMinuteWithNewKey(t *testing.T) {
	t.Parallel()
	old, _ := sealedSubject(t, "k1:"+secret1)
	stored := old.signIn(t, old.ada())
	s, _ := sealedSubject(t, "k2:"+secret2+",k1:"+secret1)
	s.pass(59 * time.Second)
	if got := s.wantSession(t, stored.Token, "after 59 seconds"); got.Token != stored.Token {
		t.Error("it was renewed within a minute")
	}
	s.pass(time.Second)
	renewed := s.wantSession(t, stored.Token, "after a minute")
	if renewed.Token == stored.Token ||
		renewed.CookieMaxAge != CookieMaxAge(limits.MaxAge-time.Minute) {
		t.Errorf("after a minute: renewed %v, kept for %s",
			renewed.Token != stored.Token, renewed.CookieMaxAge)
	}

	alone, _ := sealedSubject(t, "k2:"+secret2)
	renewed.CookieMaxAge = 0
	read := alone.wantSession(t, renewed.Token, "without the old key")
	if diff := cmp.Diff(renewed, read); diff != "" {
		t.Errorf("(-renewed +read):\n%s", diff)
	}
	stored.Token, renewed.Token, stored.CookieMaxAge = "", "", 0
	if diff := cmp.Diff(stored, renewed); diff != "" {
		t.Errorf("the renewed session is another one (-stored +renewed):\n%s", diff)
	}
}

// The cookie outlives the session by seven days, so that the browser can get the reason.
func TestSeal_ReturnsTheSessionAsRead(t *testing.T) {
	t.Parallel()
	s, store := sealedSubject(t, "k1:"+secret1)
	session := s.ada()
	session.ID, session.Seed, session.Unconfirmed = NewID(), randomBytes(16), true
	sealed, err := store.Seal(session)
	if err != nil {
		t.Fatal(err)
	}
	if want := limits.MaxAge + 7*24*time.Hour; sealed.CookieMaxAge != want {
		t.Errorf("the cookie is kept for %s, want %s", sealed.CookieMaxAge, want)
	}
	s.wantSame(t, sealed, "sealed")

	s.pass(time.Hour)
	sealed.User.Email = "lovelace@sana.example" // a change of address is not a sign-in
	again, err := store.Seal(sealed)
	if err != nil {
		t.Fatal(err)
	}
	want := sealed
	want.Token = again.Token
	s.wantSame(t, want, "sealed again with another address")
	if again.Token == sealed.Token || again.CookieMaxAge != CookieMaxAge(limits.MaxAge-time.Hour) {
		t.Errorf("token changed %v, kept for %s", again.Token != sealed.Token, again.CookieMaxAge)
	}
}

func TestSealed_IsValidUnderItsNameOnly(t *testing.T) {
	t.Parallel()
	s, store := sealedSubject(t, "k1:"+secret1)
	token := s.signIn(t, s.ada()).Token
	other := subject{Store: NewSealed(store.keys, "sana_session", limits, store.now, nil)}
	other.wantNone(t, token, "under another name")
}

// Cookies of a later version must not be read as this one, even with the same key.
func TestSealed_OtherVersionsAreNone(t *testing.T) {
	t.Parallel()
	s, store := sealedSubject(t, "k1:"+secret1)
	header := []byte("\x02\x02k1")
	salt := randomBytes(saltBytes)
	plain, err := cbor.Marshal(contentOf(s.ada(), s.now()))
	if err != nil {
		t.Fatal(err)
	}
	box := aead(store.keys.Current(), salt).Seal(nil, zeroNonce, plain, store.additional(header))
	token := base64.RawURLEncoding.EncodeToString(slices.Concat(header, salt, box))
	s.wantNone(t, token, "version 2")
}

func TestSealed_TokensAreOpaqueAndUnique(t *testing.T) {
	t.Parallel()
	s, store := sealedSubject(t, "k1:"+secret1)
	session := s.signIn(t, s.ada())
	again, err := store.Seal(session)
	if err != nil || again.Token == session.Token {
		t.Errorf("sealed twice: got the same cookie, or %v", err)
	}
	raw, err := base64.RawURLEncoding.DecodeString(session.Token)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(raw), "ada") || strings.Contains(string(raw), "sana.example") {
		t.Error("the address can be read")
	}
}

func TestSealed_LongestSessionFitsIntoAKilobyte(t *testing.T) {
	t.Parallel()
	s, _ := sealedSubject(t, "a-key-id-of-20-chars:"+secret1)
	session := s.ada()
	session.User.Email = strings.Repeat("a", 64) + "@" + strings.Repeat("a", 189)
	session.UserAgent = strings.Repeat("Mozilla ", 1000)
	token := s.signIn(t, session).Token
	if len(token) > 1024 {
		t.Errorf("the cookie has %d characters", len(token))
	}
	s.wantSession(t, token, "the longest")
}

// A clock that is wrong by less than the timeouts signs no user out.
func TestSealed_ToleratesAClockThatIsBehind(t *testing.T) {
	t.Parallel()
	s, _ := sealedSubject(t, "k1:"+secret1)
	token := s.signIn(t, s.ada()).Token
	s.pass(-45 * time.Minute)
	s.wantSession(t, token, "sealed by an instance whose clock is 45 minutes ahead")
}

func FuzzSealed_AcceptsOnlySealedTokens(f *testing.F) {
	s, _ := sealedSubject(f, "k1:"+secret1)
	for _, seed := range []string{
		"", "AQ", "AQAA", "AQJrMQ", "Af8A", strings.Repeat("A", 1024),
		sealedV1, sealedV1[:len(sealedV1)/2],
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, token string) {
		got, err := s.Read(t.Context(), token)
		if err == nil && token != sealedV1 {
			t.Errorf("%q is the session %+v", token, got)
		}
		if err != nil && !errors.Is(err, ErrNone) {
			t.Errorf("%q: got %v, want ErrNone", token, err)
		}
	})
}
