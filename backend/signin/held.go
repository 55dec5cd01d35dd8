package signin

import (
	"context"
	"time"

	"sana/backend/postgres"

	"github.com/jackc/pgx/v5"
)

// HeldCode is what is held about a code, which itself is not: it is derived.
type HeldCode struct {
	Email     string
	Purpose   Purpose
	Platform  string // browser and system that asked, in words
	Language  string
	Delivery  Delivery
	Tries     int
	SentAt    time.Time
	ExpiresAt time.Time
	UsedAt    *time.Time
}

// HeldMail is what is held about a mail that has not been sent yet.
type HeldMail struct {
	Email              string
	OldEmail, NewEmail string
	Language           string
	Platform           string
	IP                 string
	CreatedAt          time.Time
}

// isAbout is true for challenges of an address, and for those that are to change that of a user.
const isAbout = `(email = @email OR user_id = @user)`

// Held returns what is held about a person with this address, as part of tx. Which limits his address counts against cannot
// be told: package throttle keeps HMACs.
func (s *Service) Held(ctx context.Context, tx pgx.Tx, userID, email string) ([]HeldCode, []HeldMail, error) {
	args := pgx.NamedArgs{"user": userID, "email": email}
	codes, err := collect[HeldCode](ctx, tx, `
		SELECT email, purpose, platform, language, delivery, tries, sent_at, expires_at, consumed_at AS used_at
		FROM challenges
		WHERE `+isAbout+`
		ORDER BY created_at DESC, id`, args)
	if err != nil {
		return nil, nil, err
	}
	mails, err := collect[HeldMail](ctx, tx, `
		SELECT email, old_email, new_email, language, platform, ip, created_at
		FROM notices
		WHERE email = @email
		ORDER BY created_at DESC, id`, args)
	return codes, mails, err
}

func collect[T any](ctx context.Context, tx pgx.Tx, sql string, args pgx.NamedArgs) ([]T, error) {
	rows, err := tx.Query(ctx, sql, args)
	if err != nil {
		return nil, postgres.Error("read what is held", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[T])
	return list, postgres.Error("read what is held", err)
}

// Forget removes what is held about a person whose account is deleted, as part of tx, which holds the user's row, and
// queues the mail that tells him so. What stays is that mail, and one to an address that he had before, until they
// are sent. A challenge that somebody is just signing in with stays too: it leads to a new account.
func (s *Service) Forget(ctx context.Context, tx pgx.Tx, client Client, userID, email string) error {
	_, err := tx.Exec(ctx, `
		WITH unused AS (
		    SELECT id
		    FROM challenges
		    WHERE `+isAbout+`
		    FOR UPDATE SKIP LOCKED
		), codes AS (
		    DELETE FROM challenges
		    USING unused
		    WHERE challenges.id = unused.id
		)
		DELETE FROM notices
		WHERE email = @email`,
		pgx.NamedArgs{"user": userID, "email": email})
	if err != nil {
		return postgres.Error("forget", err)
	}
	return s.tell(ctx, tx, client, notice{letter: letterAccountDeleted, Email: email})
}
