// Package web is Sana over HTTP: routes, cookies, headers, faults as problem+json, the single-page app and the
// development pages. It is the only package that knows Fiber, and a *fiber.Ctx never leaves it.
package web

import (
	"context"
	"io/fs"
	"log/slog"
	"net"
	"net/url"
	"time"

	"sana/backend/inbox"
	"sana/backend/session"
	"sana/backend/signin"

	"github.com/gofiber/fiber/v2"
)

const (
	maxBody       = 8 << 10          // bytes of a request's body
	maxHeader     = 16 << 10         // bytes of a request's line and headers
	ioTimeout     = 10 * time.Second // to read a request, to write an answer
	keepAlive     = 75 * time.Second // of an idle connection
	handleTimeout = 5 * time.Second  // of one request in our hands, database included
)

// Options are the parts that package web puts on the wire.
type Options struct {
	SignIn           *signin.Service
	Sessions         *session.Shared
	Ready            func(ctx context.Context) error // nil when traffic may come
	SPA              fs.FS                           // index.html at its root
	PublicURL        *url.URL
	TrustedProxyHops int
	Inbox            *inbox.Inbox // nil in production: then there are no development pages
	Version          string
	Instance         string // name of this process, in logs and health answers
	Log              *slog.Logger
}

// Server answers requests.
type Server struct {
	Options
	app    *fiber.App
	files  map[string]file
	cookie cookieSettings // of the session
	device cookieSettings // of a browser that has signed in
}

// New builds the server; Serve starts it.
func New(o Options) (*Server, error) {
	files, err := readFiles(o.SPA)
	if err != nil {
		return nil, err
	}
	https := o.PublicURL.Scheme == "https"
	s := &Server{
		Options: o, files: files,
		cookie: newCookieSettings("sana_session", https), device: newCookieSettings("sana_device", https),
	}
	s.app = fiber.New(fiber.Config{
		AppName:               "sana",
		BodyLimit:             maxBody,
		CaseSensitive:         true,
		DisableStartupMessage: true,
		ErrorHandler:          s.answerError,
		IdleTimeout:           keepAlive,
		ReadBufferSize:        maxHeader,
		ReadTimeout:           ioTimeout,
		StrictRouting:         true,
		WriteTimeout:          ioTimeout,
	})
	// Without this, a request that cannot be parsed is quoted in errors, cookies included.
	s.app.Server().SecureErrorLogMessage = true
	s.app.Server().Logger = quiet{o.Log}
	s.app.Server().Handler = s.guard(s.app.Server().Handler)
	s.addRoutes()
	return s, nil
}

// Serve answers requests on l until Shutdown.
func (s *Server) Serve(l net.Listener) error { return s.app.Listener(l) }

// Shutdown takes no new connections and waits for the requests in flight until ctx ends.
func (s *Server) Shutdown(ctx context.Context) error { return s.app.ShutdownWithContext(ctx) }

// handle gives a handler its deadline.
func (s *Server) handle(do func(ctx context.Context, c *fiber.Ctx) error) fiber.Handler {
	return func(c *fiber.Ctx) error {
		ctx, cancel := context.WithTimeout(context.Background(), handleTimeout)
		defer cancel()
		return do(ctx, c)
	}
}

// quiet takes fasthttp's own log lines, which may hold what a client sent, down to their existence.
type quiet struct{ log *slog.Logger }

// Printf implements fasthttp.Logger.
func (q quiet) Printf(format string, _ ...any) { q.log.Debug("fasthttp", "message", format) }
