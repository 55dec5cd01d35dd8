package auth

import (
	"context"
	"errors"
	"time"

	"sana/backend/account"
	"sana/backend/challenge"
	"sana/backend/fault"
	"sana/backend/outbox"
	"sana/backend/postgres"
	"sana/backend/session"
	"sana/backend/throttle"
	"sana/backend/visitor"

	"github.com/jackc/pgx/v5"
)

// EmailChange is the result of a change of address.
type EmailChange struct {
	Account account.Account
	// Session is the current one, with the new address; in a cookie it has a new Token.
	Session session.Session
	Device  string // the token that makes the browser known for the new address
}

// RequestEmailChange sends a code to the new address of a session's account. It does not check
// whether another account has the address: the right code comes first.
//
// It returns fault.ReauthenticationRequired, fault.InvalidEmail, fault.EmailUnchanged,
// fault.SignUpClosed for an address that no account may have, and the errors of RequestCode.
func (s *Service) RequestEmailChange(
	ctx context.Context, v visitor.Visitor, current session.Session, address string,
) (CodeRequest, error) {
	owner, err := s.recentOwner(ctx, current)
	if err != nil {
		return CodeRequest{}, err
	}
	email, err := account.ParseAddress(address)
	switch {
	case err != nil:
		return CodeRequest{}, err
	case email == owner.Email:
		return CodeRequest{}, fault.New(fault.EmailUnchanged,
			"This is the address of your account already. Type the new address.")
	case !s.allowsAddress(email):
		return CodeRequest{}, fault.New(fault.SignUpClosed,
			"Addresses of this domain are not accepted here. Choose another one.")
	}
	return s.request(ctx, v, target{
		email: email, purpose: challenge.ChangeEmail, sessionID: current.ID, userID: owner.ID,
	})
}

// changeQuery returns the query for the browser's pending change of a session's address.
func changeQuery(v visitor.Visitor, current session.Session, id string) challenge.Query {
	return challenge.Query{Browser: v.Browser, ID: id, Purpose: challenge.ChangeEmail,
		SessionID: current.ID}
}

// ResendEmailChange is ResendCode for a change of address.
func (s *Service) ResendEmailChange(
	ctx context.Context, v visitor.Visitor, current session.Session, id string,
) (CodeRequest, error) {
	if _, err := s.Accounts.Find(ctx, current.User.ID); err != nil {
		return CodeRequest{}, err
	}
	return s.resend(ctx, v, changeQuery(v, current, id))
}

// PendingEmailChange is PendingCode for a change of address.
func (s *Service) PendingEmailChange(
	ctx context.Context, v visitor.Visitor, current session.Session, id string,
) (challenge.Challenge, error) {
	if _, err := s.Accounts.Find(ctx, current.User.ID); err != nil {
		return challenge.Challenge{}, err
	}
	return s.pending(ctx, changeQuery(v, current, id))
}

// CancelEmailChange is CancelCode for a change of address.
func (s *Service) CancelEmailChange(
	ctx context.Context, v visitor.Visitor, current session.Session, id string,
) error {
	return s.cancel(ctx, changeQuery(v, current, id))
}

// VerifyEmailChange compares a code with the pending change of a session's address, for one address
// or the newest if address is "". The right code changes the address, revokes all other sessions of
// the user, because a reader of the old mailbox may have one, and sends a mail to both addresses.
// It is not a fresh sign-in. Errors are those of VerifyCode, fault.NotSignedIn, and
// fault.EmailTaken, after the right code only. Like VerifyCode it can be repeated. It returns when
// other instances show the new address, unless the database is slow.
func (s *Service) VerifyEmailChange(
	ctx context.Context, v visitor.Visitor, current session.Session, address, code string,
) (EmailChange, error) {
	if _, err := s.Accounts.Find(ctx, current.User.ID); err != nil {
		return EmailChange{}, err
	}
	var changed EmailChange
	q := changeQuery(v, current, "")
	err := s.tryCode(ctx, v, q, address, code, func(g attempt) (err error) {
		outcome := g.challenge.Outcome
		if !g.challenge.IsSpent() {
			if outcome, err = s.changeEmail(ctx, g, current); err != nil {
				return err
			}
		}
		changed, err = s.changedEmail(ctx, g, outcome, current)
		return err
	})
	if err == nil && s.inPostgres() {
		select {
		case <-time.After(session.PollTime): // the page reads its session next, at any instance
		case <-ctx.Done():
		}
	}
	return changed, err
}

// spendChange consumes the code of a change of address.
const spendChange = `
	WITH ` + string(throttle.Full) + `,
	granted AS (
	    UPDATE challenges
	    SET consumed_at = now(),
	        outcome = CASE
	            WHEN @in_postgres AND NOT EXISTS (
	                SELECT FROM sessions WHERE sessions.id = challenges.session_id AND ` +
	string(session.IsLive) + `)
	              OR NOT EXISTS (SELECT FROM users WHERE users.id = challenges.user_id)
	            THEN 'revoked'
	            WHEN EXISTS (SELECT FROM users WHERE users.email = challenges.email)
	            THEN 'email_taken'
	            ELSE 'email_changed' END,
	        outcome_key_id = @outcome_key` + whereOpenAndNot +
	string(challenge.IsBlocked) + `
	    RETURNING outcome
	)
	SELECT outcome
	FROM granted`

// changeEmail consumes a code and changes the address, in one transaction. It returns errConflict
// if a concurrent request interfered.
func (s *Service) changeEmail(
	ctx context.Context, g attempt, current session.Session,
) (outcome challenge.Outcome, err error) {
	err = postgres.InTx(ctx, s.DB, func(tx pgx.Tx) error {
		outcome = ""
		args := g.args()
		args["outcome_key"], args["in_postgres"] = s.Keys.Current().ID, s.inPostgres()
		b := &postgres.Batch{}
		g.lock(b)
		b.Queue(spendChange,
			args).QueryRow(func(row pgx.Row) error { return ignoreNoRows(row.Scan(&outcome)) })
		g.queueForget(b)
		if err := b.SendTo(ctx, tx); err != nil {
			return postgres.Error("change address", err)
		}
		if outcome == "" {
			return errConflict
		}
		if outcome != challenge.EmailChanged {
			return nil
		}
		return s.moveAccount(ctx, tx, g, current)
	})
	return outcome, err
}

// moveAccount changes the account's address, revokes its other sessions and queues the mails.
func (s *Service) moveAccount(
	ctx context.Context, tx pgx.Tx, g attempt, current session.Session,
) error {
	email := g.challenge.Email
	before, err := s.Accounts.Lock(ctx, tx, current.User.ID)
	if err != nil {
		return err
	}
	err = s.Accounts.ChangeEmail(ctx, tx, before, email, g.visitor)
	if errors.Is(err, account.ErrEmailTaken) {
		return errConflict // the next round detects that the address is taken
	}
	if err != nil {
		return err
	}
	// A reader of the old mailbox may have begun the recovery.
	if _, err := dropRecovery(ctx, tx, before.ID); err != nil {
		return err
	}
	if s.inPostgres() {
		if err := s.Shared.SetEmail(ctx, tx, before.ID, current.ID, email); err != nil {
			return err
		}
		why := session.Ended{Reason: session.EmailChanged, By: g.visitor.Platform}
		if _, err := s.Shared.RevokeOthers(ctx, tx, before.ID, current.ID, why); err != nil {
			return err
		}
	}
	for _, to := range []string{before.Email, email} {
		err := s.notify(ctx, tx, g.visitor, outbox.Notice{
			Template: addressChangedTemplate, Email: to, OldEmail: before.Email, NewEmail: email,
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// changedEmail returns the result of a used code.
func (s *Service) changedEmail(
	ctx context.Context, g attempt, outcome challenge.Outcome, current session.Session,
) (EmailChange, error) {
	switch outcome {
	case challenge.EmailTaken:
		return EmailChange{}, errEmailTaken()
	case challenge.EmailChanged:
	default:
		return EmailChange{}, challenge.ErrExpired()
	}
	owner, err := s.Accounts.Find(ctx, g.challenge.UserID)
	if err != nil {
		return EmailChange{}, err
	}
	if owner.Email != g.challenge.Email {
		return EmailChange{}, challenge.ErrExpired()
	}
	current.User.Email = owner.Email
	if !s.inPostgres() {
		if current, err = s.Sealed.Seal(current); err != nil {
			return EmailChange{}, err
		}
	}
	device := s.newDevice(g.device, owner.Email)
	return EmailChange{Account: owner, Session: current, Device: device}, nil
}
