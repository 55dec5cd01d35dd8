package check

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"sana/backend/diagnose"
)

// questions are headers by which a client could change the proxy's request to the gate, or pass for
// a program that needs no sign-in.
var questions = []struct{ name, value string }{
	{"X-Forwarded-Host", "check.invalid"},
	{"X-Forwarded-Uri", "/forged"},
	{"X-Forwarded-Method", "POST"},
	{"X-Original-URL", "https://check.invalid/forged"},
	{"X-Original-Method", "POST"},
	{"X-Original-Addr", "192.0.2.1"},
	{"X_Forwarded_Host", "check.invalid"},
	{"X_Forwarded_Uri", "/forged"},
	{"X_Original_URL", "https://check.invalid/forged"},
	{"Connection", "X-Forwarded-Host, X-Forwarded-Uri, X-Forwarded-Method"},
	{"Connection", "X-Original-URL, X-Original-Method"},
	{"If-None-Match", "*"},
	{"User-Agent", "GoogleHC/1.0"},
	{"Authorization", "Basic c2FuYTpjaGVjaw=="},
}

// forgedQuestions sends each of questions. The answer must not change.
func (r *appRun) forgedQuestions(ctx context.Context) diagnose.Result {
	var reached []string
	for _, q := range questions {
		a := r.ask(ctx, map[string]string{q.name: q.value})
		sent := q.name + ": " + q.value
		switch {
		case a.err != nil:
			return noAnswer(a.err)
		case r.isStart(a):
		case isLetThrough(a):
			return diagnose.Fail(
				fmt.Sprintf("a client's %s changes the answer: %d to %q", sent, a.status,
					printable(a.header.Get("Location"))), hintClean)
		default:
			reached = append(reached, sent)
		}
	}
	if len(reached) > 0 {
		return diagnose.Warn(
			"a client's headers reach the gate, which refuses them: "+strings.Join(reached, "; "),
			hintClean)
	}
	return diagnose.OK("forged headers, aliases and Connection do not change the answer")
}

// names returns the identity headers in every spelling that programs read as the same name: CGI and
// WSGI replace the hyphen, PHP also a dot.
func names() (list []string) {
	for _, name := range []string{"Remote-User", "Remote-Email", "Remote-Name", "Remote-Groups",
		"Remote-Id"} {
		list = append(list, name, strings.ReplaceAll(name, "-", "_"),
			strings.ReplaceAll(name, "-", "."))
	}
	return list
}

// forgedNames sends identity headers without a session.
func (r *appRun) forgedNames(ctx context.Context) diagnose.Result {
	for _, name := range append(names(), "X-Forwarded-User", "X-Remote-User", "X-Webauth-User") {
		a := r.client.send(ctx, http.MethodGet, r.client.origin+"/", "",
			map[string]string{name: "admin"})
		if result := r.wantClosed(a); result.State != diagnose.Passed {
			result.Detail = "with " + name + ": " + result.Detail
			return result
		}
	}
	if r.To == "" {
		return diagnose.OK(
			"a request with a forged identity is refused; use --to to check whether a forged " +
				"identity reaches the app")
	}
	return diagnose.OK("a request with a forged identity is refused")
}

// paths sends other spellings of the front page's path, some of which begin like Sana's pages.
func (r *appRun) paths(ctx context.Context) diagnose.Result {
	for _, path := range []string{
		"/_sana/../", "/_sana/..%2f", "/_sana/%2e%2e/", "/_sana%2f..%2f", "/_sana/..;/",
		"/_SANA/../",
		"//", "/./",
		"/%2f", "/%2e/", "/?/_sana/", "/index.html;/_sana/",
	} {
		if result := r.wantRefused(ctx, path, nil); result.State != diagnose.Passed {
			return result
		}
	}
	return diagnose.OK("other spellings of a path do not bypass the gate")
}

// hosts sends other spellings of the app's host.
func (r *appRun) hosts(ctx context.Context) diagnose.Result {
	host := r.URL.Hostname()
	for _, spelling := range []string{strings.ToUpper(host), host + ".", host + ":8443",
		host + ".:443"} {
		if result := r.wantRefused(ctx, "/",
			map[string]string{"Host": spelling}); result.State != diagnose.Passed {
			return result
		}
	}
	return diagnose.OK("upper case, a trailing dot and a port in Host do not bypass the gate")
}

// wantRefused expects the gate, Sana or the proxy to refuse a request without a session.
func (r *appRun) wantRefused(
	ctx context.Context, path string, header map[string]string,
) diagnose.Result {
	a := r.client.with(nil).send(ctx, http.MethodGet, r.client.origin+path, "", header)
	isNoSite := a.status == http.StatusOK && len(a.body) == 0 &&
		header != nil // Caddy's answer for an unknown host
	switch {
	case a.err != nil:
		return noAnswer(a.err)
	case !isLetThrough(a),
		isNoSite,
		strings.HasPrefix(a.header.Get("Location"), r.client.origin+startPath):
		return diagnose.OK("")
	}
	what := path
	if host := header["Host"]; host != "" {
		what = "Host: " + host
	}
	return diagnose.Fail("without a session "+what+" is let through: "+described(a), hintGate)
}
