// Package mailgun sends mail through Mailgun, asks it about its state, and reads what it reports.
package mailgun

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"sana/backend/mail"

	"github.com/mailgun/mailgun-go/v4"
)

// Sender is the mail.Sender of production: Mailgun's HTTP API, by mailgun-go. Tracking is off, TLS
// to the recipient's server is demanded, and the message's Kind is its tag. Its Ref goes with it as
// a variable, which Mailgun's events give back, and which the recipient finds in the header
// X-Mailgun-Variables.
//
// mailgun-go v4 alone does not do for three things, and http.go does them around it: its default
// client has no timeout, it reads an answer of any length, and it drops the answer's headers,
// Retry-After among them. Its Debug switch prints whole requests, with the code, and is never set
// here. Its errors hold the URL and the answer's body, so none of them is passed on or wrapped.
type Sender struct {
	client *mailgun.MailgunImpl
	asking *http.Client // the same, for what mailgun-go does not ask
}

// Config says where and as whom to send.
type Config struct {
	Domain string // the sending domain, "mg.sana.example"
	APIKey string // the account's or, better, the domain's sending key
	// ends in /v3; empty is Mailgun's US region. Plain http is taken for a loopback address only
	APIBase string
	// for one message, from dialing to the answer's last byte; zero is 10 seconds
	Timeout time.Duration
}

// New checks the configuration, without asking Mailgun, and returns a Sender. Its errors name the
// faulty field and never the key.
func New(c Config) (*Sender, error) {
	c.APIBase = cmp.Or(c.APIBase, mailgun.APIBaseUS)
	if err := c.check(); err != nil {
		return nil, err
	}
	client := mailgun.NewMailgun(c.Domain, c.APIKey)
	client.SetAPIBase(strings.TrimRight(c.APIBase, "/"))
	asking := newHTTPClient(cmp.Or(c.Timeout, 10*time.Second))
	client.SetClient(asking)
	return &Sender{client: client, asking: asking}, nil
}

func (c Config) check() error {
	base, err := url.Parse(c.APIBase)
	switch {
	case !mail.IsHostname(c.Domain):
		return errors.New("mail: mailgun: the domain is not a host name")
	case c.APIKey == "" || strings.ContainsFunc(c.APIKey, isUnprintable):
		return errors.New("mail: mailgun: the API key is empty or has spaces in it")
	case err != nil || base.Host == "" ||
		!strings.HasSuffix(strings.TrimRight(base.Path, "/"), "/v3"):
		return errors.New(
			"mail: mailgun: the API base is not a URL that ends in /v3, like " + mailgun.APIBaseEU)
	case base.Scheme != "https" && !(base.Scheme == "http" && mail.IsLoopback(base.Hostname())):
		return errors.New("mail: mailgun: the API base is not https")
	}
	return nil
}

func isUnprintable(r rune) bool { return r <= ' ' || r >= 0x7f }

// Send gives the message to Mailgun.
//
// Only an answer with a message id counts as accepted. After a success that cannot be read Mailgun
// may still have taken the message, and yet the error is a temporary one: a second mail with the
// same code does no harm, a lost one does. Refusals (3xx, and 4xx but 408, 425 and 429) are
// permanent; 429 is a *Throttled; all else may be retried.
func (s *Sender) Send(ctx context.Context, m mail.Message) error {
	_, err := s.Post(ctx, m)
	return err
}

// Post is Send that returns Mailgun's id of the message, for Fate.
func (s *Sender) Post(ctx context.Context, m mail.Message) (id string, err error) {
	if err := m.Check(); err != nil {
		return "", err
	}
	letter, err := mailgunMessage(m)
	if err != nil {
		return "", err
	}
	ctx, seen := withAnswer(ctx)
	_, id, err = s.client.Send(ctx, letter)
	if err == nil && id != "" {
		return strings.Trim(id, "<>"), nil
	}
	if seen.status == 0 {
		return "", noAnswer(ctx, err)
	}
	return "", refusal(seen, m.Secrets()...)
}

func mailgunMessage(m mail.Message) (*mailgun.Message, error) {
	letter := mailgun.NewMessage(m.From, m.Subject, m.Text, m.To)
	letter.SetHTML(m.HTML)
	letter.SetTrackingOptions(
		&mailgun.TrackingOptions{Tracking: false, TrackingClicks: "no", TrackingOpens: false})
	letter.SetRequireTLS(true)
	if err := letter.AddTag(m.Kind); err != nil {
		return nil, mail.Permanent(errors.New("mail: mailgun: the tag was refused"))
	}
	if m.Ref != "" {
		if err := letter.AddVariable(refVariable, m.Ref); err != nil {
			return nil, mail.Permanent(errors.New("mail: mailgun: the reference was refused"))
		}
	}
	for name, value := range m.Headers {
		letter.AddHeader(name, value)
	}
	return letter, nil
}

// refusal says what an answer that accepts nothing means. Its error quotes Mailgun on a message
// that is refused, with the secrets struck out.
func refusal(a *answer, secrets ...string) error {
	switch status := a.status; {
	case status == http.StatusTooManyRequests:
		return &mail.Throttled{After: a.retryAfter}
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return mail.Permanent(fmt.Errorf("mail: mailgun: %d %w", status, mail.ErrCredentials))
	case status == http.StatusRequestTimeout || status == http.StatusTooEarly:
		return fmt.Errorf("mail: mailgun: %d not now", status)
	case status >= 500:
		return fmt.Errorf("mail: mailgun: %d trouble at the provider", status)
	case status >= 400:
		return mail.Permanent(
			fmt.Errorf("mail: mailgun: %d message refused%s", status, a.words(secrets)))
	case status >= 300:
		return mail.Permanent(fmt.Errorf("mail: mailgun: %d redirect refused", status))
	default:
		return fmt.Errorf("mail: mailgun: %d answer unreadable", status)
	}
}

// words returns Mailgun's own for the end of an error, "" if there are none.
func (a *answer) words(secrets []string) string {
	var said struct {
		Message string `json:"message"`
	}
	_ = json.Unmarshal(a.body.Bytes(), &said)
	words := mail.Quote(said.Message, secrets...)
	if words == "" {
		return ""
	}
	return "; Mailgun says: " + words
}

// noAnswer says why there was none, in words of our own: the transport's name the URL and more.
// Where the caller's context ended, its error is in the chain.
func noAnswer(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("mail: mailgun: %w", ctx.Err())
	}
	return errors.New("mail: mailgun: no answer: " + mail.NetworkReason(err))
}
