package web

import (
	"context"
	"time"

	"sana/backend/account"
	"sana/backend/fault"
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
	wanted := signin.Request{Address: request.Email, Purpose: signin.PurposeSignIn, PendingID: pendingID(current)}
	return s.keepPending(c, current, func(keep signin.Keep) (signin.Challenge, error) {
		return s.SignIn.Begin(ctx, s.client(c), wanted, keep)
	})
}

// pendingID is the challenge that a browser waits for, "" for none.
func pendingID(current session.Session) string {
	if current.Pending == nil {
		return ""
	}
	return current.Pending.ChallengeID
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
	return s.keepPending(c, current, func(keep signin.Keep) (signin.Challenge, error) {
		return s.SignIn.Resend(ctx, s.client(c), current.Pending.ChallengeID, keep)
	})
}

// keepPending calls ask, lets the browser wait for the challenge if it is a new one, and answers 202. Whose session ends at
// the same moment waits for a sign-in as somebody who is not signed in.
func (s *Server) keepPending(c *fiber.Ctx, current session.Session, ask func(signin.Keep) (signin.Challenge, error)) error {
	var issued *session.Session
	challenge, err := ask(func(ctx context.Context, tx pgx.Tx, challenge signin.Challenge) (string, error) {
		pending := &session.Pending{
			ChallengeID: challenge.ID,
			Email:       challenge.Email,
			Purpose:     string(challenge.Purpose),
			CodeKind:    string(challenge.CodeFormat.Kind),
			CodeLength:  challenge.CodeFormat.Length,
			SentAt:      challenge.SentAt,
		}
		next, err := s.goOn(ctx, tx, c, current, pending)
		if fault.Is(err, fault.NotSignedIn) && challenge.Purpose == signin.PurposeSignIn {
			next, err = s.goOn(ctx, tx, c, session.Session{}, pending)
		}
		issued = &next
		return next.Secret, err
	})
	if err != nil {
		return err
	}
	if issued != nil && issued.Pending.ChallengeID == challenge.ID { // else its transaction was run again, without it
		s.cookie.set(c, issued.Token, issued.Keep)
	}
	return sendJSON(c.Status(fiber.StatusAccepted), contentTypeJSON, pendingAnswerOf(challenge))
}

// goOn puts a session of the same person, or of nobody, in the place of the current one, with another pending code or none.
// It returns fault.NotSignedIn where the person's session or account has ended meanwhile.
func (s *Server) goOn(
	ctx context.Context, tx pgx.Tx, c *fiber.Ctx, current session.Session, pending *session.Pending,
) (session.Session, error) {
	if current.User != nil {
		if err := s.Account.Hold(ctx, tx, current.User.ID); err != nil {
			return session.Session{}, err
		}
	}
	next := session.Session{ID: current.ID, User: current.User, Pending: pending}
	issued, err := s.Sessions.Issue(ctx, tx, s.from(c, next), current.Token)
	return issued, notSignedIn(err)
}

// from notes in a session which request it is made for.
func (s *Server) from(c *fiber.Ctx, next session.Session) session.Session {
	next.UserAgent, next.IP = utils.CopyString(c.Get(fiber.HeaderUserAgent)), s.clientIP(c)
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
		issued, err = s.goOn(ctx, tx, c, current, nil)
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
	var issued session.Session
	in, err := s.SignIn.Verify(ctx, s.client(c), guessOf(code, current), func(ctx context.Context, tx pgx.Tx, user signin.User, now time.Time) (err error) {
		signedIn := &session.User{ID: user.ID, Email: user.Email, SignedInAt: now}
		issued, err = s.Sessions.Issue(ctx, tx, s.from(c, session.Session{User: signedIn}), current.Token)
		if err != nil {
			return err
		}
		return s.Account.Write(ctx, tx, user.ID, s.actor(c), entriesOf(user, issued)...)
	})
	if err != nil {
		return err
	}
	s.cookie.set(c, issued.Token, issued.Keep)
	s.device.set(c, in.Device, deviceAge)
	return sendJSON(c, contentTypeJSON, signedInAnswer{currentAnswerOf(issued), in.User.Created})
}

// entriesOf is what a sign-in leaves on the account.
func entriesOf(user signin.User, issued session.Session) []account.Entry {
	entries := []account.Entry{{Kind: account.SignedIn}}
	if user.Created {
		entries[0].Kind = account.Created
	}
	for _, ended := range issued.Surplus {
		entries = append(entries, sessionEnded(ended, session.TooManySessions))
	}
	return entries
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
	pending := current.Pending
	return signin.Guess{
		Code:        code,
		ChallengeID: pending.ChallengeID,
		Format:      signin.Format{Kind: signin.CodeKind(pending.CodeKind), Length: pending.CodeLength},
		Secret:      current.Secret,
	}
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
