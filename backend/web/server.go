// Package web serves Sana over HTTP: routes, cookies, headers, faults as problem+json, the
// single-page app and the development pages. Only it and web/dev use Fiber, and a
// *fiber.Ctx never leaves it.
package web

import (
	"context"
	"io/fs"
	"log/slog"
	"net"
	"net/url"
	"sync/atomic"
	"time"

	"sana/backend/account"
	"sana/backend/apps"
	"sana/backend/auth"
	"sana/backend/brand"
	"sana/backend/gate"
	"sana/backend/gate/appcookie"
	"sana/backend/inbox"
	"sana/backend/mail"
	"sana/backend/mail/mailgun"
	"sana/backend/mail/templates"
	"sana/backend/observe/metrics"
	"sana/backend/observe/tracing"
	"sana/backend/session"
	"sana/backend/timetravel"
	"sana/backend/web/harden"
	"sana/backend/web/static"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"
)

const (
	maxBody         = 8 << 10         // bytes of a request's body
	maxEvent        = 32 << 10        // the same for Mailgun's events: they quote servers' answers
	maxHeader       = 16 << 10        // bytes of a request's line and headers
	maxHeaderAtApps = 64 << 10        // likewise, with a gate
	handleTimeout   = 5 * time.Second // for handling one request, database included
)

// Bounds limit the resources that one client may use.
type Bounds struct {
	Read        time.Duration // timeout for a whole request to arrive, from its first byte
	Write       time.Duration // timeout for the client to receive an answer
	Idle        time.Duration // between two requests on a connection
	Connections int           // open at once, of all clients together
}

// DefaultBounds fit a container with 512 MB: a connection holds up to 30 kB.
var DefaultBounds = Bounds{Read: 10 * time.Second, Write: 10 * time.Second, Idle: 75 * time.Second,
	Connections: 4096}

// Options are the dependencies and settings of the server.
type Options struct {
	Auth           *auth.Service
	Account        *account.Service
	Sessions       session.Store
	SharedSessions *session.Shared // Sessions if they are rows, else nil
	MailEvents     *mailgun.Events // nil without MAILGUN_WEBHOOK_KEY
	TakeMailEvent  func(ctx context.Context, event mail.Event) error
	Store          string                          // the store's name, for the development pages
	Ready          func(ctx context.Context) error // nil if the instance can serve
	// whether the proof shows possession of the secret keys; nil disables it
	Proven           func(proof string) bool
	SPA              fs.FS       // index.html at its root
	Brand            brand.Brand // the operator's brand on pages; brand.Default if it has no name
	PublicURL        *url.URL
	Apps             *apps.Current // behind the gate; nil without a gate, like the next two
	Gate             *gate.Gate
	AppCookies       *appcookie.Maker
	TrustedProxyHops int
	Development      *Development // nil in production: there are no development pages
	Bounds           Bounds       // the zero value means DefaultBounds
	Version          string
	Instance         string // name of this process, in logs and health answers
	Log              *slog.Logger
	Metrics          *metrics.Metrics
	Tracer           *tracing.Tracer // nil without a trace collector
}

// Development has the dependencies of the development pages.
type Development struct {
	Inbox   *inbox.Inbox
	Machine *timetravel.Machine
	Mails   *templates.Set
}

// Server answers requests.
type Server struct {
	Options
	app          *fiber.App
	files        map[string]*static.File
	cookie       cookieSettings // of the session
	device       cookieSettings // makes a browser known for an address
	browser      cookieSettings // identifies a browser
	moved        cookieSettings // records a redirect to PUBLIC_URL
	hosts        hosts
	apps         atApps
	always       *fasthttp.ResponseHeader // see headersOfAll
	alwaysAtApps *fasthttp.ResponseHeader // the same for the hosts of apps
	routed       map[endpoint]*observed
	other        *observed // requests that match no route
	broken       *observed // requests that could not be parsed

	listener atomic.Pointer[harden.Listener]
	retiring atomic.Bool
}

// New builds the server; Serve starts it.
func New(o Options) (*Server, error) {
	if o.Brand.Name == "" {
		o.Brand = brand.Default
	}
	files, err := static.Read(o.SPA, o.PublicURL, o.Brand)
	if err != nil {
		return nil, err
	}
	if o.Bounds == (Bounds{}) {
		o.Bounds = DefaultBounds
	}
	https := o.PublicURL.Scheme == "https"
	s := &Server{
		Options:      o,
		files:        files,
		cookie:       newCookieSettings(SessionCookieBase, https),
		device:       newCookieSettings(deviceCookie, https),
		browser:      newCookieSettings(browserCookie, https),
		moved:        newCookieSettings(movedCookie, https),
		hosts:        newHosts(o.PublicURL, o.Development != nil),
		apps:         newAtApps(o.PublicURL, o.AppCookies),
		always:       headersOfAll(https),
		alwaysAtApps: headersOfAll(false),
	}
	s.app = fiber.New(fiber.Config{
		AppName:                      "sana",
		BodyLimit:                    maxBody,
		CaseSensitive:                true,
		Concurrency:                  2 * o.Bounds.Connections, // the listener's limit comes first
		DisablePreParseMultipartForm: true,
		DisableStartupMessage:        true,
		ErrorHandler:                 s.answerError,
		IdleTimeout:                  o.Bounds.Idle,
		ReadBufferSize:               s.maxHeader(),
		ReadTimeout:                  o.Bounds.Read,
		StrictRouting:                true,
		WriteTimeout:                 o.Bounds.Write,
	})
	// Without this, a request that cannot be parsed is quoted in errors, cookies included.
	s.app.Server().SecureErrorLogMessage = true
	s.app.Server().Logger = quiet{o.Log}
	s.app.Server().Handler = s.guard(s.app.Server().Handler)
	s.app.Server().ErrorHandler = s.answerBroken
	s.app.Server().HeaderReceived = s.limitsOf
	s.addRoutes()
	return s, nil
}

// maxHeader returns the maximum size of a request's line and headers. At the hosts of apps,
// requests include the cookies of the apps.
func (s *Server) maxHeader() int {
	if s.Gate != nil {
		return maxHeaderAtApps
	}
	return maxHeader
}

// limitsOf returns the limits of a request that differ from the server's.
func (s *Server) limitsOf(header *fasthttp.RequestHeader) (limits fasthttp.RequestConfig) {
	if s.MailEvents != nil && string(header.RequestURI()) == mailgunWebhook {
		limits.MaxRequestBodySize = maxEvent
	}
	return limits
}

// Serve answers requests on l until Shutdown. It may be called once.
func (s *Server) Serve(l net.Listener) error {
	bounded := &harden.Listener{Listener: l, Max: int64(s.Bounds.Connections),
		Refuse: s.refuseConnection}
	s.listener.Store(bounded)
	return s.app.Listener(bounded)
}

// Retire makes /readyz fail, and each answer the last one on its connection.
func (s *Server) Retire() { s.retiring.Store(true) }

// firstRequestGrace is the time that an unused connection has, during shutdown, to begin its first
// request.
const firstRequestGrace = time.Second

// Shutdown accepts no new connections and waits for the requests in flight until ctx ends. fasthttp
// also waits for connections that were opened and never used, of which load balancers keep some.
func (s *Server) Shutdown(ctx context.Context) error {
	if l := s.listener.Load(); l != nil {
		defer time.AfterFunc(firstRequestGrace, l.CloseUnused).Stop()
	}
	return s.app.ShutdownWithContext(ctx)
}

// handle gives a handler its deadline.
func (s *Server) handle(do func(ctx context.Context, c *fiber.Ctx) error) fiber.Handler {
	return func(c *fiber.Ctx) error {
		ctx, cancel := context.WithTimeout(s.contextOf(c), handleTimeout)
		defer cancel()
		return do(ctx, c)
	}
}

// quiet logs only the format string of fasthttp's log lines: their arguments may contain what a
// client sent.
type quiet struct{ log *slog.Logger }

// Printf implements fasthttp.Logger.
func (q quiet) Printf(format string, _ ...any) { q.log.Debug("fasthttp", "message", format) }
