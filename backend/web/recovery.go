package web

import (
	"context"
	"time"

	"sana/backend/auth"

	"github.com/gofiber/fiber/v2"
)

type recoveryAnswer struct {
	Now    time.Time `json:"now"`
	EndsAt time.Time `json:"ends_at"`
}

func recoveryAnswerOf(r auth.Recovery) recoveryAnswer {
	return recoveryAnswer{Now: r.Now.UTC(), EndsAt: r.EndsAt.UTC()}
}

func (s *Server) beginRecovery(ctx context.Context, c *fiber.Ctx) error {
	if err := readEmptyJSON(c); err != nil {
		return err
	}
	begun, err := s.Auth.BeginRecovery(ctx, s.visitor(c))
	if err != nil {
		return err
	}
	s.browser.set(c, s.browser.token(c), recoveryBrowserAge)
	return sendJSON(c.Status(fiber.StatusAccepted), recoveryAnswerOf(begun))
}

// recoveryBrowserAge is how long a browser keeps its token after it has begun a recovery: longer
// than that takes, so that it can show the end.
const recoveryBrowserAge = 2 * browserAge

func (s *Server) getRecovery(ctx context.Context, c *fiber.Ctx) error {
	current, err := s.readSession(ctx, c)
	if err != nil {
		return err
	}
	found, err := s.Auth.FindRecovery(ctx, s.visitor(c), current)
	if err != nil {
		return err
	}
	return sendJSON(c, recoveryAnswerOf(found))
}

func (s *Server) cancelRecovery(ctx context.Context, c *fiber.Ctx) error {
	if err := s.Auth.CancelRecovery(ctx, s.visitor(c)); err != nil {
		return err
	}
	return c.SendStatus(fiber.StatusNoContent)
}

func (s *Server) stopRecovery(ctx context.Context, c *fiber.Ctx) error {
	var request struct {
		Token string `json:"token"`
	}
	if err := readJSON(c, &request); err != nil {
		return err
	}
	if err := s.Auth.StopRecovery(ctx, s.visitor(c), request.Token); err != nil {
		return err
	}
	return c.SendStatus(fiber.StatusNoContent)
}
