package auth

import (
	"strings"
	"testing"
	"time"

	"sana/backend/keyring"
)

const disowned = "00112233445566778899aabbccddeeff"

func notYouRing(t *testing.T, list string) keyring.Ring {
	t.Helper()
	ring, err := keyring.Parse(list)
	if err != nil {
		t.Fatal(err)
	}
	return ring
}

// The link is valid for seven days and for one session, while its key is in the ring.
func TestNotYouToken_NamesOneSessionForSevenDays(t *testing.T) {
	t.Parallel()
	const old = "old.1:c2FuYS10ZXN0LWtleS1zYW5hLXRlc3Qta2V5LXNhbmEhIQ=="
	const other = "new.2:c2FuYS1vdGhlci10ZXN0LWtleS1zYW5hLW90aGVyISEhIQ=="
	at := time.Date(2026, 11, 22, 14, 5, 59, 0, time.UTC)
	token := notYouToken(notYouRing(t, old).Current(), disowned, at)
	for name, c := range map[string]struct {
		ring string
		now  time.Time
		want bool
	}{
		"at once":                         {old, at, true},
		"in the last second":              {old, at.Add(7*24*time.Hour - time.Second), true},
		"after seven days":                {old, at.Add(7 * 24 * time.Hour), false},
		"with a newer key before its key": {other + "," + old, at, true},
		"with its key withdrawn":          {other, at, false},
		"with another key under its name": {strings.Replace(other, "new.2", "old.1", 1), at, false},
	} {
		id, ok := openNotYouToken(notYouRing(t, c.ring), token, c.now)
		if ok != c.want || ok && id != disowned {
			t.Errorf("%s: got %q, %t, want %t", name, id, ok, c.want)
		}
	}
}

// A link cannot be changed to another session or a later expiry.
func TestNotYouToken_RefusesEveryChangeOfOneCharacter(t *testing.T) {
	t.Parallel()
	ring := notYouRing(t, "key:c2FuYS10ZXN0LWtleS1zYW5hLXRlc3Qta2V5LXNhbmEhIQ==")
	now := time.Now()
	token := notYouToken(ring.Current(), disowned, now)
	if _, ok := openNotYouToken(ring, token, now); !ok {
		t.Fatal("the token itself is refused")
	}
	for i := range token {
		for _, changed := range []string{
			token[:i] + "0" + token[i+1:], token[:i] + "A" + token[i+1:],
			token[:i] + "." + token[i+1:],
			token[:i] + token[i+1:], token[:i] + "_" + token[i:], token[:i],
		} {
			if id, ok := openNotYouToken(ring, changed, now); ok && changed != token {
				t.Errorf("%q is valid for %q", changed, id)
			}
		}
	}
}
