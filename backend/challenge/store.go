package challenge

import (
	"context"
	"errors"
	"time"

	"sana/backend/keyring"
	"sana/backend/outbox"
	"sana/backend/postgres"
	"sana/backend/throttle"
	"sana/backend/visitor"

	"github.com/jackc/pgx/v5"
)

// Cancel deletes the challenge that q means, if its code was not used.
func Cancel(ctx context.Context, db postgres.Querier, q Query) error {
	c, _, err := Find(ctx, db, q, throttle.Budgets{})
	if err != nil || c.ID == "" {
		return err
	}
	_, err = db.Exec(ctx, `
		DELETE FROM challenges
		WHERE id = @id
		  AND consumed_at IS NULL`,
		pgx.NamedArgs{"id": c.ID})
	return postgres.Error("cancel challenge", err)
}

// DropOfBrowser deletes the challenges of a browser that are open or could be repeated, as part of
// tx.
func DropOfBrowser(ctx context.Context, tx pgx.Tx, browser visitor.Browser) error {
	_, err := tx.Exec(ctx, `
		DELETE FROM challenges
		WHERE browser = @browser
		  AND (consumed_at IS NULL OR `+string(IsRepeatable)+`)`,
		pgx.NamedArgs{"browser": browser.Hash()})
	return postgres.Error("drop challenges", err)
}

// DropOfUser deletes the challenges of a user whose account is deleted, as part of tx, which holds
// the user's row. A challenge whose code is being verified at this moment stays: it leads to a new
// account or, for a step-up, to nothing.
func DropOfUser(ctx context.Context, tx pgx.Tx, userID, email string) error {
	_, err := tx.Exec(ctx, `
		WITH unused AS (
		    SELECT id
		    FROM challenges
		    WHERE email = @email
		       OR user_id = @user
		    FOR UPDATE SKIP LOCKED
		)
		DELETE FROM challenges
		USING unused
		WHERE challenges.id = unused.id`,
		pgx.NamedArgs{"user": userID, "email": email})
	return postgres.Error("drop challenges", err)
}

// InvalidateAll makes every open code invalid, and every spent one unrepeatable. It returns how
// many were open.
func InvalidateAll(ctx context.Context, db postgres.Querier) (int, error) {
	tag, err := db.Exec(ctx, `
		UPDATE challenges
		SET expires_at = now()
		WHERE consumed_at IS NULL
		  AND expires_at > now()`)
	if err != nil {
		return 0, postgres.Error("withdraw all codes", err)
	}

	// Second, so that it sees the codes that were used just before the first statement.
	_, err = db.Exec(ctx, `
		DELETE FROM challenges
		WHERE expires_at > now() - interval '2 minutes'
		  AND `+string(IsRepeatable))
	return int(tag.RowsAffected()), postgres.Error("withdraw all codes", err)
}

// Rekey gives a challenge the key `current` in place of one that no instance has any more, and so
// another code. The verifier of the old code goes: a challenge has one code.
func Rekey(ctx context.Context, db postgres.Querier, c Challenge, current keyring.Key) error {
	tag, err := db.Exec(ctx, `
		UPDATE challenges
		SET key_id = @key,
		    verifier = NULL
		WHERE id = @id
		  AND key_id = @old
		  AND consumed_at IS NULL`,
		pgx.NamedArgs{"id": c.ID, "key": current.ID, "old": c.KeyID})
	// another instance was first; the next attempt reads its key
	if err == nil && tag.RowsAffected() == 0 {
		return errors.New("rekey challenge: it changed meanwhile")
	}
	return postgres.Error("rekey challenge", err)
}

// Stored is what is stored about a code, without the code. All times are the database's.
type Stored struct {
	Ref       string // of its mails, in the log and at Mailgun
	Email     string
	Purpose   Purpose
	Platform  string // browser and system that asked, "" if unknown
	Language  string
	UTCOffset int
	Mails     int          // how many were queued
	Delivery  outbox.State // of the newest mail
	Reason    outbox.Reason
	Tries     int // wrong attempts
	SentAt    time.Time
	ExpiresAt time.Time
	Expired   bool
	UsedAt    *time.Time // nil if it was not used
}

// IsLocked reports whether the code is locked after too many wrong attempts.
func (s Stored) IsLocked() bool { return s.UsedAt == nil && s.Tries >= throttle.MaxTries }

// List returns the codes of a user or an address, the newest first. Codes are stored for a day.
// userID may be "". No answer to a stranger may depend on the list.
func List(ctx context.Context, db postgres.Querier, userID, email string) ([]Stored, error) {
	rows, err := db.Query(ctx, `
		SELECT c.id::text AS ref,
		       c.email,
		       c.purpose,
		       c.platform,
		       c.language,
		       c.utc_offset,
		       coalesce(m.number, 0) AS mails,
		       coalesce(m.state, 'queued') AS delivery,
		       coalesce(m.reason, '') AS reason,
		       c.tries,
		       c.sent_at,
		       c.expires_at,
		       c.expires_at <= now() AS expired,
		       c.consumed_at AS used_at
		FROM challenges AS c`+newestMail+`
		WHERE c.email = @email
		   OR c.user_id = nullif(@user, '')::uuid
		ORDER BY c.created_at DESC, c.id`,
		pgx.NamedArgs{"email": email, "user": userID})
	if err != nil {
		return nil, postgres.Error("list codes", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[Stored])
	return list, postgres.Error("list codes", err)
}

// Sweep deletes challenges that were created more than a day ago, in batches, and returns how many.
// Sweeps may run concurrently.
func Sweep(ctx context.Context, db postgres.Querier) (deleted int, err error) {
	return postgres.DeleteBatches(ctx, db, "sweep challenges", `
		DELETE FROM challenges
		WHERE id IN (
		    SELECT id
		    FROM challenges
		    WHERE created_at < now() - interval '24 hours'
		    ORDER BY created_at
		    LIMIT @batch
		    FOR UPDATE SKIP LOCKED)`, pgx.NamedArgs{})
}
