package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"sana/backend/config"
	"sana/backend/inbox"
	"sana/backend/mail"
	"sana/backend/mail/mailgun"
	"sana/backend/mail/smtp"
	"sana/backend/mail/templates"
	"sana/backend/timetravel"
	"sana/backend/web"

	"github.com/jackc/pgx/v5/pgxpool"
)

// developmentInbox is nil in production, where there is no such table and no page for it.
func developmentInbox(cfg config.Config, db *pgxpool.Pool) *inbox.Inbox {
	if cfg.Env != config.Development {
		return nil
	}
	return inbox.New(db)
}

// developmentOf is what only the development pages need: nil without an inbox, in production.
func developmentOf(mails *inbox.Inbox, db *pgxpool.Pool, letters *templates.Set) *web.Development {
	if mails == nil {
		return nil
	}
	return &web.Development{Inbox: mails, Machine: timetravel.New(db), Mails: letters}
}

func newSender(
	ctx context.Context, cfg config.Config, output io.Writer, mails *inbox.Inbox,
) (mail.Sender, error) {
	switch cfg.MailTransport {
	case config.Console:
		return mail.NewConsole(output, mails.Keep), nil
	case config.SMTP:
		sender, err := NewSMTP(cfg.SMTPServer)
		if err != nil {
			return nil, err
		}
		return sender, checkEncryption(ctx, sender, cfg.MailFrom)
	case config.Mailgun:
		return NewMailgun(cfg)
	}
	return nil, fmt.Errorf("no sender for MAIL_TRANSPORT=%s", cfg.MailTransport)
}

// NewSMTP returns the sender of SMTP_URL.
func NewSMTP(server config.SMTPServer) (*smtp.Sender, error) {
	sender, err := smtp.New(smtp.Config{
		Host: server.Host, Port: server.Port, TLS: server.TLS, Username: server.Username,
		Password: server.Password.Reveal(),
		Plain:    server.Plain,
	})
	if err != nil {
		return nil, fmt.Errorf("check SMTP_URL: %w", err)
	}
	return sender, nil
}

// checkEncryption asks an SMTP server, if it answers soon, whether it offers encryption. Without it
// no mail would ever be sent, which would show only when codes expire.
func checkEncryption(ctx context.Context, server *smtp.Sender, from string) error {
	ctx, cancel := context.WithTimeout(ctx, encryptionPatience)
	defer cancel()
	if err := server.LogIn(ctx, from); errors.Is(err, mail.ErrNoEncryption) {
		return fmt.Errorf(
			"check SMTP_URL: %w, and no mail is sent without; a relay without user and password "+
				"on a private network can be named as smtp://relay:25?tls=off",
			mail.ErrNoEncryption)
	}
	return nil
}

// encryptionPatience is short: a start does not wait for an unavailable mail server.
const encryptionPatience = 2 * time.Second

// NewMailgun returns the sender of the MAILGUN variables.
func NewMailgun(cfg config.Config) (*mailgun.Sender, error) {
	sender, err := mailgun.New(mailgun.Config{
		Domain: cfg.MailgunDomain, APIKey: cfg.MailgunAPIKey.Reveal(), APIBase: cfg.MailgunAPIBase,
	})
	if err != nil {
		return nil,
			fmt.Errorf("check MAILGUN_DOMAIN, MAILGUN_API_KEY and MAILGUN_API_BASE: %w", err)
	}
	return sender, nil
}

// newMailEvents returns nil if Mailgun sends no delivery events.
func newMailEvents(cfg config.Config) *mailgun.Events {
	if cfg.MailgunWebhookKey == "" {
		return nil
	}
	return mailgun.NewEvents(cfg.MailgunWebhookKey.Reveal())
}
