package cli_test

import (
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"sana/backend/test/harness"

	"github.com/emersion/go-smtp"
)

func TestUnsuppress_RemovesFromMailgunsLists(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	w.Mailgun.Suppress("bounces", ada)
	w.Mailgun.Suppress("unsubscribes", ada)
	o := operator{t, w.Environ()}
	harness.WantEqual(t, "a blocked address",
		o.types(0, "", "mail", "unsuppress", " Ada@SANA.example"),
		"Removed ada@sana.example from Mailgun's list of bounces, and of unsubscribes.\n")
	harness.WantEqual(t, "the same again", o.types(0, "", "mail", "unsuppress", ada),
		"ada@sana.example is on none of Mailgun's lists (bounces, complaints, unsubscribes): "+
			"Mailgun does not block it.\n")
	harness.WantEqual(t, "no address", o.types(1, "", "mail", "unsuppress", "ada"),
		"sana: ada is not an address that Sana sends codes to\n")
	sendingKey := operator{t, w.Environ("MAILGUN_API_KEY=sending-only")}
	harness.WantEqual(t, "a key that may only send",
		sendingKey.types(1, "", "mail", "unsuppress", ada),
		"sana: the API key has no access: a domain's sending key may only send. Run the command "+
			"once with MAILGUN_API_KEY set to a key of the account: "+
			"mail: mailgun: 401 credentials refused\n")
}

func TestUnsuppress_DoesNothingWithOtherTransports(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	o := operator{t, w.Environ(bySMTP("smtps://u:p@mail.example.org")...)}
	harness.WantEqual(t, "SMTP", o.types(0, "", "mail", "unsuppress", ada),
		"Nothing to do: MAIL_TRANSPORT is smtp, and Sana itself blocks no address. The mail "+
			"server may block it.\n")
}

// mailbox is a mail server without TLS and without a login, for one test.
type mailbox struct{ messages chan string }

func (b mailbox) NewSession(*smtp.Conn) (smtp.Session, error) { return b, nil }
func (mailbox) Mail(string, *smtp.MailOptions) error          { return nil }
func (mailbox) Rcpt(string, *smtp.RcptOptions) error          { return nil }
func (mailbox) Reset()                                        {}
func (mailbox) Logout() error                                 { return nil }
func (b mailbox) Data(r io.Reader) error {
	content, err := io.ReadAll(r)
	b.messages <- string(content)
	return err
}

func startMailbox(t *testing.T) (b mailbox, address string) {
	t.Helper()
	b = mailbox{make(chan string, 10)}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := smtp.NewServer(b)
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	return b, listener.Addr().String()
}

func bySMTP(url string) []string {
	return []string{"MAIL_TRANSPORT=smtp", "MAILGUN_DOMAIN=", "MAILGUN_API_KEY=",
		"MAILGUN_WEBHOOK_KEY=", "MAILGUN_API_BASE=", "SMTP_URL=" + url}
}

func TestSMTP_CodeArrives(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	inbox, address := startMailbox(t)
	b := w.Start(t, bySMTP("smtp://"+address)...).Open(t)
	b.RequestCode(ada).Want(http.StatusAccepted)
	message := <-inbox.messages
	_, subject, _ := strings.Cut(message, "\r\nSubject: ")
	b.Verify(subject[:6]).Want(http.StatusOK)
	if got := len(w.Mailgun.Messages()); got != 0 {
		t.Errorf("Mailgun got %d messages, want none", got)
	}
}

// A password in SMTP_URL requires encryption, even for a server on this machine.
func TestSMTP_PasswordNeedsEncryption(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	inbox, address := startMailbox(t)
	err := w.StartError(t, bySMTP("smtp://sana:canary@"+address)...)
	if err == nil || !strings.Contains(err.Error(), "the server offers no encryption") ||
		strings.Contains(err.Error(), "canary") {
		t.Errorf("got %v, want the server refused without the password", err)
	}
	if len(inbox.messages) != 0 {
		t.Error("a mail went in the clear")
	}
}
