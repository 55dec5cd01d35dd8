package web

import (
	"sana/backend/fault"

	"github.com/gofiber/fiber/v2"
)

// originOf returns the origin of the pages that may send this request: of PUBLIC_URL, or of the app's
// host for the part of it that is Sana's.
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

// refuseCrossOrigin lets a write through only from our own pages: the browser says so itself (Sec-Fetch-Site, which no
// page can set), or the Origin is PUBLIC_URL. It is the algorithm of Go's http.CrossOriginProtection, but a write that
// says neither is refused too: programs can set Origin. (ASVS 5.0, 3.5.1.)
func (s *Server) refuseCrossOrigin(c *fiber.Ctx) error {
	if !isWrite(c.Method()) {
		return c.Next()
	}
	if c.Path() == mailgunWebhook {
		return c.Next() // no browser: its body is signed, and no cookie counts
	}
	if site := c.Get("Sec-Fetch-Site"); site != "" {
		if site == "same-origin" {
			return c.Next()
		}
	} else if c.Get(fiber.HeaderOrigin) == s.originOf(c) {
		return c.Next()
	}
	return fault.New(fault.CrossOriginRequest,
		"Only pages of this site may change anything. A program sends the header Origin with the site's public address.")
}
