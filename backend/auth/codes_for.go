package auth

import (
	"context"

	"sana/backend/account"
	"sana/backend/fault"
	"sana/backend/outbox"
	"sana/backend/postgres"
	"sana/backend/session"
	"sana/backend/throttle"
	"sana/backend/visitor"

	"github.com/jackc/pgx/v5"
)

// CodesFor is the purpose of the codes of an account.
type CodesFor string

// The values are in the database and in the API contract.
const (
	CodesForSignIn   CodesFor = "sign_in"
	CodesForRecovery CodesFor = "recovery" // passkeys alone sign in; a right code begins a wait
)

// passkeysForRecovery is the number of passkeys that "codes for recovery only" requires: with one,
// each lost device would need a recovery.
const passkeysForRecovery = 2

// recoveryHost is the host of the passkeys that keep codes for recovery only. The setting is
// suspended while a user has no passkey of this host. It is "", the host of no passkey, if sessions
// are not rows, because then they could not be revoked.
func (s *Service) recoveryHost() string {
	if !s.inPostgres() {
		return ""
	}
	return s.Passkeys.ID
}

// SetCodesFor sets the purpose of the current user's codes. Setting the current one changes
// nothing. It returns fault.ReauthenticationRequired, fault.TwoPasskeysNeeded,
// fault.TooManyRequests, and fault.NotWithThisStore if sessions are in cookies.
func (s *Service) SetCodesFor(
	ctx context.Context, v visitor.Visitor, current session.Session, codes CodesFor,
) error {
	if codes == CodesForRecovery && !s.inPostgres() {
		return fault.New(fault.NotWithThisStore,
			"Here sessions are kept in the browsers themselves (SESSION_STORE=cookie), so codes "+
				"always sign in.")
	}
	owner, err := s.recentOwner(ctx, current)
	if err != nil {
		return err
	}
	if err := s.spend(ctx, throttle.PasskeysByAccount.Of(owner.ID)); err != nil {
		return err
	}
	return postgres.InTx(ctx, s.DB, func(tx pgx.Tx) error {
		owner, err := s.Accounts.Lock(ctx, tx, owner.ID)
		if err != nil {
			return err
		}
		if codes == CodesForSignIn {
			_, err = s.allowCodesToSignIn(ctx, tx, v, owner)
			return err
		}
		return s.restrictCodesToRecovery(ctx, tx, v, owner)
	})
}

func (s *Service) restrictCodesToRecovery(
	ctx context.Context, tx pgx.Tx, v visitor.Visitor, owner account.Account,
) error {
	own, err := s.ownPasskeys(ctx, tx, owner.ID)
	if err != nil {
		return err
	}
	if len(own) < passkeysForRecovery {
		return fault.New(fault.TwoPasskeysNeeded,
			"For this your account needs two passkeys, so that you can still sign in if you "+
				"lose one.")
	}
	changed, err := writeCodesFor(ctx, tx, owner.ID, CodesForRecovery)
	if err != nil || !changed {
		return err
	}
	return s.recordChange(ctx, tx, v, owner, account.CodesForRecovery, codesForRecoveryTemplate)
}

// allowCodesToSignIn ends "for recovery only" and a pending recovery, as part of tx, which holds
// the lock on the user's row.
func (s *Service) allowCodesToSignIn(
	ctx context.Context, tx pgx.Tx, v visitor.Visitor, owner account.Account,
) (changed bool, err error) {
	if _, err := dropRecovery(ctx, tx, owner.ID); err != nil {
		return false, err
	}
	changed, err = writeCodesFor(ctx, tx, owner.ID, CodesForSignIn)
	if err != nil || !changed {
		return false, err
	}
	return true, s.recordChange(ctx, tx, v, owner, account.CodesForSignIn, codesForSignInTemplate)
}

// recordChange records an event and queues its mail.
func (s *Service) recordChange(
	ctx context.Context, tx pgx.Tx, v visitor.Visitor, owner account.Account, kind account.Kind,
	template string,
) error {
	if err := s.Accounts.Record(ctx, tx, v,
		account.Entry{UserID: owner.ID, Kind: kind}); err != nil {
		return err
	}
	return s.notify(ctx, tx, v, outbox.Notice{Template: template, Email: owner.Email})
}

func writeCodesFor(
	ctx context.Context, tx pgx.Tx, userID string, codes CodesFor,
) (changed bool, err error) {
	tag, err := tx.Exec(ctx, `
		UPDATE users
		SET codes_for = @codes,
		    codes_suspended = false
		WHERE id = @user
		  AND codes_for <> @codes`,
		pgx.NamedArgs{"user": userID, "codes": string(codes)})
	return tag.RowsAffected() > 0, postgres.Error("set use of codes", err)
}

// AllowCodesToSignIn is SetCodesFor(CodesForSignIn) for an operator. A mail notifies the user. It
// returns the address of the account, changed is false if nothing changed, and fault.NotFound if
// the account does not exist.
func (s *Service) AllowCodesToSignIn(
	ctx context.Context, address string,
) (email string, changed bool, err error) {
	user, err := s.Accounts.FindByAddress(ctx, address)
	if err != nil {
		return "", false, err
	}
	err = postgres.InTx(ctx, s.DB, func(tx pgx.Tx) error {
		owner, err := s.Accounts.Lock(ctx, tx, user.ID)
		if err != nil {
			return err
		}
		email = owner.Email
		changed, err = s.allowCodesToSignIn(ctx, tx, visitor.Visitor{}, owner)
		return err
	})
	return email, changed, err
}
