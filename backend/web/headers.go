package web

import (
	"crypto/rand"
	"fmt"
	"runtime/debug"

	"sana/backend/fault"

	"github.com/gofiber/fiber/v2"
)

// The Content-Security-Policy of answers that are not pages, and of the SPA.
const (
	policyData = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox"
	policySPA  = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; " +
		"manifest-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; object-src 'none'; " +
		"require-trusted-types-for 'script'; trusted-types 'none'"
)

const headerRequestID = "X-Request-Id"

// setHeaders puts the security headers and the request id on every answer.
func (s *Server) setHeaders(c *fiber.Ctx) error {
	s.writeHeaders(c)
	return c.Next()
}

// writeHeaders sets what holds for every answer; a handler that serves a page or a file replaces two of them.
// (ASVS 5.0, 3.4 and 14.3.2.)
func (s *Server) writeHeaders(c *fiber.Ctx) {
	h := &c.Response().Header
	setRequestID(c)
	h.Set(fiber.HeaderCacheControl, "no-store")
	h.Set(fiber.HeaderContentSecurityPolicy, policyData)
	h.Set(fiber.HeaderXContentTypeOptions, "nosniff")
	h.Set(fiber.HeaderReferrerPolicy, "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set(fiber.HeaderPermissionsPolicy, "camera=(), geolocation=(), microphone=()")
	if s.PublicURL.Scheme == "https" {
		h.Set(fiber.HeaderStrictTransportSecurity, "max-age=63072000; includeSubDomains")
	}
}

// setRequestID gives the request its id: the client's or proxy's where it is harmless, else a new one. The answer's header
// is where it stands from then on.
func setRequestID(c *fiber.Ctx) {
	h := &c.Response().Header
	if len(h.Peek(headerRequestID)) > 0 {
		return
	}
	if id := c.Request().Header.Peek(headerRequestID); isHarmlessID(id) {
		h.SetBytesV(headerRequestID, id)
		return
	}
	h.Set(headerRequestID, rand.Text())
}

// requestID returns the request's id.
func requestID(c *fiber.Ctx) string {
	setRequestID(c)
	return string(c.Response().Header.Peek(headerRequestID))
}

func isHarmlessID(id []byte) bool {
	for _, b := range id {
		if (b < '0' || b > '9') && (b < 'A' || b > 'Z') && (b < 'a' || b > 'z') && b != '-' {
			return false
		}
	}
	return len(id) > 0 && len(id) <= 64
}

// recoverPanic turns a panic into a 500 for one request.
func (s *Server) recoverPanic(c *fiber.Ctx) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			s.Log.Error("panic", "request_id", requestID(c), "panic", fmt.Sprint(cause), "stack", string(debug.Stack()))
			err = fault.From(fmt.Errorf("panic: %v", cause))
		}
	}()
	return c.Next()
}
