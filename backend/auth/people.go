package auth

import (
	"context"
	"errors"
	"time"

	"sana/backend/account"
	"sana/backend/apps"
	"sana/backend/fault"
	"sana/backend/postgres"
	"sana/backend/session"
	"sana/backend/visitor"

	"github.com/jackc/pgx/v5"
)

// Person is a user as operators see them.
type Person struct {
	ID             string
	Email          string
	Name           string
	CreatedAt      time.Time
	LastSignedInAt time.Time  // when the account was created, if they never signed in
	BlockedAt      *time.Time // nil if they are not blocked
	Sessions       int        // that are valid; 0 if sessions are in cookies
	AccessKeys     int        // that are valid
	Passkeys       int        // also those that were made at another host of PUBLIC_URL
	CodesFor       CodesFor
	// CodesForRecovery is not in effect: no passkey works at this PUBLIC_URL
	CodesSuspended bool
	RecoveryEndsAt *time.Time // nil if no recovery is under way
}

const selectPeople = `
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

// People returns up to limit users in the order of their addresses: those after an address, "" for
// the first ones.
func (s *Service) People(ctx context.Context, after string, limit int) ([]Person, error) {
	return s.queryPeople(ctx, `
		WHERE email > @after
		ORDER BY email
		LIMIT @limit`, pgx.NamedArgs{"after": after, "limit": limit})
}

func (s *Service) queryPeople(
	ctx context.Context, condition string, args pgx.NamedArgs,
) ([]Person, error) {
	rows, err := s.DB.Query(ctx, selectPeople+condition, args)
	if err != nil {
		return nil, postgres.Error("list people", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[Person])
	return list, postgres.Error("list people", err)
}

// PersonDetails is all that an operator can know about a user.
type PersonDetails struct {
	Person
	Devices []session.Listed // the one used last first
	Keys    []session.AccessKey
	Apps    []*apps.App     // that they may use, by the apps file of this process
	Events  []account.Event // the newest ones
}

// shownEvents is how many events PersonDetails has.
const shownEvents = 50

// FindPerson returns the details of the user with an address, in any spelling. It returns
// fault.NotFound.
func (s *Service) FindPerson(ctx context.Context, address string) (PersonDetails, error) {
	user, err := s.FindUser(ctx, address)
	if err != nil {
		return PersonDetails{}, err
	}
	found, err := s.queryPeople(ctx, `WHERE id = @user`, pgx.NamedArgs{"user": user.ID})
	if err != nil {
		return PersonDetails{}, err
	}
	if len(found) == 0 {
		return PersonDetails{}, errNoAccount() // deleted meanwhile
	}
	d := PersonDetails{Person: found[0]}
	if d.BlockedAt == nil {
		d.Apps = s.apps().For(user.Email, time.Now())
	}
	if s.inPostgres() {
		if d.Devices, err = s.listSessions(ctx, user.ID); err != nil {
			return PersonDetails{}, err
		}
		if d.Keys, err = s.Shared.ListAccessKeys(ctx, s.DB, user.ID); err != nil {
			return PersonDetails{}, err
		}
	}
	d.Events, err = s.Accounts.Events(ctx, user.ID, 0, shownEvents)
	return d, err
}

func errNoAccount() error {
	return fault.New(fault.NotFound, "There is no account with this address.")
}

// Blocking is the result of BlockUser and UnblockUser.
type Blocking struct {
	Email    string
	Changed  bool // false if the state was already the requested one
	Sessions int  // number of revoked ones
	Keys     int  // number of revoked access keys
}

// BlockUser revokes all sessions and access keys of the user with an address, in any spelling,
// stops a recovery, and prevents new sign-ins. Code requests get the same answers as before; the
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
	for range maxRounds {
		user, err := s.FindUser(ctx, address)
		if err != nil {
			return Blocking{}, err
		}
		err = postgres.InTx(ctx, s.DB, func(tx pgx.Tx) error {
			b, err = s.setBlockedTx(ctx, tx, user, blocked)
			return err
		})
		if !errors.Is(err, errTooSlow) && !fault.Is(err, fault.NotSignedIn) {
			return b, err
		}
	}
	return Blocking{}, errContended("block account")
}

// setBlockedTx returns errTooSlow if the account has another address now, and fault.NotSignedIn if
// it was deleted.
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
	if err != nil {
		return Blocking{}, err
	}
	if owner.Email != user.Email {
		return Blocking{}, errTooSlow
	}

	b := Blocking{Email: owner.Email}
	if b.Changed, err = s.Accounts.SetBlocked(ctx, tx, owner.ID, blocked); err != nil || !blocked ||
		!s.inPostgres() {
		return b, err
	}
	ended, err := s.Shared.RevokeOthers(ctx, tx, owner.ID, "", byOperator)
	if err != nil {
		return Blocking{}, err
	}
	b.Sessions = len(ended)
	if err := dropHandoffs(ctx, tx, ended); err != nil {
		return Blocking{}, err
	}
	events := entriesOf(byOperator.Reason, ended...)
	// its end would let codes sign in after an unblock
	stopped, err := dropRecovery(ctx, tx, owner.ID)
	if err != nil {
		return Blocking{}, err
	}
	if stopped {
		events = append(events, account.Entry{UserID: owner.ID, Kind: account.RecoveryStopped})
	}
	if err := s.recordByOperator(ctx, tx, events); err != nil {
		return Blocking{}, err
	}
	keys, err := s.revokeKeys(ctx, tx, visitor.Visitor{}, owner.ID, "", account.Operator)
	b.Keys = len(keys)
	return b, err
}

// DeleteUser deletes the account with an address, however it is typed, as DeleteAccount does. It
// returns the address of the account, and fault.NotFound.
func (s *Service) DeleteUser(ctx context.Context, address string) (email string, err error) {
	user, err := s.FindUser(ctx, address)
	if err != nil {
		return "", err
	}
	return user.Email, ignoreDeleted(s.deleteAccount(ctx, visitor.Visitor{}, user.ID))
}
