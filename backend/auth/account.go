package auth

import (
	"context"
	"time"

	"sana/backend/account"
	"sana/backend/challenge"
	"sana/backend/fault"
	"sana/backend/outbox"
	"sana/backend/postgres"
	"sana/backend/session"
	"sana/backend/throttle"
	"sana/backend/visitor"

	"github.com/jackc/pgx/v5"
)

// DeleteAccount deletes the current user's account with all its data, revokes all its sessions, and
// queues the mail about it, in one transaction. The row of that mail is kept until it is sent.
// Deleting a deleted account is not an error. It returns fault.ReauthenticationRequired.
func (s *Service) DeleteAccount(
	ctx context.Context, v visitor.Visitor, current session.Session,
) error {
	userID := current.User.ID
	if _, err := s.recentOwner(ctx, current); err != nil {
		return ignoreDeleted(err)
	}
	return ignoreDeleted(s.deleteAccount(ctx, v, userID))
}

// deleteAccount deletes an account. It returns fault.NotSignedIn if it was already deleted.
func (s *Service) deleteAccount(ctx context.Context, v visitor.Visitor, userID string) error {
	return postgres.InTx(ctx, s.DB, func(tx pgx.Tx) error {
		// The lock is a separate statement, so that the next ones see everything committed before
		// it.
		owner, err := s.Accounts.LockForDeletion(ctx, tx, userID)
		if err != nil {
			return err
		}
		if s.inPostgres() {
			why := session.Ended{Reason: session.AccountDeleted, By: v.Platform}
			revoked, err := s.Shared.RevokeOthers(ctx, tx, userID, "", why)
			if err != nil {
				return err
			}
			if err := dropHandoffs(ctx, tx, revoked); err != nil {
				return err
			}
			if _, err := s.Shared.RevokeAccessKeys(ctx, tx, userID, ""); err != nil {
				return err
			}
		}
		if err := challenge.DropOfUser(ctx, tx, userID, owner.Email); err != nil {
			return err
		}
		if err := s.Outbox.DropNotices(ctx, tx, owner.Email); err != nil {
			return err
		}
		err = s.notify(ctx, tx, v,
			outbox.Notice{Template: accountDeletedTemplate, Email: owner.Email})
		if err != nil {
			return err
		}
		return s.Accounts.Delete(ctx, tx, userID)
	})
}

// ignoreDeleted returns nil for the error of an already deleted account.
func ignoreDeleted(err error) error {
	if fault.Is(err, fault.NotSignedIn) {
		return nil
	}
	return err
}

// Rename sets the name of a session's account and returns the account. If the name is unchanged,
// nothing is written or counted. It returns fault.InvalidName and fault.TooManyRequests.
func (s *Service) Rename(
	ctx context.Context, v visitor.Visitor, current session.Session, input string,
) (account.Account, error) {
	name, err := account.ParseName(input)
	if err != nil {
		return account.Account{}, err
	}
	owner, err := s.Accounts.Find(ctx, current.User.ID)
	if err != nil || owner.Name == name {
		return owner, err
	}
	if err := s.spend(ctx, throttle.RenamesByAccount.Of(owner.ID)); err != nil {
		return account.Account{}, err
	}
	err = postgres.InTx(ctx, s.DB, func(tx pgx.Tx) error {
		owner, err = s.Accounts.Rename(ctx, tx, owner.ID, name, v)
		if err != nil || !s.inPostgres() {
			return err
		}
		return s.Shared.SetName(ctx, tx, owner.ID, name)
	})
	return owner, err
}

// spend counts one use of a limit by account, or returns fault.TooManyRequests.
func (s *Service) spend(ctx context.Context, use throttle.Use) error {
	_, err := s.spendAll(ctx, s.Limits.Budgets(use), errAccount)
	return err
}

// spendAll counts one use of each budget, or returns refused's error for the verdict. now is the
// time by the database's clock.
func (s *Service) spendAll(
	ctx context.Context, budgets throttle.Budgets, refused func(throttle.Verdict) error,
) (now time.Time, err error) {
	for range maxRounds {
		counts, err := throttle.Read(ctx, s.DB, budgets)
		if err != nil {
			return time.Time{}, err
		}
		if verdict := budgets.Judge(counts); verdict.Refused != nil {
			s.Metrics.Refused(verdict.Refused.Label())
			return time.Time{}, refused(verdict)
		}
		if counted, err := s.count(ctx, budgets); err != nil || counted {
			return counts.Now, err
		}
	}
	return time.Time{}, errContended("count use")
}
