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
	"sana/backend/visitor"

	"github.com/jackc/pgx/v5"
)

// DeleteAccount deletes the current user's account with everything that is stored about it, ends all
// its sessions, and queues the mail that says so, in one transaction. That mail stays until it is
// sent. An account that was deleted already is no error. It returns fault.ReauthenticationRequired.
func (s *Service) DeleteAccount(ctx context.Context, v visitor.Visitor, current session.Session) error {
	userID := current.User.ID
	if _, err := s.recentOwner(ctx, current); err != nil {
		return ignoreDeleted(err)
	}
	return ignoreDeleted(postgres.InTx(ctx, s.DB, func(tx pgx.Tx) error {
		// A statement of its own: the next ones see everything that was committed before it got the lock.
		owner, err := s.Accounts.LockForDeletion(ctx, tx, userID)
		if err != nil {
			return err
		}
		if s.inPostgres() {
			why := session.Ended{Reason: session.AccountDeleted, By: v.Platform}
			if _, err := s.Shared.RevokeOthers(ctx, tx, userID, "", why); err != nil {
				return err
			}
		}
		if err := challenge.DropOfUser(ctx, tx, userID, owner.Email); err != nil {
			return err
		}
		if err := s.Outbox.DropNotices(ctx, tx, owner.Email); err != nil {
			return err
		}
		err = s.notify(ctx, tx, v, outbox.Notice{Template: accountDeletedTemplate, Email: owner.Email})
		if err != nil {
			return err
		}
		return s.Accounts.Delete(ctx, tx, userID)
	}))
}

// ignoreDeleted makes a success of the error that the account was deleted already.
func ignoreDeleted(err error) error {
	if fault.Is(err, fault.NotSignedIn) {
		return nil
	}
	return err
}

// Copy is everything that is stored about a user.
type Copy struct {
	At               time.Time // by the database's clock
	Account          account.Account
	Sessions         []session.Listed
	SessionsComplete bool // see Sessions
	Ended            []session.Past
	Events           []account.Event
	Codes            []challenge.Stored
	Notices          []outbox.StoredNotice // that were not sent yet
}

// Export returns everything that is stored about the current user, and records that it was taken. It
// returns fault.ReauthenticationRequired.
func (s *Service) Export(ctx context.Context, v visitor.Visitor, current session.Session) (c Copy, err error) {
	if _, err := s.recentOwner(ctx, current); err != nil {
		return Copy{}, err
	}
	if c.Sessions, c.SessionsComplete, err = s.Sessions(ctx, v, current); err != nil {
		return Copy{}, err
	}
	if s.inPostgres() {
		if c.Ended, err = s.Shared.ListEnded(ctx, current.User.ID); err != nil {
			return Copy{}, err
		}
	}
	err = postgres.InTx(ctx, s.DB, func(tx pgx.Tx) (err error) {
		if c.Account, err = s.Accounts.Lock(ctx, tx, current.User.ID); err != nil {
			return err
		}
		if err = tx.QueryRow(ctx, `SELECT now()`).Scan(&c.At); err != nil {
			return postgres.Error("read the time", err)
		}
		if c.Events, err = s.Accounts.AllEvents(ctx, tx, c.Account.ID); err != nil {
			return err
		}
		if c.Codes, err = challenge.List(ctx, tx, c.Account.ID, c.Account.Email); err != nil {
			return err
		}
		if c.Notices, err = s.Outbox.Notices(ctx, tx, c.Account.Email); err != nil {
			return err
		}
		return s.Accounts.Record(ctx, tx, v, account.Entry{UserID: c.Account.ID, Kind: account.Exported})
	})
	return c, err
}
