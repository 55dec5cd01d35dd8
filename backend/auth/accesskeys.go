package auth

import (
	"context"
	"fmt"
	"time"

	"sana/backend/account"
	"sana/backend/apps"
	"sana/backend/fault"
	"sana/backend/outbox"
	"sana/backend/postgres"
	"sana/backend/session"
	"sana/backend/throttle"
	"sana/backend/visitor"

	"github.com/jackc/pgx/v5"
)

// The lifetimes of access keys.
const (
	KeyLifetime    = 90 * 24 * time.Hour // default
	MaxKeyLifetime = 365 * 24 * time.Hour
)

// KeyRequest is a request for an access key.
type KeyRequest struct {
	App      string        // id of the app
	Name     string        // chosen by the user
	Lifetime time.Duration // 0 for KeyLifetime
}

// NewAccessKey is an access key with its text, which is not stored.
type NewAccessKey struct {
	session.AccessKey
	Text string
}

// AccessKeys returns the access keys of the current user, the newest first.
func (s *Service) AccessKeys(
	ctx context.Context, current session.Session,
) ([]session.AccessKey, error) {
	if !s.inPostgres() {
		return nil, nil
	}
	return s.Shared.ListAccessKeys(ctx, s.DB, current.User.ID)
}

// KeyApps returns the apps for which a user can create access keys.
func (s *Service) KeyApps(current session.Session) (list []*apps.App) {
	for _, app := range s.MyApps(current) {
		if app.AccessKeys {
			list = append(list, app)
		}
	}
	return list
}

// AppName returns the name of an app, or its id if the apps file no longer has it.
func (s *Service) AppName(id string) string {
	if app, ok := s.Apps.Load().Find(id); ok {
		return app.Name
	}
	return id
}

// CreateAccessKey creates an access key for the current user, and queues the mail about it. It
// returns fault.ReauthenticationRequired, fault.NotFound if the user may not use the app or it
// accepts no keys, fault.InvalidName, fault.InvalidRequest for a lifetime that is too long, and
// fault.TooManyRequests, also if the user has session.MaxAccessKeys.
func (s *Service) CreateAccessKey(
	ctx context.Context, v visitor.Visitor, current session.Session, r KeyRequest,
) (NewAccessKey, error) {
	owner, err := s.recentOwner(ctx, current)
	if err != nil {
		return NewAccessKey{}, err
	}
	if r, err = s.validateKeyRequest(owner, r); err != nil {
		return NewAccessKey{}, err
	}
	if err := s.spend(ctx, throttle.KeysByAccount.Of(owner.ID)); err != nil {
		return NewAccessKey{}, err
	}
	return s.createKey(ctx, v, owner, r, "")
}

// CreateAccessKeyAsOperator is CreateAccessKey for the user with an address. It also returns
// fault.NotFound if the account does not exist.
func (s *Service) CreateAccessKeyAsOperator(
	ctx context.Context, address string, r KeyRequest,
) (NewAccessKey, error) {
	owner, err := s.Accounts.FindByAddress(ctx, address)
	if err != nil {
		return NewAccessKey{}, err
	}
	if r, err = s.validateKeyRequest(owner, r); err != nil {
		return NewAccessKey{}, err
	}
	return s.createKey(ctx, visitor.Visitor{}, owner, r, account.Operator)
}

// validateKeyRequest validates a request and returns it with defaults.
func (s *Service) validateKeyRequest(owner account.Account, r KeyRequest) (KeyRequest, error) {
	app, ok := s.Apps.Load().Find(r.App)
	if !ok || !app.AccessKeys || !app.Allows(owner.Email, time.Now()) || !s.inPostgres() {
		return r, fault.New(fault.NotFound,
			"There is no app of this name that the account may use and that accepts access keys.")
	}
	name, err := account.ParseName(r.Name)
	if err != nil {
		return r, err
	}
	if name == "" {
		return r, fault.New(fault.InvalidName, "Give the key a name, so that you know it again.")
	}
	if r.Lifetime == 0 {
		r.Lifetime = KeyLifetime
	}
	if r.Lifetime < 0 || r.Lifetime > MaxKeyLifetime {
		return r, fault.New(fault.InvalidRequest, "An access key is valid for 1 to 365 days.")
	}
	r.Name = name
	return r, nil
}

func (s *Service) createKey(
	ctx context.Context, v visitor.Visitor, owner account.Account, r KeyRequest, by string,
) (created NewAccessKey, err error) {
	err = postgres.InTx(ctx, s.DB, func(tx pgx.Tx) error {
		current, err := s.Accounts.Lock(ctx, tx, owner.ID)
		if err != nil {
			return err
		}
		if current.BlockedAt != nil {
			return fault.New(fault.NotSignedIn, "This account is blocked.")
		}
		var ok bool
		created.Text, created.AccessKey, ok, err = s.Shared.CreateAccessKey(
			ctx, tx, owner.ID, r.App, r.Name, r.Lifetime, by != "")
		if err != nil {
			return err
		}
		if !ok {
			return fault.New(fault.TooManyRequests,
				fmt.Sprintf("There are %d access keys already. Delete one first.",
					session.MaxAccessKeys))
		}
		err = s.notify(ctx, tx, v, outbox.Notice{
			Template: accessKeyMadeTemplate, Email: current.Email, App: s.AppName(r.App),
			ExpiresAt: created.ExpiresAt,
		})
		if err != nil {
			return err
		}
		return s.Accounts.Record(ctx, tx, v,
			s.entryOfKey(account.KeyMade, owner.ID, created.AccessKey, by))
	})
	return created, err
}

// RevokeAccessKey revokes an access key of the current user by its public id. An unknown key is not
// an error. It needs no fresh sign-in, so that a leaked key can be revoked immediately.
func (s *Service) RevokeAccessKey(
	ctx context.Context, v visitor.Visitor, current session.Session, id string,
) error {
	if !s.inPostgres() {
		return nil
	}
	return postgres.InTx(ctx, s.DB, func(tx pgx.Tx) error {
		_, err := s.revokeKeys(ctx, tx, v, current.User.ID, id, "")
		return err
	})
}

// RevokeAccessKeyAsOperator revokes an access key by its public id. It returns false if there is
// none.
func (s *Service) RevokeAccessKeyAsOperator(
	ctx context.Context, id string,
) (revoked bool, err error) {
	userID, err := s.Shared.AccessKeyOwner(ctx, id)
	if err != nil || userID == "" {
		return false, err
	}
	err = postgres.InTx(ctx, s.DB, func(tx pgx.Tx) error {
		keys, err := s.revokeKeys(ctx, tx, visitor.Visitor{}, userID, id, account.Operator)
		revoked = len(keys) > 0
		return err
	})
	return revoked, err
}

// revokeKeys revokes the access key with a public id, or all keys of a user if id is "", and
// records the events.
func (s *Service) revokeKeys(
	ctx context.Context, tx pgx.Tx, v visitor.Visitor, userID, id, by string,
) ([]session.AccessKey, error) {
	keys, err := s.Shared.RevokeAccessKeys(ctx, tx, userID, id)
	if err != nil {
		return nil, err
	}
	var entries []account.Entry
	for _, key := range keys {
		entries = append(entries, s.entryOfKey(account.KeyRevoked, userID, key, by))
	}
	return keys, s.Accounts.Record(ctx, tx, v, entries...)
}

func (s *Service) entryOfKey(
	kind account.Kind, userID string, key session.AccessKey, by string,
) account.Entry {
	return account.Entry{UserID: userID, Kind: kind, Details: account.Details{
		App: s.AppName(key.App), Key: key.Name, By: by,
	}}
}
