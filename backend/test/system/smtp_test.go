package system_test

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"sana/backend/test/harness"
	"sana/backend/test/smtpfake"
)

// A code by SMTP: encrypted, to a server with a private certificate authority, with a login whose
// password has unusual characters, up to the page.
func TestSMTP_DeliversACode(t *testing.T) {
	t.Parallel()
	for encryption, scheme := range map[string]string{"starttls": "smtp", "tls": "smtps"} {
		t.Run(encryption, func(t *testing.T) {
			t.Parallel()
			w := harness.NewWorld(t)
			server := &smtpfake.Server{Mechanisms: []string{"PLAIN"}}
			if err := server.Start(encryption); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = server.Close() })
			trusted := filepath.Join(t.TempDir(), "authority.pem")
			if err := os.WriteFile(trusted, server.Authority, 0o600); err != nil {
				t.Fatal(err)
			}
			address := url.URL{Scheme: scheme,
				User: url.UserPassword(smtpfake.User, smtpfake.Password),
				Host: fmt.Sprintf("127.0.0.1:%d", server.Port)}
			bySMTP := []string{
				"MAIL_TRANSPORT=smtp", "SMTP_URL=" + address.String(),
				"MAILGUN_DOMAIN=", "MAILGUN_API_KEY=", "MAILGUN_API_BASE=", "MAILGUN_WEBHOOK_KEY=",
			}
			// it does not trust the server, and does not send its password
			stranger := w.Run(t, bySMTP...)
			b := stranger.Open(t)
			b.RequestCode("ada@sana.example").Want(http.StatusAccepted)
			harness.Eventually(t, "the mail is not delayed", func() error {
				delayed := w.Count(t, `SELECT count(*) FROM mails WHERE state = 'delayed'`)
				return harness.CountError(delayed, 1)
			})
			if told := server.Recorded(); len(told.Logins)+len(told.Messages) != 0 {
				t.Errorf("a server that is not trusted was told %+v", told)
			}
			stranger.Kill(t)

			app := w.Run(t,
				append(bySMTP, "SSL_CERT_FILE="+trusted, "SSL_CERT_DIR="+t.TempDir())...)
			b.MoveTo(app.Instance)
			harness.Eventually(t, "no mail arrives",
				func() error { return harness.CountError(len(server.Recorded().Messages), 1) })
			told := server.Recorded()
			login := "PLAIN " + smtpfake.User + " " + smtpfake.Password
			harness.WantEqual(t, "logins at the start and for the mail", told.Logins,
				[]string{login, login})
			harness.WantEqual(t, "recipients", told.To, []string{"ada@sana.example"})
			code := regexp.MustCompile(`(?m)^Subject: (\d{6}) `).FindStringSubmatch(
				told.Messages[0])
			if code == nil {
				t.Fatalf("the mail has no code in its subject:\n%s", told.Messages[0])
			}
			b.Verify(code[1]).Want(http.StatusOK)
			for _, secret := range []string{"canary", url.QueryEscape(smtpfake.Password), code[1],
				"ada@"} {
				if strings.Contains(stranger.Log.String()+app.Log.String(), secret) {
					t.Errorf("the log holds %q", secret)
				}
			}
		})
	}
}
