package auth

import (
	"context"
	"errors"

	"sana/backend/account"
	"sana/backend/challenge"
	"sana/backend/postgres"
	"sana/backend/session"
	"sana/backend/visitor"

	"github.com/jackc/pgx/v5"
)

// SignOut revokes the session of a token, its current token or a replaced one, and cancels the
// browser's pending codes, in one transaction. A token without a session is not an error. With
// sessions in cookies only the codes and the event are written: the caller deletes the cookie.
func (s *Service) SignOut(ctx context.Context, v visitor.Visitor, token string) error {
	if v.Browser == "" && token == "" {
		return nil // nothing to revoke, so no transaction
	}
	return postgres.InTx(ctx, s.DB, func(tx pgx.Tx) error {
		id, userID, err := s.sessionOfToken(ctx, tx, token)
		if err != nil {
			return err
		}

		// The user's row is locked before the challenges, in the order of an attempt, to avoid a
		// deadlock.
		if id != "" {
			if err := s.lockIfExists(ctx, tx, userID); err != nil {
				return err
			}
		}
		if v.Browser != "" {
			if err := challenge.DropOfBrowser(ctx, tx, v.Browser); err != nil {
				return err
			}
		}
		if id == "" {
			return nil
		}
		return s.signOut(ctx, tx, v, id, userID)
	})
}

// signOut revokes a session for its own user, and records the event if it was valid until now.
func (s *Service) signOut(
	ctx context.Context, tx pgx.Tx, v visitor.Visitor, id, userID string,
) error {
	if s.inPostgres() {
		_, found, err := s.Shared.Revoke(ctx, tx, userID, id,
			session.Ended{Reason: session.SignedOut})
		if err != nil || !found {
			return err
		}
	}
	return s.Accounts.Record(ctx, tx, v, account.Entry{UserID: userID, Kind: account.SignedOut})
}

// sessionOfToken returns the session of a token, "" if there is none.
func (s *Service) sessionOfToken(
	ctx context.Context, tx pgx.Tx, token string,
) (id, userID string, err error) {
	if s.inPostgres() {
		return s.Shared.FindByToken(ctx, tx, token)
	}
	found, err := s.Sealed.Read(ctx, token)
	if errors.Is(err, session.ErrNone) {
		return "", "", nil
	}
	return found.ID, found.User.ID, err
}

// lockIfExists locks the row of a user if the account exists.
func (s *Service) lockIfExists(ctx context.Context, tx pgx.Tx, userID string) error {
	_, err := s.Accounts.Lock(ctx, tx, userID)
	return ignoreDeleted(err)
}
