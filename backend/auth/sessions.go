package auth

import (
	"context"

	"sana/backend/account"
	"sana/backend/fault"
	"sana/backend/postgres"
	"sana/backend/session"
	"sana/backend/visitor"

	"github.com/jackc/pgx/v5"
)

// Sessions lists the sessions of a user, the most recently used first. complete is false if
// sessions are in cookies: then only the current one is known.
func (s *Service) Sessions(
	ctx context.Context, v visitor.Visitor, current session.Session,
) (_ []session.Listed, complete bool, err error) {
	if s.inPostgres() {
		list, err := s.Shared.List(ctx, current.User.ID)
		return list, true, err
	}
	current.UserAgent, current.Platform, current.IP = v.UserAgent, v.Platform, v.IP
	return []session.Listed{{Session: current, LastUsedAt: s.Sealed.Now()}}, false, nil
}

// RevokeSession revokes a session of the current user by its public id. The current one is signed
// out, which needs no fresh sign-in. A session that is no longer valid is not an error. It returns
// fault.ReauthenticationRequired, and fault.NotWithThisStore if sessions are in cookies.
func (s *Service) RevokeSession(
	ctx context.Context, v visitor.Visitor, current session.Session, id string,
) error {
	if id == current.ID {
		return s.SignOut(ctx, v, current.Token)
	}
	if err := s.checkMayRevoke(ctx, current); err != nil {
		return err
	}
	why := session.Ended{Reason: session.RevokedElsewhere, By: v.Platform}
	_, err := s.revokeSession(ctx, v, current.User.ID, id, why)
	return err
}

// revokeSession revokes a session of a user by its public id and records the event. It returns
// false if the session is no longer valid.
func (s *Service) revokeSession(
	ctx context.Context, v visitor.Visitor, userID, id string, why session.Ended,
) (found bool, err error) {
	err = postgres.InTx(ctx, s.DB, func(tx pgx.Tx) error {
		if err := s.lockIfExists(ctx, tx, userID); err != nil {
			return err
		}
		var revoked session.Session
		revoked, found, err = s.Shared.Revoke(ctx, tx, userID, id, why)
		if err != nil || !found {
			return err
		}
		return s.Accounts.Record(ctx, tx, v, entriesOf(why.Reason, revoked)...)
	})
	return found, err
}

// RevokeOtherSessions revokes all sessions of the current user but the current one and, if keys is
// true, all their access keys. Errors are those of RevokeSession.
func (s *Service) RevokeOtherSessions(
	ctx context.Context, v visitor.Visitor, current session.Session, keys bool,
) error {
	if err := s.checkMayRevoke(ctx, current); err != nil {
		return err
	}
	return postgres.InTx(ctx, s.DB, func(tx pgx.Tx) error {
		if _, err := s.Accounts.Lock(ctx, tx, current.User.ID); err != nil {
			return err
		}
		if keys {
			if _, err := s.revokeKeys(ctx, tx, v, current.User.ID, "", ""); err != nil {
				return err
			}
		}
		why := session.Ended{Reason: session.RevokedEverywhere, By: v.Platform}
		revoked, err := s.Shared.RevokeOthers(ctx, tx, current.User.ID, current.ID, why)
		if err != nil || len(revoked) == 0 {
			return err
		}
		return s.Accounts.Record(ctx, tx, v,
			account.Entry{UserID: current.User.ID, Kind: account.SessionsRevoked})
	})
}

// checkMayRevoke returns nil if the user of a session may now revoke their other sessions.
func (s *Service) checkMayRevoke(ctx context.Context, current session.Session) error {
	if !s.inPostgres() {
		return fault.New(fault.NotWithThisStore,
			"Here sessions are kept in the browsers themselves (SESSION_STORE=cookie), so they "+
				"can only be revoked there.")
	}
	return s.requireRecent(ctx, current)
}

// entriesOf returns the events of revoked sessions.
func entriesOf(reason session.Reason, revoked ...session.Session) []account.Entry {
	details := account.Details{Reason: string(reason)}
	if reason == session.RevokedByOperator {
		details.By = account.Operator
	}
	entries := make([]account.Entry, len(revoked))
	for i, e := range revoked {
		details.Ended = e.Platform
		entries[i] = account.Entry{
			UserID: e.User.ID, Kind: account.SessionRevoked, Details: details,
		}
	}
	return entries
}
