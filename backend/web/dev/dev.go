// Package dev has the development pages: the inbox, the session, and samples of all mails in all
// languages. Production servers do not have them. The data that they change is in tables and
// functions that exist only in development databases.
package dev

import (
	"bytes"
	"context"
	"crypto/rand"
	"embed"
	"html/template"
	"net/url"
	"time"

	"sana/backend/inbox"
	"sana/backend/mail/templates"
	"sana/backend/session"
	"sana/backend/timetravel"
	"sana/backend/visitor"

	"github.com/gofiber/fiber/v2"
)

// Pages are the development pages, with the parts of the server that they use.
type Pages struct {
	Inbox     *inbox.Inbox
	Machine   *timetravel.Machine
	Mails     *templates.Set
	PublicURL *url.URL
	Instance  string // name of this process
	Store     string // the session store's name
	Cookie    string // the session cookie's name

	// Caller describes who sent a request.
	Caller func(ctx context.Context, c *fiber.Ctx) (Caller, error)
	// ReadJSON reads a body strictly.
	ReadJSON func(c *fiber.Ctx, target any) error
}

// Caller is the sender of a request.
type Caller struct {
	Visitor visitor.Visitor
	Session session.Session // the zero value if there is none
}

// Route is a method, a path and their handler.
type Route struct {
	Method string
	Path   string
	Handle func(ctx context.Context, c *fiber.Ctx) error
}

// Routes lists all routes of the pages.
func (p *Pages) Routes() []Route {
	return []Route{
		{fiber.MethodGet, "/dev", p.index},
		{fiber.MethodGet, "/dev/inbox", p.showInbox},
		{fiber.MethodGet, "/dev/inbox.json", p.listInbox},
		{fiber.MethodGet, "/dev/inbox/:id", p.showMail},
		{fiber.MethodDelete, "/dev/inbox", p.clearInbox},
		{fiber.MethodPost, "/dev/inbox/faults", p.playFault},
		{fiber.MethodGet, "/dev/mails", p.showSamples},
		{fiber.MethodGet, "/dev/mails/:kind/:language", p.showSample},
		{fiber.MethodDelete, "/dev/limits", p.forgetLimits},
		{fiber.MethodPost, "/dev/session", p.changeSession},
		{fiber.MethodGet, "/auth/session-debug", p.showSession},
		// Vite's dev server has these pages; they request nothing from this server.
		{fiber.MethodGet, "/dev/states", p.onlyWithVite},
		{fiber.MethodGet, "/dev/api", p.onlyWithVite},
	}
}

//go:embed pages/*.html
var files embed.FS

var pages = template.Must(template.New("").Funcs(template.FuncMap{
	"code":    codePattern.FindString,
	"link":    linkPattern.FindString,
	"preview": previewOf,
	"time":    func(t time.Time) string { return t.Local().Format("15:04:05 MST, 2 January 2006") },
	"iso":     func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
}).ParseFS(files, "pages/*.html"))

// send renders a page. Its inline style and script have a nonce of their own.
func send(c *fiber.Ctx, name string, data any) error {
	nonce := rand.Text()
	var page bytes.Buffer
	err := pages.ExecuteTemplate(&page, name, struct {
		Nonce string
		Data  any
	}{nonce, data})
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderContentSecurityPolicy,
		"default-src 'none'; style-src 'nonce-"+nonce+"'; script-src 'nonce-"+nonce+
			"'; connect-src 'self'; frame-src 'self'; base-uri 'none'; form-action 'none'; "+
			"frame-ancestors 'none'")
	c.Set(fiber.HeaderContentType, "text/html; charset=utf-8")
	return c.Send(page.Bytes())
}

func (p *Pages) index(_ context.Context, c *fiber.Ctx) error {
	return send(c, "index.html", struct {
		PublicURL string
		Languages []string
	}{p.PublicURL.String(), templates.Languages()})
}

func (p *Pages) onlyWithVite(_ context.Context, c *fiber.Ctx) error {
	return send(c.Status(fiber.StatusNotFound), "vite.html", c.Path())
}

func (p *Pages) forgetLimits(ctx context.Context, c *fiber.Ctx) error {
	if err := p.Machine.ForgetLimits(ctx); err != nil {
		return err
	}
	return c.SendStatus(fiber.StatusNoContent)
}
