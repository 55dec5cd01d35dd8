package auth

import (
	"context"
	"time"

	"sana/backend/account"
	"sana/backend/apps"
	"sana/backend/postgres"
	"sana/backend/session"
	"sana/backend/visitor"

	"github.com/jackc/pgx/v5"
)

// UserSummary is a row in an operator's list of users.
type UserSummary struct {
	ID             string
	Email          string
	Name           string
	CreatedAt      time.Time
	LastSignedInAt time.Time  // the creation of the account, if they never signed in
	BlockedAt      *time.Time // nil if they are not blocked
	Sessions       int        // that are valid; 0 if sessions are in cookies
	AccessKeys     int        // that are valid
	Passkeys       int        // including those of another host of PUBLIC_URL
	CodesFor       CodesFor
	// CodesSuspended means that CodesForRecovery is not in effect: no passkey works at this
	// PUBLIC_URL.
	CodesSuspended bool
	RecoveryEndsAt *time.Time // nil if no recovery is under way
}

const selectUsers = `
	SELECT users.id::text AS id,
	       email,
	       name,
	       created_at,
	       last_signed_in_at,
	       blocked_at,
	       (SELECT count(*) FROM sessions WHERE user_id = users.id AND ` + string(session.IsLive) +
	`) AS sessions,
	       (SELECT count(*) FROM access_keys
	           WHERE user_id = users.id AND expires_at > now()) AS access_keys,
	       (SELECT count(*) FROM passkeys WHERE user_id = users.id) AS passkeys,
	       codes_for,
	       codes_suspended,
	       (SELECT ends_at FROM recoveries WHERE user_id = users.id) AS recovery_ends_at
	FROM users `

// ListUsers returns up to limit users in the order of their addresses, starting after an address;
// "" starts with the first.
func (s *Service) ListUsers(ctx context.Context, after string, limit int) ([]UserSummary, error) {
	return s.queryUsers(ctx, `
		WHERE email > @after
		ORDER BY email
		LIMIT @limit`, pgx.NamedArgs{"after": after, "limit": limit})
}

func (s *Service) queryUsers(
	ctx context.Context, condition string, args pgx.NamedArgs,
) ([]UserSummary, error) {
	rows, err := s.DB.Query(ctx, selectUsers+condition, args)
	if err != nil {
		return nil, postgres.Error("list users", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[UserSummary])
	return list, postgres.Error("list users", err)
}

// UserDetails has all data of a user that operators can read.
type UserDetails struct {
	UserSummary
	Devices []session.Listed // most recently used first
	Keys    []session.AccessKey
	Apps    []*apps.App     // allowed by the apps file of this process
	Events  []account.Event // the newest ones
}

// shownEvents is the number of events in UserDetails.
const shownEvents = 50

// FindUserDetails returns the details of the user with an address, in any spelling. It returns
// fault.NotFound.
func (s *Service) FindUserDetails(ctx context.Context, address string) (UserDetails, error) {
	email, err := account.ParseAddress(address)
	if err != nil {
		return UserDetails{}, err
	}
	found, err := s.queryUsers(ctx, `WHERE email = @email`, pgx.NamedArgs{"email": email})
	if err != nil {
		return UserDetails{}, err
	}
	if len(found) == 0 {
		return UserDetails{}, account.ErrUnknown()
	}
	d := UserDetails{UserSummary: found[0]}
	if d.BlockedAt == nil {
		d.Apps = s.Apps.Load().For(email, time.Now())
	}
	if s.inPostgres() {
		if d.Devices, err = s.Shared.List(ctx, d.ID); err != nil {
			return UserDetails{}, err
		}
		if d.Keys, err = s.Shared.ListAccessKeys(ctx, s.DB, d.ID); err != nil {
			return UserDetails{}, err
		}
	}
	d.Events, err = s.Accounts.Events(ctx, d.ID, 0, shownEvents)
	return d, err
}

// Blocking is the result of BlockUser and UnblockUser.
type Blocking struct {
	Email    string
	Changed  bool // false if the state was already the requested one
	Sessions int  // number of revoked ones
	Keys     int  // number of revoked access keys
}

// BlockUser revokes all sessions and access keys of the user with an address, in any spelling,
// stops a recovery, and prevents new sign-ins. Code requests get the same responses as before; the
// mail says that the account is blocked, and no code is right. Sessions in cookies stay valid until
// they expire. It returns fault.NotFound.
func (s *Service) BlockUser(ctx context.Context, address string) (Blocking, error) {
	return s.setBlocked(ctx, address, true)
}

// UnblockUser lets a user sign in again. It returns fault.NotFound.
func (s *Service) UnblockUser(ctx context.Context, address string) (Blocking, error) {
	return s.setBlocked(ctx, address, false)
}

func (s *Service) setBlocked(
	ctx context.Context, address string, blocked bool,
) (b Blocking, err error) {
	user, err := s.Accounts.FindByAddress(ctx, address)
	if err != nil {
		return Blocking{}, err
	}
	err = postgres.InTx(ctx, s.DB, func(tx pgx.Tx) error {
		b, err = s.setBlockedTx(ctx, tx, user, blocked)
		return err
	})
	return b, err
}

// setBlockedTx returns fault.NotFound if the account has another address now, or was deleted.
func (s *Service) setBlockedTx(
	ctx context.Context, tx pgx.Tx, user account.Account, blocked bool,
) (Blocking, error) {
	// An attempt takes the same lock first: it is complete, or sees the block.
	lock := &postgres.Batch{}
	s.Limits.Budgets().Lock(lock, attemptLock(user.Email))
	if err := lock.SendTo(ctx, tx); err != nil {
		return Blocking{}, postgres.Error("block account", err)
	}
	owner, err := s.Accounts.Lock(ctx, tx, user.ID)
	if ignoreDeleted(err) != nil {
		return Blocking{}, err
	}
	if err != nil || owner.Email != user.Email {
		return Blocking{}, account.ErrUnknown()
	}

	b := Blocking{Email: owner.Email}
	if b.Changed, err = s.Accounts.SetBlocked(ctx, tx, owner.ID, blocked); err != nil || !blocked ||
		!s.inPostgres() {
		return b, err
	}
	revoked, err := s.Shared.RevokeOthers(ctx, tx, owner.ID, "", byOperator)
	if err != nil {
		return Blocking{}, err
	}
	b.Sessions = len(revoked)
	events := entriesOf(byOperator.Reason, revoked...)
	// A finished recovery would allow codes to sign in after an unblock.
	stopped, err := dropRecovery(ctx, tx, owner.ID)
	if err != nil {
		return Blocking{}, err
	}
	if stopped {
		events = append(events, account.Entry{
			UserID: owner.ID, Kind: account.RecoveryStopped,
			Details: account.Details{By: account.Operator},
		})
	}
	if err := s.Accounts.Record(ctx, tx, visitor.Visitor{}, events...); err != nil {
		return Blocking{}, err
	}
	keys, err := s.revokeKeys(ctx, tx, visitor.Visitor{}, owner.ID, "", account.Operator)
	b.Keys = len(keys)
	return b, err
}

// DeleteUser deletes the account with an address, in any spelling, like DeleteAccount. It
// returns the address of the account, and fault.NotFound.
func (s *Service) DeleteUser(ctx context.Context, address string) (email string, err error) {
	user, err := s.Accounts.FindByAddress(ctx, address)
	if err != nil {
		return "", err
	}
	return user.Email, ignoreDeleted(s.deleteAccount(ctx, visitor.Visitor{}, user.ID))
}
