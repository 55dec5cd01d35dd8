package auth

import (
	"context"
	"errors"

	"sana/backend/account"
	"sana/backend/passkey"
	"sana/backend/postgres"
	"sana/backend/session"
	"sana/backend/visitor"

	"github.com/jackc/pgx/v5"
)

// recoveryBatch is the maximum number of users of one query.
const recoveryBatch = 100

// FinishRecoveries completes the recoveries whose wait has elapsed, each in its own transaction,
// and returns their number. Instances may call it concurrently. Sessions must be rows.
func (s *Service) FinishRecoveries(ctx context.Context) (finished int, err error) {
	users, err := usersOf(ctx, s.DB, `
		SELECT user_id::text
		FROM recoveries
		WHERE ends_at <= now()
		ORDER BY ends_at
		LIMIT @batch`, pgx.NamedArgs{"batch": recoveryBatch})
	if err != nil {
		return 0, err
	}
	for _, userID := range users {
		done, err := s.finishRecovery(ctx, userID)
		if err != nil {
			return finished, err
		}
		if done {
			finished++
		}
	}
	return finished, nil
}

// usersOf returns the ids that a statement selects.
func usersOf(
	ctx context.Context, db postgres.Querier, sql string, args pgx.NamedArgs,
) ([]string, error) {
	rows, err := db.Query(ctx, sql, args)
	if err != nil {
		return nil, postgres.Error("find users", err)
	}
	users, err := pgx.CollectRows(rows, pgx.RowTo[string])
	return users, postgres.Error("find users", err)
}

func (s *Service) finishRecovery(ctx context.Context, userID string) (done bool, err error) {
	err = postgres.InTx(ctx, s.DB, func(tx pgx.Tx) error {
		done = false
		owner, err := s.Accounts.Lock(ctx, tx, userID)
		if err != nil {
			return ignoreDeleted(err)
		}
		var language string
		err = tx.QueryRow(ctx, `
			DELETE FROM recoveries
			WHERE user_id = @user
			  AND ends_at <= now()
			RETURNING language`,
			pgx.NamedArgs{"user": userID}).Scan(&language)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil // stopped, or another instance was faster
		}
		if err != nil {
			return postgres.Error("finish recovery", err)
		}
		done = true
		if err := passkey.RemoveAll(ctx, tx, userID); err != nil {
			return err
		}
		if _, err := writeCodesFor(ctx, tx, userID, CodesForSignIn); err != nil {
			return err
		}
		why := session.Ended{Reason: session.Recovered}
		if _, err := s.Shared.RevokeOthers(ctx, tx, userID, "", why); err != nil {
			return err
		}
		v := visitor.Visitor{AcceptLanguage: language}
		if _, err := s.revokeKeys(ctx, tx, v, userID, "", ""); err != nil {
			return err
		}
		return s.recordChange(ctx, tx, v, owner, account.Recovered, recoveredTemplate)
	})
	return done, err
}

// NotifySuspended notifies users of "for recovery only" when that is suspended, because none of
// their passkeys works at this PUBLIC_URL or sessions are in cookies, and when it is in effect
// again. The change itself takes effect immediately; see recoveryRequired. It returns the number of
// notified users.
func (s *Service) NotifySuspended(ctx context.Context) (notified int, err error) {
	for batch := recoveryBatch; batch == recoveryBatch; notified += batch {
		users, err := usersOf(ctx, s.DB, `
			SELECT id::text
			FROM users
			WHERE `+notificationDue+`
			LIMIT @batch`, pgx.NamedArgs{"rp_id": s.recoveryHost(), "batch": recoveryBatch})
		if err != nil {
			return notified, err
		}
		for _, userID := range users {
			if err := s.notifySuspended(ctx, userID); err != nil {
				return notified, err
			}
		}
		batch = len(users)
	}
	return notified, nil
}

const notificationDue = `codes_for = 'recovery'
			  AND codes_suspended = EXISTS (
			      SELECT
			      FROM passkeys
			      WHERE passkeys.user_id = users.id
			        AND passkeys.rp_id = @rp_id)`

// notifySuspended also drops a recovery: codes sign in, and no passkey could stop it.
func (s *Service) notifySuspended(ctx context.Context, userID string) error {
	return postgres.InTx(ctx, s.DB, func(tx pgx.Tx) error {
		owner, err := s.Accounts.Lock(ctx, tx, userID)
		if err != nil {
			return ignoreDeleted(err)
		}
		var isSuspended bool
		err = tx.QueryRow(ctx, `
			UPDATE users
			SET codes_suspended = NOT codes_suspended
			WHERE id = @user
			  AND `+notificationDue+`
			RETURNING codes_suspended`,
			pgx.NamedArgs{"user": userID, "rp_id": s.recoveryHost()}).Scan(&isSuspended)
		switch {
		case errors.Is(err, pgx.ErrNoRows): // changed meanwhile
			return nil
		case err != nil:
			return postgres.Error("suspend codes for recovery only", err)
		case !isSuspended:
			return s.recordChange(ctx, tx, visitor.Visitor{}, owner, account.CodesForRecovery,
				codesForRecoveryTemplate)
		}
		if _, err := dropRecovery(ctx, tx, userID); err != nil {
			return err
		}
		return s.recordChange(ctx, tx, visitor.Visitor{}, owner, account.CodesForSignIn,
			codesSuspendedTemplate)
	})
}
