package check_test

import (
	"context"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"sana/backend/diagnose"
	"sana/backend/diagnose/check"
	"sana/backend/test/harness"
)

const atHome = "PUBLIC_URL=" + publicURL

func TestCheck_HealthyDeploymentPasses(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	list := results(t, newFront(w.Run(t, atHome)).options(t))
	wantAllBut(t, list, nil)
	wantGolden(t, "healthy.txt", list)
}

// A load balancer may decide by connection or by a cookie of its own. Neither must tie the check to
// one instance.
func TestCheck_UsesNewConnectionsAndSanasCookiesOnly(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	f := newFront(w.Run(t, atHome))
	f.response = func(r *http.Response) { r.Header.Add("Set-Cookie", "balancer=1; Path=/") }
	connections := map[any]bool{}
	f.own = func(r *http.Request) *own {
		on := r.Context().Value(connection{})
		if connections[on] {
			t.Errorf("%s %s comes on a connection that was used before", r.Method, r.URL.Path)
		}
		connections[on] = true
		if _, err := r.Cookie("balancer"); err == nil {
			t.Errorf("%s %s comes with the balancer's cookie", r.Method, r.URL.Path)
		}
		return nil
	}
	wantAllBut(t, results(t, f.options(t)),
		map[string]string{"no-session": "warn which is not Sana's"})
}

// Each instance has its own database, as in the predecessor of Sana.
func TestCheck_DetectsInstancesWithSeparateDatabases(t *testing.T) {
	t.Parallel()
	here, there := harness.NewWorld(t), harness.NewWorld(t)
	list := results(t, newFront(here.Run(t, atHome), there.Run(t, atHome)).options(t))
	wantNothingLeft(t, here)
	wantNothingLeft(t, there)
	wantAllBut(t, list, map[string]string{
		"pending": "fail 10 of 20 requests: pending sign-in lost: 404 no_pending_code",
	})
	for _, r := range list {
		if r.Name == "pending" &&
			(!strings.Contains(r.Hint, "DATABASE_URL") ||
				!strings.Contains(r.Hint, "SECRET_KEYS")) {
			t.Errorf("the hint names no variable: %s", r.Hint)
		}
	}
}

func TestCheck_DetectsWrongHostInPublicURL(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	list := results(t, newFront(w.Run(t, "PUBLIC_URL=https://sana.example")).options(t))
	wantAllBut(t, list,
		map[string]string{"public-url": "fail wrong PUBLIC_URL, or the proxy changes Host"})
	wantGolden(t, "wrong-public-url.txt", list)
}

func TestCheck_DetectsWrongSchemeInPublicURL(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	list := results(t,
		newFront(w.Run(t, "APP_ENV=development", "PUBLIC_URL=http://example.com")).options(t))
	wantAllBut(t, list, map[string]string{
		"public-url": "fail wrong PUBLIC_URL: its own origin is refused (403 cross_origin_request)",
	})
}

// One of two instances still has the old PUBLIC_URL: half of the answers are its.
func TestCheck_DetectsWrongPublicURLOfOneInstance(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	f := newFront(w.Run(t, atHome),
		w.Run(t, "APP_ENV=development", "PUBLIC_URL=http://example.com"))
	f.own = func(r *http.Request) *own {
		switch {
		case r.Method == http.MethodDelete &&
			r.Header.Get("Sec-Fetch-Site") == "", r.URL.Path == "/api/auth/session":
			f.next.Store(1) // to the first instance: the other one would be reported at once
		case r.URL.Path == "/api/auth/code" && r.Method == http.MethodPost:
			f.next.Store(0) // to the other
		}
		return nil
	}
	list := results(t, f.options(t))
	wantAllBut(t, list, map[string]string{
		"cookie": "fail wrong PUBLIC_URL: the cookie is sana_browser, over https it must be " +
			"__Host-sana_browser",
		"pending": "fail of 20 requests: pending sign-in lost",
	})
}

func TestCheck_ReportsUnavailableDatabase(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	o := newFront(w.Run(t, atHome)).options(t)
	w.StopDatabase(t)
	wantAllBut(t, results(t, o), map[string]string{
		"ready": "fail 20 of 20 requests: database unavailable: 503 unavailable",
	})
}

func TestCheck_DatabaseLossIsNotALostSignIn(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	o := newFront(w.Run(t, atHome)).options(t)
	var list []diagnose.Result
	check.Run(t.Context(), o, func(r diagnose.Result) {
		list = append(list, r)
		if r.Name == "cookie" {
			w.StopDatabase(t)
		}
	})
	wantAllBut(t, list, map[string]string{
		"pending": "fail 20 of 20 requests: database unavailable: 503 unavailable",
		"cleanup": "fail database unavailable",
	})
}

// visitor returns a browser with a browser token.
func visitor(t *testing.T, instance *harness.Process) *harness.Browser {
	t.Helper()
	b := instance.Open(t)
	b.Get("/api/auth/session", atPublicURL).Want(http.StatusUnauthorized)
	return b
}

// request requests a code.
func request(b *harness.Browser, email string) *harness.Answer {
	return b.Post("/api/auth/code", `{"email":"`+email+`"}`, atPublicURL)
}

// atPublicURL is for instances whose PUBLIC_URL is atHome's.
func atPublicURL(r *http.Request) { r.Host = "example.com" }

// wantNothingLeft fails the test if a check left a session or a pending code.
func wantNothingLeft(t *testing.T, w *harness.World) {
	t.Helper()
	harness.WantEqual(t, "sessions", w.Count(t, `SELECT count(*) FROM sessions`), 0)
	harness.WantEqual(t, "pending codes",
		w.Count(t, `SELECT count(*) FROM challenges WHERE consumed_at IS NULL`), 0)
}

func TestCheck_RateLimitIsAWarning(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	instance := w.Run(t, atHome)
	f := newFront(instance)
	b := visitor(t, instance).At(f.address)
	for i := range 60 {
		request(b, fmt.Sprintf("person%d@sana.example", i)).Want(http.StatusAccepted)
	}
	list := results(t, f.options(t))
	wantAllBut(t, list, map[string]string{
		"code-request": "warn rate limit: 429 too_many_requests",
	})
	for _, r := range list {
		if r.Name == "code-request" && !strings.Contains(r.Detail, "Retry in ") {
			t.Errorf("the detail does not say when to retry: %s", r.Detail)
		}
	}
}

func TestCheck_RecognisesOtherServers(t *testing.T) {
	t.Parallel()
	page := http.Header{"Content-Type": {"text/html"}}
	for name, c := range map[string]struct {
		answer own
		want   string
	}{
		"a page for everything": {own{200, page, "<h1>hello</h1>"},
			"not Sana's answer: 200 with text/html"},
		"another program's health": {
			own{200, http.Header{"Content-Type": {"application/json"}}, `{"status":"ok"}`},
			"not Sana's answer: 200 with application/json"},
		"nothing here": {own{404, page, "no"},
			"not Sana's answer: 404 with text/html"},
		"a proxy without a server behind it": {own{502, page, "bad gateway"},
			"the proxy in front answers 502, not Sana"},
		"moved": {own{301, http.Header{"Location": {"https://sana.example/livez"}}, ""},
			"redirects elsewhere: 301 to https://sana.example/livez"},
		"control characters": {
			own{418, http.Header{"Content-Type": {"application/problem+json"}},
				`{"code":"red","detail":"\u001b[31m"}`}, "refused: 418 red: [31m"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFront()
			f.own = func(*http.Request) *own { return &c.answer }
			wantAllBut(t, results(t, f.options(t)),
				map[string]string{"reachable": "fail " + c.want})
		})
	}
}

func TestCheck_ReportsWhyNothingAnswers(t *testing.T) {
	t.Parallel()
	f := newFront()
	f.own = func(*http.Request) *own { return &own{status: 200} }
	stranger := f.options(t)
	stranger.Roots = x509.NewCertPool()
	closed := stranger
	closed.Dial = func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, "127.0.0.1:1")
	}
	unknown := stranger
	unknown.Dial = func(context.Context, string, string) (net.Conn, error) {
		return nil, &net.DNSError{Err: "no such host", Name: "example.com", IsNotFound: true}
	}
	noTLS := stranger
	noTLS.Dial = func(ctx context.Context, network, _ string) (net.Conn, error) {
		return f.dialPlain(ctx, stranger, network)
	}
	for want, o := range map[string]check.Options{
		"certificate refused: ": stranger,
		"connection refused: ":  closed,
		"unknown host: ":        unknown,
		"no TLS here":           noTLS,
	} {
		wantAllBut(t, results(t, o), map[string]string{"reachable": "fail " + want})
	}
}

// dialPlain opens a connection to the port for plain http.
func (f *front) dialPlain(ctx context.Context, o check.Options, network string) (net.Conn, error) {
	return o.Dial(ctx, network, "example.com:80")
}

func TestCheck_CleansUpAfterInterruption(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	o := newFront(w.Run(t, atHome)).options(t)
	ctx, interrupt := context.WithCancel(t.Context())
	var list []diagnose.Result
	check.Run(ctx, o, func(r diagnose.Result) {
		list = append(list, r)
		if r.Name == "cookie" {
			interrupt()
		}
	})
	wantAllBut(t, list, map[string]string{
		"pending": "skip interrupted",
	})
	wantNothingLeft(t, w)
}

// Plain http on the loopback interface is safe enough for development.
func TestCheck_AllowsPlainHTTPOnLoopbackOnly(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	instance := w.Run(t, "APP_ENV=development", "MAIL_TRANSPORT=mailgun",
		"PUBLIC_URL=http://localhost:8000", "TRUSTED_PROXY_HOPS=0")
	at, err := url.Parse(instance.URL)
	if err != nil {
		t.Fatal(err)
	}
	dial := func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, at.Host)
	}
	local, err := url.Parse("http://localhost:8000")
	if err != nil {
		t.Fatal(err)
	}
	wantAllBut(t, results(t, check.Options{URL: local, Requests: 2, Dial: dial}),
		map[string]string{"https": "ok plain http, on this machine only"})

	elsewhere, err := url.Parse("http://sana.example")
	if err != nil {
		t.Fatal(err)
	}
	wantAllBut(t, results(t, check.Options{URL: elsewhere, Requests: 2, Dial: dial}),
		map[string]string{"https": "fail plain http", "public-url": "fail wrong PUBLIC_URL"})
}
