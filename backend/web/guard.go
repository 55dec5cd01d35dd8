package web

import (
	"bytes"
	"errors"
	"net"
	"slices"
	"strings"
	"time"

	"sana/backend/apps"
	"sana/backend/fault"
	"sana/backend/web/harden"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"
)

// guard runs before Fiber. It refuses requests that fasthttp accepts but should not (headFault),
// requests for other hosts, and unknown methods, which Fiber would answer past every middleware
// (RFC 9110, 15.5.6).
func (s *Server) guard(next fasthttp.RequestHandler) fasthttp.RequestHandler {
	return func(request *fasthttp.RequestCtx) {
		if s.retiring.Load() {
			request.SetConnectionClose()
		}
		if refusal := s.refusalOf(&request.Request); refusal != nil {
			s.refuse(request, refusal)
			return
		}
		next(request)
	}
}

func (s *Server) refusalOf(request *fasthttp.Request) *fault.Error {
	if reason := harden.HeadFault(request); reason != "" {
		return fault.New(fault.InvalidRequest, "The request is not valid HTTP. "+reason)
	}
	// The asterisk of OPTIONS concerns the whole server.
	isAsterisk := string(request.Header.RequestURI()) == "*"
	if isAsterisk || !slices.Contains(fiber.DefaultMethods, string(request.Header.Method())) {
		return fault.New(fault.MethodNotAllowed, "This method is not known.")
	}
	if !s.answers(request) {
		return fault.New(fault.MisdirectedRequest, "This is not the address of this site.")
	}
	return nil
}

// answers reports whether a request is for Sana's own host, or for Sana's paths at an app's host.
func (s *Server) answers(request *fasthttp.Request) bool {
	path := request.URI().PathOriginal()
	if s.Gate != nil && s.isAtApp(request) {
		return bytes.HasPrefix(path, []byte(apps.ReservedPath))
	}
	return s.hosts.answers(request.Header.Host(), path)
}

// answerBroken answers a request that fasthttp could not parse. It uses no text of fasthttp's
// errors, because they can quote the request. It sets the write deadline again: that of the
// connection's last answer may have passed.
func (s *Server) answerBroken(request *fasthttp.RequestCtx, err error) {
	if err := request.Conn().SetWriteDeadline(time.Now().Add(s.Bounds.Write)); err != nil {
		s.Log.Debug("write deadline not set", "error", err)
	}
	s.refuse(request, brokenBy(err))
}

func brokenBy(err error) *fault.Error {
	network, isNetwork := errors.AsType[net.Error](err)
	switch {
	case errors.As(err, new(*fasthttp.ErrSmallBuffer)):
		return fault.New(fault.HeaderTooLarge,
			"The request's headers are too large. Delete this site's cookies and try again.")
	case errors.Is(err, fasthttp.ErrBodyTooLarge):
		return fault.New(fault.RequestTooLarge,
			"The request's body is larger than 8 kB, or than 32 kB for an event of Mailgun's.")
	case isNetwork && network.Timeout(), strings.HasSuffix(err.Error(), "i/o timeout"):
		// Errors of chunked bodies hide their cause; the text ends with it.
		return fault.New(fault.RequestTimeout,
			"The request took too long to arrive. Send it again.")
	default:
		return fault.New(fault.InvalidRequest, "The request is not valid HTTP.")
	}
}

// refuse answers before Fiber. If the meaning of the bytes is unclear, later bytes on the
// connection cannot be trusted either, and it is closed.
func (s *Server) refuse(request *fasthttp.RequestCtx, refusal *fault.Error) {
	c := s.app.AcquireCtx(request)
	defer s.app.ReleaseCtx(c)
	switch refusal.Code {
	case fault.MethodNotAllowed:
		c.Set(fiber.HeaderAllow, "GET, HEAD, POST, PATCH, DELETE")
	case fault.MisdirectedRequest:
	default:
		request.SetConnectionClose()
		harden.LingerOn(request.Conn())
	}
	if err := s.answerError(c, refusal); err != nil {
		s.Log.Error("refusal not answered", "request_id", requestID(c), "error", err)
		return
	}
	s.report(c, s.broken, refusal, 0)
}

// refuseConnection answers 503, without reading the request, and closes the connection. It must not
// wait, because it runs in the accept loop.
func (s *Server) refuseConnection(conn net.Conn) {
	defer conn.Close()
	var request fasthttp.RequestCtx
	c := s.app.AcquireCtx(&request)
	defer s.app.ReleaseCtx(c)
	request.SetConnectionClose()
	busy := fault.New(fault.Unavailable,
		"Too many people are here at the moment. Try again in a few seconds.")
	busy.RetryAfter = harden.LingerTime
	err := s.writeProblem(c, busy)
	if err == nil {
		err = conn.SetWriteDeadline(time.Now().Add(harden.LingerTime))
	}
	if err == nil {
		_, err = request.Response.WriteTo(conn)
	}
	if err != nil {
		s.Log.Debug("refusal not sent", "error", err)
	}
	s.Log.Warn("connection refused: too many open", "request_id", requestID(c), "limit",
		s.Bounds.Connections)
}
