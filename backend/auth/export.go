package auth

import (
	"context"
	"time"

	"sana/backend/account"
	"sana/backend/challenge"
	"sana/backend/outbox"
	"sana/backend/postgres"
	"sana/backend/session"
	"sana/backend/throttle"
	"sana/backend/visitor"

	"github.com/jackc/pgx/v5"
)

// Export is all stored data of a user. The number of events is not bounded, so they are read in
// pages while the export is sent.
type Export struct {
	At               time.Time // by the database's clock
	Ends             time.Time // deadline of the transfer, by this process's clock
	Account          account.Account
	Sessions         []session.Listed
	SessionsComplete bool // see Sessions
	Ended            []session.EndedSession
	Keys             []session.AccessKey
	Codes            []challenge.Stored
	Notices          []outbox.StoredNotice // not sent yet
	Passkeys         PasskeyList

	accounts *account.Service
	before   int64 // the id of the oldest event that was read, 0 before the first page
	complete bool  // all events were read
}

// exportPage is the number of events of one query.
const exportPage = 1000

// Export begins an export of the current user's data. It records the event before anything is sent,
// so that an interrupted transfer is recorded too. It returns fault.ReauthenticationRequired, and
// fault.TooManyRequests while another export of the account may be running.
func (s *Service) Export(
	ctx context.Context, v visitor.Visitor, current session.Session,
) (*Export, error) {
	owner, err := s.recentOwner(ctx, current)
	if err != nil {
		return nil, err
	}
	e := &Export{Ends: time.Now().Add(throttle.ExportTime), accounts: s.Accounts}
	budgets := s.Limits.Budgets(throttle.ExportsByAccount.Of(owner.ID))
	if e.At, err = s.spendAll(ctx, budgets, errAccount); err != nil {
		return nil, err
	}
	if e.Sessions, e.SessionsComplete, err = s.Sessions(ctx, v, current); err != nil {
		return nil, err
	}
	if e.Passkeys, err = s.ListPasskeys(ctx, current); err != nil {
		return nil, err
	}
	if s.inPostgres() {
		if e.Ended, err = s.Shared.ListEnded(ctx, owner.ID); err != nil {
			return nil, err
		}
		if e.Keys, err = s.Shared.ListAccessKeys(ctx, s.DB, owner.ID); err != nil {
			return nil, err
		}
	}
	err = postgres.InTx(ctx, s.DB, func(tx pgx.Tx) (err error) {
		if e.Account, err = s.Accounts.Lock(ctx, tx, owner.ID); err != nil {
			return err
		}
		if e.Codes, err = challenge.List(ctx, tx, e.Account.ID, e.Account.Email); err != nil {
			return err
		}
		if e.Notices, err = s.Outbox.Notices(ctx, tx, e.Account.Email); err != nil {
			return err
		}
		return s.Accounts.Record(ctx, tx, v,
			account.Entry{UserID: e.Account.ID, Kind: account.Exported})
	})
	return e, err
}

// NextEvents returns the next events, newest first, and none after the last. The newest is that of
// the export itself.
func (e *Export) NextEvents(ctx context.Context) ([]account.Event, error) {
	if e.complete {
		return nil, nil
	}
	events, err := e.accounts.Events(ctx, e.Account.ID, e.before, exportPage)
	if err != nil {
		return nil, err
	}
	e.complete = len(events) < exportPage
	if len(events) > 0 {
		e.before = events[len(events)-1].ID
	}
	return events, nil
}
