package keyring_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"testing"
	"time"

	"sana/backend/keyring"
)

// canary is a key that is easy to find wherever it should not be.
const canary = "canary-key-canary-key-canary-key-canary"

var (
	canaryBase64 = base64.StdEncoding.EncodeToString([]byte(canary))
	otherBase64  = base64.StdEncoding.EncodeToString([]byte("another key which is long enough"))
	bytesAbove62 = bytes.Repeat([]byte{0xfb, 0xff, 0xbe, 0x11}, 8) // whose base64 has + and /
)

func parse(t *testing.T, list string) keyring.Ring {
	t.Helper()
	ring, err := keyring.Parse(list)
	if err != nil {
		t.Fatalf("Parse: %v", err)
	}
	return ring
}

func TestAnEntryWithoutAnIDGetsAStableOneOfTheKey(t *testing.T) {
	t.Parallel()
	const frozen = "a7dafa04" // stored beside codes: another one would withdraw them
	if got := parse(t,
		"c2FuYS10ZXN0LWtleS1zYW5hLXRlc3Qta2V5LXNhbmEhIQ==").Current().ID; got != frozen {
		t.Errorf("derived id: got %q, want %q", got, frozen)
	}
	if got := parse(t, ":"+canaryBase64).Current().ID; got != parse(t, canaryBase64).Current().ID {
		t.Errorf("an empty id is not a missing one: got %q", got)
	}
	if a, b := parse(t, canaryBase64).Current().ID, parse(t, otherBase64).Current().ID; a == b {
		t.Errorf("two keys have the id %q", a)
	}
}

func TestANewKeyIsTakenAsItIsAndItsIDIsTheDayItWasMadeInUTC(t *testing.T) {
	t.Parallel()
	lateInTheWest := time.Date(2026, time.November, 21, 22, 30, 0, 0, time.FixedZone("", -5*60*60))
	seen := map[string]bool{}
	for range 20 {
		entry := keyring.New(lateInTheWest)
		if !regexp.MustCompile(`^20261122-[0-9a-f]{4}:[A-Za-z0-9+/]{43}=$`).MatchString(entry) {
			t.Fatalf("got %q, want 20261122-xxxx:base64 of 32 bytes", entry)
		}
		id, secret, _ := strings.Cut(entry, ":")
		if got := parse(t, entry).Current().ID; got != id {
			t.Errorf("the id of %s is read as %q", entry, got)
		}
		if seen[secret] {
			t.Errorf("the key %q was made twice", secret)
		}
		seen[secret] = true
	}
}

func TestEverySpellingOfAKeyIsTheSameKey(t *testing.T) {
	t.Parallel()
	want := hex.EncodeToString(
		parse(t, base64.StdEncoding.EncodeToString(bytesAbove62)).Current().Derive("test"))
	for name, encoding := range map[string]*base64.Encoding{
		"standard without padding": base64.RawStdEncoding,
		"URL-safe":                 base64.URLEncoding,
		"URL-safe without padding": base64.RawURLEncoding,
	} {
		key := parse(t, "k1:"+encoding.EncodeToString(bytesAbove62)).Current()
		if got := hex.EncodeToString(key.Derive("test")); got != want || key.ID != "k1" {
			t.Errorf("%s: got id %q and another key", name, key.ID)
		}
	}
}

func TestTheFirstKeyOfAListMakesAndAllAreFound(t *testing.T) {
	t.Parallel()
	for name, separator := range map[string]string{
		"comma": ",", "comma and space": ", ", "space": " ", "line": "\n",
		"line of Windows": "\r\n",
		"tab":             "\t", "empty entries": ",\n,",
	} {
		ring := parse(t, "new:"+canaryBase64+separator+"old:"+otherBase64+separator)
		if got := ring.Current().ID; got != "new" {
			t.Errorf("%s: current key: got %q, want new", name, got)
		}
		old, ok := ring.Find("old")
		if !ok || !bytes.Equal(old.Derive("test"), parse(t, otherBase64).Current().Derive("test")) {
			t.Errorf("%s: the old key is not found as it was", name)
		}
		if _, ok := ring.Find("withdrawn"); ok {
			t.Errorf("%s: a key that is not in the ring is found", name)
		}
	}
}

func TestWhatIsNoKeyIsRefusedInWordsWithoutQuotingIt(t *testing.T) {
	t.Parallel()
	short := base64.StdEncoding.EncodeToString([]byte(canary[:31]))
	for name, test := range map[string]struct{ list, want string }{
		"nothing":         {"", "holds no key"},
		"separators only": {" ,\n", "holds no key"},
		"not base64": {canaryBase64 + "*",
			"key 1: is not base64; make one with: sana keys new"},
		"half a byte over": {canaryBase64[:len(canaryBase64)-3], "key 1: is not base64"},
		"31 bytes": {"k1:" + short,
			"key 1: has 31 bytes, at least 32 are needed; make one with: sana keys new"},
		"an id and no key":    {"k1:", "key 1: has 0 bytes"},
		"the second is short": {canaryBase64 + "," + short, "key 2: has 31 bytes"},
		"an id twice": {"k1:" + canaryBase64 + ",k1:" + otherBase64,
			"key 2 has the id of an earlier one"},
		"a key twice": {canaryBase64 + "," + canaryBase64, "key 2 has the id of an earlier one"},
		"a key as the id": {canaryBase64 + ":" + otherBase64,
			"key 1: has an id that is not 1 to 20 of the characters"},
		"an id of no letters": {"k\x00:" + canaryBase64,
			"key 1: has an id that is not 1 to 20 of the characters"},
		"32 times A": {strings.Repeat("A", 43) + "=", "key 1: is a published example"},
		"one byte repeated": {base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{'x'}, 40)),
			"key 1: is a published example"},
		"0, 1, 2 and so on": {"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
			"key 1: is a published example"},
	} {
		ring, err := keyring.Parse(test.list)
		if err == nil || !strings.HasPrefix(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %q", name, err, test.want)
			continue
		}
		if strings.Contains(err.Error(), canaryBase64[:8]) ||
			strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: the error quotes the key: %v", name, err)
		}
		if _, ok := ring.Find("k1"); ok {
			t.Errorf("%s: a ring is returned beside the error", name)
		}
	}
}

func TestDeriveGivesEveryPurposeAndEveryKeyItsOwn32Bytes(t *testing.T) {
	t.Parallel()
	seen := map[string]string{}
	for _, list := range []string{canaryBase64, otherBase64} {
		for _, purpose := range []string{"", "code", "session", "code\x01"} {
			derived := parse(t, list).Current().Derive(purpose)
			if len(derived) != 32 {
				t.Errorf("Derive(%q): got %d bytes, want 32", purpose, len(derived))
			}
			if earlier, taken := seen[string(derived)]; taken {
				t.Errorf("Derive(%q) repeats Derive(%q)", purpose, earlier)
			}
			seen[string(derived)] = purpose
		}
	}
}

// The value was computed without this program, by RFC 5869 from HMAC-SHA-256.
func TestDeriveStaysWhatItIsOverReleases(t *testing.T) {
	t.Parallel()
	const frozen = "64c9cdb9433bb807162eded32cf53cfb4124b24cce255adf6ba71a328b6ea65b"
	key := parse(t, "c2FuYS10ZXN0LWtleS1zYW5hLXRlc3Qta2V5LXNhbmEhIQ==").Current()
	if got := hex.EncodeToString(key.Derive("sign-in code")); got != frozen {
		t.Errorf("got %s, want %s: every code and session of the release before is void", got,
			frozen)
	}
}

func TestNoPrintOfARingShowsAKey(t *testing.T) {
	t.Parallel()
	ring := parse(t, "k1:"+canaryBase64)
	holder := struct{ hidden keyring.Ring }{ring}
	var out bytes.Buffer
	for _, value := range []any{ring, &ring, ring.Current(), holder, []any{ring}} {
		fmt.Fprintf(&out, "%v %+v %#v %s %x %q\n", value, value, value, value, value, value)
		encoded, err := json.Marshal(value)
		fmt.Fprintln(&out, string(encoded), err)
		slog.New(slog.NewTextHandler(&out, nil)).Info("text", "value", value)
		slog.New(slog.NewJSONHandler(&out, nil)).Info("json", "value", value)
	}
	for name, leak := range map[string]string{
		"text": "canary", "base64": canaryBase64[:8], "decimal": "99 97 110",
		"Go syntax": "0x63, 0x61",
		"hex":       "63616e",
	} {
		if strings.Contains(out.String(), leak) {
			t.Errorf("the key is shown as %s:\n%s", name, &out)
		}
	}
}

// The law: Parse takes a list or refuses it; every key that it takes has at least 32 bytes and is
// found by its id.
func FuzzParseTakesOnlyWholeKeys(f *testing.F) {
	for _, seed := range []string{
		"", "k1:" + canaryBase64, canaryBase64 + "," + otherBase64, "k1:AAAA", "::",
		"k1:" + canaryBase64 + "\r\n" + otherBase64,
		"\x00:" + canaryBase64, strings.Repeat("A", 43), strings.Repeat("-_", 30) + "==",
		"é:" + otherBase64,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, list string) {
		ring, err := keyring.Parse(list)
		if err != nil {
			return
		}
		if found, ok := ring.Find(ring.Current().ID); !ok ||
			!bytes.Equal(found.Derive("x"), ring.Current().Derive("x")) {
			t.Errorf("Parse(%q): the current key is not found by its id", list)
		}
		for _, entry := range strings.FieldsFunc(list,
			func(r rune) bool { return r == ',' || r < '!' }) {
			if _, encoded, named := strings.Cut(entry, ":"); named {
				entry = encoded
			}
			if len(entry) < 43 { // base64 of 32 bytes
				t.Errorf("Parse(%q) takes the key %q, which cannot have 32 bytes", list, entry)
			}
		}
	})
}

func TestAKeysIdTellsItsDayOrThatItIsUnknown(t *testing.T) {
	t.Parallel()
	// in UTC the next day
	now := time.Date(2026, 11, 22, 23, 30, 0, 0, time.FixedZone("west", -2*60*60))
	made, err := keyring.Parse(keyring.New(now))
	if err != nil {
		t.Fatal(err)
	}
	if day, known := made.Current().Day(); !known || day.Format(time.DateOnly) != "2026-11-23" {
		t.Errorf("got %s, %t, want the day in UTC", day, known)
	}
	for _, id := range []string{"", "k1", "20261122", "20261322-3f9a", "2026-11-22", "deadbeef"} {
		ring, err := keyring.Parse(id + ":c2FuYS10ZXN0LWtleS1zYW5hLXRlc3Qta2V5LXNhbmEhIQ==")
		if err != nil {
			t.Fatal(err)
		}
		if day, known := ring.Current().Day(); known {
			t.Errorf("%s: got %s, want that it is unknown", id, day)
		}
	}
}

func TestCheckRandom_RefusesKeysTypedByHand(t *testing.T) {
	t.Parallel()
	encode := func(key string) string { return base64.StdEncoding.EncodeToString([]byte(key)) }
	for name, test := range map[string]struct {
		list string
		want string // "" for none
	}{
		"a word repeated": {strings.Repeat("changeme", 6), "key 1: is not random"},
		"words with a period of 9": {strings.Repeat("changeme-", 5)[:44],
			"it has only 8 different"},
		"words with a period of 11": {strings.Repeat("supersecret", 4), "it has only 7 different"},
		"15 different bytes": {encode(strings.Repeat("0123456789abcde", 4)),
			"it has only 15 different bytes"},
		"16 different bytes": {encode(strings.Repeat("0123456789abcdef", 2)), ""},
		"the second": {"new:" + otherBase64 + ",old:" + canaryBase64,
			"key 2: is not random"},
		"a new key": {keyring.New(time.Now()), ""},
	} {
		err := parse(t, test.list).CheckRandom()
		if (err == nil) != (test.want == "") || err != nil &&
			!strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %q", name, err, test.want)
		}
		if err != nil && strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: the error quotes the key: %v", name, err)
		}
	}
}
