package check

import (
	"context"
	"crypto/rand"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"sana/backend/diagnose"
)

// Sana's paths at an app's host, and the cookies that it sets there.
const (
	reservedPath = "/_sana/"
	startPath    = reservedPath + "start"
	signOutPath  = reservedPath + "sign-out"
	appCookie    = "sana_app"
	enterCookie  = "sana_enter"
)

const (
	hintLog  = "look for \"proxy misconfigured\" in Sana's log; " + hintGate
	hintGate = "compare the proxy's configuration with what sana apps nginx, caddy or traefik " +
		"prints for this app"
	hintSana = "forward " + reservedPath +
		" at this host to Sana's main port without asking the gate, with the Host header unchanged"
	hintClean = "let the proxy set or remove this header itself, as the configuration that sana " +
		"apps prints does"
)

// appRun is the shared state of the checks of an app: run is for the app's host, sana for Sana's
// own host, whose address the check of the pages finds out.
type appRun struct {
	*run
	sana *run
}

// navigation returns the headers of a browser's page request.
func navigation() map[string]string {
	return map[string]string{"Sec-Fetch-Mode": "navigate", "Accept": "text/html"}
}

// isApp reports whether the address is of an app behind the gate: it has Sana's pages, or the gate
// redirects to them. It uses a client of its own, so that the checks begin without a cookie.
func (r *run) isApp(ctx context.Context) bool {
	visitor := newClient(r.Options)
	if me := visitor.get(ctx, reservedPath+"me"); me.is(http.StatusUnauthorized,
		"sign_in_required") {
		return true
	}
	front := visitor.send(ctx, http.MethodGet, visitor.origin+"/", "", navigation())
	return strings.HasPrefix(front.header.Get("Location"), visitor.origin+startPath+"?")
}

// checks returns the checks of an app behind the gate.
func (r *appRun) checks() []diagnose.Check {
	list := []diagnose.Check{
		{Name: "pages", Do: r.pages},
		{Name: "cookie", Needs: []string{"pages"}, Do: r.enterCookie},
		{Name: "sana", Needs: []string{"pages"}, Do: r.sana.reachable},
		{Name: "https", Do: r.https},
		{Name: "closed", Do: r.closed},
		{Name: "start", Needs: []string{"closed"}, Do: r.leadsToStart},
		{Name: "forged", Needs: []string{"start"}, Do: r.forgedQuestions},
		{Name: "forged-names", Needs: []string{"closed"}, Do: r.forgedNames},
		{Name: "access-keys", Needs: []string{"closed"}, Do: r.accessKeys},
		{Name: "paths", Needs: []string{"closed"}, Do: r.paths},
		{Name: "hosts", Needs: []string{"closed"}, Do: r.hosts},
	}
	if r.To != "" {
		list = append(list, []diagnose.Check{
			{Name: "code-request", Needs: []string{"sana", "closed"}, Do: r.sana.codeRequest},
			{Name: "sign-in", Needs: []string{"code-request"}, Do: r.sana.signIn},
			{Name: "handoff", Needs: []string{"sign-in"}, Do: r.handoff},
			{Name: "identity", Needs: []string{"handoff"}, Do: r.identity},
			{Name: "sign-out", Needs: []string{"handoff"}, Do: r.signOutAtApp},
			r.sana.cleaning(),
		}...)
	}
	return bounded(list)
}

// pages checks the answers of Sana's pages at the app's host.
func (r *appRun) pages(ctx context.Context) diagnose.Result {
	a := r.client.send(ctx, http.MethodGet, r.client.origin+startPath+"?path=%2Fsana-check", "",
		navigation())
	enter, err := url.Parse(a.header.Get("Location"))
	host := strings.TrimPrefix(strings.TrimPrefix(r.client.origin, "https://"), "http://")
	switch {
	case a.err != nil:
		return noAnswer(a.err)
	case a.status != http.StatusSeeOther || err != nil || enter.Path != "/enter":
		return diagnose.Fail(startPath+" is not Sana's: "+described(a), hintSana)
	case enter.Query().Get("host") != host || enter.Query().Get("path") != "/sana-check":
		return diagnose.Fail(
			"the proxy changes Host: Sana received the host "+printable(enter.Query().Get("host")),
			hintSana)
	}
	r.accepted = a
	r.sana.URL = &url.URL{Scheme: enter.Scheme, Host: enter.Host}
	r.sana.client = newClient(r.sana.Options)

	// A form on another site must not be able to sign users out.
	a = r.client.send(ctx, http.MethodPost, r.client.origin+signOutPath, "",
		map[string]string{"Origin": "https://check.invalid", "Sec-Fetch-Site": "cross-site"})
	if !a.is(http.StatusForbidden, "cross_origin_request") {
		return diagnose.Fail("a sign-out from another site is not refused: "+described(a),
			"let the proxy pass Origin and Sec-Fetch-Site on unchanged")
	}
	return diagnose.OK(
		"Sana's pages are below " + reservedPath + "; they redirect to " + r.sana.client.origin)
}

func (r *appRun) enterCookie(context.Context) diagnose.Result {
	return r.judgeCookie(r.accepted.cookies, enterCookie)
}

// closed sends requests without a session, with every method and Requests times: each proxy and
// each instance must refuse them.
func (r *appRun) closed(ctx context.Context) diagnose.Result {
	result := r.often(ctx, "/", r.wantClosed)
	if result.State != diagnose.Passed {
		return result
	}
	for _, method := range []string{"HEAD", "POST", "PUT", "DELETE", "PROPFIND"} {
		a := r.client.send(ctx, method, r.client.origin+"/", "", nil)
		if a.err != nil || a.status != http.StatusUnauthorized {
			result := r.wantClosed(a)
			result.Detail = method + ": " + result.Detail
			return result
		}
	}
	form := r.client.send(ctx, http.MethodPost, r.client.origin+"/", "", navigation())
	if form.status != http.StatusUnauthorized {
		return diagnose.Fail(
			"a form that is sent without a session is not answered 401: "+described(form), hintGate)
	}
	if a := r.client.send(ctx, http.MethodOptions, r.client.origin+"/", "",
		nil); a.status != http.StatusUnauthorized {
		return diagnose.Warn(fmt.Sprintf("OPTIONS passes without a session: %d", a.status),
			"allow OPTIONS without a session for CORS preflights only")
	}
	return diagnose.OK(
		fmt.Sprintf("401 without a session, to %s and to other methods",
			diagnose.Counted(r.Requests, "request", "requests")))
}

// accessKeys sends an invalid key. If the proxy passes it on, the gate rejects it as an access key.
func (r *appRun) accessKeys(ctx context.Context) diagnose.Result {
	header := map[string]string{
		"Authorization": "Bearer sana_key_" + rand.Text() + strings.Repeat("A", 17),
	}
	a := r.client.send(ctx, http.MethodGet, r.client.origin+"/", "", header)
	switch {
	case a.is(http.StatusUnauthorized, "access_key_invalid"):
		return diagnose.OK("Authorization reaches the gate, and an unknown access key is refused")
	case a.is(http.StatusUnauthorized, "sign_in_required"):
		return diagnose.Warn(
			"Authorization does not reach the gate: programs with access keys get 401",
			"pass the header on to the gate, if the app takes access keys")
	default:
		return r.wantClosed(a)
	}
}

func (r *appRun) wantClosed(a answer) diagnose.Result {
	switch {
	case a.err != nil:
		return noAnswer(a.err)
	case a.is(http.StatusUnauthorized, "sign_in_required"):
		return diagnose.OK("")
	case a.is(http.StatusForbidden, "gate_misconfigured"):
		return diagnose.Fail("the gate rejects the proxy's request (403 gate_misconfigured)",
			hintLog)
	case a.problem.Code == "unavailable":
		return diagnose.Fail("Sana is unavailable: "+described(a), hintDatabase)
	case isLetThrough(a):
		return diagnose.Fail("without a session a request is let through: "+described(a), hintGate)
	}
	return diagnose.Fail("without a session the answer is not the gate's: "+described(a),
		"check that the proxy reaches GATE_ADDR; "+hintGate)
}

// isLetThrough reports whether the app itself answered a request without a session. Refusals of
// proxies are 4xx and 5xx.
func isLetThrough(a answer) bool { return a.err == nil && a.status < 400 }

// leadsToStart requests a page without a session. It must redirect to the sign-in and back to the
// same page.
func (r *appRun) leadsToStart(ctx context.Context) diagnose.Result {
	a := r.ask(ctx, nil)
	if a.err != nil {
		return noAnswer(a.err)
	}
	if !r.isStart(a) {
		return diagnose.Fail(
			fmt.Sprintf("a page does not redirect to the sign-in: %d to %q", a.status,
				printable(a.header.Get("Location"))), hintLog)
	}
	return diagnose.OK("a page redirects to the sign-in, and from there back to itself")
}

// ask requests a page without a session, with more headers.
func (r *appRun) ask(ctx context.Context, more map[string]string) answer {
	header := navigation()
	maps.Copy(header, more)
	return r.client.with(nil).
		send(ctx, http.MethodGet, r.client.origin+"/sana-check?a=b%2fc", "", header)
}

// isStart reports whether an answer is a correct redirect to the sign-in.
func (r *appRun) isStart(a answer) bool {
	want := r.client.origin + startPath + "?path=%2Fsana-check%3Fa%3Db%252fc"
	return (a.status == http.StatusFound || a.status == http.StatusSeeOther) &&
		a.header.Get("Location") == want
}

// handoff follows the redirects that set the app cookie, and opens the app with it.
func (r *appRun) handoff(ctx context.Context) diagnose.Result {
	a := r.client.send(ctx, http.MethodGet, r.client.origin+startPath+"?path=%2F", "", navigation())
	for _, hop := range []struct {
		client *client
		path   string
	}{{r.sana.client, "/enter"}, {r.client, reservedPath + "finish"}} {
		next, err := url.Parse(a.header.Get("Location"))
		if a.err != nil {
			return noAnswer(a.err)
		}
		if err != nil || a.status != http.StatusSeeOther || originOf(next) != hop.client.origin ||
			next.Path != hop.path {
			return diagnose.Fail(
				fmt.Sprintf("the redirect to %s is missing: %d to %q", hop.path, a.status,
					printable(a.header.Get("Location"))), hintSana)
		}
		a = hop.client.send(ctx, http.MethodGet, next.String(), "", navigation())
	}
	if result := r.judgeCookie(a.cookies, appCookie); result.State != diagnose.Passed {
		return result
	}
	a = r.client.get(ctx, "/")
	switch {
	case a.is(http.StatusForbidden, "not_allowed"):
		return diagnose.Warn("the app does not allow "+printable(r.To),
			"use an address that the app's rule allows")
	case a.problem.Code != "":
		return r.wantClosed(a)
	}
	return diagnose.OK(fmt.Sprintf("the app answers %d to %s", a.status, printable(r.To)))
}

// identity sends each identity header with a session, and checks what the app shows.
func (r *appRun) identity(ctx context.Context) diagnose.Result {
	shows := func(a answer, text string) bool {
		return strings.Contains(string(a.body), text) ||
			slices.ContainsFunc(a.header.Values("Set-Cookie"), func(value string) bool {
				return strings.Contains(value, text)
			})
	}
	var believed []string
	for _, name := range names() {
		forged := "forged-" + strings.ToLower(rand.Text()[:12])
		a := r.client.send(ctx, http.MethodGet, r.client.origin+"/", "",
			map[string]string{name: forged})
		if a.err != nil {
			return noAnswer(a.err)
		}
		if shows(a, forged) {
			believed = append(believed, name)
		}
	}
	switch {
	case len(believed) > 0:
		return diagnose.Fail("a client's header reaches the app: "+strings.Join(believed, ", "),
			hintClean)
	case !shows(r.client.get(ctx, "/"), r.To):
		return diagnose.Warn(
			"the front page does not show the user's address, so this check cannot see the "+
				"identity headers", "run the check with an app that shows its request headers")
	}
	return diagnose.OK("the app receives the user's address, and no forged header")
}

func (r *appRun) signOutAtApp(ctx context.Context) diagnose.Result {
	thief := *r.run
	thief.client = r.client.with(r.client.cookies)
	a := r.client.write(ctx, http.MethodPost, signOutPath, "")
	if a.err != nil || a.status != http.StatusOK {
		return r.unexpected(a)
	}
	r.sana.signedIn = false
	result := thief.often(ctx, "/", r.wantClosed)
	if result.State != diagnose.Passed {
		select {
		case <-time.After(staleness):
		case <-ctx.Done():
			return noAnswer(ctx.Err())
		}
		result = thief.often(ctx, "/", r.wantClosed)
	}
	if result.State != diagnose.Passed {
		result.Detail = "with the cookie from before the sign-out: " + result.Detail
		return result
	}
	if a := r.sana.client.get(ctx, "/api/auth/session"); !a.is(http.StatusUnauthorized,
		"not_signed_in") {
		return r.unexpected(a)
	}
	return diagnose.OK("signed out at the app and at " + r.sana.client.origin)
}
