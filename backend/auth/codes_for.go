package auth

import (
	"context"

	"sana/backend/account"
	"sana/backend/fault"
	"sana/backend/outbox"
	"sana/backend/passkey"
	"sana/backend/postgres"
	"sana/backend/session"
	"sana/backend/throttle"
	"sana/backend/visitor"

	"github.com/jackc/pgx/v5"
)

// CodesFor is what the codes of an account are for.
type CodesFor string

// Their texts are in the database and in the API contract.
const (
	CodesForSignIn   CodesFor = "sign_in"
	CodesForRecovery CodesFor = "recovery" // passkeys alone sign in; a right code begins a wait
)

// passkeysForRecovery is how many passkeys a user needs before codes are for recovery only: with
// one, each lost device would be a recovery.
const passkeysForRecovery = 2

// recoveryHost is the host of the passkeys that keep codes for recovery only. While a user has none
// of it, that is suspended. It is "", which no passkey has, if sessions are not rows: they could
// not be ended.
func (s *Service) recoveryHost() string {
	if !s.inPostgres() {
		return ""
	}
	return s.Passkeys.ID
}

// SetCodesFor sets the purpose of the current user's codes. Setting the present one changes
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
			_, err = s.letCodesSignIn(ctx, tx, v, owner)
			return err
		}
		return s.keepCodesForRecovery(ctx, tx, v, owner)
	})
}

func (s *Service) keepCodesForRecovery(
	ctx context.Context, tx pgx.Tx, v visitor.Visitor, owner account.Account,
) error {
	count, err := s.countPasskeys(ctx, tx, owner.ID)
	if err != nil {
		return err
	}
	if count < passkeysForRecovery {
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

// letCodesSignIn ends "for recovery only", and a recovery with it, as part of tx, which holds the
// user's row.
func (s *Service) letCodesSignIn(
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

// countPasskeys counts the passkeys of a user that sign in here.
func (s *Service) countPasskeys(
	ctx context.Context, db postgres.Querier, userID string,
) (n int, err error) {
	list, err := passkey.List(ctx, db, userID)
	for _, p := range list {
		if p.RPID == s.Passkeys.ID {
			n++
		}
	}
	return n, err
}

// LetCodesSignIn is SetCodesFor(CodesForSignIn) for an operator. A mail notifies the user. It
// returns the address of the account, whether anything changed, and fault.NotFound if there is no
// such account.
func (s *Service) LetCodesSignIn(
	ctx context.Context, address string,
) (email string, changed bool, err error) {
	user, err := s.FindUser(ctx, address)
	if err != nil {
		return "", false, err
	}
	err = postgres.InTx(ctx, s.DB, func(tx pgx.Tx) error {
		owner, err := s.Accounts.Lock(ctx, tx, user.ID)
		if err != nil {
			return err
		}
		email = owner.Email
		changed, err = s.letCodesSignIn(ctx, tx, visitor.Visitor{}, owner)
		return err
	})
	return email, changed, err
}
