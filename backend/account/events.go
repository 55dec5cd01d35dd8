package account

import (
	"context"
	"encoding/json"
	"strconv"
	"time"

	"sana/backend/fault"
	"sana/backend/postgres"

	"github.com/jackc/pgx/v5"
)

// Kind says what happened.
type Kind string

// The kinds of event. Their texts are in the database and in the contract.
const (
	Created       Kind = "account_created"
	SignedIn      Kind = "signed_in"
	SignedOut     Kind = "signed_out"
	SessionEnded  Kind = "session_ended"
	SessionsEnded Kind = "sessions_ended"
	NameChanged   Kind = "name_changed"
	EmailChanged  Kind = "email_changed"
	Exported      Kind = "exported"
)

// Actor is who did something; the zero value is the operator, or nobody.
type Actor struct {
	Platform string // browser and system, in words that package platform has written
	IP       string
}

// Details are what an event tells beyond its kind. They are stored as they stand here.
type Details struct {
	Ended    string `json:"ended,omitempty"`  // browser and system of the session that ended
	Reason   string `json:"reason,omitempty"` // why it did; one of the contract's
	OldEmail string `json:"old_email,omitempty"`
	NewEmail string `json:"new_email,omitempty"`
}

// Entry is what is to be written down.
type Entry struct {
	Kind Kind
	Details
}

// Event is what was.
type Event struct {
	ID      int64
	Kind    Kind
	At      time.Time
	By      Actor
	Details Details
}

// Record calls do in a transaction that holds the user's row, and writes down what it returns, in the same one. It returns
// fault.NotSignedIn where the account was deleted.
func (s *Service) Record(ctx context.Context, userID string, by Actor, do func(ctx context.Context, tx pgx.Tx) ([]Entry, error)) error {
	return postgres.InTx(ctx, s.db, func(tx pgx.Tx) error {
		if err := s.Hold(ctx, tx, userID); err != nil {
			return err
		}
		entries, err := do(ctx, tx)
		if err != nil {
			return err
		}
		return s.Write(ctx, tx, userID, by, entries...)
	})
}

// RecordEnd is Record for what is to be done all the same where the account was deleted: then nothing is written down.
func (s *Service) RecordEnd(ctx context.Context, userID string, by Actor, end func(ctx context.Context, tx pgx.Tx) ([]Entry, error)) error {
	return postgres.InTx(ctx, s.db, func(tx pgx.Tx) error {
		if err := s.Hold(ctx, tx, userID); err != nil && !fault.Is(err, fault.NotSignedIn) {
			return err
		}
		entries, err := end(ctx, tx)
		if err != nil {
			return err
		}
		return s.Write(ctx, tx, userID, by, entries...)
	})
}

// Write writes down what happened, as part of tx, which holds the user's row; nothing where the account was deleted.
func (s *Service) Write(ctx context.Context, tx pgx.Tx, userID string, by Actor, entries ...Entry) error {
	of := make([]EntryOf, len(entries))
	for i, entry := range entries {
		of[i] = EntryOf{UserID: userID, Entry: entry}
	}
	return s.WriteAll(ctx, tx, by, of)
}

// WriteSignIn has the batch write down that somebody with this address, whom it has made a user or found, signed in, and which
// sessions of his ended for that. surplus is an SQL expression for their platforms: a JSON array of texts, or NULL.
func (s *Service) WriteSignIn(b *postgres.Batch, email string, by Actor, surplus, reason string) {
	b.Queue(`
		INSERT INTO account_events (user_id, kind, platform, ip, details)
		SELECT users.id, entry.kind, @platform, @ip, entry.details
		FROM users
		CROSS JOIN LATERAL (
		    SELECT CASE WHEN users.created_at = now() THEN @created ELSE @signed_in END AS kind, '{}'::jsonb AS details
		    UNION ALL
		    SELECT @ended, jsonb_strip_nulls(jsonb_build_object('ended', nullif(ended, ''), 'reason', @reason::text))
		    FROM jsonb_array_elements_text(`+surplus+`) AS ended
		) AS entry
		WHERE users.email = @email
		  AND `+postgres.GoesOn,
		pgx.NamedArgs{
			"email": email, "platform": by.Platform, "ip": by.IP, "reason": reason,
			"created": Created, "signed_in": SignedIn, "ended": SessionEnded,
		})
}

// HoldIn is Hold as part of a batch, which stops where the account was deleted.
func (s *Service) HoldIn(b *postgres.Batch, userID string) {
	b.Queue(`
		WITH held AS MATERIALIZED (
		    SELECT id
		    FROM users
		    WHERE id = @user
		    FOR NO KEY UPDATE
		)
		SELECT `+postgres.Stop+`
		WHERE NOT EXISTS (SELECT FROM held)`,
		pgx.NamedArgs{"user": userID})
}

// EntryOf is an Entry for one account of several.
type EntryOf struct {
	UserID string
	Entry
}

// WriteAll writes down what happened on several accounts, as part of tx. It passes by those that are deleted.
func (s *Service) WriteAll(ctx context.Context, tx pgx.Tx, by Actor, entries []EntryOf) error {
	if len(entries) == 0 {
		return nil
	}
	users, kinds, details := make([]string, len(entries)), make([]string, len(entries)), make([]string, len(entries))
	for i, entry := range entries {
		text, err := json.Marshal(entry.Details)
		if err != nil {
			return err
		}
		users[i], kinds[i], details[i] = entry.UserID, string(entry.Kind), string(text)
	}
	_, err := tx.Exec(ctx, `
		INSERT INTO account_events (user_id, kind, platform, ip, details)
		SELECT users.id, kind, @platform, @ip, details::jsonb
		FROM unnest(@users::uuid[], @kinds::text[], @details::text[]) WITH ORDINALITY AS entries (user_id, kind, details, n)
		     JOIN users ON users.id = entries.user_id
		ORDER BY n`,
		pgx.NamedArgs{"users": users, "platform": by.Platform, "ip": by.IP, "kinds": kinds, "details": details})
	return postgres.Error("write events", err)
}

// pageSize is how many events a page has.
const pageSize = 50

// Events returns a page of what happened on an account, newest first: what was before the event `before`, from the newest
// on where that is 0. next is the `before` of the page after this one, 0 on the last.
func (s *Service) Events(ctx context.Context, userID string, before int64) (events []Event, next int64, err error) {
	events, err = s.events(ctx, s.db, userID, before, strconv.Itoa(pageSize+1))
	if err == nil && len(events) > pageSize {
		events = events[:pageSize]
		next = events[pageSize-1].ID
	}
	return events, next, err
}

// events returns up to limit events, an SQL expression.
func (s *Service) events(ctx context.Context, q postgres.Querier, userID string, before int64, limit string) ([]Event, error) {
	rows, err := q.Query(ctx, `
		SELECT id, kind, at, platform, ip, details
		FROM account_events
		WHERE user_id = @user
		  AND (@before::bigint = 0 OR id < @before)
		ORDER BY id DESC
		LIMIT `+limit,
		pgx.NamedArgs{"user": userID, "before": before})
	if err != nil {
		return nil, postgres.Error("read events", err)
	}
	events, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (e Event, err error) {
		return e, row.Scan(&e.ID, &e.Kind, &e.At, &e.By.Platform, &e.By.IP, &e.Details)
	})
	return events, postgres.Error("read events", err)
}

// Copy is what this package holds about a person.
type Copy struct {
	Account
	Events []Event // newest first
	At     time.Time
}

// Export returns a copy and calls gather for what others hold, in one transaction that holds the user's row and writes down
// that somebody took it.
func (s *Service) Export(
	ctx context.Context, userID string, by Actor, gather func(ctx context.Context, tx pgx.Tx, c Copy) error,
) error {
	return postgres.InTx(ctx, s.db, func(tx pgx.Tx) (err error) {
		var c Copy
		if c.Account, err = s.hold(ctx, tx, userID); err != nil {
			return err
		}
		if err = tx.QueryRow(ctx, `SELECT now()`).Scan(&c.At); err != nil {
			return postgres.Error("read the time", err)
		}
		if c.Events, err = s.events(ctx, tx, userID, 0, "ALL"); err != nil {
			return err
		}
		if err = gather(ctx, tx, c); err != nil {
			return err
		}
		return s.Write(ctx, tx, userID, by, Entry{Kind: Exported})
	})
}

// sweepBatch is how many rows one statement of the sweep deletes.
const sweepBatch = 1000

// Sweep deletes events that are 90 days old, in batches, and returns how many. Two sweeps at once do not get into each
// other's way.
func (s *Service) Sweep(ctx context.Context) (deleted int, err error) {
	for n := sweepBatch; n == sweepBatch; deleted += n {
		tag, err := s.db.Exec(ctx, `
			DELETE FROM account_events
			WHERE id IN (
			    SELECT id
			    FROM account_events
			    WHERE at < now() - interval '90 days'
			    ORDER BY at
			    LIMIT @batch
			    FOR UPDATE SKIP LOCKED)`,
			pgx.NamedArgs{"batch": sweepBatch})
		if err != nil {
			return deleted, postgres.Error("sweep events", err)
		}
		n = int(tag.RowsAffected())
	}
	return deleted, nil
}
