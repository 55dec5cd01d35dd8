package dev

import (
	"context"
	"errors"
	"html"
	"regexp"
	"strings"

	"sana/backend/fault"
	"sana/backend/inbox"

	"github.com/gofiber/fiber/v2"
)

var (
	// the code in a subject, so that the inbox can copy it
	codePattern = regexp.MustCompile(`\b(?:[0-9]{6,8}|[0-9A-HJKMNP-TV-Z]{13})\b`)
	// the link that fills in the code: the box with a mail's HTML cannot open links
	linkPattern = regexp.MustCompile(`https?://\S+/verify#c=\S+`)
	markup      = regexp.MustCompile(`(?s)<style.*?</style>|<title.*?</title>|<[^>]*>`)
)

// maxPreview is the number of characters of a mail that a lock screen shows.
const maxPreview = 140

// previewOf returns the text that a lock screen shows below a mail's subject: the first words of
// its HTML.
func previewOf(page string) string {
	words := strings.Join(strings.Fields(html.UnescapeString(markup.ReplaceAllString(page, " "))),
		" ")
	if runes := []rune(words); len(runes) > maxPreview {
		return string(runes[:maxPreview]) + "…"
	}
	return words
}

func (p *Pages) listInbox(ctx context.Context, c *fiber.Ctx) error {
	mails, err := p.Inbox.List(ctx)
	if err != nil {
		return err
	}
	return c.JSON(mails)
}

func (p *Pages) showInbox(ctx context.Context, c *fiber.Ctx) error {
	mails, err := p.Inbox.List(ctx)
	if err != nil {
		return err
	}
	next, err := p.Inbox.Next(ctx)
	if err != nil {
		return err
	}
	return send(c, "inbox.html", struct {
		Mails []inbox.Mail
		Next  inbox.Next
	}{mails, next})
}

func (p *Pages) clearInbox(ctx context.Context, c *fiber.Ctx) error {
	if err := p.Inbox.Clear(ctx); err != nil {
		return err
	}
	return c.SendStatus(fiber.StatusNoContent)
}

// policyMail is the policy of a mail's HTML: its own style, no script, nothing loaded, and an
// opaque origin. The mail is a document and not a srcdoc, because a srcdoc inherits the policy of
// the inbox's page.
const policyMail = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action " +
	"'none'; frame-ancestors 'self'; sandbox"

func sendMail(c *fiber.Ctx, page string) error {
	c.Set(fiber.HeaderContentSecurityPolicy, policyMail)
	c.Set(fiber.HeaderContentType, "text/html; charset=utf-8")
	return c.SendString(page)
}

func (p *Pages) showMail(ctx context.Context, c *fiber.Ctx) error {
	id, err := c.ParamsInt("id")
	if err != nil {
		return errNoSuchMail
	}
	found, ok, err := p.Inbox.Find(ctx, int64(id))
	if err != nil {
		return err
	}
	if !ok {
		return errNoSuchMail
	}
	return sendMail(c, found.HTML)
}

var errNoSuchMail = fault.New(fault.NotFound, "No mail in the inbox has this number.")

func (p *Pages) playFault(ctx context.Context, c *fiber.Ctx) error {
	var asked inbox.Next
	if err := p.ReadJSON(c, &asked); err != nil {
		return err
	}
	next, err := p.Inbox.Play(ctx, asked)
	if errors.Is(err, inbox.ErrNoSuchFault) {
		return fault.Wrap(fault.InvalidRequest,
			`Send {"fault": "fail"}, "delay", "bounce" or "none"; a delay can have "seconds", 1 to 600.`,
			err)
	}
	if err != nil {
		return err
	}
	return c.JSON(next)
}
