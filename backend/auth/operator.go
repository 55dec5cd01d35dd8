package auth

import (
	"context"

	"sana/backend/account"
	"sana/backend/challenge"
	"sana/backend/postgres"
	"sana/backend/session"
	"sana/backend/visitor"

	"github.com/jackc/pgx/v5"
)

// byOperator is the reason of sessions that an operator revokes.
var byOperator = session.Ended{Reason: session.RevokedByOperator}

// RevokeSessionAsOperator revokes a session by its public id. It returns false if no valid session
// has it. Sessions must be rows.
func (s *Service) RevokeSessionAsOperator(
	ctx context.Context, id string,
) (revoked bool, err error) {
	userID, err := s.Shared.Owner(ctx, id)
	if err != nil || userID == "" {
		return false, err
	}
	n, err := s.revokeAsOperator(ctx, userID, func(tx pgx.Tx) ([]session.Session, error) {
		found, ok, err := s.Shared.Revoke(ctx, tx, userID, id, byOperator)
		if !ok {
			return nil, err
		}
		return []session.Session{found}, err
	})
	return n > 0, err
}

// RevokeSessionsOfUser revokes all sessions of a user and returns their number. Sessions must be
// rows.
func (s *Service) RevokeSessionsOfUser(
	ctx context.Context, userID string,
) (revoked int, err error) {
	return s.revokeAsOperator(ctx, userID, func(tx pgx.Tx) ([]session.Session, error) {
		return s.Shared.RevokeOthers(ctx, tx, userID, "", byOperator)
	})
}

// RevokeKeysOfUser revokes all access keys of a user and returns their number. Sessions must be
// rows.
func (s *Service) RevokeKeysOfUser(ctx context.Context, userID string) (revoked int, err error) {
	err = postgres.InTx(ctx, s.DB, func(tx pgx.Tx) error {
		keys, err := s.revokeKeys(ctx, tx, visitor.Visitor{}, userID, "", account.Operator)
		revoked = len(keys)
		return err
	})
	return revoked, err
}

func (s *Service) revokeAsOperator(
	ctx context.Context, userID string, revoke func(tx pgx.Tx) ([]session.Session, error),
) (n int, err error) {
	err = postgres.InTx(ctx, s.DB, func(tx pgx.Tx) error {
		if err := s.lockIfExists(ctx, tx, userID); err != nil {
			return err
		}
		revoked, err := revoke(tx)
		n = len(revoked)
		if err != nil {
			return err
		}
		return s.recordByOperator(ctx, tx, entriesOf(byOperator.Reason, revoked...))
	})
	return n, err
}

// recordByOperator records events that an operator has caused.
func (s *Service) recordByOperator(ctx context.Context, tx pgx.Tx, entries []account.Entry) error {
	for i := range entries {
		entries[i].By = account.Operator
	}
	return s.Accounts.Record(ctx, tx, visitor.Visitor{}, entries...)
}

// InvalidateAllCodes cancels all pending codes and returns their number.
func (s *Service) InvalidateAllCodes(ctx context.Context) (int, error) {
	return challenge.InvalidateAll(ctx, s.DB)
}

// RevokeAllSessions revokes the sessions of all users, in batches of one transaction each, and
// returns their number. Call InvalidateAllCodes first: otherwise a pending code could create a
// session in an earlier batch. Sessions must be rows.
func (s *Service) RevokeAllSessions(ctx context.Context) (n int, err error) {
	for batch := 1; batch > 0; n += batch {
		err := postgres.InTx(ctx, s.DB, func(tx pgx.Tx) error {
			revoked, err := s.Shared.RevokeBatch(ctx, tx, byOperator)
			batch = len(revoked)
			if err != nil {
				return err
			}
			return s.recordByOperator(ctx, tx, entriesOf(byOperator.Reason, revoked...))
		})
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

// CodesFor lists the codes that were requested for an address, in any spelling, the newest first:
// those that expired less than a day ago. It returns fault.InvalidEmail.
func (s *Service) CodesFor(
	ctx context.Context, address string,
) (email string, list []challenge.Stored, err error) {
	email, err = account.ParseAddress(address)
	if err != nil {
		return "", nil, err
	}
	list, err = challenge.List(ctx, s.DB, "", email)
	return email, list, err
}

// FindUser returns the account with an address, in any spelling. It returns fault.NotFound if there
// is none.
func (s *Service) FindUser(ctx context.Context, address string) (account.Account, error) {
	found, ok, err := s.Accounts.FindByAddress(ctx, address)
	if err == nil && !ok {
		err = errNoAccount()
	}
	return found, err
}

// AddUser creates an account for an address, in any spelling and independent of SIGN_UP. isNew is
// false if the account exists. It returns fault.InvalidEmail.
func (s *Service) AddUser(
	ctx context.Context, address string,
) (user account.Account, isNew bool, err error) {
	return s.Accounts.Add(ctx, address)
}
