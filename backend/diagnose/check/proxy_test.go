package check_test

import (
	"net/http"
	"strings"
	"testing"

	"sana/backend/test/harness"
)

// inCookies returns a function that changes every Set-Cookie.
func inCookies(old, replacement string) func(*front) {
	return func(f *front) {
		f.response = func(r *http.Response) {
			for i, cookie := range r.Header["Set-Cookie"] {
				r.Header["Set-Cookie"][i] = strings.Replace(cookie, old, replacement, 1)
			}
		}
	}
}

// breakingProxies are proxies that break Sana, and the check that detects each.
var breakingProxies = []struct {
	name   string
	set    func(*front)
	check  string
	want   string
	others map[string]string
}{
	{"takes Secure away", inCookies(" secure;", ""), "cookie", "fail Secure is missing", nil},
	{"takes HttpOnly away", inCookies(" HttpOnly;", ""), "cookie", "fail HttpOnly is missing", nil},
	{"takes SameSite away", inCookies("SameSite=Lax", ""), "cookie",
		"fail SameSite is not Lax or Strict", nil},
	{"adds a Domain", inCookies("SameSite=Lax", "SameSite=Lax; Domain=example.com"), "cookie",
		"fail Domain is set", nil},
	{"moves the Path", inCookies("path=/", "path=/api"), "cookie", "fail Path is not /", nil},
	{
		"drops cookies", func(f *front) {
			f.response = func(r *http.Response) { r.Header.Del("Set-Cookie") }
		},
		"code-request", "fail cookies do not arrive: 409 browser_token_missing", map[string]string{
			"no-session": "fail 401 not_signed_in comes with 0 browser tokens",
		},
	},
	{
		"drops headers", func(f *front) {
			f.response = func(r *http.Response) {
				r.Header.Del("Strict-Transport-Security")
				r.Header.Set("Content-Security-Policy", "default-src 'none'")
			}
		},
		"headers",
		"fail missing: Content-Security-Policy: frame-ancestors 'none'; " +
			"Strict-Transport-Security: max-age=", nil,
	},
	{
		"makes every request our own", func(f *front) {
			f.request = func(r *http.Request) {
				r.Header.Set("Origin", publicURL)
				r.Header.Del("Sec-Fetch-Site")
			}
		},
		"other-sites", "fail a write from another site was accepted", nil,
	},
	{
		"gives visitors a session", func(f *front) {
			f.response = func(r *http.Response) {
				if r.Request.URL.Path == "/api/auth/session" {
					r.Header.Add("Set-Cookie",
						"__Host-sana_session=planted; Path=/; Secure; HttpOnly; SameSite=Lax")
				}
			}
		},
		"no-session", "fail a new visitor gets a session", nil,
	},
	{
		"answers plain http itself", func(f *front) {
			f.plain = func(http.ResponseWriter, *http.Request) {}
		},
		"https", "warn http://example.com/ answers 200 and does not redirect to https", nil,
	},
	{
		"leads plain http to another host", func(f *front) {
			f.plain = http.RedirectHandler("https://sana.example/",
				http.StatusMovedPermanently).ServeHTTP
		},
		"https", "warn http://example.com/ answers 301", nil,
	},
	{
		"keeps an old version beside the new one", func(f *front) {
			asked := 0
			f.own = func(r *http.Request) *own {
				if asked++; r.URL.Path != "/readyz" || asked%2 == 0 {
					return nil
				}
				return &own{200, http.Header{"Content-Type": {"application/json"}},
					`{"status":"ok","version":"1.9","instance":"old"}`}
			}
		},
		"version", "warn different versions answer: ", nil,
	},
	{
		"serves a cached answer of another user", func(f *front) {
			f.own = only(http.MethodGet, "/api/auth/session",
				own{200, http.Header{"Content-Type": {"application/json"}}, `{}`})
		},
		"no-session", "fail signed in without a cookie",
		map[string]string{"headers": "fail missing: Cache-Control: no-store"},
	},
	{
		"finds a fault of ours", func(f *front) {
			f.own = only(http.MethodGet, "/api/openapi.json",
				own{500, http.Header{"Content-Type": {"application/problem+json"}},
					`{"code":"internal_error","request_id":"R1"}`})
		},
		"contract", "fail failed: 500 internal_error", nil,
	},
	{
		"knows another API", func(f *front) {
			f.own = only(http.MethodGet, "/api/openapi.json",
				own{200, http.Header{"Content-Type": {"application/json"}},
					`{"info":{"title":"Pets"}}`})
		},
		"contract", "fail another API's contract: Pets", nil,
	},
	{
		"takes every code for right", func(f *front) {
			f.own = only(http.MethodPost, "/api/auth/verify",
				own{200, http.Header{"Content-Type": {"application/json"}}, `{}`})
		},
		"wrong-code", "fail a random code signed in", nil,
	},
	{
		"says no session to a wrong code", func(f *front) {
			f.own = only(http.MethodPost, "/api/auth/verify",
				own{404, http.Header{"Content-Type": {"application/problem+json"}},
					`{"code":"no_pending_code"}`})
		},
		"wrong-code", "fail pending sign-in lost: 404 no_pending_code", nil,
	},
	{
		"counts no tries", func(f *front) {
			f.own = only(http.MethodPost, "/api/auth/verify",
				own{401, http.Header{"Content-Type": {"application/problem+json"}},
					`{"code":"wrong_code","tries_left":4}`})
		},
		"wrong-code", "fail attempts left before, in the answer and after: 5, 4, 5", nil,
	},
}

// only returns a function that answers one path and method.
func only(method, path string, answer own) func(*http.Request) *own {
	return func(r *http.Request) *own {
		if r.Method != method || r.URL.Path != path {
			return nil
		}
		return &answer
	}
}

func TestCheck_DetectsBreakingProxies(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	instance := w.Run(t, atHome)
	for _, p := range breakingProxies {
		t.Run(p.name, func(t *testing.T) {
			f := newFront(instance)
			p.set(f)
			want := map[string]string{p.check: p.want}
			for name, other := range p.others {
				want[name] = other
			}
			wantAllBut(t, results(t, f.options(t)), want)
		})
	}
}
