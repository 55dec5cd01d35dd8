package web

import (
	"context"
	"errors"
	"regexp"

	"sana/backend/fault"
	"sana/backend/inbox"

	"github.com/gofiber/fiber/v2"
)

var (
	codePattern = regexp.MustCompile(`\b(?:[0-9]{6,8}|[0-9A-HJKMNP-TV-Z]{13})\b`)
	linkPattern = regexp.MustCompile(`https?://\S+/verify#c=\S+`)
)

// codeIn finds the code in a subject, so that the inbox can offer it for copying.
func codeIn(subject string) string { return codePattern.FindString(subject) }

// linkIn finds the link that fills in the code: in the box that shows a mail's HTML it leads nowhere.
func linkIn(text string) string { return linkPattern.FindString(text) }

func (s *Server) inboxJSON(ctx context.Context, c *fiber.Ctx) error {
	mails, err := s.Inbox.List(ctx)
	if err != nil {
		return err
	}
	return sendJSON(c, contentTypeJSON, mails)
}

func (s *Server) inboxPage(ctx context.Context, c *fiber.Ctx) error {
	mails, err := s.Inbox.List(ctx)
	if err != nil {
		return err
	}
	next, err := s.Inbox.Next(ctx)
	if err != nil {
		return err
	}
	return sendDevelopmentPage(c, "inbox.html", struct {
		Mails []inbox.Mail
		Next  inbox.Next
	}{mails, next})
}

// policyMail is the policy of a mail's HTML: its own style and nothing else, no script, nothing loaded, and an origin of
// its own. It is a document, not the srcdoc of the inbox's page, whose policy it would have to live with or to soften.
const policyMail = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'; sandbox"

func (s *Server) inboxMail(ctx context.Context, c *fiber.Ctx) error {
	id, err := c.ParamsInt("id")
	if err != nil {
		return errNoSuchMail
	}
	found, ok, err := s.Inbox.Find(ctx, int64(id))
	if err != nil {
		return err
	}
	if !ok {
		return errNoSuchMail
	}
	c.Set(fiber.HeaderContentSecurityPolicy, policyMail)
	c.Set(fiber.HeaderContentType, "text/html; charset=utf-8")
	return c.SendString(found.HTML)
}

var errNoSuchMail = fault.New(fault.NotFound, "No mail in the inbox has this number.")

func (s *Server) playFault(ctx context.Context, c *fiber.Ctx) error {
	var asked inbox.Next
	if err := readJSON(c, &asked); err != nil {
		return err
	}
	next, err := s.Inbox.Play(ctx, asked)
	if errors.Is(err, inbox.ErrNoSuchFault) {
		return fault.Wrap(fault.InvalidRequest, `Send {"fault": "fail"}, "delay", "bounce" or "none"; a delay can have "seconds", 1 to 600.`, err)
	}
	if err != nil {
		return err
	}
	return sendJSON(c, contentTypeJSON, next)
}
