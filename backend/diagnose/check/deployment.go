package check

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"sana/backend/diagnose"
)

// health is the answer of /livez and /readyz.
type health struct {
	Status   string `json:"status"`
	Version  string `json:"version"`
	Instance string `json:"instance"`
}

// health parses an answer of /livez or /readyz.
func (a answer) health() (health, bool) {
	var h health
	good := a.status == http.StatusOK && a.json(&h) && h.Status == "ok" && h.Version != "" &&
		h.Instance != ""
	return h, good
}

func (r *run) reachable(ctx context.Context) diagnose.Result {
	a := r.client.get(ctx, "/livez")
	if _, good := a.health(); !good {
		result := r.unexpected(a)
		if a.err == nil && a.problem.Code == "" {
			result.Hint += "; if this is an app behind the gate, its proxy does not use the " +
				"gate: " + hintGate
		}
		return result
	}
	return diagnose.OK("Sana answers at " + r.client.origin)
}

// ready requests /readyz often enough to reach every instance, so that it finds one without its
// database among others.
func (r *run) ready(ctx context.Context) diagnose.Result {
	result := r.often(ctx, "/readyz", func(a answer) diagnose.Result {
		h, good := a.health()
		if !good {
			return r.unexpected(a)
		}
		r.versions, r.instances = added(r.versions, h.Version), added(r.instances, h.Instance)
		return diagnose.OK("")
	})
	if result.State == diagnose.Passed {
		result.Detail = fmt.Sprintf(
			"database and schema are ready; instances seen in %d requests: %d", r.Requests,
			len(r.instances))
	}
	return result
}

func added(list []string, s string) []string {
	if slices.Contains(list, s) {
		return list
	}
	return append(list, s)
}

func (r *run) version(context.Context) diagnose.Result {
	names := printable(strings.Join(r.versions, ", "))
	if len(r.versions) > 1 {
		return diagnose.Warn("different versions answer: "+names,
			"wait for the running deployment, or stop the old instances")
	}
	return diagnose.OK(names)
}

// https requests the same host without TLS, because visitors may omit the scheme.
func (r *run) https(ctx context.Context) diagnose.Result {
	switch {
	case r.URL.Scheme == "http" && isThisMachine(r.URL.Hostname()):
		return diagnose.OK("plain http, on this machine only")
	case r.URL.Scheme == "http":
		return diagnose.Fail("plain http: anyone on the network path can read codes and cookies",
			"put a proxy with TLS in front, and check its https address")
	case !isDefaultPort(r.URL):
		return diagnose.OK("TLS; plain http is checked for port 443 only")
	}
	host := strings.TrimPrefix(r.client.origin, "https://")
	a := r.client.with(nil).send(ctx, http.MethodGet, "http://"+host+"/", "", nil)
	if a.err != nil {
		return diagnose.OK("TLS; nothing answers plain http")
	}
	target, err := url.Parse(a.header.Get("Location"))
	if err == nil && a.status >= 300 && a.status < 400 && originOf(target) == r.client.origin {
		return diagnose.OK("TLS; plain http redirects to it")
	}
	return diagnose.Warn(
		fmt.Sprintf("http://%s/ answers %d and does not redirect to https", host, a.status),
		"let the proxy redirect port 80 to "+r.client.origin)
}

func isDefaultPort(u *url.URL) bool { return u.Port() == "" || u.Port() == "443" }

func isThisMachine(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost") ||
		err == nil && ip.IsLoopback()
}

// publicURL cancels the pending code of a browser that has none, which changes nothing. It sends
// only Origin, so that the server must compare it with PUBLIC_URL, scheme and port included.
func (r *run) publicURL(ctx context.Context) diagnose.Result {
	a := r.client.send(ctx, http.MethodDelete, r.client.origin+"/api/auth/code", "",
		map[string]string{"Origin": r.client.origin})
	if a.status != http.StatusNoContent {
		return r.unexpected(a)
	}
	return diagnose.OK("PUBLIC_URL is " + r.client.origin)
}

// otherSites sends the request that a page of another site would make a browser send.
func (r *run) otherSites(ctx context.Context) diagnose.Result {
	a := r.client.send(ctx, http.MethodDelete, r.client.origin+"/api/auth/code", "",
		map[string]string{"Origin": "https://check.invalid", "Sec-Fetch-Site": "cross-site"})
	switch {
	case a.is(http.StatusForbidden, "cross_origin_request"):
		return diagnose.OK("writes from other sites are refused")
	case a.status == http.StatusNoContent:
		return diagnose.Fail("a write from another site was accepted",
			"let the proxy pass Origin and Sec-Fetch-Site on unchanged")
	}
	return r.unexpected(a)
}

func (r *run) contract(ctx context.Context) diagnose.Result {
	var document struct {
		OpenAPI string `json:"openapi"`
		Info    struct {
			Title string `json:"title"`
		} `json:"info"`
		Paths map[string]any `json:"paths"`
	}
	a := r.client.get(ctx, "/api/openapi.json")
	if a.status != http.StatusOK || !a.json(&document) {
		return r.unexpected(a)
	}
	if document.Info.Title != "Sana" || document.Paths["/api/auth/code"] == nil {
		return diagnose.Fail("another API's contract: "+printable(document.Info.Title), hintServer)
	}
	return diagnose.OK("OpenAPI " + printable(document.OpenAPI) + " at /api/openapi.json")
}

// wantHeaders are the headers of every answer of the API, and a required part of each.
var wantHeaders = []struct{ name, part string }{
	{"Cache-Control", "no-store"},
	{"Content-Security-Policy", "default-src 'none'"},
	{"Content-Security-Policy", "frame-ancestors 'none'"},
	{"Cross-Origin-Opener-Policy", "same-origin"},
	{"Cross-Origin-Resource-Policy", "same-origin"},
	{"Permissions-Policy", "camera=()"},
	{"Referrer-Policy", "same-origin"},
	{"X-Content-Type-Options", "nosniff"},
	{"X-Request-Id", ""},
}

func (r *run) headers(ctx context.Context) diagnose.Result {
	a := r.client.get(ctx, "/api/auth/session")
	if a.err != nil {
		return r.unexpected(a)
	}
	want := wantHeaders
	if r.URL.Scheme == "https" {
		want = append(slices.Clone(want),
			struct{ name, part string }{"Strict-Transport-Security", "max-age="})
	}
	var missing []string
	for _, h := range want {
		if value := strings.Join(a.header.Values(h.name), ", "); value == "" ||
			!strings.Contains(value, h.part) {
			missing = append(missing, strings.TrimSuffix(h.name+": "+h.part, ": "))
		}
	}
	if len(missing) > 0 {
		return diagnose.Fail("missing: "+strings.Join(missing, "; "),
			"let the proxy pass Sana's headers on unchanged; if only Strict-Transport-Security is "+
				"missing, PUBLIC_URL is not "+r.client.origin)
	}
	return diagnose.OK("the security headers are present")
}

// noSession checks that a new visitor is not signed in and gets a browser token, but no session.
func (r *run) noSession(ctx context.Context) diagnose.Result {
	visitor := r.client.with(map[string]string{})
	a := visitor.get(ctx, "/api/auth/session")
	tokens, foreign := ofName(a.cookies, browserCookie), foreignCookie(a.cookies)
	switch {
	case a.status == http.StatusOK:
		return diagnose.Fail("signed in without a cookie: the answer is another user's",
			"disable caching of /api in the proxy or CDN")
	case !a.is(http.StatusUnauthorized, "not_signed_in"):
		return r.unexpected(a)
	case visitor.session() != "":
		return diagnose.Fail("a new visitor gets a session",
			"check that the proxy passes Sana's answers on unchanged")
	case len(tokens) != 1:
		detail := fmt.Sprintf("401 not_signed_in comes with %d browser tokens, not one",
			len(tokens))
		return diagnose.Fail(detail, hintCookies)
	case foreign != "":
		return diagnose.Warn(
			"a new visitor gets the cookie "+printable(foreign)+", which is not Sana's",
			"if it is for sticky sessions, disable them: Sana does not need them")
	}
	return diagnose.OK("401 not_signed_in, with a browser token and no session")
}

// foreignCookie returns the name of the first cookie that Sana did not set, "" if there is none.
func foreignCookie(cookies []*http.Cookie) string {
	for _, c := range cookies {
		switch strings.TrimPrefix(c.Name, hostPrefix) {
		case sessionCookie, browserCookie, deviceCookie:
		default:
			return c.Name
		}
	}
	return ""
}
