package account

import (
	"net/mail"
	"strings"
	"testing"

	"sana/backend/fault"
)

func TestParseAddress_ReturnsOneCanonicalForm(t *testing.T) {
	t.Parallel()
	for input, want := range map[string]string{
		"ada@sana.example":                        "ada@sana.example",
		"  Ada@SANA.Example\r\n":                  "ada@sana.example",
		"ada+news@sana.example":                   "ada+news@sana.example",
		"a.d-a_!#$%&'*/=?^`{|}~@sana.example":     "a.d-a_!#$%&'*/=?^`{|}~@sana.example",
		"ada@bücher.example":                      "ada@xn--bcher-kva.example",
		"ada@BÜCHER.example":                      "ada@xn--bcher-kva.example",
		"ada@xn--bcher-kva.example":               "ada@xn--bcher-kva.example",
		"ada@1.example":                           "ada@1.example",
		"ａｄａ＠ｓａｎａ．ｅｘａｍｐｌｅ":                        "ada@sana.example",
		"ada＠sana。example":                        "ada@sana.example",
		"\u00a0ada@sana.example\u200b\u3000":      "ada@sana.example",
		"\u202aada\u200e@sana.example\ufeff":      "ada@sana.example",
		"ada @sana.example ":                      "ada@sana.example",
		strings.Repeat("a", 64) + "@sana.example": strings.Repeat("a", 64) + "@sana.example",
	} {
		if got, err := ParseAddress(input); err != nil || got != want {
			t.Errorf("%q: got %q (%v), want %q", input, got, err, want)
		}
	}
}

// another program could read such an address as two, as another user's, or as a header.
func TestParseAddress_RefusesAnythingButOnePlainAddress(t *testing.T) {
	t.Parallel()
	for _, input := range []string{
		"", " ", "ada", "@", "ada@", "@sana.example", "ada@sana", "ada@localhost", "ada@127.0.0.1",
		"ada@[127.0.0.1]",
		"ada@sana.example,eve@evil.example", "ada@sana.example;eve@evil.example",
		"ada@sana.example eve@evil.example",
		`"a,b@y.example"@sana.example`, `"ada"@sana.example`, "Ada <ada@sana.example>",
		"<ada@sana.example>", "team: ada@sana.example;",
		"ada@sana.example\r\nBcc: eve@evil.example", "ada\n@sana.example", "ada@sana\t.example",
		"ada@sana.example\x00",
		"ada%0a@sana.example\n.", "ada@@sana.example", "a@da@sana.example",
		"ada(comment)@sana.example",
		".ada@sana.example", "ada.@sana.example", "a..da@sana.example", "ada@.sana.example",
		"ada@sana..example", "ada@sana.example.",
		"ada@-sana.example", "ada@sana-.example", "ada@sa_na.example", "ada@sana.123",
		"mİke@sana.example", "\u212Aelvin@sana.example", "аda@sana.example",
		"ada\u2024eve@sana.example",
		"ﬁona@sana.example", "ada℀@sana.example", "ada①@sana.example", "١@sana.example",
		"ada＠sana.example＠evil.example",
		strings.Repeat("a", 65) + "@sana.example", "ada@" + strings.Repeat("a", 64) + ".example",
		"ada@" + strings.Repeat("a.", 130) + "example",
		"ada@" + strings.Repeat("sixty-three-octets.", 14) + "example",
	} {
		if got, err := ParseAddress(input); !fault.Is(err, fault.InvalidEmail) {
			t.Errorf("%q: got %q (%v), want invalid_email", input, got, err)
		}
	}
}

// An accepted address passes the standard library's parser unchanged and is its own canonical form.
func FuzzParseAddress_ResultIsStable(f *testing.F) {
	for _, seed := range []string{"ada@sana.example", "Ada@BÜCHER.example", "a,b@c.example",
		`"a"@b.example`, "ada@xn--.example", "a@b.c\r\nd", "ß@ß.example"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, input string) {
		address, err := ParseAddress(input)
		if err != nil {
			if address != "" || !fault.Is(err, fault.InvalidEmail) {
				t.Errorf("%q: got %q and %v", input, address, err)
			}
			return
		}
		parsed, err := mail.ParseAddress(address)
		if err != nil || parsed.Address != address || parsed.Name != "" ||
			strings.ContainsAny(address, " ,;<>\"\r\n\x00()") || len(address) > 254 {
			t.Errorf("%q is accepted as %q, which is read as %v (%v)", input, address, parsed, err)
		}
		if again, err := ParseAddress(address); err != nil || again != address {
			t.Errorf("%q becomes %q, and that becomes %q (%v)", input, address, again, err)
		}
	})
}
