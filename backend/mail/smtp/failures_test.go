package smtp_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"sana/backend/mail"
	"sana/backend/mail/smtp"
	"sana/backend/test/mailtest"
	"sana/backend/test/smtpfake"

	gosmtp "github.com/emersion/go-smtp"
)

// answering is a refusal that says more than an error of ours may.
func answering(code int, status ...int) *gosmtp.SMTPError {
	e := &gosmtp.SMTPError{Code: code, EnhancedCode: gosmtp.NoEnhancedCode,
		Message: fmt.Sprintf("no %s, no %s", mailtest.Address, mailtest.Code)}
	if len(status) == 3 {
		e.EnhancedCode = gosmtp.EnhancedCode(status)
	}
	return e
}

// noTraceIn is mailtest.NoSecretIn with what an SMTP server knows besides.
func noTraceIn(t *testing.T, err error) {
	t.Helper()
	mailtest.NoSecretIn(t, err, smtpfake.User, smtpfake.Password, "sana.example", "mail.")
}

func TestEachSMTPAnswerSaysWhetherToTryAgain(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		server *smtpfake.Server
		want   mailtest.Retry
		cause  error
	}{
		"nobody has the address": {&smtpfake.Server{RefuseTo: answering(550, 5, 1, 1)},
			mailtest.Never,
			mail.ErrNoSuchMailbox},
		"a domain without mail": {&smtpfake.Server{RefuseTo: answering(556, 5, 1, 10)},
			mailtest.Never,
			mail.ErrNoSuchMailbox},
		"recipient refused": {&smtpfake.Server{RefuseTo: answering(550, 5, 7, 1)}, mailtest.Never,
			nil},
		"recipient, no status": {&smtpfake.Server{RefuseTo: answering(550)}, mailtest.Never, nil},
		"mailbox is busy": {&smtpfake.Server{RefuseTo: answering(450, 4, 2, 1)}, mailtest.Later,
			mail.ErrDeferred},
		"greylisted": {&smtpfake.Server{RefuseTo: answering(451, 4, 7, 1)}, mailtest.Later,
			mail.ErrDeferred},
		"too many for this one": {&smtpfake.Server{RefuseTo: answering(421, 4, 7, 28)},
			mailtest.Later,
			mail.ErrDeferred},
		"recipient throttled": {&smtpfake.Server{RefuseTo: answering(454, 4, 7, 0)}, mailtest.Later,
			mail.ErrDeferred},
		"message refused": {&smtpfake.Server{RefuseData: answering(554, 5, 6, 0)}, mailtest.Never,
			nil},
		"message too large": {&smtpfake.Server{RefuseData: answering(552)}, mailtest.Never, nil},
		"no space for it": {&smtpfake.Server{RefuseData: answering(452, 4, 3, 1)}, mailtest.Later,
			mail.ErrDeferred},
		"message, try again": {&smtpfake.Server{RefuseData: answering(451)}, mailtest.Later,
			mail.ErrDeferred},
		"sender refused": {&smtpfake.Server{RefuseFrom: answering(553, 5, 7, 1)}, mailtest.Never,
			mail.ErrCredentials},
		"sender not now": {&smtpfake.Server{RefuseFrom: answering(451)}, mailtest.Later, nil},
		"login is needed": {&smtpfake.Server{RefuseTo: answering(530, 5, 7, 0)}, mailtest.Never,
			mail.ErrCredentials},
		"server going down": {&smtpfake.Server{RefuseFrom: answering(421)}, mailtest.Throttled,
			nil},
		"too many messages": {&smtpfake.Server{RefuseData: answering(454)}, mailtest.Throttled,
			nil},
		"login refused": {&smtpfake.Server{RefuseLogin: answering(535, 5, 7, 8)}, mailtest.Never,
			mail.ErrCredentials},
		"login not allowed": {&smtpfake.Server{RefuseLogin: answering(550, 5, 7, 30)},
			mailtest.Never,
			mail.ErrCredentials},
		"login not now": {&smtpfake.Server{RefuseLogin: answering(432)}, mailtest.Later, nil},
		"login throttled": {&smtpfake.Server{RefuseLogin: answering(454, 4, 7, 0)},
			mailtest.Throttled,
			nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := startSMTP(t, &smtpfake.Server{
				Mechanisms: []string{"PLAIN"}, RefuseLogin: row.server.RefuseLogin,
				RefuseFrom: row.server.RefuseFrom, RefuseTo: row.server.RefuseTo,
				RefuseData: row.server.RefuseData,
			}, "tls")
			err := smtpTo(t, reaching(server, "tls")).Send(mailtest.WithDeadline(t),
				mailtest.Message())
			if mailtest.RetryOf(err) != row.want {
				t.Errorf("got %q (%v), want %q", mailtest.RetryOf(err), err, row.want)
			}
			for _, cause := range []error{mail.ErrCredentials, mail.ErrNoSuchMailbox,
				mail.ErrDeferred} {
				if errors.Is(err, cause) != (row.cause == cause) {
					t.Errorf("got %v, want %v in it: %t", err, cause, row.cause == cause)
				}
			}
			noTraceIn(t, err)
			if server.Recorded().Sessions != 1 || len(server.Recorded().Messages) != 0 {
				t.Errorf("got %d sessions and %d messages, want one and none",
					server.Recorded().Sessions, len(server.Recorded().Messages))
			}
		})
	}
}

func TestAWrongSMTPPasswordIsRefusedCredentials(t *testing.T) {
	t.Parallel()
	server := startSMTP(t, &smtpfake.Server{Mechanisms: []string{"PLAIN"}}, "starttls")
	config := reaching(server, "starttls")
	config.Password = "another"
	err := smtpTo(t, config).Send(mailtest.WithDeadline(t), mailtest.Message())
	if !mail.IsPermanent(err) || !errors.Is(err, mail.ErrCredentials) {
		t.Errorf("got %v, want a permanent ErrCredentials", err)
	}
	noTraceIn(t, err)
}

func TestASMTPServerWithoutALoginThatWeKnowIsRefusedCredentials(t *testing.T) {
	t.Parallel()
	for _, mechanisms := range [][]string{nil, {"CRAM-MD5", "NTLM"}} {
		server := startSMTP(t, &smtpfake.Server{Mechanisms: mechanisms}, "tls")
		err := smtpTo(t, reaching(server, "tls")).Send(mailtest.WithDeadline(t), mailtest.Message())
		if !mail.IsPermanent(err) || !errors.Is(err, mail.ErrCredentials) {
			t.Errorf("%q: got %v, want a permanent ErrCredentials", mechanisms, err)
		}
	}
}

func TestNoPasswordAndNoMessageGoOverAnUnencryptedConnection(t *testing.T) {
	t.Parallel()
	server := startSMTP(t, &smtpfake.Server{Mechanisms: []string{"PLAIN", "LOGIN"}}, "none")
	err := smtpTo(t, reaching(server, "none")).Send(mailtest.WithDeadline(t), mailtest.Message())
	if mailtest.RetryOf(err) != mailtest.Later ||
		!strings.HasSuffix(err.Error(), "offers no encryption") {
		t.Errorf("got %v, want a temporary error that says so", err)
	}
	if got := server.Recorded(); got.Sessions != 1 || len(got.Logins)+len(got.From) != 0 {
		t.Errorf("got %d sessions, logins %q, messages from %q; want one and nothing in it",
			got.Sessions, got.Logins, got.From)
	}
}

// Messages without a password are encrypted too. Only the resolver knows that the name is this
// machine's.
func TestNoMessageLeavesThisMachineUnencrypted(t *testing.T) {
	t.Parallel()
	server := startSMTP(t, &smtpfake.Server{}, "none")
	err := smtpTo(t,
		smtp.Config{Host: "LOCALHOST", Port: server.Port}).Send(mailtest.WithDeadline(t),
		mailtest.Message())
	if mailtest.RetryOf(err) != mailtest.Later ||
		!strings.HasSuffix(err.Error(), "offers no encryption") ||
		len(server.Recorded().From) != 0 {
		t.Errorf("got %v and messages from %q, want a temporary error that says so", err,
			server.Recorded().From)
	}
}

// A relay on a private network may have no TLS; a password mailtest.Never goes there.
func TestSMTP_PlainIsForRelaysWithoutAPassword(t *testing.T) {
	t.Parallel()
	server := startSMTP(t, &smtpfake.Server{Mechanisms: []string{"PLAIN"}}, "none")
	config := smtp.Config{Host: "LOCALHOST", Port: server.Port, Plain: true}
	if err := smtpTo(t, config).Send(mailtest.WithDeadline(t), mailtest.Message()); err != nil {
		t.Error(err)
	}
	config.Username, config.Password = smtpfake.User, smtpfake.Password
	err := smtpTo(t, config).Send(mailtest.WithDeadline(t), mailtest.Message())
	if !errors.Is(err, mail.ErrNoEncryption) || len(server.Recorded().Logins) != 0 ||
		len(server.Recorded().Messages) != 1 {
		t.Errorf("with a password: got %v, logins %q", err, server.Recorded().Logins)
	}
}

// A relay on the same machine is often without TLS and without a login.
func TestALoopbackAddressMayBeSpokenToInPlainTextWithoutAPassword(t *testing.T) {
	t.Parallel()
	server := startSMTP(t, &smtpfake.Server{}, "none")
	for _, host := range []string{"127.0.0.1", "localhost"} {
		sender := smtpTo(t, smtp.Config{Host: host, Port: server.Port})
		if err := sender.Send(mailtest.WithDeadline(t), mailtest.Message()); err != nil {
			t.Errorf("%s: %v", host, err)
		}
	}
	if len(server.Recorded().Messages) != 2 {
		t.Errorf("got %d messages, want 2", len(server.Recorded().Messages))
	}
}

func TestASMTPServerOfUnknownAuthorityGetsNothing(t *testing.T) {
	t.Parallel()
	for _, encryption := range []string{"tls", "starttls"} {
		server := startSMTP(t, &smtpfake.Server{Mechanisms: []string{"PLAIN"}}, encryption)
		config := reaching(server, encryption)
		config.RootCAs = nil
		err := smtpTo(t, config).Send(mailtest.WithDeadline(t), mailtest.Message())
		if mailtest.RetryOf(err) != mailtest.Later ||
			!strings.HasSuffix(err.Error(), "certificate not trusted") {
			t.Errorf("%s: got %v, want a temporary error that says certificate not trusted",
				encryption, err)
		}
		noTraceIn(t, err)
		if len(server.Recorded().Logins)+len(server.Recorded().From) != 0 {
			t.Errorf("%s: got logins %q, messages from %q", encryption, server.Recorded().Logins,
				server.Recorded().From)
		}
	}
}

func TestAStalledSMTPServerIsGivenUpAfterTheTimeout(t *testing.T) {
	t.Parallel()
	gone := make(chan struct{})
	t.Cleanup(func() { close(gone) })
	stalling := startSMTP(t,
		&smtpfake.Server{Mechanisms: []string{"PLAIN"}, AtData: func(*gosmtp.Conn) { <-gone }},
		"tls")
	atData := reaching(stalling, "tls")
	silent := smtp.Config{Host: "127.0.0.1", Port: startRaw(t, func(net.Conn) { <-gone })}
	silentTLS := silent
	silentTLS.TLS = true
	for name, config := range map[string]smtp.Config{"at the message": atData, "at once": silent,
		"at once, with TLS": silentTLS} {
		config.Timeout = 200 * time.Millisecond
		ctx := mailtest.WithDeadline(t)
		err := smtpTo(t, config).Send(ctx, mailtest.Message())
		if ctx.Err() != nil {
			t.Fatalf("%s: the sender gave up only with its context", name)
		}
		if mailtest.RetryOf(err) != mailtest.Later || !strings.HasSuffix(err.Error(), "timed out") {
			t.Errorf("%s: got %v, want a temporary error that says timed out", name, err)
		}
		noTraceIn(t, err)
	}
}

// The library counts its limit anew with every step; a server that keeps talking must not move
// ours.
func TestAServerThatDribblesIsGivenUpAfterTheTimeout(t *testing.T) {
	t.Parallel()
	port := startRaw(t, func(c net.Conn) {
		lines := bufio.NewReader(c)
		for answer := "220 mail.sana.example\r\n"; ; answer = "250-more\r\n" {
			if _, err := io.WriteString(c, answer); err != nil {
				return
			}
			if answer[:3] == "220" {
				_, _ = lines.ReadString('\n')
			}
		}
	})
	err := smtpTo(t,
		smtp.Config{Host: "127.0.0.1", Port: port, Timeout: time.Hour}).Send(
		mailtest.WithDeadline(t), mailtest.Message())
	if mailtest.RetryOf(err) != mailtest.Later || err == nil ||
		errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want a temporary error before the context's end", err)
	}
}

func TestSMTPStopsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(mailtest.WithDeadline(t))
	gone := make(chan struct{})
	t.Cleanup(func() { close(gone) })
	server := startSMTP(t,
		&smtpfake.Server{Mechanisms: []string{"PLAIN"},
			AtData: func(*gosmtp.Conn) { cancel(); <-gone }}, "starttls")
	err := smtpTo(t, reaching(server, "starttls")).Send(ctx, mailtest.Message())
	if !errors.Is(err, context.Canceled) || mail.IsPermanent(err) {
		t.Errorf("got %v, want context.Canceled, to be tried again", err)
	}
	noTraceIn(t, err)
}

func TestASMTPServerThatHangsUpIsATemporaryFailure(t *testing.T) {
	t.Parallel()
	hangUp := func(c *gosmtp.Conn) { _ = c.Conn().Close() }
	server := startSMTP(t, &smtpfake.Server{Mechanisms: []string{"PLAIN"}, AtData: hangUp}, "tls")
	raw := func(says string) smtp.Config {
		return smtp.Config{Host: "127.0.0.1",
			Port: startRaw(t, func(c net.Conn) { _, _ = io.WriteString(c, says) })}
	}
	overTLS := raw("220 mail.sana.example\r\n")
	overTLS.TLS = true
	for name, row := range map[string]struct {
		config smtp.Config
		want   string
	}{
		"in the message":     {reaching(server, "tls"), "connection failed"},
		"at once":            {raw(""), "connection failed"},
		"after the greeting": {raw("220 mail.sana.example\r\n"), "connection failed"},
		"it speaks HTTP":     {raw("HTTP/1.1 400 Bad Request\r\n\r\n"), "what came was not SMTP"},
		"it speaks no TLS":   {overTLS, "what came was not TLS"},
		"not at home": {smtp.Config{Host: "127.0.0.1", Port: freePort(t)},
			"connection refused"},
		"no service for us": {
			raw("554 5.7.1 not for you\r\n"),
			"554 trouble at the server; the server says: 5.7.1 not for you",
		},
		"a name without host": {smtp.Config{Host: "mail.invalid", Port: 25}, "name not resolved"},
	} {
		err := smtpTo(t, row.config).Send(mailtest.WithDeadline(t), mailtest.Message())
		if mailtest.RetryOf(err) != mailtest.Later || !strings.HasSuffix(err.Error(), row.want) {
			t.Errorf("%s: got %v, want a temporary error that says %s", name, err, row.want)
		}
		noTraceIn(t, err)
	}
}

// Failures after the server accepted the mail do not send it again.
func TestAMessageThatWasTakenIsSentWhateverComesAfter(t *testing.T) {
	t.Parallel()
	answers := []string{"250 mail", "250 sender", "250 recipient", "354 go on", "250 taken",
		"250 reset"}
	port := startRaw(t, func(c net.Conn) {
		lines := bufio.NewReader(c)
		_, _ = io.WriteString(c, "220 mail\r\n")
		for _, answer := range answers {
			until := "\n"
			if answer == "250 taken" {
				until = "\r\n.\r\n"
			}
			for said := ""; !strings.HasSuffix(said, until); {
				line, err := lines.ReadString('\n')
				if err != nil {
					return
				}
				said += line
			}
			_, _ = io.WriteString(c, answer+"\r\n")
		}
	})
	sender := smtpTo(t, smtp.Config{Host: "127.0.0.1", Port: port})
	for range 3 { // the second and third find that the connection which was kept has ended
		if err := sender.Send(mailtest.WithDeadline(t), mailtest.Message()); err != nil {
			t.Errorf("got %v, want no error: the server hung up after it had taken the message",
				err)
		}
	}
}

// freePort returns a port without a listener.
func freePort(t *testing.T) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port
}

// The server does not announce enhanced status codes, as many do not, and answers with them all the
// same. Its words are for the operator, who must not read addresses and codes.
func TestSMTP_QuotesServerWithoutSecrets(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		reply string
		cause error
		want  string
	}{
		"no such user": {
			"550 5.1.1 <" + mailtest.Address + ">: no such user", mail.ErrNoSuchMailbox,
			"550 no such mailbox; the server says: 5.1.1 <[…]>: no such user",
		},
		"several lines": {
			"550-5.1.1 nobody here\r\n550 5.1.1 has this address", mail.ErrNoSuchMailbox,
			"the server says: 5.1.1 nobody here 5.1.1 has this address",
		},
		"mailbox name and code": {
			"554 5.7.1 CANARY-4711 may not get " + mailtest.Code +
				", see https://help.example/spam", nil,
			"554 message refused; the server says: 5.7.1 […] may not get […], see " +
				"https://help.example/spam",
		},
		"hangs up": {
			"421 4.7.28 too many mails to this user", mail.ErrDeferred,
			"421 recipient deferred; the server says: 4.7.28 too many mails to this user",
		},
		"nothing": {"550 ", nil, "550 message refused"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			port := startRaw(t, answeringRecipient(row.reply))
			config := smtp.Config{Host: "127.0.0.1", Port: port}
			err := smtpTo(t, config).Send(mailtest.WithDeadline(t), mailtest.Message())
			if err == nil || !strings.HasSuffix(err.Error(), row.want) {
				t.Errorf("got %v, want %s", err, row.want)
			}
			if row.cause != nil && !errors.Is(err, row.cause) {
				t.Errorf("got %v, want %v in it", err, row.cause)
			}
			mailtest.NoSecretIn(t, err, "canary", "CANARY")
		})
	}
}

// answeringRecipient is a server without extensions that answers RCPT, and hangs up after 421.
func answeringRecipient(reply string) func(net.Conn) {
	return func(c net.Conn) {
		lines := bufio.NewReader(c)
		for answer := "220 mail"; ; {
			if _, err := io.WriteString(c, answer+"\r\n"); err != nil || answer[:3] == "421" {
				return
			}
			line, err := lines.ReadString('\n')
			if err != nil {
				return
			}
			answer = "250 ok"
			if strings.HasPrefix(line, "RCPT") {
				answer = reply
			}
		}
	}
}
