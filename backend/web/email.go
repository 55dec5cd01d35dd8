package web

import (
	"context"

	"sana/backend/account"
	"sana/backend/fault"
	"sana/backend/session"
	"sana/backend/signin"

	"github.com/gofiber/fiber/v2"
	"github.com/jackc/pgx/v5"
)

// requestEmailChange sends a code to the address that the account is to have. Whether another account has it is not looked
// for before the code is right.
func (s *Server) requestEmailChange(ctx context.Context, c *fiber.Ctx) error {
	var request struct {
		Email string `json:"email"`
	}
	if err := readJSON(c, &request); err != nil {
		return err
	}
	current, now, err := s.readAccountRecently(ctx, c)
	if err != nil {
		return err
	}
	email, err := signin.ParseAddress(request.Email)
	if err != nil {
		return err
	}
	if email == now.Email {
		return fault.New(fault.EmailUnchanged, "This is the address of your account already. Type the one that it is to have.")
	}
	wanted := signin.Request{Address: email, Purpose: signin.PurposeChangeEmail, UserID: now.ID, Pending: pendingOf(current)}
	return s.keepPending(ctx, c, current, func(browser signin.Browser) (signin.Challenge, error) {
		return s.SignIn.Begin(ctx, s.client(c), wanted, browser)
	})
}

func (s *Server) resendEmailChange(ctx context.Context, c *fiber.Ctx) error {
	if err := readEmptyJSON(c); err != nil {
		return err
	}
	current, _, err := s.readEmailChange(ctx, c)
	if err != nil {
		return err
	}
	return s.resendPending(ctx, c, current)
}

func (s *Server) pendingEmailChange(ctx context.Context, c *fiber.Ctx) error {
	current, _, err := s.readEmailChange(ctx, c)
	if err != nil {
		return err
	}
	return s.sendPending(ctx, c, current)
}

func (s *Server) cancelEmailChange(ctx context.Context, c *fiber.Ctx) error {
	current, _, err := s.readAccount(ctx, c)
	if err == nil && waitsFor(current, signin.PurposeChangeEmail) {
		err = s.cancelPending(ctx, c, current)
	}
	if err != nil {
		return err
	}
	return c.SendStatus(fiber.StatusNoContent)
}

// verifyEmailChange changes the address with the code that was sent to the new one, and ends all other sessions: whoever is
// in one of them may have got in by the old mailbox. That the new address is proven is no fresh sign-in.
func (s *Server) verifyEmailChange(ctx context.Context, c *fiber.Ctx) error {
	code, err := readCode(c)
	if err != nil {
		return err
	}
	current, changed, err := s.readEmailChange(ctx, c)
	if err != nil {
		return err
	}
	var issued session.Session
	device, err := s.SignIn.VerifyChange(ctx, s.client(c), guessOf(code, current),
		func(ctx context.Context, tx pgx.Tx, email string) (old string, err error) {
			if old, err = s.Account.ChangeEmail(ctx, tx, changed.ID, email, s.actor(c)); err != nil {
				return "", err
			}
			changed.Email = email
			user := &session.User{ID: changed.ID, Email: email, SignedInAt: current.User.SignedInAt}
			next := s.from(c, session.Session{ID: current.ID, User: user})
			if issued, err = session.IssueTx(ctx, tx, s.Sessions, next, current.Token); err != nil || s.SharedSessions == nil {
				return old, notSignedIn(err)
			}
			_, err = s.SharedSessions.EndOthers(ctx, tx, changed.ID, issued.ID, s.ended(c, session.EmailChanged))
			return old, err
		})
	if err != nil {
		return err
	}
	s.cookie.set(c, issued.Token, issued.Keep)
	s.device.set(c, device, deviceAge)
	return sendJSON(c, contentTypeJSON, accountAnswerOf(changed))
}

// readEmailChange is readAccount for a session that waits for the code of a change, or fault.NoPendingCode.
func (s *Server) readEmailChange(ctx context.Context, c *fiber.Ctx) (session.Session, account.Account, error) {
	current, found, err := s.readAccount(ctx, c)
	if err == nil && !waitsFor(current, signin.PurposeChangeEmail) {
		err = errNoPendingCode()
	}
	return current, found, err
}
