package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"sana/backend/test/harness"
	"sana/backend/visitor"
	"sana/backend/web"
)

// malformedTokens are Cookie headers without a valid browser token.
func malformedTokens() []string {
	good := string(visitor.NewBrowser())
	const name = browserToken + "="
	return []string{
		"", name, name + "x", name + good[1:], name + good + "A",
		name + strings.Repeat("/", len(good)),
		name + strings.Repeat("B", len(good)), // has bits that no encoder sets
		name + good + "; " + name + good,
		"sana_browser=" + good,
	}
}

// Every page sets a browser token. A page that sets the cookie must not be cached, and must not be
// a 304.
func TestBrowserToken_IsSetByPages(t *testing.T) {
	t.Parallel()
	spa := fstest.MapFS{
		"index.html": {Data: []byte("<!doctype html>")}, "favicon.svg": {Data: []byte("<svg/>")},
		"assets/index-B3xQ.js": {Data: []byte("export{}")},
	}
	b := serve(t, newServer(t, spa, false)).Open(t)
	good := harness.With("Cookie", browserToken+"="+string(visitor.NewBrowser()))
	accept := harness.With("Accept", "text/html")
	pages := map[string]int{"/": 200, "/index.html": 200, "/verify": 200, "/no/such/page": 404}
	none := harness.With("Cookie", "")
	for path, status := range pages {
		known := b.Get(path, accept, good).Want(status)
		harness.WantEqual(t, "cookies set where there is one, by "+path, len(known.Set), 0)
		unchanged := harness.With("If-None-Match", known.Header.Get("ETag"))
		if status == 200 {
			b.Get(path, accept, good, unchanged).Want(304)
		}
		for _, cookies := range malformedTokens() {
			a := b.Get(path, accept, harness.With("Cookie", cookies), unchanged).Want(status)
			isStorable := a.Header.Get("ETag") != "" || a.Header.Get("Cache-Control") != "no-store"
			if len(a.Set) != 1 || isStorable || len(a.Body) == 0 {
				t.Errorf("%s with %q: got %v", path, cookies, a.Header)
				continue
			}
			wantBrowserCookie(t, a.Set[0])
		}
	}
	for _, path := range []string{
		"/favicon.svg", "/assets/index-B3xQ.js", "/api/openapi.json", "/livez", "/api/none",
	} {
		harness.WantEqual(t, "cookies set by "+path, len(b.Get(path, none).Set), 0)
	}
	first, second := b.Get("/", none), b.Get("/", none)
	if first.Set[0].Value == second.Set[0].Value {
		t.Error("two browsers have one token")
	}
}

// browserScenarios test the promises about browser tokens.
var browserScenarios = []scenario{
	{"the 401 of the session sets a browser token if it is missing or malformed", func(s scene) {
		for _, cookies := range malformedTokens() {
			sent := harness.With("Cookie", cookies)
			a := s.b.Get("/api/auth/session", sent).Want(401, "not_signed_in")
			if len(a.Set) != 1 {
				s.Fatalf("with %q: got the cookies %v, want one", cookies, a.Set)
			}
			wantBrowserCookie(s, a.Set[0])
		}
		s.wantEqual("cookies set", len(s.b.Get("/api/auth/session").Want(401).Set), 0)
		for _, path := range []string{"/api/account", "/api/sessions", "/api/account/export"} {
			a := s.b.Get(path, harness.With("Cookie", "")).Want(401, "not_signed_in")
			s.wantEqual("cookies set by "+path, len(a.Set), 0)
		}
		s.b.SignIn(s.world, ada)
		session := harness.With("Cookie", cookie+"="+s.b.Cookies()[cookie])
		a := s.b.Get("/api/auth/session", session).Want(200)
		s.wantEqual("cookies set for a user", len(a.Set), 0)
	}},
	{"a request without a browser token writes nothing and sets one", func(s scene) {
		for _, cookies := range malformedTokens() {
			for path, body := range map[string]string{
				"/api/auth/code": `{"email":"` + ada + `"}`, "/api/auth/code/resend": `{}`,
			} {
				sent := harness.With("Cookie", cookies)
				a := s.b.Post(path, body, sent).Want(409, "browser_token_missing")
				if len(a.Set) != 1 {
					s.Fatalf("with %q: got the cookies %v, want one", cookies, a.Set)
				}
				wantBrowserCookie(s, a.Set[0])
			}
		}
		wantNothingKept(s)
		s.b.Post("/api/auth/code", `{"email":"`+ada+`"}`).Want(202)
	}},
	{"a step-up or change without a browser token writes nothing and sets one", func(s scene) {
		s.b.SignIn(s.world, ada)
		session := harness.With("Cookie", cookie+"="+s.b.Cookies()[cookie])
		uses := s.count(`SELECT count(*) FROM uses`)
		for path, body := range map[string]string{
			"/api/auth/code":     `{"email":"` + ada + `"}`, // a step-up
			"/api/account/email": `{"email":"` + grace + `"}`, "/api/account/email/resend": `{}`,
		} {
			a := s.b.Post(path, body, session).Want(409, "browser_token_missing")
			if len(a.Set) != 1 {
				s.Fatalf("got the cookies %v, want one", a.Set)
			}
			wantBrowserCookie(s, a.Set[0])
		}
		s.wantEqual("challenges", s.count(`SELECT count(*) FROM challenges`), 1)
		s.wantEqual("uses", s.count(`SELECT count(*) FROM uses`), uses)
	}},
	{"a browser keeps its token over sign-ins, and gets another one at sign-out", func(s scene) {
		s.b.Get("/").Want(200)
		token := s.b.Cookies()[browserToken]
		wantKept := func(a *harness.Answer) {
			s.Helper()
			a.Want(202)
			if len(a.Set) != 1 {
				s.Fatalf("got the cookies %v, want one", a.Set)
			}
			wantBrowserCookie(s, a.Set[0]) // again, with its full lifetime
			s.wantEqual("browser token", a.Set[0].Value, token)
		}
		wantKept(s.b.RequestCode(ada))
		wantKept(s.b.Resend())
		s.b.Verify(s.world.Code(s, ada, 1)).Want(200)
		s.wantEqual("browser token after the sign-in", s.b.Cookies()[browserToken], token)
		s.world.Pass(s, time.Minute)
		wantKept(s.b.RequestCode(ada))
		s.b.Verify(s.world.Code(s, ada, 2)).Want(200)
		wantKept(s.b.RequestChange(grace))
		wantKept(s.b.Post("/api/account/email/resend", "{}"))
		s.wantEqual("browser token after the step-up", s.b.Cookies()[browserToken], token)

		out := s.b.Post("/api/auth/sign-out", "{}").Want(204)
		for _, c := range out.Set {
			if c.Name == browserToken {
				wantBrowserCookie(s, c)
			}
		}
		if after := s.b.Cookies()[browserToken]; after == token || after == "" {
			s.Errorf("the browser token after sign-out is %q", after)
		}
	}},
	{"sign-out cancels the codes of the browser", func(s scene) {
		s.b.SignIn(s.world, ada)
		s.b.ChangeCode(s.world, "new@sana.example")
		s.b.GetCode(s.world, grace)
		other := s.app.Open(s)
		theirs := other.GetCode(s.world, "lin@sana.example")
		copied := s.b.Clone()
		s.b.Post("/api/auth/sign-out", "{}").Want(204)
		s.wantEqual("challenges", s.count(`SELECT count(*) FROM challenges`), 1)
		copied.Get("/api/auth/code").Want(404, "no_pending_code")
		copied.VerifyFor(grace, s.world.Code(s, grace, 1)).Want(404, "no_pending_code")
		used := s.world.Code(s, ada, 1) // a verification cannot be repeated either
		copied.VerifyFor(ada, used).Want(404, "no_pending_code")
		other.Verify(theirs).Want(200)
	}},
	{"sign-out can be repeated, and needs no session", func(s scene) {
		s.b.Post("/api/auth/sign-out", "{}").Want(204)
		s.b.SignIn(s.world, ada)
		copied := s.b.Clone()
		s.b.Post("/api/auth/sign-out", "{}").Want(204)
		for range 2 {
			copied.Clone().Post("/api/auth/sign-out", "{}").Want(204)
		}
		copied.Keep(cookie, "garbage")
		copied.Post("/api/auth/sign-out", "{}").Want(204)
		if s.sealed { // each copy of the cookie is a session
			s.wantEqual("events", s.count(signOuts), 3)
			return
		}
		s.wantEqual("events", s.count(signOuts), 1)
		s.wantEqual("reasons", s.count(`SELECT count(*) FROM ended_sessions`), 1)
	}},
}

func TestBrowserTokenAPI(t *testing.T) { play(t, "postgres", browserScenarios) }

func TestBrowserTokenAPIWithSealedSessions(t *testing.T) { play(t, "cookie", browserScenarios) }

// Over plain HTTP, which only development allows, the cookie has another name.
func TestBrowserToken_HasNoPrefixOverHTTP(t *testing.T) {
	t.Parallel()
	app := serve(t, newServerWith(t, func(o *web.Options) {
		o.PublicURL = &url.URL{Scheme: "http", Host: "localhost:3000"}
	}))
	const request = "GET /api/auth/session HTTP/1.1\r\nHost: localhost:3000\r\n\r\n"
	a := openWire(t, app).send(request).receive()
	set := (&http.Response{Header: a.header}).Cookies()
	if len(set) != 1 || set[0].Name != "sana_browser" || set[0].Secure || !set[0].HttpOnly {
		t.Errorf("got %d with the cookies %v", a.status, set)
	}
}
