package signin

import (
	"context"
	"errors"
	"time"

	"sana/backend/fault"
	"sana/backend/mail"
	"sana/backend/outbox"
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

// queryRow returns pgx.ErrNoRows when the statement found nothing.
func queryRow(ctx context.Context, q postgres.Querier, sql string, args pgx.NamedArgs) (row, error) {
	rows, err := q.Query(ctx, sql, args)
	if err != nil {
		return row{}, err
	}
	return pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[row])
}

// begin makes a challenge with the address, purpose, user and format of wanted, has it kept, and queues its mail, if one
// may be sent.
func (s *Service) begin(
	ctx context.Context, tx pgx.Tx, client Client, wanted Challenge, leave sending, keep Keep,
) (Challenge, error) {
	key := s.keys.Current()
	r, err := queryRow(ctx, tx, `
		INSERT INTO challenges (
		    id, email, purpose, user_id, key_id, code_kind, code_length, mails, delivery, language, platform, resend_at, expires_at)
		VALUES (
		    @id, @email, @purpose, nullif(@user, '')::uuid, @key, @kind, @length, @mails, @delivery, @language, @platform,
		    @resend_at, now() + @lifetime)
		RETURNING `+columns,
		pgx.NamedArgs{
			"id": newChallengeID(), "email": wanted.Email, "purpose": wanted.Purpose, "user": wanted.UserID,
			"key": key.ID, "kind": wanted.CodeFormat.Kind, "length": wanted.CodeFormat.Length,
			"mails": leave.mails(), "delivery": leave.delivery,
			"language": mail.MatchLanguage(client.AcceptLanguage), "platform": client.Platform,
			"resend_at": leave.resendAt, "lifetime": throttle.CodeLifetime,
		})
	if err != nil {
		return Challenge{}, postgres.Error("begin challenge", err)
	}
	challenge := r.challenge()
	secret, err := keep(ctx, tx, challenge)
	if err != nil {
		return Challenge{}, err
	}
	if secret != "" {
		code := deriveCode(key, r.ID, r.Purpose, r.format())
		if err := setVerifier(ctx, tx, r.ID, verifierOf(secret, r.ID, code)); err != nil {
			return Challenge{}, err
		}
	}
	return challenge, s.enqueue(ctx, tx, r)
}

func setVerifier(ctx context.Context, tx pgx.Tx, id string, verifier []byte) error {
	_, err := tx.Exec(ctx, `
		UPDATE challenges
		SET verifier = @verifier
		WHERE id = @id`,
		pgx.NamedArgs{"id": id, "verifier": verifier})
	return postgres.Error("set verifier", err)
}

// enqueue queues a challenge's newest mail, unless none may be sent.
func (s *Service) enqueue(ctx context.Context, tx pgx.Tx, r row) error {
	if r.Delivery == Held {
		return nil
	}
	return s.outbox.EnqueueTx(ctx, tx, letterCode, outbox.Ref{ID: r.ID, Number: r.Mails})
}

var errTooEarly = errors.New("signin: no mail may be sent yet")

// claimResend takes the right to send the next mail for a challenge, until tx ends: of parallel callers one gets it, the
// others errTooEarly.
func claimResend(ctx context.Context, tx pgx.Tx, id string) (Challenge, error) {
	r, err := queryRow(ctx, tx, `
		SELECT `+columns+`
		FROM challenges
		WHERE id = @id
		  AND consumed_at IS NULL
		  AND `+resendAt+` <= now()
		FOR UPDATE`,
		pgx.NamedArgs{"id": id})
	if errors.Is(err, pgx.ErrNoRows) {
		return Challenge{}, errTooEarly
	}
	return r.challenge(), postgres.Error("claim resend", err)
}

// resend queues the mail of a claimed challenge once more, if one may be sent, and notes when the next one may.
func (s *Service) resend(ctx context.Context, tx pgx.Tx, id string, leave sending) (Challenge, error) {
	r, err := queryRow(ctx, tx, `
		UPDATE challenges
		SET mails = mails + @mails,
		    delivery = @delivery,
		    delivery_reason = NULL,
		    delivery_at = NULL,
		    sent_at = CASE WHEN @delivery = 'held' THEN sent_at ELSE now() END,
		    resend_at = @resend_at
		WHERE id = @id
		RETURNING `+columns,
		pgx.NamedArgs{"id": id, "mails": leave.mails(), "delivery": leave.delivery, "resend_at": leave.resendAt})
	if err != nil {
		return Challenge{}, postgres.Error("resend", err)
	}
	return r.challenge(), s.enqueue(ctx, tx, r)
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

// errNotCounted is countTry's answer for a challenge that takes no try.
var errNotCounted = errors.New("signin: the challenge takes no try")

// countTry counts a try at a challenge of this purpose. At most throttle.MaxTries callers get past it.
func countTry(ctx context.Context, tx pgx.Tx, id string, purpose Purpose) (row, error) {
	r, err := queryRow(ctx, tx, `
		UPDATE challenges
		SET tries = tries + 1
		WHERE id = @id
		  AND purpose = @purpose
		  AND tries < @max_tries
		  AND consumed_at IS NULL
		  AND expires_at > now()
		RETURNING `+columns,
		pgx.NamedArgs{"id": id, "purpose": purpose, "max_tries": throttle.MaxTries})
	if errors.Is(err, pgx.ErrNoRows) {
		return row{}, errNotCounted
	}
	return r, postgres.Error("count try", err)
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

// WithdrawAll makes every code that was asked for so far good for nothing. It returns how many that were.
func WithdrawAll(ctx context.Context, db postgres.Querier) (int, error) {
	tag, err := db.Exec(ctx, `
		UPDATE challenges
		SET expires_at = now()
		WHERE consumed_at IS NULL
		  AND expires_at > now()`)
	return int(tag.RowsAffected()), postgres.Error("withdraw all codes", err)
}
