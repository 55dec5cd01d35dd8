package signin

import (
	"context"
	"errors"
	"time"

	"sana/backend/fault"
	"sana/backend/postgres"
	"sana/backend/throttle"

	"github.com/jackc/pgx/v5"
)

// resendAt is when the next mail of a challenge may be sent.
const resendAt = `coalesce(resend_at, sent_at + interval '1 minute')`

// columns are those of a row that Challenge shows, with the database's clock.
const columns = `
	id::text,
	email,
	purpose,
	coalesce(user_id::text, '') AS user_id,
	code_kind,
	code_length,
	key_id,
	verifier,
	tries,
	mails,
	delivery,
	coalesce(delivery_reason, '') AS delivery_reason,
	language,
	platform,
	now() AS now,
	sent_at,
	` + resendAt + ` AS resend_at,
	expires_at`

// row is a challenge as it is stored.
type row struct {
	ID             string
	Email          string
	Purpose        Purpose
	UserID         string
	CodeKind       CodeKind
	CodeLength     int
	KeyID          string
	Verifier       []byte
	Tries          int
	Mails          int
	Delivery       Delivery
	DeliveryReason DeliveryReason
	Language       string
	Platform       string
	Now            time.Time
	SentAt         time.Time
	ResendAt       time.Time
	ExpiresAt      time.Time
}

func (r row) format() Format { return Format{Kind: r.CodeKind, Length: r.CodeLength} }

func (r row) challenge() Challenge {
	return Challenge{
		ID:         r.ID,
		Email:      r.Email,
		Purpose:    r.Purpose,
		UserID:     r.UserID,
		CodeFormat: r.format(),
		TriesLeft:  max(0, throttle.MaxTries-r.Tries),
		Delivery:   r.Delivery,
		Reason:     r.DeliveryReason,
		Now:        r.Now,
		SentAt:     r.SentAt,
		ResendAt:   r.ResendAt,
		ExpiresAt:  r.ExpiresAt,
	}
}

// queueRow has a batch ask for a row, which is there when the batch is done; it is empty where the statement found nothing.
func queueRow(b *postgres.Batch, sql string, args pgx.NamedArgs) *row {
	found := &row{}
	b.Queue(sql, args).Query(func(rows pgx.Rows) (err error) {
		*found, err = pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[row])
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		return err
	})
	return found
}

// queryRow returns pgx.ErrNoRows when the statement found nothing.
func queryRow(ctx context.Context, q postgres.Querier, sql string, args pgx.NamedArgs) (row, error) {
	rows, err := q.Query(ctx, sql, args)
	if err != nil {
		return row{}, err
	}
	return pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[row])
}

// cancel removes a challenge that was not used.
func cancel(ctx context.Context, tx pgx.Tx, id string) error {
	_, err := tx.Exec(ctx, `
		DELETE FROM challenges
		WHERE id = @id
		  AND consumed_at IS NULL`,
		pgx.NamedArgs{"id": id})
	return postgres.Error("cancel challenge", err)
}

// find has the batch look for a challenge that was not used.
func find(b *postgres.Batch, id string) *row {
	return queueRow(b, findRow, pgx.NamedArgs{"id": id})
}

const findRow = `
		SELECT ` + columns + `
		FROM challenges
		WHERE id = @id
		  AND consumed_at IS NULL`

func pending(ctx context.Context, q postgres.Querier, id string) (Challenge, error) {
	r, err := queryRow(ctx, q, findRow, pgx.NamedArgs{"id": id})
	if errors.Is(err, pgx.ErrNoRows) {
		return Challenge{}, errNonePending()
	}
	return r.challenge(), postgres.Error("read challenge", err)
}

// explainRefusal says why a try was not counted.
func (s *Service) explainRefusal(ctx context.Context, id string, purpose Purpose) error {
	var used, expired bool
	err := s.db.QueryRow(ctx, `
		SELECT consumed_at IS NOT NULL, expires_at <= now()
		FROM challenges
		WHERE id = @id
		  AND purpose = @purpose`,
		pgx.NamedArgs{"id": id, "purpose": purpose}).Scan(&used, &expired)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return errNonePending()
	case err != nil:
		return postgres.Error("explain refusal", err)
	case used || expired:
		return errExpired()
	default:
		s.metrics.Refused(throttle.TriesLabel)
		return fault.New(fault.TooManyTries, "This code is locked after five wrong tries. Ask for a new one.")
	}
}

// WithdrawAll makes every code that was asked for so far good for nothing. It returns how many that were.
func WithdrawAll(ctx context.Context, db postgres.Querier) (int, error) {
	tag, err := db.Exec(ctx, `
		UPDATE challenges
		SET expires_at = now()
		WHERE consumed_at IS NULL
		  AND expires_at > now()`)
	return int(tag.RowsAffected()), postgres.Error("withdraw all codes", err)
}
