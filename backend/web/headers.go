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
const policyData = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors " +
	"'none'; sandbox"

const headerRequestID = "X-Request-Id"

// headersOfAll returns the headers of every answer except the request id. A handler that serves a
// page or a file replaces two of them. (ASVS 5.0, 3.4 and 14.3.2.)
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
// would bind the operator's other hosts. The host of a request that could not be parsed is unknown:
// it may be an app's.
func (s *Server) headersFor(request *fasthttp.Request) *fasthttp.ResponseHeader {
	if s.Gate != nil && (len(request.Header.Host()) == 0 || s.isAtApp(request)) {
		return s.alwaysAtApps
	}
	return s.always
}

// setHeaders sets the security headers and the request id. No other header is set yet, so they are
// copied as a whole, at a quarter of the cost of setting each. Connection, which the guard may have
// set, stays.
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

// writeHeaders does the same for an answer that may have other headers; they stay. Its Content-Type
// must be set afterwards.
func (s *Server) writeHeaders(c *fiber.Ctx) {
	setRequestID(c)
	for name, value := range s.headersFor(&c.Context().Request).All() {
		c.Response().Header.SetBytesKV(name, value)
	}
}

// setRequestID gives the request an id, unless it has one. It is stored in the answer's header.
func setRequestID(c *fiber.Ctx) {
	if len(c.Response().Header.Peek(headerRequestID)) == 0 {
		putRequestID(c)
	}
}

// putRequestID keeps the client's or proxy's id if it is harmless, else sets a new one.
func putRequestID(c *fiber.Ctx) {
	if id := c.Request().Header.Peek(headerRequestID); isHarmlessID(id) {
		c.Response().Header.SetBytesV(headerRequestID, id)
		return
	}
	id := newRequestID()
	c.Response().Header.SetBytesV(headerRequestID, id[:])
}

// newRequestID returns 128 random bits in base32. Request ids must be unique, but not unguessable,
// which would cost a system call for each request.
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

// recoverPanic turns a panic into a 500 for its request.
func (s *Server) recoverPanic(c *fiber.Ctx) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			s.Log.Error("panic", "request_id", requestID(c), "panic", fmt.Sprint(cause), "stack",
				string(debug.Stack()))
			err = fault.From(fmt.Errorf("panic: %v", cause))
		}
	}()
	return c.Next()
}
