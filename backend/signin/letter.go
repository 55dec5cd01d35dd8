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

// letterCode is the outbox's name for a mail with a code; its reference is the challenge's id and the mail's number.
const letterCode = "sign_in_code"

// MailSettings is what every letter needs.
type MailSettings struct {
	Templates *mail.Templates
	From      string   // one mailbox
	PublicURL *url.URL // where people reach Sana
}

// isNewest is true for the mail with this number where it is its challenge's newest. The release before this one gives none.
const isNewest = `(@number = 0 OR mails = @number)`

// composeCode writes a challenge's newest mail, unless the provider is known to have it: an instance can be killed after that
// was noted and before the queue knows. The code exists only from here to the sender. It goes to the stored
// address, never to one that came with a request.
func (s *Service) composeCode(ctx context.Context, ref outbox.Ref) (outbox.Composed, error) {
	r, err := queryRow(ctx, s.db, `
		SELECT `+columns+`
		FROM challenges
		WHERE id = @id
		  AND `+isNewest+`
		  AND delivery IN ('queued', 'delayed', 'held')
		  AND delivery_at IS NULL
		  AND consumed_at IS NULL
		  AND tries < @max_tries
		  AND expires_at > now()`,
		pgx.NamedArgs{"id": ref.ID, "number": ref.Number, "max_tries": throttle.MaxTries})
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
		Language: r.Language, Browser: r.Platform, Code: code, PublicURL: s.mail.PublicURL, ExpiresAt: r.ExpiresAt,
		ForChange: r.Purpose == PurposeChangeEmail,
	})
	if err != nil {
		return outbox.Composed{}, err
	}
	message.Ref = mailRef(ref)
	return outbox.Composed{Message: message, UsefulFor: r.ExpiresAt.Sub(r.Now)}, nil
}
