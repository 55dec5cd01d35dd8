package web

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"sana/backend/fault"
	"sana/backend/observe/metrics"
	"sana/backend/observe/tracing"

	"github.com/gofiber/fiber/v2"
)

// endpoint is a method and a route as Fiber knows it.
type endpoint struct{ method, path string }

// observed are the labels of an endpoint's requests. They are built before the first request.
type observed struct {
	method  string // "other" for unknown methods
	pattern string // the route as declared, never the path as sent
	counts  *metrics.Route
	quiet   bool // successes are counted and not logged: they come with every page
}

// filesPattern is the pattern of the SPA's files and pages, which Fiber knows as "/".
const filesPattern = "/*"

// observeRoutes builds the labels of every route.
func (s *Server) observeRoutes() {
	s.routed = map[endpoint]*observed{}
	s.other, s.broken = s.newObserved("other", "other"), s.newObserved("other", "refused")
	add := func(method, path, pattern string) {
		o := s.newObserved(method, pattern)
		o.quiet = method == fiber.MethodGet && (pattern == filesPattern || pattern == sessionPath)
		s.routed[endpoint{method, path}] = o
	}
	for _, r := range append(s.routes(), route{method: fiber.MethodGet, path: "/"}) {
		pattern := r.path
		if pattern == "/" {
			pattern = filesPattern
		}
		add(r.method, r.path, pattern)
		if r.method == fiber.MethodGet {
			add(fiber.MethodHead, r.path, pattern)
		}
	}
}

func (s *Server) newObserved(method, pattern string) *observed {
	return &observed{method: method, pattern: pattern, counts: s.Metrics.Route(method, pattern)}
}

// observe counts, logs and traces a request, and answers its error.
func (s *Server) observe(c *fiber.Ctx) error {
	ctx, span := s.Tracer.StartRequest(context.Background())
	if s.Tracer != nil {
		c.Locals(traced{}, ctx)
	}
	err := c.Next()
	if err != nil {
		if err := s.answerError(c, err); err != nil {
			return err
		}
	}
	o, ok := s.routed[endpoint{c.Method(), c.Route().Path}]
	if !ok {
		o = s.other
	}
	s.report(c, o, err, time.Since(c.Context().Time()))
	span.EndRequest(o.method, o.pattern, c.Response().StatusCode())
	return nil
}

// traced is the key of a request's context with a span.
type traced struct{}

// contextOf returns the context of a request, without a deadline: handle adds one.
func (s *Server) contextOf(c *fiber.Ctx) context.Context {
	if s.Tracer != nil {
		if ctx, ok := c.Locals(traced{}).(context.Context); ok {
			return ctx
		}
	}
	return context.Background()
}

// report counts a request and writes its log line.
func (s *Server) report(c *fiber.Ctx, o *observed, err error, took time.Duration) {
	status := c.Response().StatusCode()
	o.counts.Answered(status, took)
	code := codeOf(err)
	failed := slices.Contains(signInFailures, code)
	level := slog.LevelInfo
	if failed {
		level = slog.LevelWarn
	}
	if o.quiet && (status == fiber.StatusOK || status == fiber.StatusNotModified) ||
		!s.Log.Enabled(context.Background(), level) {
		return
	}
	line := [8]slog.Attr{
		slog.String("method", o.method),
		slog.String("route", o.pattern),
		slog.Int("status", status),
		slog.Float64("duration_ms", float64(took.Microseconds())/1000),
		slog.String("request_id", requestID(c)),
	}
	attributes := line[:5]
	if failed {
		attributes = append(attributes, slog.String("signin_failure", string(code)),
			slog.String("client_ip", s.clientAddr(c).String()))
	} else if code != "" {
		attributes = append(attributes, slog.String("code", string(code)))
	}
	if trace := tracing.TraceID(s.contextOf(c)); trace != "" {
		attributes = append(attributes, slog.String("trace_id", trace))
	}
	s.Log.LogAttrs(context.Background(), level, "request", attributes...)
}

// signInFailures are the faults that a program which bans addresses may count: wrong codes and rate
// limits. docs/metrics.md shows the line.
var signInFailures = []fault.Code{
	fault.WrongCode, fault.TooManyTries, fault.TooManyWrongCodes, fault.TooManyRequests,
	fault.CodeExpired, fault.SignUpClosed,
	fault.UnknownPasskey, fault.PasskeyRefused,
}

// codeOf returns the fault's code, "" without an error.
func codeOf(err error) fault.Code {
	if err == nil {
		return ""
	}
	return faultOf(err).Code
}
