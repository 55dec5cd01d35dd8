package cli

import (
	"fmt"
	"io"

	"sana/backend/config"
	"sana/backend/inbox"
	"sana/backend/mail"

	"github.com/jackc/pgx/v5/pgxpool"
)

// developmentInbox is nil in production, where there is no such table and no page for it.
func developmentInbox(cfg config.Config, db *pgxpool.Pool) *inbox.Inbox {
	if cfg.Env != config.Development {
		return nil
	}
	return inbox.New(db)
}

func newSender(cfg config.Config, output io.Writer, mails *inbox.Inbox) (mail.Sender, error) {
	switch cfg.MailTransport {
	case config.Console:
		return mail.NewConsole(output, mails.Keep), nil
	case config.SMTP:
		return newSMTP(cfg.SMTPServer)
	default:
		return newMailgun(cfg)
	}
}

func newSMTP(server config.SMTPServer) (*mail.SMTP, error) {
	sender, err := mail.NewSMTP(mail.SMTPConfig{
		Host: server.Host, Port: server.Port, TLS: server.TLS, Username: server.Username, Password: server.Password.Reveal(),
	})
	if err != nil {
		return nil, fmt.Errorf("check SMTP_URL: %w", err)
	}
	return sender, nil
}

func newMailgun(cfg config.Config) (*mail.Mailgun, error) {
	sender, err := mail.NewMailgun(mail.MailgunConfig{
		Domain: cfg.MailgunDomain, APIKey: cfg.MailgunAPIKey.Reveal(), APIBase: cfg.MailgunAPIBase,
	})
	if err != nil {
		return nil, fmt.Errorf("check MAILGUN_DOMAIN, MAILGUN_API_KEY and MAILGUN_API_BASE: %w", err)
	}
	return sender, nil
}

// newMailEvents is nil where Mailgun is not to tell what became of mails.
func newMailEvents(cfg config.Config) *mail.MailgunEvents {
	if cfg.MailgunWebhookKey == "" {
		return nil
	}
	return mail.NewMailgunEvents(cfg.MailgunWebhookKey.Reveal())
}
