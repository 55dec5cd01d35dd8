package auth

import (
	"context"
	"time"

	"sana/backend/account"
	"sana/backend/fault"
	"sana/backend/postgres"
	"sana/backend/session"

	"github.com/jackc/pgx/v5"
)

// recentFor is the time after a sign-in in which sensitive calls are allowed.
const recentFor = 10 * time.Minute

// requireRecent returns fault.ReauthenticationRequired unless the user of a session has signed in
// or stepped up in the last ten minutes, by the database's clock. A time more than a minute ahead
// was recorded before that clock was set back, and counts as old.
func (s *Service) requireRecent(ctx context.Context, current session.Session) error {
	var recent bool
	err := s.DB.QueryRow(ctx, `
		SELECT @at::timestamptz > now() - @recent::interval
		   AND @at::timestamptz <= now() + interval '1 minute'`,
		pgx.NamedArgs{"at": current.User.SignedInAt, "recent": recentFor}).Scan(&recent)
	if err == nil && !recent {
		return errReauthenticationRequired()
	}
	return postgres.Error("read the time", err)
}

func errReauthenticationRequired() error {
	return fault.New(fault.ReauthenticationRequired,
		"For this you must have signed in more recently. Request a code for your address and "+
			"type it; you stay signed in.")
}

// recentOwner returns the account of a session that requireRecent accepts, or fault.NotSignedIn if
// the account was deleted: a session in a cookie can outlive it.
func (s *Service) recentOwner(
	ctx context.Context, current session.Session,
) (account.Account, error) {
	owner, err := s.Accounts.Find(ctx, current.User.ID)
	if err != nil {
		return account.Account{}, err
	}
	return owner, s.requireRecent(ctx, current)
}
