package web

import (
	"cmp"
	"context"
	"errors"
	"time"

	"sana/backend/account"
	"sana/backend/fault"
	"sana/backend/platform"
	"sana/backend/postgres"
	"sana/backend/session"
	"sana/backend/signin"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/utils"
	"github.com/jackc/pgx/v5"
)

type pendingCodeAnswer struct {
	Email          string                `json:"email"`
	CodeKind       signin.CodeKind       `json:"code_kind"`
	CodeLength     int                   `json:"code_length"`
	TriesLeft      int                   `json:"tries_left"`
	Now            time.Time             `json:"now"`
	ExpiresAt      time.Time             `json:"expires_at"`
	ResendAt       time.Time             `json:"resend_at"`
	Delivery       signin.Delivery       `json:"delivery"`
	DeliveryReason signin.DeliveryReason `json:"delivery_reason,omitempty"`
}

type userAnswer struct {
	ID    string `json:"id"`
	Email string `json:"email"`
}

type sessionAnswer struct {
	ID         string    `json:"id"`
	SignedInAt time.Time `json:"signed_in_at"`
	ExpiresAt  time.Time `json:"expires_at"`
}

type currentSessionAnswer struct {
	User    userAnswer    `json:"user"`
	Session sessionAnswer `json:"session"`
}

type signedInAnswer struct {
	currentSessionAnswer
	Created bool `json:"created"`
}

func (s *Server) requestCode(ctx context.Context, c *fiber.Ctx) error {
	var request struct {
		Email string `json:"email"`
	}
	if err := readJSON(c, &request); err != nil {
		return err
	}
	current, err := s.readSession(ctx, c)
	if err != nil {
		return err
	}
	wanted := signin.Request{Address: request.Email, Purpose: signin.PurposeSignIn, Pending: pendingOf(current)}
	return s.keepPending(ctx, c, current, func(browser signin.Browser) (signin.Challenge, error) {
		return s.SignIn.Begin(ctx, s.client(c), wanted, browser)
	})
}

// pendingOf is the challenge that a browser waits for, an empty one for none.
func pendingOf(current session.Session) signin.Pending {
	p := current.Pending
	if p == nil {
		return signin.Pending{}
	}
	return signin.Pending{
		ID: p.ChallengeID, Email: p.Email, Purpose: signin.Purpose(p.Purpose),
		Format: signin.Format{Kind: signin.CodeKind(p.CodeKind), Length: p.CodeLength},
	}
}

func (s *Server) resendCode(ctx context.Context, c *fiber.Ctx) error {
	if err := readEmptyJSON(c); err != nil {
		return err
	}
	current, err := s.readPending(ctx, c)
	if err != nil {
		return err
	}
	return s.resendPending(ctx, c, current)
}

func (s *Server) resendPending(ctx context.Context, c *fiber.Ctx, current session.Session) error {
	return s.keepPending(ctx, c, current, func(browser signin.Browser) (signin.Challenge, error) {
		return s.SignIn.Resend(ctx, s.client(c), pendingOf(current), browser)
	})
}

// keepPending calls ask, lets the browser wait for the challenge if it is a new one, and answers 202. Whose session ends at
// the same moment waits for a sign-in as somebody who is not signed in.
func (s *Server) keepPending(
	ctx context.Context, c *fiber.Ctx, current session.Session, ask func(signin.Browser) (signin.Challenge, error),
) error {
	var pending *session.Pending
	var issued session.Issued
	challenge, err := ask(signin.Browser{
		Hold: func(b *postgres.Batch) { s.hold(b, current) },
		Keep: func(b *postgres.Batch, wanted signin.Challenge) string {
			pending = &session.Pending{
				ChallengeID: wanted.ID,
				Email:       wanted.Email,
				Purpose:     string(wanted.Purpose),
				CodeKind:    string(wanted.CodeFormat.Kind),
				CodeLength:  wanted.CodeFormat.Length,
			}
			next := s.from(c, session.Session{ID: current.ID, User: current.User, Pending: pending})
			var secret string
			secret, issued = s.Sessions.Issue(b, postgres.GoesOn, next, current.Token)
			return secret
		},
	})
	if errors.Is(err, signin.ErrNotHeld) {
		if pending.Purpose != string(signin.PurposeSignIn) {
			return s.whyNotHeld(ctx, current)
		}
		return s.keepPending(ctx, c, session.Session{}, ask)
	}
	if err != nil {
		return err
	}
	if pending != nil && pending.ChallengeID == challenge.ID {
		pending.SentAt = challenge.SentAt
		made, err := issued(ctx)
		if err != nil {
			return err
		}
		s.cookie.set(c, made.Token, made.Keep)
	}
	return sendJSON(c.Status(fiber.StatusAccepted), contentTypeJSON, pendingAnswerOf(challenge))
}

// hold has the batch stop where the person of a session is not signed in there any more.
func (s *Server) hold(b *postgres.Batch, current session.Session) {
	if current.User != nil {
		s.Account.HoldIn(b, current.User.ID)
		s.Sessions.Hold(b, current.Token)
	}
}

// whyNotHeld says why hold has stopped: the account was deleted, or the session has ended.
func (s *Server) whyNotHeld(ctx context.Context, current session.Session) error {
	if _, err := s.Account.Find(ctx, current.User.ID); err != nil {
		return err
	}
	_, err := s.Sessions.Read(ctx, current.Token)
	return notSignedIn(cmp.Or(err, session.ErrNone))
}

// goOn puts a session of the same person, who waits for no code, in the place of the current one. It returns
// fault.NotSignedIn where the person's session or account has ended meanwhile.
func (s *Server) goOn(ctx context.Context, tx pgx.Tx, c *fiber.Ctx, current session.Session) (session.Session, error) {
	if err := s.Account.Hold(ctx, tx, current.User.ID); err != nil {
		return session.Session{}, err
	}
	next := session.Session{ID: current.ID, User: current.User}
	issued, err := session.IssueTx(ctx, tx, s.Sessions, s.from(c, next), current.Token)
	return issued, notSignedIn(err)
}

// from notes in a session which request it is made for.
func (s *Server) from(c *fiber.Ctx, next session.Session) session.Session {
	next.UserAgent, next.IP = utils.CopyString(c.Get(fiber.HeaderUserAgent)), s.clientIP(c)
	next.Platform = platform.Of(next.UserAgent).String()
	return next
}

func (s *Server) pendingCode(ctx context.Context, c *fiber.Ctx) error {
	current, err := s.readPending(ctx, c)
	if err != nil {
		return err
	}
	return s.sendPending(ctx, c, current)
}

func (s *Server) sendPending(ctx context.Context, c *fiber.Ctx, current session.Session) error {
	challenge, err := s.SignIn.Pending(ctx, current.Pending.ChallengeID)
	if err != nil {
		return err
	}
	return sendJSON(c, contentTypeJSON, pendingAnswerOf(challenge))
}

func (s *Server) cancelCode(ctx context.Context, c *fiber.Ctx) error {
	current, err := s.readSession(ctx, c)
	if err == nil && waitsFor(current, signin.PurposeSignIn) {
		err = s.cancelPending(ctx, c, current)
	}
	if err != nil {
		return err
	}
	return c.SendStatus(fiber.StatusNoContent)
}

// cancelPending gives up the pending code of a session. Who is signed in stays so, if his session still lives.
func (s *Server) cancelPending(ctx context.Context, c *fiber.Ctx, current session.Session) error {
	var issued session.Session
	err := s.SignIn.Cancel(ctx, current.Pending.ChallengeID, func(ctx context.Context, tx pgx.Tx) (err error) {
		if current.User == nil {
			return s.Sessions.End(ctx, tx, current.Token)
		}
		issued, err = s.goOn(ctx, tx, c, current)
		if fault.Is(err, fault.NotSignedIn) {
			return nil
		}
		return err
	})
	switch {
	case err != nil:
		return err
	case current.User == nil:
		s.cookie.clear(c)
	case issued.Token != "":
		s.cookie.set(c, issued.Token, issued.Keep)
	}
	return nil
}

func (s *Server) verifyCode(ctx context.Context, c *fiber.Ctx) error {
	code, err := readCode(c)
	if err != nil {
		return err
	}
	current, err := s.readPending(ctx, c)
	if err != nil {
		return err
	}
	var user *session.User
	var issue session.Issued
	in, err := s.SignIn.Verify(ctx, s.client(c), guessOf(code, current), func(b *postgres.Batch, email string) {
		user = &session.User{Email: email}
		_, issue = s.Sessions.Issue(b, postgres.GoesOn, s.from(c, session.Session{User: user}), current.Token)
		s.Account.WriteSignIn(b, email, s.actor(c), session.Surplus, string(session.TooManySessions))
	})
	if err != nil {
		return err
	}
	user.ID, user.SignedInAt = in.User.ID, in.At
	issued, err := issue(ctx)
	if err != nil {
		return err
	}
	s.cookie.set(c, issued.Token, issued.Keep)
	s.device.set(c, in.Device, deviceAge)
	return sendJSON(c, contentTypeJSON, signedInAnswer{currentAnswerOf(issued), in.User.Created})
}

// readCode reads a body that is a code.
func readCode(c *fiber.Ctx) (string, error) {
	var request struct {
		Code string `json:"code"`
	}
	return request.Code, readJSON(c, &request)
}

// guessOf is a code that was typed where this session waits for one.
func guessOf(code string, current session.Session) signin.Guess {
	return signin.Guess{Code: code, Pending: pendingOf(current), Secret: current.Secret}
}

func (s *Server) signOut(ctx context.Context, c *fiber.Ctx) error {
	if err := readEmptyJSON(c); err != nil {
		return err
	}
	current, err := s.readSession(ctx, c)
	switch {
	case err != nil:
		return err
	case current.User != nil:
		return s.endThis(ctx, c, current)
	case current.Pending != nil:
		if err := s.cancelPending(ctx, c, current); err != nil {
			return err
		}
	}
	return s.forgetSession(c)
}

// endThis signs the person out of this session. Where nothing is stored of sessions the cookie is forgotten whatever the
// database says; only the event is then missing.
func (s *Server) endThis(ctx context.Context, c *fiber.Ctx, current session.Session) error {
	err := s.Account.RecordEnd(ctx, current.User.ID, s.actor(c), func(ctx context.Context, tx pgx.Tx) ([]account.Entry, error) {
		return []account.Entry{{Kind: account.SignedOut}}, s.Sessions.End(ctx, tx, current.Token)
	})
	switch {
	case err == nil:
	case s.SharedSessions == nil:
		s.Log.WarnContext(ctx, "sign-out not noted", "request_id", requestID(c), "error", err)
	default:
		return err
	}
	return s.forgetSession(c)
}

// forgetSession answers 204 and has the browser forget that somebody was signed in.
func (s *Server) forgetSession(c *fiber.Ctx) error {
	s.cookie.clear(c)
	c.Set("Clear-Site-Data", `"cache", "storage"`)
	return c.SendStatus(fiber.StatusNoContent)
}

// readPending returns the session of a request that waits for a code to sign in with, or fault.NoPendingCode.
func (s *Server) readPending(ctx context.Context, c *fiber.Ctx) (session.Session, error) {
	current, err := s.readSession(ctx, c)
	if err == nil && !waitsFor(current, signin.PurposeSignIn) {
		err = errNoPendingCode()
	}
	return current, err
}

// waitsFor reports whether a session waits for a code of this purpose.
func waitsFor(current session.Session, purpose signin.Purpose) bool {
	return current.Pending != nil && current.Pending.Purpose == string(purpose)
}

func errNoPendingCode() error {
	return fault.New(fault.NoPendingCode, "This browser is not waiting for a code. Ask for one with your e-mail address.")
}

func pendingAnswerOf(c signin.Challenge) pendingCodeAnswer {
	return pendingCodeAnswer{
		Email:          c.Email,
		CodeKind:       c.CodeFormat.Kind,
		CodeLength:     c.CodeFormat.Length,
		TriesLeft:      c.TriesLeft,
		Now:            c.Now.UTC(),
		ExpiresAt:      c.ExpiresAt.UTC(),
		ResendAt:       c.ResendAt.UTC(),
		Delivery:       c.Delivery,
		DeliveryReason: c.Reason,
	}
}

func currentAnswerOf(s session.Session) currentSessionAnswer {
	return currentSessionAnswer{
		User:    userAnswer{ID: s.User.ID, Email: s.User.Email},
		Session: sessionAnswer{ID: s.ID, SignedInAt: s.User.SignedInAt.UTC(), ExpiresAt: s.ExpiresAt.UTC()},
	}
}
