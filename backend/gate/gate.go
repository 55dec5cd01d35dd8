// Package gate authorizes requests to apps for reverse proxies ("forward-auth"): for each request
// the proxy sends a subrequest to the gate. The gate has its own listener, which only proxies can
// reach.
package gate

import (
	"context"
	"errors"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"time"

	"sana/backend/apps"
	"sana/backend/brand"
	"sana/backend/gate/appcookie"
	"sana/backend/observe/metrics"
	"sana/backend/observe/tracing"
	"sana/backend/session"

	"github.com/valyala/fasthttp"
)

// Options are the dependencies and settings of the gate.
type Options struct {
	Apps      *apps.Current
	Cookies   *appcookie.Maker
	Sessions  *session.Shared
	PublicURL *url.URL
	Brand     brand.Brand // the operator's brand on pages; brand.Default if it has no name
	Log       *slog.Logger
	Metrics   *metrics.Metrics
	Tracer    *tracing.Tracer // nil without a trace collector
}

// Gate authorizes users of apps and responds to proxies. It is safe for concurrent use.
type Gate struct {
	Options
	server   *fasthttp.Server
	retiring sync.Once
	retired  chan struct{} // closed when this instance shuts down

	mu     sync.Mutex
	logged map[string]time.Time // last log line of each misconfiguration
}

// New returns a gate; Serve starts its listener.
func New(o Options) *Gate {
	if o.Brand.Name == "" {
		o.Brand = brand.Default
	}
	g := &Gate{Options: o, retired: make(chan struct{}), logged: map[string]time.Time{}}
	g.server = newServer(g)
	return g
}

// cookieBase is the name of app cookies without its prefix.
const cookieBase = "sana_app"

// CookieName returns the name of app cookies. Over https it has the __Host- prefix, which binds a
// cookie to one host and to TLS (RFC 6265bis, 4.1.3.2). Over http, which only development allows,
// it has none.
func CookieName(publicURL *url.URL) string {
	if publicURL.Scheme == "https" {
		return "__Host-" + cookieBase
	}
	return cookieBase
}

// Outcome is the result of a decision. Responses, logs and metrics use its text.
type Outcome string

// The outcomes. All but Allowed are refusals.
const (
	Allowed        Outcome = "allowed"
	SignInRequired Outcome = "sign_in_required"
	// The sign-in is older than the app's Fresh.
	ReauthenticationRequired Outcome = "reauthentication_required"
	// The key is unknown, expired, revoked or of another app.
	AccessKeyInvalid Outcome = "access_key_invalid"
	NotAllowed       Outcome = "not_allowed" // the app's rule does not name the user
	// The database is unavailable, and no lease is valid.
	Unavailable   Outcome = "unavailable"
	Misconfigured Outcome = "gate_misconfigured" // the proxy's request is not as specified
)

// Principal is a user with a valid session or access key. Only Decide and DecideByKey create one.
type Principal struct {
	session session.Session
	groups  []string
}

// User returns the user.
func (p Principal) User() session.User { return p.session.User }

// SessionID returns the public id of the user's session, "" with an access key.
func (p Principal) SessionID() string { return p.session.ID }

// Groups returns the names of the user's groups, at least one.
func (p Principal) Groups() []string { return p.groups }

// ExpiresAt returns the absolute timeout of the session or access key.
func (p Principal) ExpiresAt() time.Time { return p.session.ExpiresAt }

// Decision is the result of Decide.
type Decision struct {
	Outcome Outcome
	// Principal is set with Allowed, NotAllowed and ReauthenticationRequired.
	Principal *Principal
	// Ended is set with SignInRequired if the session was revoked or has expired and the reason is
	// known. The cookie is not verified in this case, so Ended contains no browser.
	Ended *session.Ended

	byKey bool  // with Allowed: authenticated by an access key
	err   error // with Unavailable
}

// Decide decides whether the visitor with this app cookie may use an app at one of its hosts.
// cookie is the value of the only cookie of this name, "" if there is none.
func (g *Gate) Decide(ctx context.Context, app *apps.App, host, cookie string) Decision {
	c, err := appcookie.Parse(cookie)
	if err != nil {
		return Decision{Outcome: SignInRequired}
	}
	var current session.Session
	if cached := g.Sessions.ReadCachedByID([]byte(c.SessionID)); cached != nil {
		current = cached.Session()
	} else if current, err = g.readSession(ctx, c.SessionID); err != nil {
		return withoutSession(err)
	}
	if g.Cookies.Check(c, host, current.Seed) != nil {
		return Decision{Outcome: SignInRequired}
	}

	now := time.Now()
	if app.IsVoid(c.IssuedAt, now) {
		return Decision{Outcome: SignInRequired}
	}

	principal := &Principal{session: current, groups: g.Apps.Load().Groups(current.User.Email)}
	switch {
	case !app.Serves(host) || !app.Allows(current.User.Email, now):
		return Decision{Outcome: NotAllowed, Principal: principal}
	case !app.IsFresh(current.User.SignedInAt, now):
		return Decision{Outcome: ReauthenticationRequired, Principal: principal}
	default:
		return Decision{Outcome: Allowed, Principal: principal}
	}
}

// readSessionTimeout bounds reading one session from the database.
const readSessionTimeout = 5 * time.Second

// readSession reads a session that is not cached. Only this has a timeout: a timer in each decision
// would take as long as reading the cookie.
func (g *Gate) readSession(ctx context.Context, id string) (session.Session, error) {
	ctx, cancel := context.WithTimeout(ctx, readSessionTimeout)
	defer cancel()
	return g.Sessions.ReadByID(ctx, id)
}

// withoutSession returns the decision for an error of the store.
func withoutSession(err error) Decision {
	if !errors.Is(err, session.ErrNone) {
		return Decision{Outcome: Unavailable, err: err}
	}
	d := Decision{Outcome: SignInRequired}
	if ended, ok := errors.AsType[*session.Ended](err); ok {
		d.Ended = &session.Ended{Reason: ended.Reason, At: ended.At}
	}
	return d
}

// StartURL returns the address at which a browser begins to get the app cookie of a host. It is
// absolute, because proxies would resolve a relative one against the gate's address. target is the
// path to return to.
func StartURL(publicURL *url.URL, host, target string) string {
	path := apps.ReturnPath(target)
	return publicURL.Scheme + "://" + host + apps.ReservedPath + "start?path=" +
		url.QueryEscape(path)
}

// headerText returns text as the value of a header: without control characters, and never empty.
func headerText(text string) string {
	clean := strings.TrimSpace(session.Printable(text, maxHeaderText))
	if clean == "" {
		return "-"
	}
	return clean
}

// maxHeaderText is longer than any address or name of a user.
const maxHeaderText = 1024
