package signin

import (
	"context"
	"time"

	"sana/backend/postgres"
	"sana/backend/throttle"

	"github.com/jackc/pgx/v5"
)

// Asked is a code that somebody asked for, for an operator who is told that it did not come. All times are the database's.
type Asked struct {
	Ref       string // its mails' ref in the log and at Mailgun
	Purpose   string
	Platform  string // browser and system that asked, "" where nobody knows
	Mails     int    // how many were queued
	Delivery  Delivery
	Reason    DeliveryReason
	Wrong     int // tries that were counted, the right one too
	Locked    bool
	SentAt    time.Time
	ExpiresAt time.Time
	Expired   bool
	UsedAt    time.Time // zero when it was not
}

// ListAsked returns the codes asked for an address, however it is typed, the newest first, for about a day after they
// expired. It returns fault.InvalidEmail for what is not an address. Nothing that a stranger can call may depend on it.
func ListAsked(ctx context.Context, db postgres.Querier, address string) (email string, list []Asked, err error) {
	email, err = ParseAddress(address)
	if err != nil {
		return "", nil, err
	}
	rows, err := db.Query(ctx, `
		SELECT id::text,
		       purpose,
		       platform,
		       mails,
		       delivery,
		       coalesce(delivery_reason, ''),
		       tries,
		       tries >= @max_tries AND consumed_at IS NULL,
		       sent_at,
		       expires_at,
		       expires_at <= now(),
		       coalesce(consumed_at, '0001-01-01'::timestamptz)
		FROM challenges
		WHERE email = @email
		ORDER BY created_at DESC, id`,
		pgx.NamedArgs{"email": email, "max_tries": throttle.MaxTries})
	if err != nil {
		return "", nil, postgres.Error("list codes", err)
	}
	list, err = pgx.CollectRows(rows, pgx.RowToStructByPos[Asked])
	return email, list, postgres.Error("list codes", err)
}
