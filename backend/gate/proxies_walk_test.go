package gate_test

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"sana/backend/test/harness"
)

// deepLink is the address that a user opens.
const deepLink = "https://wiki.example.org/deep?a=b&c=%2f"

// throughProxy is a sequence of requests through a proxy to an app.
type throughProxy struct {
	t *testing.T
	proxiedBrowser
	app *upstream
}

func walkThrough(t *testing.T, b proxiedBrowser, app *upstream) {
	t.Helper()
	w := &throughProxy{t, b, app}
	w.withoutSession()
	w.signedIn()
	send := w.longConnections()
	w.attack()
	w.signedOut(send)
	w.notAllowed()
	w.withoutDatabase()
}

func (w *throughProxy) want(what string, p page, status int, text string) {
	w.t.Helper()
	if p.status != status || !strings.Contains(p.body, text) {
		w.t.Errorf("%s: %d at %s, want %d with %q; the body is %.400s",
			what, p.status, p.url, status, text, p.body)
	}
}

// wantNotReached checks that no request has reached the app.
func (w *throughProxy) wantNotReached(what string) {
	w.t.Helper()
	if n := w.app.requests.Load(); n != 0 {
		w.t.Errorf("%s: %d requests reached the app", what, n)
	}
	w.app.requests.Store(0)
}

// withoutSession checks that a page leads to the sign-in, a fetch gets 401, and a form gets a page.
func (w *throughProxy) withoutSession() {
	w.t.Helper()
	p := w.open(deepLink)
	if p.url.Host != "sana.example" ||
		!strings.HasPrefix(p.url.Query().Get("next"), "/enter?host="+wiki) {
		w.t.Fatalf("new: at %s (%d), want the sign-in page; %.300s", p.url, p.status, p.body)
	}
	w.want("XHR", w.send(http.MethodGet, deepLink, "cors"), 401, "sign_in_required")
	w.want("POST as a page", w.send(http.MethodPost, deepLink, "navigate"), 401,
		"You need to sign in again")
	w.want("POST", w.send(http.MethodPost, deepLink, "cors"), 401, "sign_in_required")
	w.want("_sana/me", w.send(http.MethodGet, "https://wiki.example.org/_sana/me", "cors"), 401,
		"sign_in_required")
	w.wantNotReached("without a session")
}

// signedIn checks that the app receives the user's identity with any headers of the client, and
// that a large body reaches only the app.
func (w *throughProxy) signedIn() {
	w.t.Helper()
	w.signIn(ada)
	w.want("in", w.open(deepLink), 200, "GET /deep?a=b&c=%2f")
	lies := combine(set("Remote-User", "root"), alias("Remote_User", "root"),
		alias("Remote.User", "root"), alias("remote_groups", "admin"),
		set("Remote-Name", "Root"), set("X-Forwarded-User", "root"))
	got := w.send(http.MethodGet, deepLink, "cors", lies)
	w.want("in, with lies", got, 200, "Remote-User: "+ada+"\n")
	if strings.Contains(got.body, "root") || strings.Contains(got.body, "admin") ||
		strings.Contains(got.body, "Root") ||
		!strings.Contains(got.body, "Remote-Groups: ops,staff\n") ||
		!strings.Contains(got.body, "Remote-Name: "+ada+"\n") {
		w.t.Errorf("the app received forged headers: %s", got.body)
	}
	w.want("If-None-Match",
		w.send(http.MethodGet, deepLink, "cors", set("If-None-Match", "*")), 200, "GET")
	large := func(r *http.Request) {
		r.Method, r.Body, r.ContentLength = http.MethodPut,
			io.NopCloser(io.LimitReader(zeros{}, 100<<20)), 100<<20
	}
	w.want("PUT", w.send(http.MethodPut, deepLink, "cors", large), 200, "PUT /deep")
	if n := w.app.body.Load(); n != 100<<20 {
		w.t.Errorf("%d bytes of the body reached the app", n)
	}
	if p := w.open("https://a.preview.example.net/x"); p.status != 200 {
		w.t.Errorf("host with *: %d at %s: %.300s", p.status, p.url, p.body)
	}
}

// longConnections downloads a file and opens a websocket, which it leaves open.
func (w *throughProxy) longConnections() (send func(string) string) {
	w.t.Helper()
	if got := w.send(http.MethodGet, "https://wiki.example.org/download",
		"navigate"); got.status != 200 || len(got.body) != downloadSize {
		w.t.Errorf("download: %d with %d bytes", got.status, len(got.body))
	}
	status, send := w.openSocket()
	if status != http.StatusSwitchingProtocols {
		w.t.Fatalf("websocket: %d, want 101", status)
	}
	if got := send("before"); got != "before" {
		w.t.Errorf("the websocket sent %q", got)
	}
	return send
}

// attack manipulates the requests: none of them gets the response of a valid one.
func (w *throughProxy) attack() {
	w.t.Helper()
	w.app.requests.Store(0)
	otherBrowser := newAppBrowser(w.t, w.i)
	for name, change := range map[string]func(*http.Request){
		"X-Original-URL": combine(set("X-Original-URL", "https://"+wiki+"/"),
			set("X-Original-Method", "GET")),
		"X-Forwarded-Host": combine(set("X-Forwarded-Host", wiki),
			set("X-Forwarded-Uri", "/")),
		"X_Forwarded_Host":                   alias("X_Forwarded_Host", wiki),
		"Connection: X-Forwarded-Host":       set("Connection", "X-Forwarded-Host, close"),
		"Connection: X-Original-URL, Cookie": set("Connection", "X-Original-URL, Remote-User"),
		"OPTIONS":                            func(r *http.Request) { r.Method = http.MethodOptions },
		"robot":                              set("User-Agent", "GoogleHC/1.0"),
	} {
		fresh := proxiedBrowser{otherBrowser, w.through}
		fresh.client.Transport = fresh
		p := fresh.send(http.MethodGet, "https://wiki.example.org/secret", "cors", change)
		if p.status == http.StatusOK {
			w.t.Errorf("%s: allowed without a session: %s", name, p.body)
		}
	}
	for _, path := range []string{"/%2e%2e/_sana/../secret", "/_sana/..%2fsecret",
		"/_sana%2f..%2fsecret", "/_sana/../secret", "//secret", "/_SANA/x"} {
		u := &url.URL{Scheme: "https", Host: wiki, Opaque: "//" + wiki + path}
		request := &http.Request{Method: http.MethodGet, URL: u, Host: wiki,
			Header: http.Header{"Sec-Fetch-Mode": {"cors"}}}
		before := w.app.requests.Load()
		response, err := w.through.RoundTrip(request)
		if err != nil {
			w.t.Fatal(err)
		}
		response.Body.Close()
		if w.app.requests.Load() != before {
			w.t.Errorf("%s: a request without a session reached the app: %d",
				path, response.StatusCode)
		}
	}
}

// signedOut expects the results of withoutSession, except for the open websocket: no check before a
// request can close it.
func (w *throughProxy) signedOut(send func(string) string) {
	w.t.Helper()
	w.want("sign-out",
		w.send(http.MethodPost, "https://wiki.example.org/_sana/sign-out", "navigate"),
		200, "You’re signed out")
	if got := send("after"); got != "after" {
		w.t.Errorf("a websocket that was open at the sign-out sent %q; "+
			"no check before a request can close it", got)
	}
	if status, _ := w.openSocket(); status != http.StatusUnauthorized {
		w.t.Errorf("a websocket after the sign-out: %d, want 401", status)
	}
	w.app.requests.Store(0)
	if p := w.open(deepLink); p.url.Host != "sana.example" {
		w.t.Errorf("signed out: %d at %s", p.status, p.url)
	}
	w.wantNotReached("signed out")
}

// notAllowed checks a user whom the rule of the app does not allow.
func (w *throughProxy) notAllowed() {
	w.t.Helper()
	w.signIn("eve@other.example")
	w.want("not for them", w.open(deepLink), 403, "You can’t use Wiki")
	w.want("not for them, XHR", w.send(http.MethodGet, deepLink, "cors"), 403, "not_allowed")
	w.wantNotReached("not for them")
}

// withoutDatabase checks that the app is unavailable, not signed out and not allowed.
func (w *throughProxy) withoutDatabase() {
	w.t.Helper()
	w.i.w.StopDatabase(w.t)
	harness.Eventually(w.t, "the gate responds without a database", func() error {
		p := w.send(http.MethodGet, deepLink, "cors")
		if p.status != http.StatusServiceUnavailable {
			return fmt.Errorf("got %d: %.200s", p.status, p.body)
		}
		return nil
	})
	w.want("without a database", w.open(deepLink), 503, "Wiki can’t be opened right now")
	w.i.w.BringBack(w.t)
	harness.Eventually(w.t, "the gate does not recover", func() error {
		if p := w.send(http.MethodGet, deepLink, "cors"); p.status != http.StatusForbidden {
			return fmt.Errorf("got %d", p.status)
		}
		return nil
	})
	w.wantNotReached("without a database")
}
