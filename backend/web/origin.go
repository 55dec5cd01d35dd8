package web

import (
	"sana/backend/fault"

	"github.com/gofiber/fiber/v2"
)

// originOf returns the origin whose pages may send this request: PUBLIC_URL's, or the app host's
// for Sana's paths there.
func (s *Server) originOf(c *fiber.Ctx) string {
	host := s.PublicURL.Host
	if _, appHost, ok := s.appOf(&c.Context().Request); ok && s.Gate != nil {
		host = appHost
	}
	return s.PublicURL.Scheme + "://" + host
}

// isWrite reports whether a method is not safe (RFC 9110, 9.2.1).
func isWrite(method string) bool {
	switch method {
	case fiber.MethodGet, fiber.MethodHead, fiber.MethodOptions, fiber.MethodTrace:
		return false
	}
	return true
}

// refuseCrossOrigin allows writes from our own pages only: Sec-Fetch-Site says so (no page can set
// it), or Origin is PUBLIC_URL. It is the algorithm of Go's http.CrossOriginProtection, except that
// a write without either header is refused too: programs can set Origin. (ASVS 5.0, 3.5.1.)
func (s *Server) refuseCrossOrigin(c *fiber.Ctx) error {
	if !isWrite(c.Method()) {
		return c.Next()
	}
	if c.Path() == mailgunWebhook {
		return c.Next() // not a browser: its body is signed, and cookies are ignored
	}
	if site := c.Get("Sec-Fetch-Site"); site != "" {
		if site == "same-origin" {
			return c.Next()
		}
	} else if c.Get(fiber.HeaderOrigin) == s.originOf(c) {
		return c.Next()
	}
	return fault.New(fault.CrossOriginRequest,
		"Only pages of this site may change anything. A program sends the header Origin with the "+
			"site's public address.")
}
