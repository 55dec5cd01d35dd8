// Package smtp sends mail through a mail server.
package smtp

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	netmail "net/mail"
	"net/textproto"
	"strings"
	"time"

	"sana/backend/mail"

	gomail "github.com/wneessen/go-mail"
)

// Sender is the mail.Sender for SMTP servers: a relay, or a provider other than Mailgun. It keeps a
// connection for a few seconds for further messages, and opens one for each concurrent message.
//
// The connection is encrypted, with a verified certificate, before credentials or messages are
// sent. Plain text is used with a loopback address, or if Plain is set, and only without a
// password.
//
// A message's Kind and Ref are not sent: SMTP does not return them.
type Sender struct {
	config Config
	idle   idle
}

// Config says to which server to hand messages, and as whom.
type Config struct {
	Host     string
	Port     int
	TLS      bool   // from the first byte; else by STARTTLS
	Username string // empty: without logging in
	Password string
	Plain    bool // without encryption, where the server offers none; not with a password
	// who may have signed the server's certificate; nil is whom the system trusts
	RootCAs *x509.CertPool
	Timeout time.Duration // for one message, from dialing to the end; zero is 10 seconds
}

// New checks the configuration, without asking the server, and returns a Sender. Its errors never
// have the password.
func New(c Config) (*Sender, error) {
	c.Timeout = cmp.Or(c.Timeout, 10*time.Second)
	switch {
	case net.ParseIP(c.Host) == nil && !mail.IsHostname(c.Host):
		return nil, errors.New("mail: smtp: the host is neither a host name nor an address")
	case c.Port < 1 || c.Port > 65535:
		return nil, errors.New("mail: smtp: the port is not one from 1 to 65535")
	case (c.Username == "") != (c.Password == ""):
		return nil, errors.New("mail: smtp: a user and a password come together")
	}
	return &Sender{config: c}, nil
}

// Meanings of answers that reject a message, besides the errors of package mail.
var (
	errNotNow         = errors.New("not now")
	errMessageRefused = errors.New("message refused")
	errServerFailed   = errors.New("trouble at the server")
)

// mustEncrypt reports whether a server without STARTTLS is refused. It never matters where TLS
// comes first.
func (c Config) mustEncrypt() bool {
	return c.Username != "" || !c.Plain && !mail.IsLoopback(c.Host)
}

// Send gives the message to the server.
//
// Once the server has taken the message over, nothing that comes after counts. Where its answer to
// the whole message is lost, it may have taken it, and yet the error is a temporary one: a second
// mail with the same code does no harm. Answers of 5xx to the recipient or to the message are
// permanent, as are refused credentials and a sender that the server takes no mail from; 4xx to the
// recipient, and 450 to 452 to the message, have ErrDeferred in their chain; 421 and 454 elsewhere
// are a *Throttled; all else may be retried. Errors quote the server, with the recipient and the
// code struck out.
func (s *Sender) Send(ctx context.Context, m mail.Message) error {
	if err := m.Check(); err != nil {
		return err
	}
	message, domain, err := smtpMessage(m)
	if err != nil {
		return err
	}
	bounded, cancel := context.WithTimeout(ctx, s.config.Timeout)
	defer cancel()
	for talk := s.idle.take(domain); talk != nil; talk = s.idle.take(domain) {
		talk.secrets = m.Secrets()
		if err := s.send(bounded, talk, message); err == nil || !isStale(err) {
			return talk.outcome(ctx, message, err)
		}
	}
	talk := &conversation{config: s.config, domain: domain, secrets: m.Secrets()}
	if err := talk.begin(bounded); err != nil {
		talk.close()
		return talk.classify(ctx, err)
	}
	return talk.outcome(ctx, message, s.send(bounded, talk, message))
}

// send sends one message in a conversation, and keeps that for the next one if all went well.
func (s *Sender) send(ctx context.Context, talk *conversation, message *gomail.Msg) error {
	talk.resume(ctx)
	err := talk.mailer.SendWithSMTPClient(talk.line, message)
	if !talk.pause() || err != nil || !s.idle.keep(talk) {
		talk.close()
	}
	return err
}

// outcome returns the result of sending a message.
func (t *conversation) outcome(ctx context.Context, message *gomail.Msg, err error) error {
	switch {
	case message.IsDelivered():
		return nil
	case err == nil:
		return errors.New("mail: smtp: nothing was sent")
	default:
		return t.classify(ctx, err)
	}
}

// LogIn connects as Send does, for a message of this sender, up to where the message would begin,
// and hangs up. Its errors are Send's.
func (s *Sender) LogIn(ctx context.Context, from string) error {
	_, domain, err := readSender(from)
	if err != nil {
		return err
	}
	bounded, cancel := context.WithTimeout(ctx, s.config.Timeout)
	defer cancel()
	talk := &conversation{config: s.config, domain: domain}
	defer talk.close()
	if err := talk.begin(bounded); err != nil {
		return talk.classify(ctx, err)
	}
	talk.quit()
	return nil
}

// readSender returns a sender, and its domain, which names us to the server.
func readSender(from string) (mailbox *netmail.Address, domain string, err error) {
	mailbox, err = netmail.ParseAddress(from)
	if err != nil || !mail.IsPlainAddress(mailbox.Address) {
		return nil, "",
			mail.Permanent(errors.New("mail: smtp: the sender is not one plain address"))
	}
	return mailbox, mailbox.Address[strings.LastIndexByte(mailbox.Address, '@')+1:], nil
}

// smtpMessage writes the message out, and returns the domain of its sender.
func smtpMessage(m mail.Message) (message *gomail.Msg, domain string, err error) {
	from, domain, err := readSender(m.From)
	if err != nil {
		return nil, "", err
	}
	message = gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	message.FromMailAddress(from)
	message.ToMailAddress(&netmail.Address{Address: m.To})
	message.Subject(m.Subject)
	message.SetDate()
	message.SetMessageIDWithValue(rand.Text() + "@" + domain)
	for name, value := range m.Headers {
		message.SetGenHeader(gomail.Header(name), value)
	}
	message.SetBodyString(gomail.TypeTextPlain, m.Text)
	if m.HTML != "" {
		message.AddAlternativeString(gomail.TypeTextHTML, m.HTML)
	}
	return message, domain, nil
}

// classify says in words of our own, and in the server's, what went wrong: the library's hold
// addresses. Where the caller's context ended, its error is in the chain.
func (t *conversation) classify(ctx context.Context, err error) error {
	refused, atMessage := errors.AsType[*gomail.SendError](err)
	atRecipient := atMessage && refused.Reason == gomail.ErrSMTPRcptTo
	atSender := atMessage && refused.Reason == gomail.ErrSMTPMailFrom
	answer := readReply(err)
	code := answer.code
	cause := func(what error) error {
		words := answer.words(append(t.secrets, t.config.Username, t.config.Password)...)
		if words == "" {
			return fmt.Errorf("mail: smtp: %d %w", code, what)
		}
		return fmt.Errorf("mail: smtp: %d %w; the server says: %s", code, what, words)
	}
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("mail: smtp: %w", ctx.Err())
	case errors.Is(err, errClient):
		return errors.New("mail: smtp: the client cannot be set up")
	case errors.Is(err, errNoLogin):
		return mail.Permanent(
			fmt.Errorf("mail: smtp: the server offers no login that we know: %w",
				mail.ErrCredentials))
	case errors.Is(err, errNotEncrypted) || strings.Contains(err.Error(), noSTARTTLS):
		return fmt.Errorf("mail: smtp: %w", mail.ErrNoEncryption)
	case code == 0:
		return errors.New("mail: smtp: no answer: " + t.reason(err))
	case atRecipient && code < 500, atMessage && !atSender && 450 <= code && code <= 452:
		return cause(mail.ErrDeferred)
	case code == 421 || code == 454:
		return &mail.Throttled{}
	case code < 500:
		return cause(errNotNow)
	case t.forbids(code) || atSender:
		return mail.Permanent(cause(mail.ErrCredentials))
	case atRecipient && answer.hasNoMailbox():
		return mail.Permanent(cause(mail.ErrNoSuchMailbox))
	case atMessage:
		return mail.Permanent(cause(errMessageRefused))
	default:
		return cause(errServerFailed)
	}
}

// forbids reports whether an answer of 5xx is about who we are: all that come between AUTH and the
// first message, and those that RFC 4954, 6, keeps for it.
func (t *conversation) forbids(code int) bool {
	return t.loggingIn || code == 530 || code == 534 || code == 535 || code == 538
}

// hasNoMailbox reports the codes 5.1.1 (no such mailbox, RFC 3463) and 5.1.10 (the domain accepts
// no mail, RFC 7505).
func (r reply) hasNoMailbox() bool { return r.enhanced == "5.1.1" || r.enhanced == "5.1.10" }

func (t *conversation) reason(err error) string {
	if _, garbage := errors.AsType[textproto.ProtocolError](err); garbage {
		return "what came was not SMTP"
	}
	if t.timedOut || errors.Is(err, context.DeadlineExceeded) {
		return "timed out"
	}
	if mismatch, ok := errors.AsType[tls.RecordHeaderError](err); ok && mismatch.Msg != "" {
		return "what came was not TLS"
	}
	return mail.NetworkReason(err)
}
