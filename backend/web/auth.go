package web

import (
	"context"
	"time"

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
	pendingID := ""
	if current.Pending != nil {
		pendingID = current.Pending.ChallengeID
	}
	return s.keepPending(c, current, func(keep signin.Keep) (signin.Challenge, error) {
		return s.SignIn.Begin(ctx, s.client(c), request.Email, pendingID, keep)
	})
}

func (s *Server) resendCode(ctx context.Context, c *fiber.Ctx) error {
	if err := readEmptyJSON(c); err != nil {
		return err
	}
	current, err := s.readPending(ctx, c)
	if err != nil {
		return err
	}
	return s.keepPending(c, current, func(keep signin.Keep) (signin.Challenge, error) {
		return s.SignIn.Resend(ctx, s.client(c), current.Pending.ChallengeID, keep)
	})
}

// keepPending calls ask, lets the browser wait for the challenge if it is a new one, and answers 202.
func (s *Server) keepPending(c *fiber.Ctx, current session.Session, ask func(signin.Keep) (signin.Challenge, error)) error {
	var issued *session.Session
	challenge, err := ask(func(ctx context.Context, tx pgx.Tx, challenge signin.Challenge) (string, error) {
		next, err := s.Sessions.Issue(ctx, tx, s.from(c, session.Session{
			User: current.User,
			Pending: &session.Pending{
				ChallengeID: challenge.ID,
				Email:       challenge.Email,
				Purpose:     challenge.Purpose,
				CodeKind:    string(challenge.CodeFormat.Kind),
				CodeLength:  challenge.CodeFormat.Length,
				SentAt:      challenge.SentAt,
			},
		}), current.Token)
		issued = &next
		return next.Secret, err
	})
	if err != nil {
		return err
	}
	if issued != nil {
		s.cookie.set(c, issued.Token, issued.Keep)
	}
	return sendJSON(c.Status(fiber.StatusAccepted), contentTypeJSON, pendingAnswerOf(challenge))
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
	challenge, err := s.SignIn.Pending(ctx, current.Pending.ChallengeID)
	if err != nil {
		return err
	}
	return sendJSON(c, contentTypeJSON, pendingAnswerOf(challenge))
}

func (s *Server) cancelCode(ctx context.Context, c *fiber.Ctx) error {
	current, err := s.readSession(ctx, c)
	if err == nil && current.Pending != nil {
		err = s.cancelPending(ctx, c, current)
	}
	if err != nil {
		return err
	}
	return c.SendStatus(fiber.StatusNoContent)
}

func (s *Server) cancelPending(ctx context.Context, c *fiber.Ctx, current session.Session) error {
	id := current.Pending.ChallengeID
	if current.User == nil {
		if err := s.SignIn.Cancel(ctx, id, nil); err != nil {
			return err
		}
		s.cookie.clear(c)
		return s.Sessions.End(ctx, current.Token)
	}
	var issued session.Session
	err := s.SignIn.Cancel(ctx, id, func(ctx context.Context, tx pgx.Tx) (err error) {
		issued, err = s.Sessions.Issue(ctx, tx, s.from(c, session.Session{User: current.User}), current.Token)
		return err
	})
	if err == nil {
		s.cookie.set(c, issued.Token, issued.Keep)
	}
	return err
}

func (s *Server) verifyCode(ctx context.Context, c *fiber.Ctx) error {
	var request struct {
		Code string `json:"code"`
	}
	if err := readJSON(c, &request); err != nil {
		return err
	}
	current, err := s.readPending(ctx, c)
	if err != nil {
		return err
	}
	pending := current.Pending
	guess := signin.Guess{
		Code:        request.Code,
		ChallengeID: pending.ChallengeID,
		Format:      signin.Format{Kind: signin.CodeKind(pending.CodeKind), Length: pending.CodeLength},
		Secret:      current.Secret,
	}
	var issued session.Session
	in, err := s.SignIn.Verify(ctx, s.client(c), guess, func(ctx context.Context, tx pgx.Tx, user signin.User, now time.Time) (err error) {
		signedIn := &session.User{ID: user.ID, Email: user.Email, SignedInAt: now}
		issued, err = s.Sessions.Issue(ctx, tx, s.from(c, session.Session{User: signedIn}), current.Token)
		return err
	})
	if err != nil {
		return err
	}
	s.cookie.set(c, issued.Token, issued.Keep)
	s.device.set(c, in.Device, deviceAge)
	return sendJSON(c, contentTypeJSON, signedInAnswer{currentAnswerOf(issued), in.User.Created})
}

func (s *Server) currentSession(ctx context.Context, c *fiber.Ctx) error {
	current, err := s.readSignedIn(ctx, c)
	if err != nil {
		return err
	}
	return sendJSON(c, contentTypeJSON, currentAnswerOf(current))
}

func (s *Server) signOut(ctx context.Context, c *fiber.Ctx) error {
	if err := readEmptyJSON(c); err != nil {
		return err
	}
	if token := s.cookie.token(c); token != "" {
		if err := s.Sessions.End(ctx, token); err != nil {
			return err
		}
	}
	return s.forgetSession(c)
}

// forgetSession answers 204 and has the browser forget that somebody was signed in.
func (s *Server) forgetSession(c *fiber.Ctx) error {
	s.cookie.clear(c)
	c.Set("Clear-Site-Data", `"cache", "storage"`)
	return c.SendStatus(fiber.StatusNoContent)
}

// readPending returns the session of a request that waits for a code, or fault.NoPendingCode.
func (s *Server) readPending(ctx context.Context, c *fiber.Ctx) (session.Session, error) {
	current, err := s.readSession(ctx, c)
	if err == nil && current.Pending == nil {
		err = fault.New(fault.NoPendingCode, "This browser is not waiting for a code. Ask for one with your e-mail address.")
	}
	return current, err
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
