package web

import (
	"context"
	"encoding/json"
	"errors"

	"sana/backend/fault"
	"sana/backend/session"

	"github.com/gofiber/fiber/v2"
)

// currentSession returns the current user: from this process's cache, which needs no deadline, else
// from the store.
func (s *Server) currentSession(c *fiber.Ctx) error {
	if s.SharedSessions != nil {
		if known := s.SharedSessions.ReadCached(s.cookie.value(c)); known != nil {
			if answer := known.Memo.Load(); answer != nil {
				return sendEncoded(c, contentTypeJSON, answer)
			}
			return sendKnown(c, known.Session(), &known.Memo)
		}
	}
	return s.signedIn(sendCurrentSession)(c)
}

// sendKnown encodes the answer, once for each cached session.
func sendKnown(c *fiber.Ctx, who session.Session, memo *session.Memo) error {
	answer, err := json.Marshal(currentAnswerOf(who))
	if err != nil {
		return err
	}
	memo.Store(answer)
	return sendEncoded(c, contentTypeJSON, answer)
}

func sendCurrentSession(_ context.Context, c *fiber.Ctx, current session.Session) error {
	return sendJSON(c, currentAnswerOf(current))
}

// findSession returns the session of a request, or session.ErrNone. If the store has renewed the
// token, it sets the new one.
func (s *Server) findSession(ctx context.Context, c *fiber.Ctx) (session.Session, error) {
	token := s.cookie.token(c)
	if token == "" {
		return session.Session{}, session.ErrNone
	}
	found, err := s.Sessions.Read(ctx, token)
	if err != nil {
		return session.Session{}, err
	}
	if found.Token != token {
		s.cookie.set(c, found.Token, found.CookieMaxAge)
	}
	return found, nil
}

// readSession returns the session of a request, the zero value if there is none.
func (s *Server) readSession(ctx context.Context, c *fiber.Ctx) (session.Session, error) {
	found, err := s.findSession(ctx, c)
	if errors.Is(err, session.ErrNone) {
		err = nil
	}
	return found, err
}

// signedIn calls a handler with the session of a request. Without one it answers
// fault.NotSignedIn, with the reason if it is known.
func (s *Server) signedIn(
	do func(ctx context.Context, c *fiber.Ctx, current session.Session) error,
) fiber.Handler {
	return s.handle(func(ctx context.Context, c *fiber.Ctx) error {
		current, err := s.findSession(ctx, c)
		if err != nil {
			return notSignedIn(err)
		}
		return do(ctx, c, current)
	})
}

// notSignedIn converts a session.ErrNone to fault.NotSignedIn, with the reason if it is known. It
// returns other errors unchanged.
func notSignedIn(err error) error {
	if !errors.Is(err, session.ErrNone) {
		return err
	}
	none := fault.New(fault.NotSignedIn, "You are not signed in.")
	if ended, ok := errors.AsType[*session.Ended](err); ok {
		none.SignedOut = &fault.SignedOut{Reason: string(ended.Reason), At: ended.At, By: ended.By}
	}
	return none
}
