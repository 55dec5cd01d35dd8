package web

import (
	"time"

	"sana/backend/fault"
	"sana/backend/visitor"

	"github.com/gofiber/fiber/v2"
)

// browserAge is the lifetime of a browser token in the browser. Each code request restarts it.
const browserAge = 24 * time.Hour

// needsBrowser reports whether a request carries no valid browser token.
func (s *Server) needsBrowser(c *fiber.Ctx) bool {
	return visitor.ParseBrowser(s.browser.token(c)) == ""
}

// giveBrowser sets a new browser token.
func (s *Server) giveBrowser(c *fiber.Ctx) {
	s.browser.set(c, string(visitor.NewBrowser()), browserAge)
}

// keepBrowser sets the browser token again, with its full lifetime.
func (s *Server) keepBrowser(c *fiber.Ctx) {
	s.browser.set(c, s.browser.token(c), browserAge)
}

// givesBrowser reports whether the answer with this fault sets a browser token: a code request that
// had none, and each page's first request without a session.
func (s *Server) givesBrowser(c *fiber.Ctx, f *fault.Error) bool {
	return f.Code == fault.BrowserTokenMissing ||
		f.Code == fault.NotSignedIn && c.Path() == sessionPath && s.needsBrowser(c)
}
