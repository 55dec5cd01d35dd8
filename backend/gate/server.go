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

	maxHeader    = 64 << 10 // bytes of a request's line and headers: the cookies of apps come along
	maxBody      = 1 << 10  // bytes of a body, which is refused
	readTimeout  = 10 * time.Second
	writeTimeout = 10 * time.Second
	idleTimeout  = 75 * time.Second
)

func newServer(g *Gate) *fasthttp.Server {
	return &fasthttp.Server{
		Handler:                      g.answer,
		ErrorHandler:                 g.answerBroken,
		ReadBufferSize:               maxHeader,
		MaxRequestBodySize:           maxBody,
		ReadTimeout:                  readTimeout,
		WriteTimeout:                 writeTimeout,
		IdleTimeout:                  idleTimeout,
		NoDefaultServerHeader:        true,
		NoDefaultContentType:         true,
		DisablePreParseMultipartForm: true,
		CloseOnShutdown:              true,
		// Without this, a request that cannot be parsed is quoted in errors, cookies included.
		SecureErrorLogMessage: true,
		Logger:                quiet{g.Log},
	}
}

// quiet reduces the log lines of fasthttp, which may hold what a client sent, to their form.
type quiet struct{ log *slog.Logger }

// Printf implements fasthttp.Logger.
func (q quiet) Printf(format string, _ ...any) { q.log.Debug("fasthttp", "message", format) }

// Serve answers proxies on l until Shutdown. It may be called once. A connection more than
// maxConnections is closed: proxies keep theirs, and have few.
func (g *Gate) Serve(l net.Listener) error {
	refuse := func(conn net.Conn) {
		_ = conn.Close()
		g.Log.Warn("gate: connection refused: too many open", "limit", maxConnections)
	}
	return g.server.Serve(&harden.Listener{Listener: l, Max: maxConnections, Refuse: refuse})
}

// Retire makes each answer the last one on its connection.
func (g *Gate) Retire() { g.retiring.Do(func() { close(g.retired) }) }

// Shutdown accepts no new connections and waits for the requests in flight until ctx ends.
func (g *Gate) Shutdown(ctx context.Context) error {
	g.Retire()
	return g.server.ShutdownWithContext(ctx)
}

// answer answers one question of a proxy.
func (g *Gate) answer(c *fasthttp.RequestCtx) {
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
		a.isPage = false // a program gets a status, and no way to a sign-in
		d = g.DecideByKey(ctx, a.app, a.host, key, a.ip)
	} else {
		d = g.Decide(ctx, a.app, a.host, g.cookie(c))
	}
	if d.Outcome == Allowed {
		allow(c, *d.Person)
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

// cookie returns the value of the app cookie. Of two cookies of this name one was planted, and it is
// unknown which: neither counts.
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

// allow is the only function that answers 200. It takes a person, and sends all identity headers,
// none of them empty: some proxies pass a client's own header on if ours is absent or empty.
func allow(c *fasthttp.RequestCtx, p Person) {
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

// statuses of refusals.
var statuses = map[Outcome]int{
	SignInRequired:           http.StatusUnauthorized,
	ReauthenticationRequired: http.StatusUnauthorized,
	AccessKeyInvalid:         http.StatusUnauthorized,
	NotAllowed:               http.StatusForbidden,
	Misconfigured:            http.StatusForbidden,
	Unavailable:              http.StatusServiceUnavailable,
}

// details are what problems say.
var details = map[Outcome]string{
	SignInRequired:           "You are not signed in.",
	ReauthenticationRequired: "Your sign-in is too old for this app. Sign in again.",
	AccessKeyInvalid:         "This access key is unknown here, has expired or was deleted.",
	NotAllowed:               "You are signed in, and you may not use this app.",
	Misconfigured:            "The proxy in front of this app is not configured as Sana needs it.",
	Unavailable:              "The database cannot be reached at the moment. Try again in a few seconds.",
}

// retryAfter is what an answer without a database asks for.
const retryAfter = "2"

// StartHeader tells nginx where a browser that asks for a page is to go. Other proxies hand the
// redirect itself on.
const StartHeader = "X-Sana-Start"

// refuse answers everything but Allowed.
func (g *Gate) refuse(c *fasthttp.RequestCtx, f *family, a asked, d Decision) {
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
	case f != nil && f.showsAnswers && canRedirect:
		c.Response.Header.Set("Location", start)
		c.SetStatusCode(http.StatusFound)
		return
	case f != nil && !f.showsAnswers && canRedirect:
		c.Response.Header.Set(StartHeader, start)
	case f != nil && f.showsAnswers && a.isPage && d.Outcome != Misconfigured:
		c.SetStatusCode(status)
		g.sendPage(c, a, d, start)
		return
	}
	c.SetStatusCode(status)
	sendProblem(c, status, d)
}

// sendPage shows a refusal to a person.
func (g *Gate) sendPage(c *fasthttp.RequestCtx, a asked, d Decision, start string) {
	page := PageOf(a.app.Name, start, d)
	page.Brand = g.Brand
	body := page.Render(string(c.Request.Header.Peek("Accept-Language")))
	c.SetContentType(pages.ContentType)
	c.SetBody(body)
}

// PageOf returns the page that shows a refusal. start is where the visitor can sign in.
func PageOf(appName, start string, d Decision) pages.Page {
	page := pages.Page{Kind: pages.SendAgain, App: appName, Link: start}
	switch d.Outcome {
	case NotAllowed:
		page.Kind, page.Email, page.Link = pages.Refused, d.Person.User().Email, "/_sana/sign-out"
	case Unavailable:
		page.Kind, page.Link = pages.Away, ""
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

// SignedOut says why a session has ended.
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
		Type: "urn:sana:problem:" + string(d.Outcome), Title: http.StatusText(status), Status: status,
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
		panic("gate: encode problem: " + err.Error()) // it has texts and numbers only
	}
	c.SetStatusCode(status)
	c.SetContentType(ProblemContentType)
	c.SetBody(body)
}

// answerBroken answers a request that fasthttp could not read. Its errors can quote the request: none
// of their text is used.
func (g *Gate) answerBroken(c *fasthttp.RequestCtx, _ error) {
	d := Decision{Outcome: Misconfigured}
	c.SetConnectionClose()
	harden.LingerOn(c.Conn()) // what nobody has read of the request would throw the answer away
	g.refuse(c, nil, asked{}, d)
	g.report(context.Background(), c, asked{}, d, "the request is not valid HTTP, or its headers are larger than 64 kB")
}

// logInterval is how often a misconfiguration is logged at most.
const logInterval = time.Minute

// report counts a decision, and logs what an operator wants to know.
func (g *Gate) report(ctx context.Context, c *fasthttp.RequestCtx, a asked, d Decision, problem string) {
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
			g.Log.WarnContext(ctx, "gate: proxy misconfigured", "app", app, "host", a.sentHost, "reason", problem)
		}
	}
}

// mayLog reports whether a line was not logged lately. Lines are few: apps by reasons.
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
