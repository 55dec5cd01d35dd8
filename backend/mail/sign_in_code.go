package mail

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	htmltemplate "html/template"
	"net/url"
	"strings"
	texttemplate "text/template"
	"time"
)

//go:embed templates/*.txt templates/*.html
var templateFiles embed.FS

// Templates writes Sana's messages. It is safe for concurrent use.
type Templates struct {
	text *texttemplate.Template
	html *htmltemplate.Template
}

// ParseTemplates reads the embedded templates. An error means that the binary was built from broken ones.
func ParseTemplates() (*Templates, error) {
	text, err := texttemplate.ParseFS(templateFiles, "templates/*.txt")
	if err != nil {
		return nil, fmt.Errorf("mail: parse text templates: %w", err)
	}
	html, err := htmltemplate.ParseFS(templateFiles, "templates/*.html")
	if err != nil {
		return nil, fmt.Errorf("mail: parse HTML templates: %w", err)
	}
	return &Templates{text: text, html: html}, nil
}

// SignInCode is what the message with a sign-in code tells.
type SignInCode struct {
	Language  string    // one of Languages; anything else is English
	Browser   string    // which one asked, "Firefox on Linux"; "" where it is unknown
	Code      string    // 6 to 16 ASCII digits or letters
	PublicURL *url.URL  // where Sana is reached, http or https with a host; a path is kept, query and fragment are not
	ExpiresAt time.Time // shown in UTC, rounded down to the minute: never later than the code really ends
}

// SignInCode writes the message with a sign-in code: from one mailbox, to one bare address. It returns an error,
// which holds neither address nor code, when the code or the URL is not as SignInCode asks.
//
// The link carries the code in its fragment, which no server and no log gets to see. The text ends with the line
// "@host #code" by which a mail client fills the code in on that host only (draft-wells-origin-bound-one-time-codes).
func (t *Templates) SignInCode(to, from string, c SignInCode) (Message, error) {
	if err := c.check(); err != nil {
		return Message{}, err
	}
	view := c.view()
	var text, html bytes.Buffer
	if err := t.text.ExecuteTemplate(&text, "sign_in_code.txt", view); err != nil {
		return Message{}, fmt.Errorf("mail: write sign-in code as text: %w", err)
	}
	if err := t.html.ExecuteTemplate(&html, "sign_in_code.html", view); err != nil {
		return Message{}, fmt.Errorf("mail: write sign-in code as HTML: %w", err)
	}
	return Message{
		To:      to,
		From:    from,
		Subject: view.Subject,
		Text:    strings.TrimRight(text.String(), "\n"),
		HTML:    html.String(),
		Headers: map[string]string{"Auto-Submitted": "auto-generated"}, // RFC 3834: no holiday replies, please
		Kind:    "sign_in_code",
	}, nil
}

func (c SignInCode) check() error {
	if len(c.Code) < 6 || len(c.Code) > 16 || strings.ContainsFunc(c.Code, isNotDigitOrLetter) {
		return errors.New("mail: the sign-in code is not 6 to 16 digits or letters")
	}
	if c.PublicURL == nil || c.PublicURL.Hostname() == "" || !isWebScheme(c.PublicURL.Scheme) {
		return errors.New("mail: the public URL is not http or https with a host")
	}
	if c.ExpiresAt.IsZero() {
		return errors.New("mail: the sign-in code has no end")
	}
	return nil
}

func isNotDigitOrLetter(r rune) bool {
	return (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
}

func isWebScheme(scheme string) bool { return scheme == "http" || scheme == "https" }

// signInCodeView is what the two templates may use.
type signInCodeView struct {
	Subject  string
	Code     string
	Grouped  string // "123 456", for the eye; never to be copied
	Site     string // host, with the port where there is one
	Hostname string // host without port
	Link     string
	Expires  string
}

func (c SignInCode) view() signInCodeView {
	link := c.PublicURL.JoinPath("verify")
	link.RawQuery, link.Fragment = "", "c="+c.Code
	return signInCodeView{
		Subject:  c.Code + " is your Sana code",
		Code:     c.Code,
		Grouped:  group(c.Code),
		Site:     c.PublicURL.Host,
		Hostname: c.PublicURL.Hostname(),
		Link:     link.String(),
		Expires:  c.ExpiresAt.UTC().Format("15:04 UTC on 2 January 2006"),
	}
}

// group splits a code into as few groups of at most four as will do, evenly, the shorter ones first:
// 6 is 3+3, 7 is 3+4, 8 is 4+4.
func group(code string) string {
	var groups []string
	for left := (len(code) + 3) / 4; left > 0; left-- {
		size := len(code) / left
		groups = append(groups, code[:size])
		code = code[size:]
	}
	return strings.Join(groups, " ")
}
