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
	Email      string          `json:"email"`
	CodeKind   signin.CodeKind `json:"code_kind"`
	CodeLength int             `json:"code_length"`
	TriesLeft  int             `json:"tries_left"`
	Now        time.Time       `json:"now"`
	ExpiresAt  time.Time       `json:"expires_at"`
	ResendAt   time.Time       `json:"resend_at"`
	Delivery   signin.Delivery `json:"delivery"`
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
	current, token, err := s.readSession(ctx, c)
	if err != nil {
		return err
	}
	pendingID := ""
	if current.Pending != nil {
		pendingID = current.Pending.ChallengeID
	}
	challenge, err := s.SignIn.Begin(ctx, s.client(c), request.Email, pendingID)
	if err != nil {
		return err
	}
	return s.keepPending(ctx, c, current, token, challenge)
}

func (s *Server) resendCode(ctx context.Context, c *fiber.Ctx) error {
	if err := readEmptyJSON(c); err != nil {
		return err
	}
	current, token, err := s.readPending(ctx, c)
	if err != nil {
		return err
	}
	challenge, err := s.SignIn.Resend(ctx, s.client(c), current.Pending.ChallengeID)
	if err != nil {
		return err
	}
	return s.keepPending(ctx, c, current, token, challenge)
}

// keepPending makes the session wait for the challenge's code, unless it does already, and answers 202.
func (s *Server) keepPending(ctx context.Context, c *fiber.Ctx, current session.Session, token string, challenge signin.Challenge) error {
	if current.Pending == nil || current.Pending.ChallengeID != challenge.ID {
		err := s.replaceSession(ctx, c, token, session.Session{
			User: current.User,
			Pending: &session.Pending{
				ChallengeID: challenge.ID,
				Email:       challenge.Email,
				Purpose:     challenge.Purpose,
				CodeKind:    string(challenge.CodeFormat.Kind),
				CodeLength:  challenge.CodeFormat.Length,
				SentAt:      challenge.SentAt,
			},
		})
		if err != nil {
			return err
		}
	}
	return sendJSON(c.Status(fiber.StatusAccepted), contentTypeJSON, pendingAnswerOf(challenge))
}

func (s *Server) pendingCode(ctx context.Context, c *fiber.Ctx) error {
	current, _, err := s.readPending(ctx, c)
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
	current, token, err := s.readSession(ctx, c)
	if err != nil {
		return err
	}
	switch {
	case current.Pending == nil:
	case current.User != nil:
		err = s.replaceSession(ctx, c, token, session.Session{User: current.User})
	default:
		err = s.Sessions.End(ctx, token)
		s.cookie.clear(c)
	}
	if err != nil {
		return err
	}
	return c.SendStatus(fiber.StatusNoContent)
}

func (s *Server) verifyCode(ctx context.Context, c *fiber.Ctx) error {
	var request struct {
		Code string `json:"code"`
	}
	if err := readJSON(c, &request); err != nil {
		return err
	}
	current, oldToken, err := s.readPending(ctx, c)
	if err != nil {
		return err
	}
	var (
		token   string
		issued  session.Session
		pending = current.Pending
		format  = signin.Format{Kind: signin.CodeKind(pending.CodeKind), Length: pending.CodeLength}
	)
	issue := func(ctx context.Context, tx pgx.Tx, user signin.User, now time.Time) (err error) {
		token, issued, err = s.Sessions.IssueTx(ctx, tx, session.Session{
			User:      &session.User{ID: user.ID, Email: user.Email, SignedInAt: now},
			UserAgent: utils.CopyString(c.Get(fiber.HeaderUserAgent)),
			IP:        s.clientIP(c),
		})
		return err
	}
	in, err := s.SignIn.Verify(ctx, s.client(c), pending.ChallengeID, format, request.Code, issue)
	if err != nil {
		return err
	}
	s.endReplaced(ctx, c, oldToken)
	s.cookie.set(c, token, issued.Age())
	s.device.set(c, in.Device, deviceAge)
	return sendJSON(c, contentTypeJSON, signedInAnswer{currentAnswerOf(issued), in.User.Created})
}

func (s *Server) currentSession(ctx context.Context, c *fiber.Ctx) error {
	current, _, err := s.readSession(ctx, c)
	if err != nil {
		return err
	}
	if current.User == nil {
		return fault.New(fault.NotSignedIn, "Nobody is signed in here.")
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
	s.cookie.clear(c)
	c.Set("Clear-Site-Data", `"cache", "storage"`)
	return c.SendStatus(fiber.StatusNoContent)
}

// readPending returns the session of a request that waits for a code, or fault.NoPendingCode.
func (s *Server) readPending(ctx context.Context, c *fiber.Ctx) (session.Session, string, error) {
	current, token, err := s.readSession(ctx, c)
	if err == nil && current.Pending == nil {
		err = fault.New(fault.NoPendingCode, "This browser is not waiting for a code. Ask for one with your e-mail address.")
	}
	return current, token, err
}

// replaceSession issues next in the place of the session behind token.
func (s *Server) replaceSession(ctx context.Context, c *fiber.Ctx, token string, next session.Session) error {
	next.UserAgent, next.IP = utils.CopyString(c.Get(fiber.HeaderUserAgent)), s.clientIP(c)
	newToken, issued, err := s.Sessions.Issue(ctx, next)
	if err != nil {
		return err
	}
	s.endReplaced(ctx, c, token)
	s.cookie.set(c, newToken, issued.Age())
	return nil
}

// endReplaced ends a session that a new one has replaced. The new one stands already, so a failure is only logged: the
// old one ends by itself.
func (s *Server) endReplaced(ctx context.Context, c *fiber.Ctx, token string) {
	if token == "" {
		return
	}
	if err := s.Sessions.End(ctx, token); err != nil {
		s.Log.Warn("replaced session not ended", "request_id", requestID(c), "error", err)
	}
}

func pendingAnswerOf(c signin.Challenge) pendingCodeAnswer {
	return pendingCodeAnswer{
		Email:      c.Email,
		CodeKind:   c.CodeFormat.Kind,
		CodeLength: c.CodeFormat.Length,
		TriesLeft:  c.TriesLeft,
		Now:        c.Now.UTC(),
		ExpiresAt:  c.ExpiresAt.UTC(),
		ResendAt:   c.ResendAt.UTC(),
		Delivery:   c.Delivery,
	}
}

func currentAnswerOf(s session.Session) currentSessionAnswer {
	return currentSessionAnswer{
		User:    userAnswer{ID: s.User.ID, Email: s.User.Email},
		Session: sessionAnswer{ID: s.ID, SignedInAt: s.User.SignedInAt.UTC(), ExpiresAt: s.ExpiresAt.UTC()},
	}
}
