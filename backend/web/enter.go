package web

import (
	"context"
	"errors"
	"net/url"
	"strconv"
	"strings"
	"time"

	"sana/backend/apps"
	"sana/backend/fault"
	"sana/backend/gate"
	"sana/backend/gate/appcookie"
	gatepages "sana/backend/gate/pages"
	"sana/backend/session"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/utils"
	"github.com/valyala/fasthttp"
)

// enterPath is the path on Sana's own host to which the hosts of apps redirect browsers.
const enterPath = "/enter"

// enterCookie is the name, without its prefix, of the cookie at an app's host with a browser's
// nonce and the time of the last finished handoff: NONCE or NONCE.SECONDS.
const enterCookie = "sana_enter"

const (
	enterAge = 10 * time.Minute // of enterCookie
	// loopTime bounds the time after a finished handoff in which a browser without an app cookie
	// counts as one that does not store it.
	loopTime = 10 * time.Second
)

// atApps has the parts of Server for apps; see Options.Gate.
type atApps struct {
	cookie cookieSettings // the app cookie
	enter  cookieSettings
	maker  *appcookie.Maker
}

// appRoutes are the routes of the gate's handoffs: the first one at Sana's own host, the others at
// the hosts of apps.
func (s *Server) appRoutes() []route {
	return []route{
		{fiber.MethodGet, enterPath, s.handle(s.enter)},
		{fiber.MethodGet, apps.ReservedPath + "start", s.handle(s.atApp(s.startHandoff))},
		{fiber.MethodGet, apps.ReservedPath + "finish", s.handle(s.atApp(s.finishHandoff))},
		{fiber.MethodGet, apps.ReservedPath + "me", s.handle(s.atApp(s.appUser))},
		{fiber.MethodGet, apps.ReservedPath + "sign-out", s.handle(s.atApp(s.askToSignOut))},
		{fiber.MethodPost, apps.ReservedPath + "sign-out", s.handle(s.atApp(s.signOutFromApp))},
		{fiber.MethodGet, apps.ReservedPath + "refused", s.handle(s.atApp(s.explainRefusal))},
		{fiber.MethodGet, apps.ReservedPath + "away", s.handle(s.atApp(s.explainAbsence))},
	}
}

// visit is a request at an app's host.
type visit struct {
	app  *apps.App
	host string
}

// atApp finds the app of a request's host. At Sana's own host it answers 404.
func (s *Server) atApp(
	do func(ctx context.Context, c *fiber.Ctx, at visit) error,
) func(context.Context, *fiber.Ctx) error {
	return func(ctx context.Context, c *fiber.Ctx) error {
		app, host, ok := s.appOf(&c.Context().Request)
		if !ok {
			return fault.New(fault.NotFound, "There is nothing at this address.")
		}
		return do(ctx, c, visit{app, host})
	}
}

// appOf returns the app with the host of a request.
func (s *Server) appOf(request *fasthttp.Request) (app *apps.App, host string, ok bool) {
	if host, ok = apps.NormalizeHost(request.Header.Host()); !ok {
		return nil, "", false
	}
	host = strings.TrimSuffix(host, s.hosts.defaultPort)
	app, ok = s.Apps.Load().FindHost(host)
	return app, host, ok
}

// isAtApp reports whether an answer is for a browser at an app's host. Such an answer must not bind
// other hosts of the operator, or clear the app's storage.
func (s *Server) isAtApp(request *fasthttp.Request) bool {
	_, _, ok := s.appOf(request)
	return ok
}

// enter creates the ticket for a browser's app cookie and redirects back to the app. If a sign-in
// is needed, it redirects to the sign-in page, whose address has the way back. With fresh=1 that
// page requests a code from signed-in users too.
func (s *Server) enter(ctx context.Context, c *fiber.Ctx) error {
	from, ok := apps.ParseArrival(query(c, "host"), query(c, "path"), query(c, "nonce_hash"))
	app, isKnown := s.Auth.ArrivalApp(from)
	if !ok || !isKnown {
		return s.sendGatePage(c, fiber.StatusNotFound, gatepages.Page{Kind: gatepages.Unknown})
	}
	current, err := s.findSession(ctx, c)
	if errors.Is(err, session.ErrNone) {
		return redirect(c, signInAt(from))
	}
	if err != nil {
		return s.sendGateFault(c, app, err)
	}

	ticket, err := s.Auth.OpenHandoff(ctx, s.visitor(c), current, from)
	if fault.Is(err, fault.ReauthenticationRequired) {
		return redirect(c, signInAt(from)+"&fresh=1")
	}
	if err != nil {
		return s.sendGateFault(c, app, err)
	}
	return redirect(c,
		s.PublicURL.Scheme+"://"+from.Host+apps.ReservedPath+"finish?ticket="+ticket)
}

// signInAt returns the address of the page that signs in and then returns to enter.
func signInAt(from apps.Arrival) string {
	return "/?next=" + url.QueryEscape(enterPath+"?"+from.Query())
}

// startHandoff sets a nonce, unless the browser has one: all its tabs share it.
func (s *Server) startHandoff(ctx context.Context, c *fiber.Ctx, at visit) error {
	path := apps.ReturnPath(query(c, "path"))
	nonce, finished := parseEnterCookie(s.apps.enter.token(c))
	cookie := s.apps.cookie.token(c)
	d := s.Gate.Decide(ctx, at.app, at.host, cookie)
	switch {
	case d.Outcome == gate.Allowed, d.Outcome == gate.NotAllowed:
		return redirect(c, path) // another tab was faster; the gate decides
	case d.Outcome == gate.Unavailable:
		return s.sendGatePage(c, fiber.StatusServiceUnavailable, gate.PageOf(at.app.Name, "", d))
	case d.Outcome == gate.SignInRequired && d.Ended == nil &&
		time.Since(finished).Abs() < loopTime:
		return s.sendCookiesPage(c, at, path)
	}
	if nonce == "" {
		nonce = apps.NewNonce()
	}
	s.apps.enter.set(c, nonce, enterAge)
	from := apps.Arrival{Host: at.host, Path: path, NonceHash: apps.HashNonce(nonce)}
	return redirect(c, s.PublicURL.Scheme+"://"+s.PublicURL.Host+enterPath+"?"+from.Query())
}

// finishHandoff consumes the ticket and sets the app cookie. With an invalid ticket it starts
// again: of ten first tabs, nine have a nonce that the tenth has replaced.
func (s *Server) finishHandoff(ctx context.Context, c *fiber.Ctx, at visit) error {
	nonce, _ := parseEnterCookie(s.apps.enter.token(c))
	path, current, err := s.Auth.FinishHandoff(ctx, s.visitor(c), at.app, at.host,
		query(c, "ticket"), nonce)
	switch {
	case err != nil:
		return s.sendGateFault(c, at.app, err)
	case nonce == "":
		return s.sendCookiesPage(c, at, path)
	case current.ID == "":
		return redirect(c, gate.StartURL(s.PublicURL, at.host, path))
	}
	now := time.Now()
	value := s.apps.maker.Make(at.host, current.ID, current.Seed, now)
	s.apps.cookie.set(c, value, session.CookieMaxAge(current.ExpiresAt.Sub(now)))
	s.apps.enter.set(c, nonce+"."+strconv.FormatInt(now.Unix(), 10), enterAge)
	return redirect(c, path)
}

// parseEnterCookie splits the value of enterCookie. It returns "" for one that is malformed.
func parseEnterCookie(value string) (nonce string, finished time.Time) {
	nonce, note, _ := strings.Cut(value, ".")
	if !apps.IsNonce(nonce) {
		return "", time.Time{}
	}
	if seconds, err := strconv.ParseInt(note, 10, 64); err == nil {
		finished = time.Unix(seconds, 0)
	}
	return nonce, finished
}

// appUserAnswer is the user of an app cookie.
type appUserAnswer struct {
	ID        string    `json:"id"`
	Email     string    `json:"email"`
	Name      string    `json:"name"`
	Groups    []string  `json:"groups"`
	ExpiresAt time.Time `json:"expires_at"`
}

// appUser returns the current user, for scripts of the app.
func (s *Server) appUser(ctx context.Context, c *fiber.Ctx, at visit) error {
	d := s.Gate.Decide(ctx, at.app, at.host, s.apps.cookie.token(c))
	if d.Outcome != gate.Allowed {
		return sendGateProblem(c, d)
	}
	user, expires := d.Principal.User(), d.Principal.ExpiresAt()
	if until := at.app.Until; !until.IsZero() && until.Before(expires) {
		expires = until
	}
	return sendJSON(c, appUserAnswer{
		ID: user.ID, Email: user.Email, Name: user.Name, Groups: d.Principal.Groups(),
		ExpiresAt: expires.UTC(),
	})
}

// askToSignOut shows a page with a button: an image in a page of the app must not sign users out.
func (s *Server) askToSignOut(ctx context.Context, c *fiber.Ctx, at visit) error {
	d := s.Gate.Decide(ctx, at.app, at.host, s.apps.cookie.token(c))
	switch {
	case d.Outcome == gate.Unavailable:
		return s.sendGatePage(c, fiber.StatusServiceUnavailable, gate.PageOf(at.app.Name, "", d))
	case d.Principal == nil:
		return s.sendGatePage(c, fiber.StatusOK,
			gatepages.Page{Kind: gatepages.SignedOut, App: at.app.Name, Link: "/"})
	}
	return s.sendGatePage(c, fiber.StatusOK, gatepages.Page{
		Kind: gatepages.SignOut, App: at.app.Name, Email: d.Principal.User().Email,
		Link: apps.ReservedPath + "sign-out",
	})
}

// signOutFromApp revokes the session behind the app cookie: at all apps, and at Sana.
func (s *Server) signOutFromApp(ctx context.Context, c *fiber.Ctx, at visit) error {
	d := s.Gate.Decide(ctx, at.app, at.host, s.apps.cookie.token(c))
	if d.Outcome == gate.Unavailable {
		return s.sendGatePage(c, fiber.StatusServiceUnavailable, gate.PageOf(at.app.Name, "", d))
	}
	if d.Principal != nil {
		err := s.Auth.SignOutFromApp(ctx, s.visitor(c),
			d.Principal.User().ID, d.Principal.SessionID())
		if err != nil {
			return s.sendGateFault(c, at.app, err)
		}
	}
	s.apps.cookie.clear(c)
	s.apps.enter.clear(c)
	return s.sendGatePage(c, fiber.StatusOK,
		gatepages.Page{Kind: gatepages.SignedOut, App: at.app.Name, Link: "/"})
}

// explainRefusal serves a proxy that cannot forward the gate's own answer. It decides again and
// shows the page.
func (s *Server) explainRefusal(ctx context.Context, c *fiber.Ctx, at visit) error {
	d := s.Gate.Decide(ctx, at.app, at.host, s.apps.cookie.token(c))
	header := &c.Context().Request.Header
	key, isKey := gate.AccessKeyIn(header)
	if isKey {
		d = s.Gate.DecideByKey(ctx, at.app, at.host, key, s.visitor(c).IP)
	}
	if d.Outcome == gate.Allowed {
		d = gate.Decision{Outcome: gate.Misconfigured}
	}
	if d.Outcome == gate.Misconfigured || isKey || !gate.IsNavigation(header) {
		return sendGateProblem(c, d)
	}
	_, status := gate.ProblemOf(d)
	return s.sendGatePage(c, status,
		gate.PageOf(at.app.Name, gate.StartURL(s.PublicURL, at.host, "/"), d))
}

// explainAbsence serves a proxy that got no usable answer from the gate.
func (s *Server) explainAbsence(_ context.Context, c *fiber.Ctx, at visit) error {
	d := gate.Decision{Outcome: gate.Unavailable}
	c.Set(fiber.HeaderRetryAfter, "2")
	if !gate.IsNavigation(&c.Context().Request.Header) {
		return sendGateProblem(c, d)
	}
	return s.sendGatePage(c, fiber.StatusServiceUnavailable, gate.PageOf(at.app.Name, "", d))
}

func (s *Server) sendCookiesPage(c *fiber.Ctx, at visit, path string) error {
	return s.sendGatePage(c, fiber.StatusBadRequest, gatepages.Page{
		Kind: gatepages.Cookies, App: at.app.Name, Link: gate.StartURL(s.PublicURL, at.host, path),
	})
}

// sendGateFault shows a fault of a handoff as a page.
func (s *Server) sendGateFault(c *fiber.Ctx, app *apps.App, err error) error {
	f := fault.From(err)
	status := statusOf[f.Code]
	page := gatepages.Page{Kind: gatepages.Unavailable, App: app.Name}
	if f.Code == fault.TooManyRequests {
		page.Kind = gatepages.TooMany
	}
	if status >= fiber.StatusInternalServerError {
		s.Log.Error("handoff failed", "request_id", requestID(c), "app", app.ID, "error", err)
	}
	if f.RetryAfter > 0 {
		c.Set(fiber.HeaderRetryAfter, strconv.Itoa(seconds(f.RetryAfter)))
	}
	return s.sendGatePage(c, status, page)
}

func (s *Server) sendGatePage(c *fiber.Ctx, status int, page gatepages.Page) error {
	page.Brand = s.Brand
	c.Set(fiber.HeaderContentSecurityPolicy, page.Policy())
	c.Set("X-Robots-Tag", "noindex")
	c.Status(status).Context().SetContentType(gatepages.ContentType)
	return c.Send(page.Render(c.Get(fiber.HeaderAcceptLanguage)))
}

func sendGateProblem(c *fiber.Ctx, d gate.Decision) error {
	problem, status := gate.ProblemOf(d)
	return sendJSONAs(c.Status(status), gate.ProblemContentType, problem)
}

// redirect redirects to a location that this server has built.
func redirect(c *fiber.Ctx, location string) error {
	c.Set(fiber.HeaderLocation, location)
	c.Status(fiber.StatusSeeOther)
	return nil
}

// query returns a parameter of the query, "" if it is missing or duplicated.
func query(c *fiber.Ctx, name string) string {
	values := c.Context().QueryArgs().PeekMulti(name)
	if len(values) != 1 {
		return ""
	}
	return utils.CopyString(string(values[0]))
}

// newAtApps returns the cookies at the hosts of apps.
func newAtApps(publicURL *url.URL, maker *appcookie.Maker) atApps {
	https := publicURL.Scheme == "https"
	name := gate.CookieName(publicURL)
	return atApps{
		cookie: cookieSettings{name: name, secure: https},
		enter:  newCookieSettings(enterCookie, https),
		maker:  maker,
	}
}
