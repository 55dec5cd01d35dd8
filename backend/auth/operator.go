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
	return s.revokeSession(ctx, visitor.Visitor{}, userID, id, byOperator)
}

// RevokeSessionsOfUser revokes all sessions of a user and returns their number. Sessions must be
// rows.
func (s *Service) RevokeSessionsOfUser(
	ctx context.Context, userID string,
) (n int, err error) {
	err = postgres.InTx(ctx, s.DB, func(tx pgx.Tx) error {
		if err := s.lockIfExists(ctx, tx, userID); err != nil {
			return err
		}
		revoked, err := s.Shared.RevokeOthers(ctx, tx, userID, "", byOperator)
		n = len(revoked)
		if err != nil {
			return err
		}
		return s.recordRevoked(ctx, tx, revoked)
	})
	return n, err
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

// recordRevoked records the events of sessions that an operator has revoked.
func (s *Service) recordRevoked(
	ctx context.Context, tx pgx.Tx, revoked []session.Session,
) error {
	return s.Accounts.Record(ctx, tx, visitor.Visitor{},
		entriesOf(byOperator.Reason, revoked...)...)
}

// RevokeAllSessions revokes the sessions of all users, in batches of one transaction each, and
// returns their number. Call challenge.InvalidateAll first: otherwise a pending code could create a
// session in an earlier batch. Sessions must be rows.
func (s *Service) RevokeAllSessions(ctx context.Context) (n int, err error) {
	for batch := 1; batch > 0; n += batch {
		err := postgres.InTx(ctx, s.DB, func(tx pgx.Tx) error {
			revoked, err := s.Shared.RevokeBatch(ctx, tx, byOperator)
			batch = len(revoked)
			if err != nil {
				return err
			}
			return s.recordRevoked(ctx, tx, revoked)
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
