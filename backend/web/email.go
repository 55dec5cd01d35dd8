package web

import (
	"context"

	"sana/backend/challenge"
	"sana/backend/session"

	"github.com/gofiber/fiber/v2"
)

func (s *Server) requestEmailChange(
	ctx context.Context, c *fiber.Ctx, current session.Session,
) error {
	var request struct {
		Email string `json:"email"`
	}
	if err := readJSON(c, &request); err != nil {
		return err
	}
	made, err := s.Auth.RequestEmailChange(ctx, s.visitor(c), current, request.Email)
	return s.sendCodeRequest(c, made, err)
}

func (s *Server) resendEmailChange(
	ctx context.Context, c *fiber.Ctx, current session.Session,
) error {
	id, err := readResend(c)
	if err != nil {
		return err
	}
	made, err := s.Auth.ResendEmailChange(ctx, s.visitor(c), current, id)
	return s.sendCodeRequest(c, made, err)
}

func (s *Server) pendingEmailChange(
	ctx context.Context, c *fiber.Ctx, current session.Session,
) error {
	id, ok := queryID(c)
	if !ok {
		return challenge.ErrNonePending()
	}
	found, err := s.Auth.PendingEmailChange(ctx, s.visitor(c), current, id)
	if err != nil {
		return err
	}
	return sendJSON(c, s.pendingAnswerOf(found))
}

func (s *Server) cancelEmailChange(
	ctx context.Context, c *fiber.Ctx, current session.Session,
) error {
	if id, ok := queryID(c); ok {
		if err := s.Auth.CancelEmailChange(ctx, s.visitor(c), current, id); err != nil {
			return err
		}
	}
	return c.SendStatus(fiber.StatusNoContent)
}

func (s *Server) verifyEmailChange(
	ctx context.Context, c *fiber.Ctx, current session.Session,
) error {
	var request codeRequest
	if err := readJSON(c, &request); err != nil {
		return err
	}
	changed, err := s.Auth.VerifyEmailChange(ctx, s.visitor(c), current, request.Email,
		request.Code)
	if err != nil {
		return err
	}
	if changed.Session.Token != current.Token {
		s.cookie.set(c, changed.Session.Token, changed.Session.CookieMaxAge)
	}
	s.device.set(c, changed.Device, deviceAge)
	return sendJSON(c, accountAnswerOf(changed.Account))
}
