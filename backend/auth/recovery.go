package auth

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"regexp"
	"strings"
	"time"

	"sana/backend/account"
	"sana/backend/fault"
	"sana/backend/keyring"
	"sana/backend/mail/templates"
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

// Recovery is the wait of a user who has no passkey any more. At its end all their passkeys,
// sessions and access keys end, and codes sign in again. Until then a passkey or the link in the
// mail stops it. Without the wait, a reader of the mailbox would need no passkey.
type Recovery struct {
	Now    time.Time
	EndsAt time.Time
}

// recoveryWait is how long a recovery waits.
const recoveryWait = 24 * time.Hour

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
			"Here sessions are kept in the browsers themselves (SESSION_STORE=cookie), so codes always "+
				"sign in.")
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
			"For this your account needs two passkeys, so that you can still sign in if you lose one.")
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
	if err := s.Accounts.Record(ctx, tx, v, account.Entry{UserID: owner.ID, Kind: kind}); err != nil {
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

// dropRecovery deletes the recovery of a user.
func dropRecovery(ctx context.Context, tx pgx.Tx, userID string) (dropped bool, err error) {
	tag, err := tx.Exec(ctx, `
		DELETE FROM recoveries
		WHERE user_id = @user`,
		pgx.NamedArgs{"user": userID})
	return tag.RowsAffected() > 0, postgres.Error("stop recovery", err)
}

// BeginRecovery begins the wait for a user whose right code this browser has entered within the
// last ten minutes, with fault.RecoveryRequired as the answer. A code begins one recovery; if one
// is under way, it goes on, and belongs to this browser now. It returns fault.NoRecovery if there
// was no such code.
func (s *Service) BeginRecovery(ctx context.Context, v visitor.Visitor) (r Recovery, err error) {
	err = postgres.InTx(ctx, s.DB, func(tx pgx.Tx) error {
		if err := s.beginRecovery(ctx, tx, v); err != nil && !errors.Is(err, pgx.ErrNoRows) {
			return err
		}
		r, err = findRecovery(ctx, tx, v, session.Session{})
		return err
	})
	return r, err
}

// beginRecovery returns pgx.ErrNoRows if the browser has entered no code that begins one.
func (s *Service) beginRecovery(ctx context.Context, tx pgx.Tx, v visitor.Visitor) error {
	var userID string
	err := tx.QueryRow(ctx, `
		WITH used AS (
		    DELETE FROM challenges
		    WHERE browser = @browser
		      AND outcome = 'recovery_required'
		      AND consumed_at > now() - interval '10 minutes'
		      AND consumed_at <= now() + interval '1 minute'
		    RETURNING email, consumed_at
		)
		SELECT users.id::text
		FROM used
		JOIN users ON users.email = used.email
		ORDER BY consumed_at DESC
		LIMIT 1`,
		pgx.NamedArgs{"browser": v.Browser.Hash()}).Scan(&userID)
	if err != nil {
		return postgres.Error("begin recovery", err)
	}
	owner, err := s.Accounts.Lock(ctx, tx, userID)
	if err != nil {
		return err
	}
	var id string
	var ends time.Time
	var isNew bool
	err = tx.QueryRow(ctx, `
		INSERT INTO recoveries (user_id, browser, language, ends_at)
		SELECT id, @browser, @language, now() + @wait::interval
		FROM users
		WHERE id = @user
		  AND codes_for = 'recovery'
		  AND blocked_at IS NULL
		ON CONFLICT (user_id) DO UPDATE SET browser = excluded.browser
		RETURNING id::text, ends_at, began_at = now()`,
		pgx.NamedArgs{
			"user": userID, "browser": v.Browser.Hash(), "wait": recoveryWait,
			"language": templates.MatchLanguage(v.AcceptLanguage),
		}).Scan(&id, &ends, &isNew)
	if err != nil || !isNew {
		return postgres.Error("begin recovery", err)
	}
	if err := s.Accounts.Record(ctx, tx, v,
		account.Entry{UserID: userID, Kind: account.RecoveryBegun}); err != nil {
		return err
	}
	return s.notify(ctx, tx, v, outbox.Notice{
		Template: recoveryBegunTemplate, Email: owner.Email, Recovery: id,
		Until: ends.UTC().Format(time.RFC3339),
	})
}

// FindRecovery returns the recovery that this browser has begun, or that is under way for the
// current user. It returns fault.NoRecovery if there is none.
func (s *Service) FindRecovery(
	ctx context.Context, v visitor.Visitor, current session.Session,
) (Recovery, error) {
	return findRecovery(ctx, s.DB, v, current)
}

func findRecovery(
	ctx context.Context, db postgres.Querier, v visitor.Visitor, current session.Session,
) (r Recovery, err error) {
	err = db.QueryRow(ctx, `
		SELECT now(), ends_at
		FROM recoveries
		WHERE browser = @browser
		   OR user_id = nullif(@user, '')::uuid
		ORDER BY ends_at DESC
		LIMIT 1`,
		pgx.NamedArgs{"browser": v.Browser.Hash(), "user": current.User.ID}).Scan(&r.Now, &r.EndsAt)
	if errors.Is(err, pgx.ErrNoRows) {
		return Recovery{}, errNoRecovery()
	}
	return r, postgres.Error("read recovery", err)
}

func errNoRecovery() error {
	return fault.New(fault.NoRecovery,
		"There is no recovery here: it is over, was stopped, or never began.")
}

// CancelRecovery stops the recoveries that this browser has begun. If there is none, nothing
// happens.
func (s *Service) CancelRecovery(ctx context.Context, v visitor.Visitor) error {
	if v.Browser == "" {
		return nil
	}
	_, err := s.stopRecoveries(ctx, v, `browser = @browser`,
		pgx.NamedArgs{"browser": v.Browser.Hash()})
	return err
}

// StopRecovery stops a recovery by the token in the mail about it. It returns fault.NoRecovery if
// the token is not valid, or not any more.
func (s *Service) StopRecovery(ctx context.Context, v visitor.Visitor, token string) error {
	id, ok := s.parseStopToken(token)
	if !ok {
		return errNoRecovery()
	}
	stopped, err := s.stopRecoveries(ctx, v, `recoveries.id = @recovery::uuid`,
		pgx.NamedArgs{"recovery": id})
	if err == nil && stopped == 0 {
		err = errNoRecovery()
	}
	return err
}

func (s *Service) stopRecoveries(
	ctx context.Context, v visitor.Visitor, condition postgres.SQL, args pgx.NamedArgs,
) (stopped int, err error) {
	err = postgres.InTx(ctx, s.DB, func(tx pgx.Tx) error {
		stopped = 0
		rows, err := tx.Query(ctx, `
			SELECT user_id::text
			FROM recoveries
			WHERE `+string(condition), args)
		if err != nil {
			return postgres.Error("stop recovery", err)
		}
		users, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return postgres.Error("stop recovery", err)
		}
		for _, userID := range users {
			owner, err := s.Accounts.Lock(ctx, tx, userID)
			if err != nil {
				return ignoreDeleted(err)
			}
			dropped, err := dropRecovery(ctx, tx, userID)
			if err != nil {
				return err
			}
			if dropped {
				stopped++
				err = s.recordChange(ctx, tx, v, owner, account.RecoveryStopped, recoveryStoppedTemplate)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	return stopped, err
}

// A stop token is the id of a recovery and a MAC. It can only stop.
const stopLabel = "sana/recovery stop/v1"

var recoveryID = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

func (s *Service) stopToken(key keyring.Key, id string) string {
	mac := hmac.New(sha256.New, key.Derive(stopLabel))
	mac.Write([]byte(id))
	return id + "." + hex.EncodeToString(mac.Sum(nil))
}

func (s *Service) parseStopToken(token string) (id string, ok bool) {
	id, _, _ = strings.Cut(token, ".")
	if !recoveryID.MatchString(id) {
		return "", false
	}
	for _, key := range s.Keys.All() {
		if hmac.Equal([]byte(token), []byte(s.stopToken(key, id))) {
			return id, true
		}
	}
	return "", false
}

// recoveryBatch is how many users are read at once.
const recoveryBatch = 100

// FinishRecoveries ends the waits that are over, each in a transaction of its own, and returns how
// many. Any number of instances may call it at once. Sessions must be rows.
func (s *Service) FinishRecoveries(ctx context.Context) (finished int, err error) {
	users, err := s.usersOf(ctx, `
		SELECT user_id::text
		FROM recoveries
		WHERE ends_at <= now()
		ORDER BY ends_at
		LIMIT @batch`, pgx.NamedArgs{"batch": recoveryBatch})
	if err != nil {
		return 0, err
	}
	for _, userID := range users {
		done, err := s.finishRecovery(ctx, userID)
		if err != nil {
			return finished, err
		}
		if done {
			finished++
		}
	}
	return finished, nil
}

func (s *Service) usersOf(ctx context.Context, sql string, args pgx.NamedArgs) ([]string, error) {
	rows, err := s.DB.Query(ctx, sql, args)
	if err != nil {
		return nil, postgres.Error("find users", err)
	}
	users, err := pgx.CollectRows(rows, pgx.RowTo[string])
	return users, postgres.Error("find users", err)
}

func (s *Service) finishRecovery(ctx context.Context, userID string) (done bool, err error) {
	err = postgres.InTx(ctx, s.DB, func(tx pgx.Tx) error {
		done = false
		owner, err := s.Accounts.Lock(ctx, tx, userID)
		if err != nil {
			return ignoreDeleted(err)
		}
		var language string
		err = tx.QueryRow(ctx, `
			DELETE FROM recoveries
			WHERE user_id = @user
			  AND ends_at <= now()
			RETURNING language`,
			pgx.NamedArgs{"user": userID}).Scan(&language)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil // stopped, or another instance was faster
		}
		if err != nil {
			return postgres.Error("finish recovery", err)
		}
		done = true
		if err := passkey.RemoveAll(ctx, tx, userID); err != nil {
			return err
		}
		if _, err := writeCodesFor(ctx, tx, userID, CodesForSignIn); err != nil {
			return err
		}
		ended, err := s.Shared.RevokeOthers(ctx, tx, userID, "", session.Ended{Reason: session.Recovered})
		if err != nil {
			return err
		}
		if err := dropHandoffs(ctx, tx, ended); err != nil {
			return err
		}
		v := visitor.Visitor{AcceptLanguage: language}
		if _, err := s.revokeKeys(ctx, tx, v, userID, "", ""); err != nil {
			return err
		}
		return s.recordChange(ctx, tx, v, owner, account.Recovered, recoveredTemplate)
	})
	return done, err
}

// TellSuspended tells users of "for recovery only" whose passkeys all stopped working here that
// their codes sign in, and tells them once passkeys work and codes do not sign in. The host of
// PUBLIC_URL may have changed, or sessions may be in cookies. Codes follow that at once; see
// recoveryRequired. It returns how many users it has told.
func (s *Service) TellSuspended(ctx context.Context) (told int, err error) {
	for batch := recoveryBatch; batch == recoveryBatch; told += batch {
		users, err := s.usersOf(ctx, `
			SELECT id::text
			FROM users
			WHERE `+wronglyTold+`
			LIMIT @batch`, pgx.NamedArgs{"rp_id": s.recoveryHost(), "batch": recoveryBatch})
		if err != nil {
			return told, err
		}
		for _, userID := range users {
			if err := s.tellSuspended(ctx, userID); err != nil {
				return told, err
			}
		}
		batch = len(users)
	}
	return told, nil
}

const wronglyTold = `codes_for = 'recovery'
			  AND codes_suspended = EXISTS (
			      SELECT
			      FROM passkeys
			      WHERE passkeys.user_id = users.id
			        AND passkeys.rp_id = @rp_id)`

// tellSuspended drops a recovery too: codes sign in, and no passkey could stop it.
func (s *Service) tellSuspended(ctx context.Context, userID string) error {
	return postgres.InTx(ctx, s.DB, func(tx pgx.Tx) error {
		owner, err := s.Accounts.Lock(ctx, tx, userID)
		if err != nil {
			return ignoreDeleted(err)
		}
		var isSuspended bool
		err = tx.QueryRow(ctx, `
			UPDATE users
			SET codes_suspended = NOT codes_suspended
			WHERE id = @user
			  AND `+wronglyTold+`
			RETURNING codes_suspended`,
			pgx.NamedArgs{"user": userID, "rp_id": s.recoveryHost()}).Scan(&isSuspended)
		switch {
		case errors.Is(err, pgx.ErrNoRows): // changed meanwhile
			return nil
		case err != nil:
			return postgres.Error("suspend codes for recovery only", err)
		case !isSuspended:
			return s.recordChange(ctx, tx, visitor.Visitor{}, owner, account.CodesForRecovery,
				codesForRecoveryTemplate)
		}
		if _, err := dropRecovery(ctx, tx, userID); err != nil {
			return err
		}
		return s.recordChange(ctx, tx, visitor.Visitor{}, owner, account.CodesForSignIn,
			codesSuspendedTemplate)
	})
}

// LetCodesSignIn is SetCodesFor(CodesForSignIn) for an operator. A mail tells the user. It returns
// the address of the account, whether anything changed, and fault.NotFound if there is no such
// account.
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
