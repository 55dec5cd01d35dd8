package account

import (
	"context"
	"encoding/json"
	"math"
	"time"

	"sana/backend/postgres"
	"sana/backend/visitor"

	"github.com/jackc/pgx/v5"
)

// Kind is the kind of an event.
type Kind string

// The kinds. Their texts are in the database and in the API contract.
const (
	Created         Kind = "account_created"
	SignedIn        Kind = "signed_in"
	SignedOut       Kind = "signed_out"
	SessionRevoked  Kind = "session_ended"
	SessionsRevoked Kind = "sessions_ended"
	NameChanged     Kind = "name_changed"
	EmailChanged    Kind = "email_changed"
	Exported        Kind = "exported"
	AppOpened       Kind = "app_opened" // for the first time from a browser on a system
	Blocked         Kind = "blocked"
	Unblocked       Kind = "unblocked"
	KeyMade         Kind = "access_key_made"
	KeyRevoked      Kind = "access_key_ended"

	PasskeyAdded   Kind = "passkey_added"
	PasskeyRemoved Kind = "passkey_removed"

	CodesForSignIn   Kind = "codes_for_sign_in"
	CodesForRecovery Kind = "codes_for_recovery"
	RecoveryBegun    Kind = "recovery_begun"
	RecoveryStopped  Kind = "recovery_stopped"
	Recovered        Kind = "recovered"
)

// Operator is the author of events that a command of an operator has caused.
const Operator = "operator"

// Details are what an event says beyond its kind. They are stored as they are here.
type Details struct {
	Ended    string `json:"ended,omitempty"`  // browser and system of the session that ended
	Reason   string `json:"reason,omitempty"` // why it ended; one of the API contract's
	OldEmail string `json:"old_email,omitempty"`
	NewEmail string `json:"new_email,omitempty"`
	// name of the app that was opened, or that a key is for
	App     string `json:"app,omitempty"`
	Key     string `json:"key,omitempty"`     // name of the access key
	Passkey string `json:"passkey,omitempty"` // name of the passkey, also of one that signed in
	By      string `json:"by,omitempty"`      // Operator, or "" for the user
}

// Entry is an event to be recorded.
type Entry struct {
	UserID string
	Kind   Kind
	Details
}

// Event is a recorded event.
type Event struct {
	ID       int64
	Kind     Kind
	At       time.Time
	Platform string // browser and system that did it, in words; "" if it was none
	IP       string // "" if there was none
	Details  Details
}

// Record records events, as part of tx. Events of deleted accounts are left out.
func (s *Service) Record(
	ctx context.Context, tx pgx.Tx, by visitor.Visitor, entries ...Entry,
) error {
	if len(entries) == 0 {
		return nil
	}
	users, kinds, details := make([]string, len(entries)), make([]string, len(entries)),
		make([]string, len(entries))
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
		FROM unnest(@users::uuid[], @kinds::text[], @details::text[])
		    WITH ORDINALITY AS entries (user_id, kind, details, n)
		     JOIN users ON users.id = entries.user_id
		ORDER BY n`,
		pgx.NamedArgs{"users": users, "platform": by.Platform, "ip": by.IP, "kinds": kinds,
			"details": details})
	return postgres.Error("record events", err)
}

// Events returns up to limit events of an account, newest first: those before the event `before`,
// or the newest ones if that is 0.
func (s *Service) Events(
	ctx context.Context, userID string, before int64, limit int,
) ([]Event, error) {
	if before == 0 {
		before = math.MaxInt64 // an OR in the statement would keep the index from beginning there
	}
	rows, err := s.db.Query(ctx, `
		SELECT id, kind, at, platform, ip, details
		FROM account_events
		WHERE user_id = @user
		  AND id < @before
		ORDER BY id DESC
		LIMIT @limit`,
		pgx.NamedArgs{"user": userID, "before": before, "limit": limit})
	if err != nil {
		return nil, postgres.Error("read events", err)
	}
	events, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (e Event, err error) {
		return e, row.Scan(&e.ID, &e.Kind, &e.At, &e.Platform, &e.IP, &e.Details)
	})
	return events, postgres.Error("read events", err)
}

// Sweep deletes events that are 90 days old, in batches, and returns how many. Ids ascend with
// time, so it needs no index by time. Any number of sweeps may run at once.
func (s *Service) Sweep(ctx context.Context) (deleted int, err error) {
	return postgres.DeleteBatches(ctx, s.db, "sweep events", `
		DELETE FROM account_events
		WHERE id IN (
		    SELECT id
		    FROM (
		        SELECT id, at
		        FROM account_events
		        ORDER BY id
		        LIMIT @batch) AS oldest
		    WHERE at < now() - interval '90 days')`, pgx.NamedArgs{})
}
