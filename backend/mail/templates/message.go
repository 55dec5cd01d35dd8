package templates

import (
	"bytes"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"sana/backend/brand"
	"sana/backend/mail"
)

// details are the values that every message shows.
type details struct {
	language  string
	browser   string
	when      time.Time
	publicURL *url.URL
	utcOffset int // as in SignInCode
}

// message has the values and methods that templates use.
type message struct {
	Name     string // prefix of its texts in the catalogue, "new_device"
	Language string
	Link     string
	LinkName string // the message that names Link, in mails that have a button for it
	Code     string // "" in messages without a code
	// ForChange is that of SignInCode.
	ForChange bool

	Brand brand.Brand

	messages catalogue
	zone     *time.Location // of the times in it
	values   map[string]string
}

// footLink is a link below a message.
type footLink struct{ Message, URL string }

// Say returns a text of the catalogue with its values.
func (l *message) Say(message string) (string, error) { return l.messages.say(message, l.values) }

// Parts returns a text with its values separately, for templates that emphasize them.
func (l *message) Parts(text string) ([]part, error) { return l.messages.fill(text, l.values) }

// Links returns the operator's links that are set, with the texts that name them.
func (l *message) Links() []footLink {
	var links []footLink
	for _, each := range []footLink{
		{"help", l.Brand.HelpURL}, {"privacy", l.Brand.PrivacyURL}, {"terms", l.Brand.TermsURL},
	} {
		if each.URL != "" {
			links = append(links, each)
		}
	}
	return links
}

// Knows reports whether a value is known.
func (l *message) Knows(value string) bool { return l.values[value] != "" }

func (t *Set) message(name string, about details) (*message, error) {
	u := about.publicURL
	if u == nil || u.Hostname() == "" || !isWebScheme(u.Scheme) {
		return nil, errors.New("mail: the public URL is not http or https with a host")
	}
	if about.when.IsZero() {
		return nil, errors.New("mail: the message has no time")
	}
	messages, written := t.languages[about.language]
	if !written {
		about.language = languages[0]
		messages = t.languages[about.language]
	}
	zone := time.FixedZone("", 60*about.utcOffset)
	when, err := messages.dateTime(about.when.In(zone))
	if err != nil {
		return nil, err
	}
	clock, err := messages.clock(about.when.In(zone))
	if err != nil {
		return nil, err
	}
	browser, err := messages.platform(about.browser)
	return &message{
		Name:     name,
		Language: about.language,
		Link:     link(u, "/", ""),
		Brand:    t.brand,
		messages: messages,
		zone:     zone,
		values: map[string]string{
			"brand": t.brand.Name, "support": t.brand.SupportEmail, "site": u.Host,
			"when": when, "clock": clock, "browser": browser,
		},
	}, err
}

func isWebScheme(scheme string) bool { return scheme == "http" || scheme == "https" }

// link is an address below the public one.
func link(publicURL *url.URL, path, fragment string) string {
	u := publicURL.JoinPath(path)
	u.RawQuery, u.Fragment = "", fragment
	return u.String()
}

// write renders a message with the templates of the given name.
func (t *Set) write(to, from, kind, template string, l *message) (mail.Message, error) {
	subject, err := l.Say(l.Name + "_subject")
	if err != nil {
		return mail.Message{}, err
	}
	var text, html bytes.Buffer
	if err := t.text.ExecuteTemplate(&text, template+".txt", l); err != nil {
		return mail.Message{}, fmt.Errorf("mail: write %s as text: %w", kind, err)
	}
	if err := t.html.ExecuteTemplate(&html, template+".html", l); err != nil {
		return mail.Message{}, fmt.Errorf("mail: write %s as HTML: %w", kind, err)
	}
	return mail.Message{
		To:      to,
		From:    from,
		Subject: subject,
		Text:    strings.TrimRight(text.String(), "\n"),
		HTML:    html.String(),
		// RFC 3834: no holiday replies, please
		Headers: map[string]string{"Auto-Submitted": "auto-generated"},
		Kind:    kind,
	}, nil
}
