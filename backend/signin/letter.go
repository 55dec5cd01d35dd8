package signin

import (
	"context"
	"errors"
	"net/url"

	"sana/backend/mail"
	"sana/backend/outbox"
	"sana/backend/postgres"
	"sana/backend/throttle"

	"github.com/jackc/pgx/v5"
)

// letterCode is the outbox's name for a mail with a code; its reference is the challenge's id.
const letterCode = "sign_in_code"

// MailSettings is what every letter needs.
type MailSettings struct {
	Templates *mail.Templates
	From      string   // one mailbox
	PublicURL *url.URL // where people reach Sana
}

// composeCode writes the mail of a challenge. The code exists only from here to the sender. It goes to the stored
// address, never to one that came with a request.
func (s *Service) composeCode(ctx context.Context, id string) (outbox.Composed, error) {
	r, err := queryRow(ctx, s.db, `
		SELECT `+columns+`
		FROM challenges
		WHERE id = @id
		  AND consumed_at IS NULL
		  AND tries < @max_tries
		  AND expires_at > now()`,
		pgx.NamedArgs{"id": id, "max_tries": throttle.MaxTries})
	if errors.Is(err, pgx.ErrNoRows) {
		return outbox.Composed{}, outbox.ErrObsolete
	}
	if err != nil {
		return outbox.Composed{}, postgres.Error("compose code", err)
	}
	key, err := s.keyFor(ctx, r)
	if err != nil {
		return outbox.Composed{}, err
	}
	code := deriveCode(key, r.ID, r.Purpose, r.format())
	message, err := s.mail.Templates.SignInCode(r.Email, s.mail.From, mail.SignInCode{
		Code: code, PublicURL: s.mail.PublicURL, ExpiresAt: r.ExpiresAt,
	})
	if err != nil {
		return outbox.Composed{}, err
	}
	return outbox.Composed{Message: message, UsefulFor: r.ExpiresAt.Sub(r.Now)}, nil
}

// noteDelivery keeps what became of the mail for the page that waits.
func (s *Service) noteDelivery(ctx context.Context, id string, state outbox.State) error {
	delivery := Failed
	if state == outbox.Sent {
		delivery = Sent
	}
	_, err := s.db.Exec(ctx, `
		UPDATE challenges
		SET delivery = @delivery
		WHERE id = @id`,
		pgx.NamedArgs{"id": id, "delivery": string(delivery)})
	return postgres.Error("note delivery", err)
}
