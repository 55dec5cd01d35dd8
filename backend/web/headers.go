package web

import (
	"fmt"
	"math/rand/v2"
	"runtime/debug"

	"sana/backend/fault"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"
)

// policyData is the Content-Security-Policy of answers that are not pages.
const policyData = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox"

const headerRequestID = "X-Request-Id"

// headersOfAll are the headers that every answer has besides its request's id; a handler that serves a page or a file
// replaces two of them. (ASVS 5.0, 3.4 and 14.3.2.)
func headersOfAll(https bool) *fasthttp.ResponseHeader {
	h := &fasthttp.ResponseHeader{}
	h.Set(fiber.HeaderCacheControl, "no-store")
	h.Set(fiber.HeaderContentSecurityPolicy, policyData)
	h.Set(fiber.HeaderXContentTypeOptions, "nosniff")
	h.Set(fiber.HeaderReferrerPolicy, "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set(fiber.HeaderPermissionsPolicy, "camera=(), geolocation=(), microphone=()")
	if https {
		h.Set(fiber.HeaderStrictTransportSecurity, "max-age=63072000; includeSubDomains")
	}
	return h
}

// headersFor returns the headers of all answers to requests for this host. HSTS at an app's host
// would bind the operator's other hosts. A request without a host was not read: it may be for an app.
func (s *Server) headersFor(request *fasthttp.Request) *fasthttp.ResponseHeader {
	if s.Gate != nil && (len(request.Header.Host()) == 0 || s.isAtApp(request)) {
		return s.alwaysAtApps
	}
	return s.always
}

// setHeaders puts the security headers and the request id on every answer. No header is set yet, so they are copied as a
// whole, which costs a quarter of setting each; what the guard has said about the connection stays.
func (s *Server) setHeaders(c *fiber.Ctx) error {
	h := &c.Response().Header
	closes := h.ConnectionClose()
	s.headersFor(&c.Context().Request).CopyTo(h)
	if closes {
		h.SetConnectionClose()
	}
	putRequestID(c)
	return c.Next()
}

// writeHeaders does the same to an answer that may have headers already: they stay, where they are others. Its Content-Type
// is still to be set.
func (s *Server) writeHeaders(c *fiber.Ctx) {
	setRequestID(c)
	for name, value := range s.headersFor(&c.Context().Request).All() {
		c.Response().Header.SetBytesKV(name, value)
	}
}

// setRequestID gives the request its id, unless it has one. The answer's header is where it stands from then on.
func setRequestID(c *fiber.Ctx) {
	if len(c.Response().Header.Peek(headerRequestID)) == 0 {
		putRequestID(c)
	}
}

// putRequestID takes the client's or proxy's where it is harmless, else a new one.
func putRequestID(c *fiber.Ctx) {
	if id := c.Request().Header.Peek(headerRequestID); isHarmlessID(id) {
		c.Response().Header.SetBytesV(headerRequestID, id)
		return
	}
	id := newRequestID()
	c.Response().Header.SetBytesV(headerRequestID, id[:])
}

// newRequestID returns 128 random bits in base32. They are to be no other request's; that nobody can guess them is not asked
// of them, and would be a call of the system for each request.
func newRequestID() (id [26]byte) {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
	high, low := rand.Uint64(), rand.Uint64()
	for i := range id[:13] {
		id[i], id[13+i] = alphabet[high>>(5*i)&31], alphabet[low>>(5*i)&31]
	}
	return id
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
