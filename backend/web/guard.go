package web

import (
	"slices"

	"sana/backend/fault"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"
)

// guard stands before Fiber and takes what Fiber would answer by itself, past every middleware: methods that it does
// not know (RFC 9110, 15.5.6).
func (s *Server) guard(next fasthttp.RequestHandler) fasthttp.RequestHandler {
	return func(request *fasthttp.RequestCtx) {
		if slices.Contains(fiber.DefaultMethods, string(request.Method())) {
			next(request)
			return
		}
		c := s.app.AcquireCtx(request)
		defer s.app.ReleaseCtx(c)
		c.Set(fiber.HeaderAllow, "GET, HEAD, POST, DELETE")
		err := s.answerError(c, fault.New(fault.MethodNotAllowed, "Sana does not know this method."))
		if err != nil {
			s.Log.Error("answer to an unknown method failed", "error", err)
		}
	}
}
