package smtp

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"slices"
	"time"

	gomail "github.com/wneessen/go-mail"
	"github.com/wneessen/go-mail/smtp"
)

// maxConversation is how many bytes are read for one message: certificates and a few lines.
const maxConversation = 256 << 10

// How a conversation ends with a server to which we cannot, or must not, prove who we are.
var (
	errNoLogin      = errors.New("no login")
	errNotEncrypted = errors.New("not encrypted")
	errClient       = errors.New("the client cannot be set up")
)

// noSTARTTLS is how go-mail, which has no value for it, says that a server lacks STARTTLS.
const noSTARTTLS = "does not support STARTTLS"

// conversation is one connection to an SMTP server, for one message at a time. go-mail alone does
// not do for four things: it counts its time limit anew with every step, it does not stop with the
// context, it does not close a connection that failed before the message, and on its own it would
// also log in with what a password is not safe with.
type conversation struct {
	config    Config
	domain    string // as which we introduce ourselves
	mailer    *gomail.Client
	line      *smtp.Client
	conn      net.Conn // nil before dialing
	bounded   *boundedConn
	stop      func() bool // of the context's word to conn
	timedOut  bool        // by the context
	sent      int         // messages
	closing   *time.Timer // while it is kept
	loggingIn bool        // from AUTH to the server's consent
	login     smtp.Auth
	secrets   []string // of the message, which no error may have
}

// begin connects and logs in, for as long as ctx lasts.
func (t *conversation) begin(ctx context.Context) (err error) {
	if t.mailer, err = t.client(ctx); err != nil {
		return errClient
	}
	t.line, err = t.mailer.DialToSMTPClientWithContext(ctx)
	return err
}

// resume lets the conversation last until ctx ends, or pause.
func (t *conversation) resume(ctx context.Context) {
	t.stop()
	t.bounded.left = maxConversation
	t.sent++
	t.bindContext(ctx)
}

func (t *conversation) bindContext(ctx context.Context) {
	conn := t.conn
	t.stop = context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
}

// pause has the conversation last without a context. It reports false where that had ended.
func (t *conversation) pause() bool {
	t.timedOut = !t.stop()
	return !t.timedOut
}

// quit says so, and does not wait long for the answer, which does not matter.
func (t *conversation) quit() {
	_ = t.conn.SetDeadline(time.Now().Add(time.Second))
	_ = t.mailer.CloseWithSMTPClient(t.line)
}

// client returns go-mail's client for this conversation, which connects for as long as ctx lasts.
func (t *conversation) client(ctx context.Context) (*gomail.Client, error) {
	options := []gomail.Option{
		gomail.WithPort(t.config.Port),
		gomail.WithHELO(t.domain),
		gomail.WithTimeout(t.config.Timeout),
		gomail.WithTLSConfig(t.tls()),
		gomail.WithTLSPolicy(gomail.NoTLS),
		gomail.WithDialContextFunc(
			func(_ context.Context, network, address string) (net.Conn, error) {
				// the library cancels its own context once it has dialed
				return t.dial(ctx, network, address)
			}),
		gomail.WithoutNoop(),
		gomail.WithoutSMTPUTF8(), // our addresses need none, and it could be lacking further on
	}
	if !t.config.TLS && t.config.mustEncrypt() {
		options = append(options, gomail.WithTLSPolicy(gomail.TLSMandatory))
	}
	if t.config.Username != "" {
		options = append(options, gomail.WithSMTPAuthCustom(t))
	}
	return gomail.NewClient(t.config.Host, options...)
}

func (t *conversation) tls() *tls.Config {
	return &tls.Config{ServerName: t.config.Host, RootCAs: t.config.RootCAs,
		MinVersion: tls.VersionTLS12}
}

// dial connects, for as long as ctx lasts.
func (t *conversation) dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := (&net.Dialer{Timeout: 5 * time.Second}).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	t.conn = conn
	t.bindContext(ctx)
	t.bounded = &boundedConn{Conn: conn, left: maxConversation}
	if !t.config.TLS {
		return t.bounded, nil
	}
	encrypted := tls.Client(t.bounded, t.tls())
	return encrypted, encrypted.HandshakeContext(ctx)
}

// close closes the connection, if there is one.
func (t *conversation) close() {
	if t.conn != nil {
		t.stop()
		_ = t.conn.Close()
	}
}

// Start chooses how to log in, from what the server offers, and refuses to where the connection is
// not encrypted.
func (t *conversation) Start(server *smtp.ServerInfo) (mechanism string, first []byte, err error) {
	offers := func(name string) bool { return slices.Contains(server.Auth, name) }
	switch user, password := t.config.Username, t.config.Password; {
	case !server.TLS:
		return "", nil, errNotEncrypted
	case offers("SCRAM-SHA-256"): // the password is not sent
		t.login = smtp.ScramSHA256Auth(user, password)
	case offers("PLAIN"):
		t.login = smtp.PlainAuth("", user, password, t.config.Host, false)
	case offers("LOGIN"):
		t.login = smtp.LoginAuth(user, password, t.config.Host, false)
	default:
		return "", nil, errNoLogin
	}
	t.loggingIn = true
	return t.login.Start(server)
}

// Next continues the login.
func (t *conversation) Next(fromServer []byte, more bool) ([]byte, error) {
	answer, err := t.login.Next(fromServer, more)
	t.loggingIn = more || err != nil
	return answer, err
}

// boundedConn reads so many bytes at most, and keeps the end that its conversation has: the library
// would move it.
type boundedConn struct {
	net.Conn
	left int
}

var errTooMuch = errors.New("the server says too much")

func (c *boundedConn) Read(p []byte) (int, error) {
	if c.left <= 0 {
		return 0, errTooMuch
	}
	n, err := c.Conn.Read(p[:min(len(p), c.left)])
	c.left -= n
	return n, err
}

func (*boundedConn) SetDeadline(time.Time) error      { return nil }
func (*boundedConn) SetReadDeadline(time.Time) error  { return nil }
func (*boundedConn) SetWriteDeadline(time.Time) error { return nil }
