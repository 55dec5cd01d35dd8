package smtp_test

import (
	"errors"
	"slices"
	"testing"

	"sana/backend/mail"
	"sana/backend/mail/smtp"
	"sana/backend/test/mailtest"
	"sana/backend/test/smtpfake"

	gosmtp "github.com/emersion/go-smtp"
)

func TestLoggingInProvesThePasswordAndSendsNothing(t *testing.T) {
	t.Parallel()
	for _, encryption := range []string{"tls", "starttls"} {
		server := startSMTP(t, &smtpfake.Server{Mechanisms: []string{"PLAIN"}}, encryption)
		sender, err := smtp.New(reaching(server, encryption))
		if err != nil {
			t.Fatal(err)
		}
		if err := sender.LogIn(mailtest.WithDeadline(t),
			"Sana <sana@mg.sana.example>"); err != nil {
			t.Errorf("%s: %v", encryption, err)
		}
		told := server.Recorded()
		if len(told.Logins) != 1 || len(told.From) != 0 ||
			!slices.Contains(told.Names, "mg.sana.example") {
			t.Errorf("%s: the server was told %+v, want one login by the sender's domain and no "+
				"message", encryption, told)
		}
	}
}

func TestLoggingInWithAWrongPasswordIsRefusedCredentials(t *testing.T) {
	t.Parallel()
	server := startSMTP(t,
		&smtpfake.Server{Mechanisms: []string{"PLAIN"},
			RefuseLogin: &gosmtp.SMTPError{Code: 535, Message: "no"}}, "tls")
	sender, err := smtp.New(reaching(server, "tls"))
	if err != nil {
		t.Fatal(err)
	}
	if err := sender.LogIn(mailtest.WithDeadline(t), "sana@mg.sana.example"); !errors.Is(err,
		mail.ErrCredentials) {
		t.Errorf("got %v, want ErrCredentials", err)
	}
	if err := sender.LogIn(mailtest.WithDeadline(t), "nobody"); err == nil {
		t.Error("no sender: got no error")
	}
}
