package auth

import (
	"context"
	"errors"
	"time"

	"sana/backend/challenge"
	"sana/backend/keyring"
	"sana/backend/mail"
	"sana/backend/mail/templates"
	"sana/backend/outbox"
	"sana/backend/postgres"
	"sana/backend/visitor"

	"github.com/jackc/pgx/v5"
)

// The templates' names in the outbox. The ref of a mail with a code is the challenge's id; the
// others are notices.
const (
	codeTemplate           = "sign_in_code"
	newDeviceTemplate      = "new_device"
	addressChangedTemplate = "address_changed"
	accountDeletedTemplate = "account_deleted"
	accessKeyMadeTemplate  = "access_key_made"

	passkeyAddedTemplate     = "passkey_added"
	passkeyRemovedTemplate   = "passkey_removed"
	codesForSignInTemplate   = "codes_for_sign_in"
	codesForRecoveryTemplate = "codes_for_recovery"
	codesSuspendedTemplate   = "codes_suspended"
	recoveryBegunTemplate    = "recovery_begun"
	recoveryStoppedTemplate  = "recovery_stopped"
	recoveredTemplate        = "recovered"
)

// noticeLifetime is the time after its event in which a notice is sent.
const noticeLifetime = 24 * time.Hour

// registerMails registers the templates of all mails with the outbox.
func (s *Service) registerMails() {
	s.Outbox.Handle(codeTemplate, s.composeCode)
	for name, write := range s.noticeWriters() {
		s.Outbox.Handle(name, composeNotice(write))
	}
}

// notify queues a notice about a visitor's action.
func (s *Service) notify(ctx context.Context, tx pgx.Tx, v visitor.Visitor, n outbox.Notice) error {
	b := &postgres.Batch{}
	s.Outbox.EnqueueNotice(ctx, b, noticeOf(v, n))
	return postgres.Error("queue notice", b.SendTo(ctx, tx))
}

// composeCode renders the newest mail of a challenge, if its code is still valid.
func (s *Service) composeCode(ctx context.Context, m outbox.Mail) (outbox.Composed, error) {
	c, err := challenge.ByID(ctx, s.DB, m.Ref)
	if err != nil {
		return outbox.Composed{}, err
	}
	if !c.IsOpen() || m.Number != c.Mails {
		return outbox.Composed{}, outbox.ErrObsolete
	}
	return s.writeCode(ctx, c)
}

// writeCode renders a mail with the code of a challenge. The code exists only between here and the
// mail provider. Address, code and language come from one row, as read or written.
func (s *Service) writeCode(ctx context.Context, c challenge.Challenge) (outbox.Composed, error) {
	if c.Blocked {
		return s.writeBlocked(c)
	}
	key, err := s.keyFor(ctx, c)
	if err != nil {
		return outbox.Composed{}, err
	}
	name := ""
	if app, ok := s.ArrivalApp(c.Arrival); ok {
		name = app.Name
	}
	message, err := s.Mail.Templates.SignInCode(c.Email, s.Mail.From, templates.SignInCode{
		Language: c.Language, Browser: c.Platform, Code: challenge.Code(key, c),
		PublicURL: s.Mail.PublicURL, ExpiresAt: c.ExpiresAt, UTCOffset: c.UTCOffset,
		App: name, ForChange: c.Purpose == challenge.ChangeEmail,
	})
	return outbox.Composed{Message: message, UsefulFor: c.ExpiresAt.Sub(c.Now)}, err
}

// writeBlocked renders the mail that a blocked user gets instead of a code.
func (s *Service) writeBlocked(c challenge.Challenge) (outbox.Composed, error) {
	message, err := s.Mail.Templates.AccountBlocked(c.Email, s.Mail.From, templates.AccountBlocked{
		Language: c.Language, Browser: c.Platform, When: c.SentAt,
		PublicURL: s.Mail.PublicURL, UTCOffset: c.UTCOffset,
	})
	return outbox.Composed{Message: message, UsefulFor: c.ExpiresAt.Sub(c.Now)}, err
}

// rekeyAfter is the time that a mail waits for an instance with its key, as during a key rotation.
const rekeyAfter = 5 * time.Second

var errUnknownKey = errors.New(
	"auth: the code's key is not in this instance's ring; another instance may have it")

// keyFor returns the key of a challenge's code. If no instance has the key any more, it replaces
// the key by the current one, and the code with it: the old code cannot be derived for a mail.
func (s *Service) keyFor(ctx context.Context, c challenge.Challenge) (keyring.Key, error) {
	if key, ok := s.Keys.Find(c.KeyID); ok {
		return key, nil
	}
	if c.Now.Sub(c.SentAt) < rekeyAfter {
		return keyring.Key{}, errUnknownKey
	}
	key := s.Keys.Current()
	return key, challenge.Rekey(ctx, s.DB, c, key)
}

// noticeOf completes a notice about a visitor's action.
func noticeOf(v visitor.Visitor, n outbox.Notice) outbox.Notice {
	n.Language, n.UTCOffset = templates.MatchLanguage(v.AcceptLanguage), v.UTCOffset
	n.Platform, n.IP = v.Platform, v.IP
	return n
}

// noticeWriter renders a notice about an event at a time.
type noticeWriter func(n outbox.Notice, at time.Time) (mail.Message, error)

// noticeWriters returns the renderers of notices by template.
func (s *Service) noticeWriters() map[string]noticeWriter {
	write, from, site := s.Mail.Templates, s.Mail.From, s.Mail.PublicURL
	writers := map[string]noticeWriter{
		newDeviceTemplate: func(n outbox.Notice, at time.Time) (mail.Message, error) {
			d := templates.NewDevice{
				Language: n.Language, Browser: n.Platform, IP: n.IP, When: at, PublicURL: site,
				UTCOffset: n.UTCOffset,
			}
			if n.SessionID != "" {
				d.NotYou = notYouToken(s.Keys.Current(), n.SessionID, at)
			}
			return write.NewDevice(n.Email, from, d)
		},
		addressChangedTemplate: func(n outbox.Notice, at time.Time) (mail.Message, error) {
			return write.AddressChanged(n.Email, from, templates.AddressChanged{
				Language: n.Language, Old: n.OldEmail, New: n.NewEmail, When: at, PublicURL: site,
				UTCOffset: n.UTCOffset,
			})
		},
		accountDeletedTemplate: func(n outbox.Notice, at time.Time) (mail.Message, error) {
			return write.AccountDeleted(n.Email, from, templates.AccountDeleted{
				Language: n.Language, When: at, PublicURL: site, UTCOffset: n.UTCOffset,
			})
		},
		accessKeyMadeTemplate: func(n outbox.Notice, at time.Time) (mail.Message, error) {
			return write.AccessKeyMade(n.Email, from, templates.AccessKeyMade{
				Language: n.Language, Browser: n.Platform, IP: n.IP, App: n.App,
				ExpiresAt: n.ExpiresAt,
				When:      at, PublicURL: site, UTCOffset: n.UTCOffset,
			})
		},
	}
	for _, name := range templates.SignInChanges() {
		writers[name] = func(n outbox.Notice, at time.Time) (mail.Message, error) {
			change := templates.SignInChange{
				Name: name, Language: n.Language, Browser: n.Platform, IP: n.IP, Passkey: n.Passkey,
				When:      at,
				PublicURL: site, UTCOffset: n.UTCOffset,
			}
			if n.Recovery != "" {
				change.StopToken = linkToken(s.Keys.Current(), stopLabel, n.Recovery)
				change.Until, _ = time.Parse(time.RFC3339, n.Until)
			}
			return write.SignInChange(n.Email, from, change)
		}
	}
	return writers
}

// composeNotice renders a notice from its content in the queue.
func composeNotice(write noticeWriter) outbox.Compose {
	return func(_ context.Context, m outbox.Mail) (outbox.Composed, error) {
		n, err := m.Notice()
		if err != nil {
			return outbox.Composed{}, err
		}
		if m.Age >= noticeLifetime {
			return outbox.Composed{}, outbox.ErrObsolete
		}
		message, err := write(n, m.CreatedAt)
		return outbox.Composed{Message: message, UsefulFor: noticeLifetime - m.Age}, err
	}
}
