package signin

import (
	"context"
	"errors"
	"time"

	"sana/backend/fault"
	"sana/backend/postgres"

	"github.com/jackc/pgx/v5"
)

// columns are those of a row that Challenge shows, with the database's clock.
const columns = `
	id::text,
	email,
	purpose,
	code_length,
	key_id,
	tries,
	delivery,
	now() AS now,
	sent_at,
	expires_at`

// row is a challenge as it is stored.
type row struct {
	ID         string
	Email      string
	Purpose    string
	CodeLength int
	KeyID      string
	Tries      int
	Delivery   Delivery
	Now        time.Time
	SentAt     time.Time
	ExpiresAt  time.Time
}

func (r row) challenge() Challenge {
	return Challenge{
		ID:         r.ID,
		Email:      r.Email,
		Purpose:    r.Purpose,
		CodeLength: r.CodeLength,
		TriesLeft:  max(0, MaxTries-r.Tries),
		Delivery:   r.Delivery,
		Now:        r.Now,
		SentAt:     r.SentAt,
		ResendAt:   r.SentAt.Add(ResendAfter),
		ExpiresAt:  r.ExpiresAt,
	}
}

// queryRow returns pgx.ErrNoRows when the statement found nothing.
func queryRow(ctx context.Context, q postgres.Querier, sql string, args pgx.NamedArgs) (row, error) {
	rows, err := q.Query(ctx, sql, args)
	if err != nil {
		return row{}, err
	}
	return pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[row])
}

// begin makes a challenge and queues its mail.
func (s *Service) begin(ctx context.Context, tx pgx.Tx, email string) (Challenge, error) {
	r, err := queryRow(ctx, tx, `
		INSERT INTO challenges (id, email, purpose, key_id, code_length, expires_at)
		VALUES (@id, @email, @purpose, @key, @length, now() + @lifetime)
		RETURNING `+columns,
		pgx.NamedArgs{
			"id": newChallengeID(), "email": email, "purpose": PurposeSignIn,
			"key": s.keys.Current().ID, "length": s.codeLength, "lifetime": CodeLifetime,
		})
	if err != nil {
		return Challenge{}, postgres.Error("begin challenge", err)
	}
	return r.challenge(), s.outbox.EnqueueTx(ctx, tx, letterCode, r.ID)
}

var errTooEarly = errors.New("signin: a mail was sent within the last minute")

// claimResend takes the right to send the next mail for a challenge: one caller a minute gets it, the others errTooEarly.
func (s *Service) claimResend(ctx context.Context, tx pgx.Tx, id string) (Challenge, error) {
	r, err := queryRow(ctx, tx, `
		UPDATE challenges
		SET sent_at = now(), delivery = 'queued'
		WHERE id = @id
		  AND consumed_at IS NULL
		  AND sent_at <= now() - @resend_after::interval
		RETURNING `+columns,
		pgx.NamedArgs{"id": id, "resend_after": ResendAfter})
	if errors.Is(err, pgx.ErrNoRows) {
		return Challenge{}, errTooEarly
	}
	return r.challenge(), postgres.Error("claim resend", err)
}

func pending(ctx context.Context, q postgres.Querier, id string) (Challenge, error) {
	r, err := queryRow(ctx, q, `
		SELECT `+columns+`
		FROM challenges
		WHERE id = @id
		  AND consumed_at IS NULL`,
		pgx.NamedArgs{"id": id})
	if errors.Is(err, pgx.ErrNoRows) {
		return Challenge{}, errNonePending()
	}
	return r.challenge(), postgres.Error("read challenge", err)
}

// countTry counts a try before anything is compared, in a statement of its own, so that nothing that happens later can
// take it back. At most MaxTries callers get past it.
func (s *Service) countTry(ctx context.Context, id string) (Challenge, string, error) {
	r, err := queryRow(ctx, s.db, `
		UPDATE challenges
		SET tries = tries + 1
		WHERE id = @id
		  AND tries < @max_tries
		  AND consumed_at IS NULL
		  AND expires_at > now()
		RETURNING `+columns,
		pgx.NamedArgs{"id": id, "max_tries": MaxTries})
	if errors.Is(err, pgx.ErrNoRows) {
		return Challenge{}, "", s.explainRefusal(ctx, id)
	}
	return r.challenge(), r.KeyID, postgres.Error("count try", err)
}

// explainRefusal says why a try was not counted.
func (s *Service) explainRefusal(ctx context.Context, id string) error {
	var used, expired bool
	err := s.db.QueryRow(ctx, `
		SELECT consumed_at IS NOT NULL, expires_at <= now()
		FROM challenges
		WHERE id = @id`,
		pgx.NamedArgs{"id": id}).Scan(&used, &expired)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return errNonePending()
	case err != nil:
		return postgres.Error("explain refusal", err)
	case used || expired:
		return errExpired()
	default:
		return fault.New(fault.TooManyTries, "This code is locked after five wrong tries. Ask for a new one.")
	}
}

// consume spends a challenge; exactly one caller succeeds. It returns the database's time.
func consume(ctx context.Context, tx pgx.Tx, id string) (now time.Time, err error) {
	err = tx.QueryRow(ctx, `
		UPDATE challenges
		SET consumed_at = now()
		WHERE id = @id
		  AND consumed_at IS NULL
		RETURNING consumed_at`,
		pgx.NamedArgs{"id": id}).Scan(&now)
	if errors.Is(err, pgx.ErrNoRows) {
		return time.Time{}, errExpired()
	}
	return now, postgres.Error("consume challenge", err)
}

// upsertUser returns the user of a proven address. Nothing about a user exists before this.
func upsertUser(ctx context.Context, tx pgx.Tx, email string) (User, error) {
	user := User{Email: email}
	err := tx.QueryRow(ctx, `
		INSERT INTO users (email)
		VALUES (@email)
		ON CONFLICT (email) DO UPDATE SET last_signed_in_at = now()
		RETURNING id::text, xmax = 0`,
		pgx.NamedArgs{"email": email}).Scan(&user.ID, &user.Created)
	return user, postgres.Error("upsert user", err)
}
