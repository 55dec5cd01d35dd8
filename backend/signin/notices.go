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

// letterNewDevice is the outbox's name for a mail about a sign-in; its reference is a notice's id.
const letterNewDevice = "new_device"

// noticeUse is how long it is worth sending a mail about what has happened.
const noticeUse = 24 * time.Hour

// tellOfNewDevice queues a mail to somebody who has just signed in from a browser that had not before.
func (s *Service) tellOfNewDevice(ctx context.Context, tx pgx.Tx, client Client, email string) error {
	var id string
	err := tx.QueryRow(ctx, `
		INSERT INTO notices (email, language, platform, ip)
		VALUES (@email, @language, @platform, @ip)
		RETURNING id::text`,
		pgx.NamedArgs{
			"email": email, "language": mail.MatchLanguage(client.AcceptLanguage), "platform": client.Platform, "ip": client.IP,
		}).Scan(&id)
	if err != nil {
		return postgres.Error("make notice", err)
	}
	return s.outbox.EnqueueTx(ctx, tx, letterNewDevice, outbox.Ref{ID: id, Number: 1})
}

// composeNewDevice writes the mail of a notice.
func (s *Service) composeNewDevice(ctx context.Context, ref outbox.Ref) (outbox.Composed, error) {
	var email string
	var left time.Duration
	device := mail.NewDevice{PublicURL: s.mail.PublicURL}
	err := s.db.QueryRow(ctx, `
		SELECT email, language, platform, ip, created_at, created_at + @use::interval - now()
		FROM notices
		WHERE id = @id
		  AND created_at + @use::interval > now()`,
		pgx.NamedArgs{"id": ref.ID, "use": noticeUse}).
		Scan(&email, &device.Language, &device.Browser, &device.IP, &device.When, &left)
	if errors.Is(err, pgx.ErrNoRows) {
		return outbox.Composed{}, outbox.ErrObsolete
	}
	if err != nil {
		return outbox.Composed{}, postgres.Error("compose notice", err)
	}
	message, err := s.mail.Templates.NewDevice(email, s.mail.From, device)
	return outbox.Composed{Message: message, UsefulFor: left}, err
}
