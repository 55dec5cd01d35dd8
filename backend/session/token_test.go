package session

import (
	"encoding/base64"
	"strings"
	"testing"
)

// ASVS 5.0, 7.2.3: tokens are 256 random bits, and no two are the same.
func TestNewToken_IsRandom(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for range 10_000 {
		token := NewToken()
		raw, err := base64.RawURLEncoding.DecodeString(token)
		if err != nil || len(raw) != 32 || seen[token] {
			t.Fatalf("the token %q is not new or not 32 bytes (%v)", token, err)
		}
		seen[token] = true
	}
}

func TestKey_IsHexOfSHA256(t *testing.T) {
	t.Parallel()
	// printf 'a%.0s' $(seq 32) | sha256sum
	const want = "3ba3f5f43b92602683c19aee62a20342b084dd5971ddd33808d81a328879a547"
	raw := [32]byte([]byte(strings.Repeat("a", 32)))
	if got, ok := Key(TokenOf(raw)); !ok || got != want {
		t.Errorf("got %q (%v), want %q", got, ok, want)
	}
	if got, ok := Key("x"); ok || got != "" {
		t.Errorf("got %q (%v) for a malformed token", got, ok)
	}
}

func TestParseKeys_SkipsMalformedKeys(t *testing.T) {
	t.Parallel()
	k := mustKey(NewToken())
	keys := parseKeys([]string{
		"", "x", strings.Repeat("z", 64), k.text(), k.text()[:10], k.text() + "00",
	})
	if len(keys) != 1 || keys[0] != k {
		t.Errorf("got %v, want %v", keys, k)
	}
}

func FuzzKey_AcceptsOnlyWellFormedTokens(f *testing.F) {
	for _, seed := range []string{
		"", "x", strings.Repeat("A", 43), strings.Repeat("A", 44), strings.Repeat("_", 43), "AAAA=",
		"\x00\xff", NewToken(),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, token string) {
		k, ok := Key(token)
		raw, err := base64.RawURLEncoding.DecodeString(token)
		isWellFormed := err == nil && len(raw) == 32 &&
			base64.RawURLEncoding.EncodeToString(raw) == token
		if ok != isWellFormed {
			t.Errorf("%q: accepted %v, well-formed %v", token, ok, isWellFormed)
		}
		if ok && (len(k) != 64 || strings.Contains(k, token)) {
			t.Errorf("%q has the key %q", token, k)
		}
	})
}

func FuzzPrintable_IsPrintable(f *testing.F) {
	for _, seed := range []string{
		"", "Mozilla/5.0", "\x00\xff\xfe", strings.Repeat("ü", 300), "a\r\nb\x1b[31m",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got := Printable(text, 256)
		if len(got) > 256 || strings.ContainsAny(got, "\x00\r\n\x1b") ||
			got != strings.ToValidUTF8(got, "") || Printable(got, 256) != got {
			t.Errorf("%q becomes %q", text, got)
		}
	})
}
