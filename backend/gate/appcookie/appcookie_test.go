package appcookie

import (
	"errors"
	"strings"
	"testing"
	"time"

	"sana/backend/keyring"
)

// Two keys; the id of the second one has dots.
const (
	key1 = "k1:c2FuYS10ZXN0LWtleS1zYW5hLXRlc3Qta2V5LXNhbmEhIQ=="
	key2 = "k.2.:YW5vdGhlci10ZXN0LWtleS1hbm90aGVyLXRlc3Qta2V5IQ=="
)

const (
	host = "wiki.example.org"
	id   = "0123456789abcdef0123456789abcdef"
)

var (
	seed   = []byte("sixteen  octets.")
	issued = time.Unix(1_800_000_000, 0).UTC()
)

func newMaker(t testing.TB, keys ...string) *Maker {
	t.Helper()
	ring, err := keyring.Parse(strings.Join(keys, ","))
	if err != nil {
		t.Fatal(err)
	}
	return New(ring)
}

// opens reports whether a value is a cookie for a host and a seed.
func opens(m *Maker, value, host string, seed []byte) bool {
	c, err := Parse(value)
	return err == nil && m.Check(c, host, seed) == nil
}

// An issued cookie must stay valid through any number of releases.
func TestMake_ReadsVersion1Forever(t *testing.T) {
	t.Parallel()
	const value = "v1.k1.0123456789abcdef0123456789abcdef.1800000000.MAC"
	got := newMaker(t, key1).Make(host, id, seed, issued)
	if got != strings.Replace(value, "MAC", goldenMAC, 1) {
		t.Errorf("got %s", got)
	}
}

func TestCheck_AcceptsCookiesOfEveryKeyInTheRing(t *testing.T) {
	t.Parallel()
	old := newMaker(t, key2).Make(host, id, seed, issued)
	both := newMaker(t, key1, key2)
	for name, value := range map[string]string{"old key": old,
		"new key": both.Make(host, id, seed, issued)} {
		c, err := Parse(value)
		if err != nil || c.SessionID != id || !c.IssuedAt.Equal(issued) {
			t.Errorf("%s: %+v, %v", name, c, err)
		}
		if err := both.Check(c, host, seed); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if opens(newMaker(t, key1), old, host, seed) {
		t.Error("a cookie of a withdrawn key is accepted")
	}
}

// A cookie is bound to everything that goes into it.
func TestCheck_RefusesOtherHostSeedAndSession(t *testing.T) {
	t.Parallel()
	m := newMaker(t, key1)
	value := m.Make(host, id, seed, issued)
	other := append([]byte{}, seed...)
	other[15] ^= 1
	for name, ok := range map[string]bool{
		"neighbour host":  opens(m, value, "grafana.example.org", seed),
		"host with port":  opens(m, value, host+":8443", seed),
		"host in capital": opens(m, value, strings.ToUpper(host), seed),
		"no host":         opens(m, value, "", seed),
		"another seed":    opens(m, value, host, other),
		"no seed":         opens(m, value, host, nil),
		"another session": opens(m, strings.Replace(value, "0123", "0124", 1), host, seed),
		"another time": opens(m, strings.Replace(value, "1800000000", "1800000001", 1), host,
			seed),
		"no seed made it": opens(m, m.Make(host, id, nil, issued), host, nil),
		"parts moved":     opens(m, value, host+"\x00"+id, seed),
	} {
		if ok {
			t.Errorf("%s: accepted", name)
		}
	}
	if !opens(m, value, host, seed) {
		t.Error("the cookie itself is refused")
	}
}

// Every change of one character and every truncation is refused. (Base64 has spare bits at its
// end.)
func TestCheck_RefusesEveryChangeOfOneCharacter(t *testing.T) {
	t.Parallel()
	m := newMaker(t, key1)
	good := m.Make(host, id, seed, issued)
	for at := range len(good) {
		for with := range 256 {
			changed := good[:at] + string([]byte{byte(with)}) + good[at+1:]
			if changed != good && opens(m, changed, host, seed) {
				t.Errorf("%q opens", changed)
			}
		}
		if opens(m, good[:at], host, seed) || opens(m, good[:at]+"\n"+good[at:], host, seed) {
			t.Errorf("cut or broken at %d, it opens", at)
		}
	}
}

func TestParse_RefusesSecondSpellings(t *testing.T) {
	t.Parallel()
	good := newMaker(t, key1).Make(host, id, seed, issued)
	for _, value := range []string{
		"", "v1", "v1....", "v2" + good[2:], " " + good, good + " ", good + ".", good + "=",
		strings.Replace(good, ".1800000000", ".+1800000000", 1),
		strings.Replace(good, ".1800000000", ".01800000000", 1),
		strings.Replace(good, ".1800000000", ".-1", 1),
		strings.Replace(good, ".1800000000", ".", 1),
		strings.Replace(good, id, strings.ToUpper(id), 1),
		strings.Replace(good, "k1.", "k1.x.", 1) + strings.Repeat("A", 100),
	} {
		if _, err := Parse(value); !errors.Is(err, ErrInvalid) {
			t.Errorf("%q: got %v, want ErrInvalid", value, err)
		}
	}
}

func TestCheck_AllocatesNothing(t *testing.T) {
	m := newMaker(t, key1)
	value := m.Make(host, id, seed, issued)
	if n := testing.AllocsPerRun(1000, func() {
		if !opens(m, value, host, seed) {
			t.Fatal("refused")
		}
	}); n > 1 {
		t.Errorf("got %v allocations, want at most one", n)
	}
}

// Only values that Make returned open, at their host and with their seed alone. No change of one
// character leaves a cookie that opens.
func FuzzCookie(f *testing.F) {
	m := newMaker(f, key1, key2)
	good := m.Make(host, id, seed, issued)
	f.Add(good, uint16(0), byte('x'))
	f.Add("v1.k1."+id+".1800000000."+strings.Repeat("A", macLength), uint16(7), byte('.'))
	f.Add("v1..", uint16(100), byte(0))
	f.Add(strings.Replace(good, ".18", ".+18", 1), uint16(3), byte('0'))
	f.Fuzz(func(t *testing.T, value string, at uint16, with byte) {
		if c, err := Parse(value); err == nil {
			if again := version + c.keyID + "." + c.SessionID + "." + c.issued + "." +
				encoding.EncodeToString(c.mac[:]); again != value {
				t.Errorf("%q has a second spelling, %q", value, again)
			}
			if m.Check(c, host, seed) == nil &&
				value != m.Make(host, c.SessionID, seed, c.IssuedAt) {
				t.Errorf("%q opens, and was not made", value)
			}
		} else if !errors.Is(err, ErrInvalid) {
			t.Errorf("%q: %v", value, err)
		}
		flipped := []byte(good)
		flipped[int(at)%len(good)] = with
		if string(flipped) != good && opens(m, string(flipped), host, seed) {
			t.Errorf("%q opens", flipped)
		}
		if cut := good[:int(at)%len(good)]; opens(m, cut, host, seed) ||
			opens(m, cut+value, host, seed) && cut+value != good {
			t.Errorf("%q opens", cut)
		}
	})
}

// goldenMAC is the HMAC-SHA-256 as another program computes it; see TestMake_ReadsVersion1Forever.
const goldenMAC = "KwAvUnTnEm_AJvwnhWabKn0kLwFfTN_zn9A-S6Y_uPc"
