package web

import (
	"time"

	"sana/backend/fault"
	"sana/backend/visitor"

	"github.com/gofiber/fiber/v2"
)

// browserAge is how long a browser keeps its browser token. Each request for a code begins it again.
const browserAge = 24 * time.Hour

// needsBrowser reports whether a request carries no valid browser token.
func (s *Server) needsBrowser(c *fiber.Ctx) bool {
	return visitor.ParseBrowser(s.browser.token(c)) == ""
}

// giveBrowser sets a new browser token.
func (s *Server) giveBrowser(c *fiber.Ctx) {
	s.browser.set(c, string(visitor.NewBrowser()), browserAge)
}

// keepBrowser has the browser keep its token for its full age.
func (s *Server) keepBrowser(c *fiber.Ctx) {
	s.browser.set(c, s.browser.token(c), browserAge)
}

// givesBrowser reports whether the answer with this fault sets a browser token: a request for a code
// that had none, and every page's first question without a session.
func (s *Server) givesBrowser(c *fiber.Ctx, f *fault.Error) bool {
	return f.Code == fault.BrowserTokenMissing ||
		f.Code == fault.NotSignedIn && c.Path() == sessionPath && s.needsBrowser(c)
}
