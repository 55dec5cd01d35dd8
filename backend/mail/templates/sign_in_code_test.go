package templates_test

import (
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"sana/backend/mail"
	"sana/backend/mail/templates"
)

func aSignInCode(t *testing.T, code, publicURL string) templates.SignInCode {
	t.Helper()
	return templates.SignInCode{Code: code, PublicURL: parseURL(t, publicURL), ExpiresAt: aTime()}
}

func write(t *testing.T, c templates.SignInCode) mail.Message {
	t.Helper()
	m, err := parsed(t).SignInCode(oldAddress, "Sana <no-reply@sana.example>", c)
	if err != nil {
		t.Fatalf("write %s: %v", c.Code, err)
	}
	return m
}

// wordForCode is what phones look for beside a code.
var wordForCode = map[string]string{"en": "code", "de": "Code", "fr": "code", "es": "código",
	"ja": "コード"}

func TestTheCodeComesFirstAndStandsByTheWordCode(t *testing.T) {
	t.Parallel()
	for language, word := range wordForCode {
		for _, code := range []string{"123456", "12345678", "ABCDEFGHJKMNP"} {
			c := aSignInCode(t, code, "https://sana.example")
			c.Language = language
			m := write(t, c)
			first, _, _ := strings.Cut(m.Text, "\n")
			for _, line := range []string{m.Subject, first} {
				if !strings.HasPrefix(line, code+" ") || !strings.Contains(line, word) {
					t.Errorf("%s: got %q, want the code first and then %q", language, line, word)
				}
			}
			if !regexp.MustCompile(word + `.*</h1>\n<p [^>]*>` + code + `</p>`).MatchString(
				m.HTML) {
				t.Errorf("%s: got HTML without %s in one piece below %q", language, code, word)
			}
		}
	}
}

func TestTheLinkHoldsACodeOfAnyLengthWhole(t *testing.T) {
	t.Parallel()
	for _, code := range []string{"123456", "1234567", "12345678", "ABCDEFGHJKMNP"} {
		if m := write(t, aSignInCode(t, code, "https://sana.example")); !strings.Contains(m.Text,
			"/verify#c="+code+"\n") {
			t.Errorf("got text without the link for %q:\n%s", code, m.Text)
		}
	}
}

func TestTheCodeSaysWhichBrowserAskedAsTheLanguageDoes(t *testing.T) {
	t.Parallel()
	for language, want := range map[string]string{
		"en": "Firefox on Linux", "de": "Firefox unter Linux", "fr": "Firefox sur Linux",
		"es": "Firefox en Linux", "ja": "Firefox（Linux）",
	} {
		c := aSignInCode(t, "123456", "https://sana.example")
		c.Language, c.Browser = language, "Firefox on Linux"
		m := write(t, c)
		if !strings.Contains(m.Text, want) ||
			!strings.Contains(m.HTML, "<strong>"+want+"</strong>") {
			t.Errorf("%s: got no %q in both text and HTML:\n%s", language, want, m.Text)
		}
	}
	c := aSignInCode(t, "123456", "https://sana.example")
	c.Browser = "Firefox"
	if m := write(t, c); !strings.Contains(m.Text, "from Firefox.\n") {
		t.Errorf("got no browser without its system:\n%s", m.Text)
	}
}

// The client that requested the code chooses the browser's name, and may not be the recipient.
func TestABrowserOrSystemOfNoKnownNameIsLeftOut(t *testing.T) {
	t.Parallel()
	foreign := []string{
		"<b>Firefox</b>", "Firefox\n@evil.example #654321", "https://evil.example", "evil.example",
		"Win a prize at evil", "654321", "{code}", "firefox", " ",
	}
	without := write(t, aSignInCode(t, "123456", "https://sana.example"))
	alone := aSignInCode(t, "123456", "https://sana.example")
	alone.Browser = "Firefox"
	with := write(t, alone)
	for _, name := range foreign {
		for browser, want := range map[string]mail.Message{
			name: without, name + " on Linux": without, "Firefox on " + name: with,
			"Firefox on Linux on " + name: with,
		} {
			c := aSignInCode(t, "123456", "https://sana.example")
			c.Browser = browser
			if m := write(t, c); m.Text != want.Text || m.HTML != want.HTML {
				t.Errorf("%q: got it in the message, want it left out:\n%s", browser, m.Text)
			}
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
		if !strings.Contains(m.Text, "\n"+want+"\n") ||
			!strings.Contains(m.HTML, `href="`+want+`"`) {
			t.Errorf("%s: got no link %q in both text and HTML", publicURL, want)
		}
	}
}

func TestTheTemplatesAreNotToldWhatIsNotACode(t *testing.T) {
	t.Parallel()
	good := aSignInCode(t, "123456", "https://sana.example")
	for name, spoil := range map[string]func(*templates.SignInCode){
		"no code":      func(c *templates.SignInCode) { c.Code = "" },
		"short code":   func(c *templates.SignInCode) { c.Code = "12345" },
		"long code":    func(c *templates.SignInCode) { c.Code = "12345678901234567" },
		"CRLF in code": func(c *templates.SignInCode) { c.Code = "123456\r\n" },
		"tag in code":  func(c *templates.SignInCode) { c.Code = "<b>123456" },
		"other digits": func(c *templates.SignInCode) { c.Code = "\u0661\u0662\u0663" },
		"no URL":       func(c *templates.SignInCode) { c.PublicURL = nil },
		"URL of a file": func(c *templates.SignInCode) {
			c.PublicURL = &url.URL{Scheme: "file", Host: "x", Path: "/a"}
		},
		"URL, no host": func(c *templates.SignInCode) {
			c.PublicURL = &url.URL{Scheme: "https", Path: "/a"}
		},
		"no end": func(c *templates.SignInCode) { c.ExpiresAt = time.Time{} },
	} {
		spoilt := good
		spoil(&spoilt)
		m, err := parsed(t).SignInCode("ada@people.example", "sana@sana.example", spoilt)
		if err == nil {
			t.Errorf("%s: got subject %q, want an error", name, m.Subject)
			continue
		}
		if spoilt.Code != "" && strings.Contains(err.Error(), spoilt.Code) {
			t.Errorf("%s: got %q, want no code in it", name, err)
		}
	}
}
