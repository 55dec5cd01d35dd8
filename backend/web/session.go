package web

import (
	"context"
	"encoding/json"
	"errors"

	"sana/backend/fault"
	"sana/backend/session"

	"github.com/gofiber/fiber/v2"
)

// currentSession answers who the current user is: from this process' cache if it has the session, which
// needs no deadline, else from the store.
func (s *Server) currentSession(c *fiber.Ctx) error {
	if s.SharedSessions != nil {
		if known := s.SharedSessions.ReadCached(s.cookie.value(c)); known != nil {
			if answer := known.Memo.Load(); answer != nil {
				return sendEncoded(c, contentTypeJSON, answer)
			}
			return sendKnown(c, known.Session(), &known.Memo)
		}
	}
	return s.handle(s.readCurrentSession)(c)
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

func (s *Server) readCurrentSession(ctx context.Context, c *fiber.Ctx) error {
	current, err := s.readSignedIn(ctx, c)
	if err != nil {
		return err
	}
	return sendJSON(c, contentTypeJSON, currentAnswerOf(current))
}

// findSession returns the session of a request, or session.ErrNone, and gives the browser the new token
// if the store has renewed it.
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
		s.cookie.set(c, found.Token, found.Keep)
	}
	return found, nil
}

// readSession returns the session of a request, an empty one if there is none.
func (s *Server) readSession(ctx context.Context, c *fiber.Ctx) (session.Session, error) {
	found, err := s.findSession(ctx, c)
	if errors.Is(err, session.ErrNone) {
		err = nil
	}
	return found, err
}

// readSignedIn returns the session of a request, or fault.NotSignedIn with the reason, if one is known.
func (s *Server) readSignedIn(ctx context.Context, c *fiber.Ctx) (session.Session, error) {
	found, err := s.findSession(ctx, c)
	return found, notSignedIn(err)
}

// notSignedIn makes fault.NotSignedIn of a session.ErrNone, with the reason if one is known. It returns
// other errors unchanged.
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
