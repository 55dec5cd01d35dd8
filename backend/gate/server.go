package gate

import (
	"context"
	"encoding/json"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"sana/backend/gate/pages"
	"sana/backend/web/harden"

	"github.com/valyala/fasthttp"
)

const (
	maxConnections = 4096

	// maxHeader is the size of the request line and headers, which include the cookies of apps.
	maxHeader    = 64 << 10
	maxBody      = 1 << 10 // bytes of a body; a body is refused
	readTimeout  = 10 * time.Second
	writeTimeout = 10 * time.Second
	idleTimeout  = 75 * time.Second
)

func newServer(g *Gate) *fasthttp.Server {
	return &fasthttp.Server{
		Handler:                      g.handle,
		ErrorHandler:                 g.handleMalformed,
		ReadBufferSize:               maxHeader,
		MaxRequestBodySize:           maxBody,
		ReadTimeout:                  readTimeout,
		WriteTimeout:                 writeTimeout,
		IdleTimeout:                  idleTimeout,
		NoDefaultServerHeader:        true,
		NoDefaultContentType:         true,
		DisablePreParseMultipartForm: true,
		CloseOnShutdown:              true,
		// Otherwise errors quote a malformed request, including cookies.
		SecureErrorLogMessage: true,
		Logger:                redactingLogger{g.Log},
	}
}

// redactingLogger logs only the format string of fasthttp's log lines: their arguments may contain
// data of clients.
type redactingLogger struct{ log *slog.Logger }

// Printf implements fasthttp.Logger.
func (l redactingLogger) Printf(format string, _ ...any) {
	l.log.Debug("fasthttp", "message", format)
}

// Serve responds to proxies on l until Shutdown. It may be called once. Connections beyond
// maxConnections are closed: proxies reuse a few.
func (g *Gate) Serve(l net.Listener) error {
	refuse := func(conn net.Conn) {
		_ = conn.Close()
		g.Log.Warn("gate: connection refused: too many open", "limit", maxConnections)
	}
	return g.server.Serve(&harden.Listener{Listener: l, Max: maxConnections, Refuse: refuse})
}

// Retire makes each response the last one on its connection.
func (g *Gate) Retire() { g.retiring.Do(func() { close(g.retired) }) }

// Shutdown accepts no new connections and waits for the requests in flight until ctx ends.
func (g *Gate) Shutdown(ctx context.Context) error {
	g.Retire()
	return g.server.ShutdownWithContext(ctx)
}

// handle responds to one request of a proxy.
func (g *Gate) handle(c *fasthttp.RequestCtx) {
	select {
	case <-g.retired:
		c.SetConnectionClose()
	default:
	}
	ctx, span := g.Tracer.StartRequest(context.Background())
	f, a, problem := g.read(c)
	var d Decision
	if problem != "" {
		d.Outcome = Misconfigured
	} else if key, ok := AccessKeyIn(&c.Request.Header); ok {
		a.isPage = false // a program gets a status, never a redirect to the sign-in
		d = g.DecideByKey(ctx, a.app, a.host, key, lastAddress(c.Request.Header.Peek(f.addr)))
	} else {
		d = g.Decide(ctx, a.app, a.host, g.cookie(c))
	}
	if d.Outcome == Allowed {
		allow(c, d.Principal)
	} else {
		g.refuse(c, f, a, d)
	}
	g.report(ctx, c, a, d, problem)
	pattern := "/gate"
	if f != nil {
		pattern = f.prefix + ":app"
	}
	span.EndRequest("GET", pattern, c.Response.StatusCode())
}

// cookie returns the value of the app cookie. If there are two of this name, one of
// them was planted: both are ignored.
func (g *Gate) cookie(c *fasthttp.RequestCtx) (value string) {
	name, n := CookieName(g.PublicURL), 0
	for key, found := range c.Request.Header.Cookies() {
		if string(key) == name {
			value = string(found)
			n++
		}
	}
	if n != 1 {
		return ""
	}
	return value
}

// allow is the only function that responds with 200. It sends all identity headers, none of them
// empty: some proxies forward the client's header if that of the gate is absent or empty.
func allow(c *fasthttp.RequestCtx, p *Principal) {
	user := p.User()
	name := user.Name
	if name == "" {
		name = user.Email
	}
	h := &c.Response.Header
	h.Set("Remote-User", headerText(user.Email))
	h.Set("Remote-Email", headerText(user.Email))
	h.Set("Remote-Name", headerText(name))
	h.Set("Remote-Groups", headerText(strings.Join(p.Groups(), ",")))
	h.Set("Remote-Id", headerText(user.ID))
	h.Set("Cache-Control", "no-store")
	c.SetStatusCode(http.StatusOK)
}

// statuses maps refusals to HTTP statuses.
var statuses = map[Outcome]int{
	SignInRequired:           http.StatusUnauthorized,
	ReauthenticationRequired: http.StatusUnauthorized,
	AccessKeyInvalid:         http.StatusUnauthorized,
	NotAllowed:               http.StatusForbidden,
	Misconfigured:            http.StatusForbidden,
	Unavailable:              http.StatusServiceUnavailable,
}

// details are the texts of problems.
var details = map[Outcome]string{
	SignInRequired:           "You are not signed in.",
	ReauthenticationRequired: "Your sign-in is too old for this app. Sign in again.",
	AccessKeyInvalid:         "This access key is unknown here, has expired or was deleted.",
	NotAllowed:               "You are signed in, and you may not use this app.",
	Misconfigured:            "The proxy in front of this app is not configured as Sana needs it.",
	Unavailable: "The database cannot be reached at the moment. Try again in a few " +
		"seconds.",
}

// retryAfter is the Retry-After value while the database is unavailable, in seconds.
const retryAfter = "2"

// StartHeader has the redirect for nginx of a browser that requests a page. Other proxies forward
// the redirect itself.
const StartHeader = "X-Sana-Start"

// refuse responds to every outcome but Allowed.
func (g *Gate) refuse(c *fasthttp.RequestCtx, f *family, a proxyRequest, d Decision) {
	status := statuses[d.Outcome]
	if status == 0 || status == http.StatusOK {
		status = http.StatusForbidden
	}
	c.Response.Header.Set("Cache-Control", "no-store")
	if d.Outcome == Unavailable {
		c.Response.Header.Set("Retry-After", retryAfter)
	}
	canRedirect := a.isPage && a.method == http.MethodGet && status == http.StatusUnauthorized
	start := StartURL(g.PublicURL, a.host, a.target)
	switch {
	case f != nil && f.forwardsResponses && canRedirect:
		c.Response.Header.Set("Location", start)
		c.SetStatusCode(http.StatusFound)
		return
	case f != nil && !f.forwardsResponses && canRedirect:
		c.Response.Header.Set(StartHeader, start)
	case f != nil && f.forwardsResponses && a.isPage && d.Outcome != Misconfigured:
		c.SetStatusCode(status)
		g.sendPage(c, a, d, start)
		return
	}
	c.SetStatusCode(status)
	sendProblem(c, status, d)
}

// sendPage responds with the page of a refusal.
func (g *Gate) sendPage(c *fasthttp.RequestCtx, a proxyRequest, d Decision, start string) {
	page := PageOf(a.app.Name, start, d)
	page.Brand = g.Brand
	body := page.Render(string(c.Request.Header.Peek("Accept-Language")))
	c.SetContentType(pages.ContentType)
	c.SetBody(body)
}

// PageOf returns the page that shows a refusal. start is the address of the sign-in.
func PageOf(appName, start string, d Decision) pages.Page {
	page := pages.Page{Kind: pages.SendAgain, App: appName, Link: start}
	switch d.Outcome {
	case NotAllowed:
		page.Kind, page.Link = pages.Refused, "/_sana/sign-out"
		page.Email = d.Principal.User().Email
	case Unavailable:
		page.Kind, page.Link = pages.Unavailable, ""
	}
	return page
}

// Problem is the body of a refusal for programs: RFC 9457's problem details object.
type Problem struct {
	Type      string     `json:"type"`
	Title     string     `json:"title"`
	Status    int        `json:"status"`
	Detail    string     `json:"detail"`
	Code      Outcome    `json:"code"`
	SignedOut *SignedOut `json:"signed_out,omitempty"`
}

// SignedOut has the reason of an expired or revoked session.
type SignedOut struct {
	Reason string    `json:"reason"`
	At     time.Time `json:"at,omitzero"`
}

// ProblemContentType is the media type of a Problem.
const ProblemContentType = "application/problem+json"

// ProblemOf returns the problem and the status of a refusal.
func ProblemOf(d Decision) (Problem, int) {
	status := statuses[d.Outcome]
	p := Problem{
		Type: "urn:sana:problem:" + string(d.Outcome), Title: http.StatusText(status),
		Status: status,
		Detail: details[d.Outcome], Code: d.Outcome,
	}
	if d.Ended != nil {
		p.SignedOut = &SignedOut{Reason: string(d.Ended.Reason), At: d.Ended.At.UTC()}
	}
	return p, status
}

func sendProblem(c *fasthttp.RequestCtx, status int, d Decision) {
	problem, _ := ProblemOf(d)
	body, err := json.Marshal(problem)
	if err != nil {
		// It has only strings and numbers.
		panic("gate: encode problem: " + err.Error())
	}
	c.SetStatusCode(status)
	c.SetContentType(ProblemContentType)
	c.SetBody(body)
}

// handleMalformed responds to a request that fasthttp could not parse. It uses no text of
// fasthttp's errors, because they can quote the request.
func (g *Gate) handleMalformed(c *fasthttp.RequestCtx, _ error) {
	d := Decision{Outcome: Misconfigured}
	c.SetConnectionClose()
	// Otherwise unread bytes of the request would make the kernel discard the response.
	harden.LingerOn(c.Conn())
	g.refuse(c, nil, proxyRequest{}, d)
	g.report(context.Background(), c, proxyRequest{}, d,
		"the request is not valid HTTP, or its headers are larger than 64 kB")
}

// logInterval is the minimum interval between two log lines about the same misconfiguration.
const logInterval = time.Minute

// report counts a decision and logs those that operators need to see.
func (g *Gate) report(
	ctx context.Context, c *fasthttp.RequestCtx, a proxyRequest, d Decision, problem string,
) {
	app := ""
	if a.app != nil {
		app = a.app.ID
	}
	outcome := string(d.Outcome)
	if d.byKey {
		outcome += "_by_key"
	}
	g.Metrics.GateDecided(app, outcome, time.Since(c.Time()))
	switch d.Outcome {
	case NotAllowed:
		g.Log.InfoContext(ctx, "gate: user not allowed", "app", app, "host", a.host)
	case Unavailable:
		g.Log.ErrorContext(ctx, "gate: decision failed", "app", app, "error", d.err)
	case Misconfigured:
		if g.mayLog(app + " " + problem) {
			g.Log.WarnContext(ctx, "gate: proxy misconfigured", "app", app, "host", a.sentHost,
				"reason", problem)
		}
	}
}

// mayLog reports whether a line was not logged within logInterval. The number of distinct lines is
// bounded: apps times reasons.
func (g *Gate) mayLog(line string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	if last, ok := g.logged[line]; ok && now.Sub(last) < logInterval {
		return false
	}
	g.logged[line] = now
	return true
}
