package signin

import (
	"context"
	"errors"
	"time"

	"sana/backend/mail"
	"sana/backend/outbox"
	"sana/backend/postgres"

	"github.com/jackc/pgx/v5"
)

// The outbox's names for mails about what has happened; their reference is a notice's id.
const (
	letterNewDevice      = "new_device"
	letterAddressChanged = "address_changed"
	letterAccountDeleted = "account_deleted"
)

// noticeUse is how long it is worth sending a mail about what has happened.
const noticeUse = 24 * time.Hour

// notice is what a mail about something that has happened says. It is stored only until the mail has gone.
type notice struct {
	letter string // the outbox's name for it; not stored

	Email              string // whom it goes to
	OldEmail, NewEmail string // where an address was changed
	Language           string
	Platform           string
	IP                 string
	CreatedAt          time.Time
	Left               time.Duration // for which it is still of use
}

// handleNotices gives the outbox the letters about what has happened.
func (s *Service) handleNotices() {
	write, from, site := s.mail.Templates, s.mail.From, s.mail.PublicURL
	for letter, compose := range map[string]func(n notice) (mail.Message, error){
		letterNewDevice: func(n notice) (mail.Message, error) {
			return write.NewDevice(n.Email, from, mail.NewDevice{
				Language: n.Language, Browser: n.Platform, IP: n.IP, When: n.CreatedAt, PublicURL: site,
			})
		},
		letterAddressChanged: func(n notice) (mail.Message, error) {
			return write.AddressChanged(n.Email, from, mail.AddressChanged{
				Language: n.Language, Old: n.OldEmail, New: n.NewEmail, When: n.CreatedAt, PublicURL: site,
			})
		},
		letterAccountDeleted: func(n notice) (mail.Message, error) {
			return write.AccountDeleted(n.Email, from, mail.AccountDeleted{Language: n.Language, When: n.CreatedAt, PublicURL: site})
		},
	} {
		s.outbox.Handle(letter, outbox.Letter{
			Compose: func(ctx context.Context, ref outbox.Ref) (outbox.Composed, error) {
				n, err := s.readNotice(ctx, ref.ID)
				if err != nil {
					return outbox.Composed{}, err
				}
				message, err := compose(n)
				return outbox.Composed{Message: message, UsefulFor: n.Left}, err
			},
			Note: s.dropNotice,
		})
	}
}

// tell queues a mail about something that this client has just done.
func (s *Service) tell(ctx context.Context, tx pgx.Tx, client Client, n notice) error {
	b := &postgres.Batch{}
	s.queueNotice(ctx, b, postgres.GoesOn, client, n)
	return postgres.Error("make notice", b.SendTo(ctx, tx))
}

// tellUser has the batch queue a mail about a browser in which somebody signs in who was a user before.
func (s *Service) tellUser(ctx context.Context, b *postgres.Batch, client Client, email string) {
	s.queueNotice(ctx, b, postgres.GoesOn+` AND `+isNew.IsDown(), client, notice{letter: letterNewDevice, Email: email})
}

func (s *Service) queueNotice(ctx context.Context, b *postgres.Batch, when string, client Client, n notice) {
	id := newUUID()
	b.Queue(`
		INSERT INTO notices (id, email, old_email, new_email, language, platform, ip)
		SELECT @id::uuid, @email, @old, @new, @language, @platform, @ip
		WHERE `+when,
		pgx.NamedArgs{
			"id": id, "email": n.Email, "old": n.OldEmail, "new": n.NewEmail,
			"language": mail.MatchLanguage(client.AcceptLanguage), "platform": client.Platform, "ip": client.IP,
		})
	s.outbox.Enqueue(ctx, b, when, n.letter, outbox.Ref{ID: id, Number: 1})
}

// readNotice returns a notice that is still of use, or outbox.ErrObsolete.
func (s *Service) readNotice(ctx context.Context, id string) (notice, error) {
	var n notice
	err := s.db.QueryRow(ctx, `
		SELECT email, old_email, new_email, language, platform, ip, created_at, created_at + @use::interval - now()
		FROM notices
		WHERE id = @id
		  AND created_at + @use::interval > now()`,
		pgx.NamedArgs{"id": id, "use": noticeUse}).
		Scan(&n.Email, &n.OldEmail, &n.NewEmail, &n.Language, &n.Platform, &n.IP, &n.CreatedAt, &n.Left)
	if errors.Is(err, pgx.ErrNoRows) {
		return notice{}, outbox.ErrObsolete
	}
	return n, postgres.Error("read notice", err)
}

// dropNotice removes a notice whose mail has gone or never will: its address may be that of an account that was deleted.
func (s *Service) dropNotice(ctx context.Context, ref outbox.Ref, outcome outbox.Outcome) error {
	if outcome.State == outbox.Delayed {
		return nil
	}
	_, err := s.db.Exec(ctx, `
		DELETE FROM notices
		WHERE id = @id`,
		pgx.NamedArgs{"id": ref.ID})
	return postgres.Error("drop notice", err)
}
