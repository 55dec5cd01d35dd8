package web

import (
	"context"
	"errors"

	"sana/backend/fault"
	"sana/backend/mail/mailgun"

	"github.com/gofiber/fiber/v2"
)

// mailgunWebhook is the only path that accepts writes from outside of our pages: from Mailgun's
// servers.
const mailgunWebhook = "/api/webhooks/mailgun"

// takeMailgunEvent records Mailgun's event about a mail. For Mailgun 200 means accepted, 406 means
// do not retry, and every other status means retry. Mailgun is therefore told to retry while the
// database is unavailable, and while the signing key here is wrong, which an operator may correct.
func (s *Server) takeMailgunEvent(ctx context.Context, c *fiber.Ctx) error {
	if s.MailEvents == nil {
		return fault.New(fault.NotFound, "There is nothing at this address.")
	}
	if err := requireJSON(c); err != nil {
		return err
	}
	event, err := s.MailEvents.Read(c.BodyRaw())
	if errors.Is(err, mailgun.ErrForged) {
		s.Log.WarnContext(ctx, "mail event rejected: wrong signature or MAILGUN_WEBHOOK_KEY",
			"request_id", requestID(c))
		return fault.New(fault.InvalidSignature, "The signature is not Mailgun's.")
	}
	if err != nil {
		return fault.Wrap(fault.InvalidRequest, "The body is no event of Mailgun's.", err)
	}
	if err := s.TakeMailEvent(ctx, event); err != nil {
		return err
	}
	s.Log.InfoContext(ctx, "mail event", "request_id", requestID(c), "ref", event.Ref, "fate",
		event.Fate, "words", event.Words)
	return c.SendStatus(fiber.StatusOK)
}
