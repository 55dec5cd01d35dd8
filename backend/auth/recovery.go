package auth

import (
	"context"
	"errors"
	"time"

	"sana/backend/account"
	"sana/backend/fault"
	"sana/backend/mail/templates"
	"sana/backend/outbox"
	"sana/backend/postgres"
	"sana/backend/session"
	"sana/backend/visitor"

	"github.com/jackc/pgx/v5"
)

// Recovery is the wait of a user who has lost all passkeys. At its end all passkeys, sessions and
// access keys of the user are revoked, and codes sign in again. Until then a passkey or the link in
// the mail stops it. Without the wait, a reader of the mailbox would need no passkey.
type Recovery struct {
	Now    time.Time
	EndsAt time.Time
}

// recoveryWait is the duration of the wait.
const recoveryWait = 24 * time.Hour

// stopLabel is the label of the tokens that stop a recovery; their text is its id.
const stopLabel = "sana/recovery stop/v1"

// dropRecovery deletes the recovery of a user.
func dropRecovery(ctx context.Context, tx pgx.Tx, userID string) (dropped bool, err error) {
	tag, err := tx.Exec(ctx, `
		DELETE FROM recoveries
		WHERE user_id = @user`,
		pgx.NamedArgs{"user": userID})
	return tag.RowsAffected() > 0, postgres.Error("stop recovery", err)
}

// BeginRecovery begins the wait for a user. In the last ten minutes this browser must have entered
// their right code and received fault.RecoveryRequired. A code begins one recovery; a pending one
// continues, and then belongs to this browser. It returns fault.NoRecovery if there was no such
// code.
func (s *Service) BeginRecovery(ctx context.Context, v visitor.Visitor) (r Recovery, err error) {
	err = postgres.InTx(ctx, s.DB, func(tx pgx.Tx) error {
		if err := s.beginRecovery(ctx, tx, v); err != nil && !errors.Is(err, pgx.ErrNoRows) {
			return err
		}
		r, err = findRecovery(ctx, tx, v, session.Session{})
		return err
	})
	return r, err
}

// beginRecovery returns pgx.ErrNoRows if the browser has entered no such code.
func (s *Service) beginRecovery(ctx context.Context, tx pgx.Tx, v visitor.Visitor) error {
	var userID string
	err := tx.QueryRow(ctx, `
		WITH used AS (
		    DELETE FROM challenges
		    WHERE browser = @browser
		      AND outcome = 'recovery_required'
		      AND consumed_at > now() - interval '10 minutes'
		      AND consumed_at <= now() + interval '1 minute'
		    RETURNING email, consumed_at
		)
		SELECT users.id::text
		FROM used
		JOIN users ON users.email = used.email
		ORDER BY consumed_at DESC
		LIMIT 1`,
		pgx.NamedArgs{"browser": v.Browser.Hash()}).Scan(&userID)
	if err != nil {
		return postgres.Error("begin recovery", err)
	}
	owner, err := s.Accounts.Lock(ctx, tx, userID)
	if err != nil {
		return err
	}
	var id string
	var ends time.Time
	var isNew bool
	err = tx.QueryRow(ctx, `
		INSERT INTO recoveries (user_id, browser, language, ends_at)
		SELECT id, @browser, @language, now() + @wait::interval
		FROM users
		WHERE id = @user
		  AND codes_for = 'recovery'
		  AND blocked_at IS NULL
		ON CONFLICT (user_id) DO UPDATE SET browser = excluded.browser
		RETURNING id::text, ends_at, began_at = now()`,
		pgx.NamedArgs{
			"user": userID, "browser": v.Browser.Hash(), "wait": recoveryWait,
			"language": templates.MatchLanguage(v.AcceptLanguage),
		}).Scan(&id, &ends, &isNew)
	if err != nil || !isNew {
		return postgres.Error("begin recovery", err)
	}
	if err := s.Accounts.Record(ctx, tx, v,
		account.Entry{UserID: userID, Kind: account.RecoveryBegun}); err != nil {
		return err
	}
	return s.notify(ctx, tx, v, outbox.Notice{
		Template: recoveryBegunTemplate, Email: owner.Email, Recovery: id,
		Until: ends.UTC().Format(time.RFC3339),
	})
}

// FindRecovery returns the recovery that this browser has begun, or the pending one of the current
// user. It returns fault.NoRecovery if there is none.
func (s *Service) FindRecovery(
	ctx context.Context, v visitor.Visitor, current session.Session,
) (Recovery, error) {
	return findRecovery(ctx, s.DB, v, current)
}

func findRecovery(
	ctx context.Context, db postgres.Querier, v visitor.Visitor, current session.Session,
) (r Recovery, err error) {
	err = db.QueryRow(ctx, `
		SELECT now(), ends_at
		FROM recoveries
		WHERE browser = @browser
		   OR user_id = nullif(@user, '')::uuid
		ORDER BY ends_at DESC
		LIMIT 1`,
		pgx.NamedArgs{"browser": v.Browser.Hash(), "user": current.User.ID}).Scan(&r.Now, &r.EndsAt)
	if errors.Is(err, pgx.ErrNoRows) {
		return Recovery{}, errNoRecovery()
	}
	return r, postgres.Error("read recovery", err)
}

func errNoRecovery() error {
	return fault.New(fault.NoRecovery,
		"There is no recovery here: it is over, was stopped, or never began.")
}

// CancelRecovery stops the recoveries that this browser has begun, if any.
func (s *Service) CancelRecovery(ctx context.Context, v visitor.Visitor) error {
	if v.Browser == "" {
		return nil
	}
	_, err := s.stopRecoveries(ctx, v, `browser = @browser`,
		pgx.NamedArgs{"browser": v.Browser.Hash()})
	return err
}

// StopRecovery stops a recovery by the token in the mail about it. It returns fault.NoRecovery if
// the token is invalid or expired.
func (s *Service) StopRecovery(ctx context.Context, v visitor.Visitor, token string) error {
	id, ok := openLinkToken(s.Keys, stopLabel, token)
	if !ok {
		return errNoRecovery()
	}
	stopped, err := s.stopRecoveries(ctx, v, `recoveries.id = @recovery::uuid`,
		pgx.NamedArgs{"recovery": id})
	if err == nil && stopped == 0 {
		err = errNoRecovery()
	}
	return err
}

func (s *Service) stopRecoveries(
	ctx context.Context, v visitor.Visitor, condition postgres.SQL, args pgx.NamedArgs,
) (stopped int, err error) {
	err = postgres.InTx(ctx, s.DB, func(tx pgx.Tx) error {
		stopped = 0
		users, err := usersOf(ctx, tx, `
			SELECT user_id::text
			FROM recoveries
			WHERE `+string(condition), args)
		if err != nil {
			return err
		}
		for _, userID := range users {
			owner, err := s.Accounts.Lock(ctx, tx, userID)
			if err != nil {
				return ignoreDeleted(err)
			}
			dropped, err := dropRecovery(ctx, tx, userID)
			if err != nil {
				return err
			}
			if dropped {
				stopped++
				err = s.recordChange(ctx, tx, v, owner, account.RecoveryStopped,
					recoveryStoppedTemplate)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	return stopped, err
}
