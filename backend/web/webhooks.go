package web

import (
	"context"
	"errors"

	"sana/backend/fault"
	"sana/backend/mail/mailgun"

	"github.com/gofiber/fiber/v2"
)

// mailgunWebhook is the one path that takes writes from outside: from Mailgun's servers.
const mailgunWebhook = "/api/webhooks/mailgun"

// takeMailgunEvent keeps what Mailgun tells about a mail. To Mailgun 200 says that it was taken, 406 that it must not come
// again, and everything else that it is to come later; so the latter is what it gets while the database is away, and
// while the key here is not Mailgun's, which an operator may mend.
func (s *Server) takeMailgunEvent(ctx context.Context, c *fiber.Ctx) error {
	if s.MailEvents == nil {
		return fault.New(fault.NotFound, "There is nothing at this address.")
	}
	if err := requireJSON(c); err != nil {
		return err
	}
	event, err := s.MailEvents.Read(c.BodyRaw())
	if errors.Is(err, mailgun.ErrForged) {
		s.Log.WarnContext(ctx, "mail event rejected: wrong signature or MAILGUN_WEBHOOK_KEY", "request_id", requestID(c))
		return fault.New(fault.InvalidSignature, "The signature is not Mailgun's.")
	}
	if err != nil {
		return fault.Wrap(fault.InvalidRequest, "The body is no event of Mailgun's.", err)
	}
	if err := s.TakeMailEvent(ctx, event); err != nil {
		return err
	}
	s.Log.InfoContext(ctx, "mail event", "request_id", requestID(c), "ref", event.Ref, "fate", event.Fate, "words", event.Words)
	return c.SendStatus(fiber.StatusOK)
}
