package mail_test

import (
	"flag"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"sana/backend/mail"
)

var update = flag.Bool("update", false, "write the golden files instead of comparing with them")

func aSignInCode(t *testing.T, code, publicURL string) mail.SignInCode {
	t.Helper()
	u, err := url.Parse(publicURL)
	if err != nil {
		t.Fatal(err)
	}
	zone := time.FixedZone("somewhere", 2*60*60)
	return mail.SignInCode{Code: code, PublicURL: u, ExpiresAt: time.Date(2026, 11, 22, 16, 5, 59, 0, zone)}
}

func write(t *testing.T, c mail.SignInCode) mail.Message {
	t.Helper()
	templates, err := mail.ParseTemplates()
	if err != nil {
		t.Fatal(err)
	}
	m, err := templates.SignInCode("ada@people.example", "Sana <no-reply@sana.example>", c)
	if err != nil {
		t.Fatalf("write %s: %v", c.Code, err)
	}
	return m
}

func TestSignInCodeReadsAsAgreed(t *testing.T) {
	t.Parallel()
	m := write(t, aSignInCode(t, "123456", "https://sana.example"))
	if want := "123456 is your Sana code"; m.Subject != want {
		t.Errorf("got subject %q, want %q", m.Subject, want)
	}
	if got := m.Headers["Auto-Submitted"]; got != "auto-generated" {
		t.Errorf("got Auto-Submitted %q, want auto-generated", got)
	}
	if m.To != "ada@people.example" || m.From != "Sana <no-reply@sana.example>" || m.Kind != "sign_in_code" {
		t.Errorf("got to %q, from %q, kind %q", m.To, m.From, m.Kind)
	}
	golden(t, "sign_in_code.txt", m.Text)
	golden(t, "sign_in_code.html", m.HTML)
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs (go test ./backend/mail -update rewrites it); got:\n%s", file, got)
	}
}

func TestACodeOfAnyLengthIsGroupedAndWhole(t *testing.T) {
	t.Parallel()
	for code, grouped := range map[string]string{
		"123456": "123 456", "1234567": "123 4567", "12345678": "1234 5678", "ABCDEFGHJKMNP": "ABC DEF GHJ KMNP",
	} {
		m := write(t, aSignInCode(t, code, "https://sana.example"))
		for _, want := range []string{code + " is your Sana code.\n", ": " + grouped + "\n", "#c=" + code + "\n"} {
			if !strings.Contains(m.Text, want) {
				t.Errorf("%s: got text without %q:\n%s", code, want, m.Text)
			}
		}
		if !strings.Contains(m.HTML, ">"+code+"</p>") {
			t.Errorf("%s: got HTML without the code in one piece", code)
		}
	}
}

func TestTheLastLineBindsTheCodeToTheHost(t *testing.T) {
	t.Parallel()
	for publicURL, want := range map[string]string{
		"https://sana.example":              "@sana.example #123456",
		"https://sana.example/":             "@sana.example #123456",
		"http://localhost:3000":             "@localhost #123456",
		"https://sana.example:8443/sign-in": "@sana.example #123456",
	} {
		m := write(t, aSignInCode(t, "123456", publicURL))
		if got := m.Text[strings.LastIndexByte(m.Text, '\n')+1:]; got != want {
			t.Errorf("%s: got last line %q, want %q", publicURL, got, want)
		}
	}
}

func TestTheLinkCarriesTheCodeInItsFragmentOnly(t *testing.T) {
	t.Parallel()
	for publicURL, want := range map[string]string{
		"https://sana.example":       "https://sana.example/verify#c=123456",
		"https://sana.example/?a=b#": "https://sana.example/verify#c=123456",
		"http://localhost:3000/app/": "http://localhost:3000/app/verify#c=123456",
	} {
		m := write(t, aSignInCode(t, "123456", publicURL))
		if !strings.Contains(m.Text, "\n"+want+"\n") || !strings.Contains(m.HTML, `href="`+want+`"`) {
			t.Errorf("%s: got no link %q in both text and HTML", publicURL, want)
		}
	}
}

func TestTheHTMLLoadsNothingAndStaysSmall(t *testing.T) {
	t.Parallel()
	html := write(t, aSignInCode(t, "123456", "https://sana.example")).HTML
	if len(html) > 20_000 {
		t.Errorf("got %d bytes, want at most 20000", len(html))
	}
	loads := regexp.MustCompile(`(?i)<(img|link|script|iframe|object|video|svg)\b|\bsrc(set)?\s*=|url\(|@import|background=`)
	if got := loads.FindString(html); got != "" {
		t.Errorf("got %q, want nothing that loads anything", got)
	}
	links := regexp.MustCompile(`(?i)https?://[^"' <]+`).FindAllString(html, -1)
	if len(links) != 1 || links[0] != "https://sana.example/verify#c=123456" {
		t.Errorf("got addresses %q, want the link alone", links)
	}
}

func TestTheTemplatesAreNotToldWhatIsNotACode(t *testing.T) {
	t.Parallel()
	templates, err := mail.ParseTemplates()
	if err != nil {
		t.Fatal(err)
	}
	good := aSignInCode(t, "123456", "https://sana.example")
	for name, spoil := range map[string]func(*mail.SignInCode){
		"no code":       func(c *mail.SignInCode) { c.Code = "" },
		"short code":    func(c *mail.SignInCode) { c.Code = "12345" },
		"long code":     func(c *mail.SignInCode) { c.Code = "12345678901234567" },
		"CRLF in code":  func(c *mail.SignInCode) { c.Code = "123456\r\n" },
		"tag in code":   func(c *mail.SignInCode) { c.Code = "<b>123456" },
		"other digits":  func(c *mail.SignInCode) { c.Code = "\u0661\u0662\u0663" },
		"no URL":        func(c *mail.SignInCode) { c.PublicURL = nil },
		"URL of a file": func(c *mail.SignInCode) { c.PublicURL = &url.URL{Scheme: "file", Host: "x", Path: "/a"} },
		"URL, no host":  func(c *mail.SignInCode) { c.PublicURL = &url.URL{Scheme: "https", Path: "/a"} },
		"no end":        func(c *mail.SignInCode) { c.ExpiresAt = time.Time{} },
	} {
		spoilt := good
		spoil(&spoilt)
		m, err := templates.SignInCode("ada@people.example", "sana@sana.example", spoilt)
		if err == nil {
			t.Errorf("%s: got subject %q, want an error", name, m.Subject)
			continue
		}
		if spoilt.Code != "" && strings.Contains(err.Error(), spoilt.Code) {
			t.Errorf("%s: got %q, want no code in it", name, err)
		}
	}
}
