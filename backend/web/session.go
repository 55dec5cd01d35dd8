package web

import (
	"context"
	"encoding/json"
	"errors"

	"sana/backend/fault"
	"sana/backend/session"

	"github.com/gofiber/fiber/v2"
)

// currentSession says who is signed in: at once where this process has a copy of the session, for then nothing needs a
// deadline, else with the store.
func (s *Server) currentSession(c *fiber.Ctx) error {
	if s.SharedSessions != nil {
		if known := s.SharedSessions.ReadCached(s.cookie.value(c)); known != nil {
			if answer := known.Memo.Load(); answer != nil {
				return sendEncoded(c, contentTypeJSON, answer)
			}
			if who := known.Session(); who.User != nil {
				return sendKnown(c, who, &known.Memo)
			}
		}
	}
	return s.handle(s.readCurrentSession)(c)
}

// sendKnown encodes the answer, once for each copy: only that of somebody who is signed in is kept.
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

// findSession returns the session of a request, or session.ErrNone, and gives the browser the new token where the store
// has renewed it.
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

// readSession returns the session of a request, an empty one where there is none.
func (s *Server) readSession(ctx context.Context, c *fiber.Ctx) (session.Session, error) {
	found, err := s.findSession(ctx, c)
	if errors.Is(err, session.ErrNone) {
		err = nil
	}
	return found, err
}

// readSignedIn returns the session of a request by somebody who is signed in, or fault.NotSignedIn with the reason, where
// one is known.
func (s *Server) readSignedIn(ctx context.Context, c *fiber.Ctx) (session.Session, error) {
	found, err := s.findSession(ctx, c)
	if err == nil && found.User != nil {
		return found, nil
	}
	if err == nil {
		err = session.ErrNone
	}
	return session.Session{}, notSignedIn(err)
}

// notSignedIn makes fault.NotSignedIn of a session.ErrNone, with the reason where one is known. Other errors stay as they
// are.
func notSignedIn(err error) error {
	if !errors.Is(err, session.ErrNone) {
		return err
	}
	none := fault.New(fault.NotSignedIn, "Nobody is signed in here.")
	if ended, ok := errors.AsType[*session.Ended](err); ok {
		none.SignedOut = &fault.SignedOut{Reason: string(ended.Reason), At: ended.At, By: ended.By}
	}
	return none
}

// requireRecent returns fault.ReauthenticationRequired unless the person has signed in just now.
func (s *Server) requireRecent(ctx context.Context, current session.Session) error {
	recent, err := s.SignIn.IsRecent(ctx, current.User.SignedInAt)
	if err == nil && !recent {
		err = fault.New(fault.ReauthenticationRequired,
			"For this you must have signed in during the last ten minutes. Ask for a code for your address and type it; you stay signed in.")
	}
	return err
}
