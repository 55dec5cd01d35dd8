package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"sana/backend/sanatest"
	"sana/backend/visitor"
	"sana/backend/web"
)

// malformedTokens are Cookie headers without a valid browser token.
func malformedTokens() []string {
	good := string(visitor.NewBrowser())
	return []string{
		"", browserToken + "=", browserToken + "=x", browserToken + "=" + good[1:], browserToken + "=" + good + "A",
		browserToken + "=" + strings.Repeat("/", len(good)), browserToken + "=" + strings.Repeat("B", len(good)), // not canonical
		browserToken + "=" + good + "; " + browserToken + "=" + good, "sana_browser=" + good,
	}
}

// Every page gives a browser its token. A page that sets the cookie must not be kept or be a 304.
func TestBrowserToken_IsSetByPages(t *testing.T) {
	t.Parallel()
	spa := fstest.MapFS{
		"index.html": {Data: []byte("<!doctype html>")}, "favicon.svg": {Data: []byte("<svg/>")},
		"assets/index-B3xQ.js": {Data: []byte("export{}")},
	}
	b := serve(t, newServer(t, spa, false)).Open(t)
	good := sanatest.With("Cookie", browserToken+"="+string(visitor.NewBrowser()))
	accept := sanatest.With("Accept", "text/html")
	for path, status := range map[string]int{"/": 200, "/index.html": 200, "/verify": 200, "/account": 200, "/no/such/page": 404} {
		known := b.Get(path, accept, good).Want(status)
		sanatest.WantEqual(t, "cookies set where there is one, by "+path, len(known.Set), 0)
		etag := known.Header.Get("ETag")
		if status == 200 {
			b.Get(path, accept, good, sanatest.With("If-None-Match", etag)).Want(http.StatusNotModified)
		}
		for _, cookies := range malformedTokens() {
			a := b.Get(path, accept, sanatest.With("Cookie", cookies), sanatest.With("If-None-Match", etag)).Want(status)
			if len(a.Set) != 1 || a.Header.Get("ETag") != "" || a.Header.Get("Cache-Control") != "no-store" || len(a.Body) == 0 {
				t.Errorf("%s with %q: got %v", path, cookies, a.Header)
				continue
			}
			wantBrowserCookie(t, a.Set[0])
		}
	}
	for _, path := range []string{"/favicon.svg", "/assets/index-B3xQ.js", "/api/openapi.json", "/livez", "/api/none"} {
		sanatest.WantEqual(t, "cookies set by "+path, len(b.Get(path, sanatest.With("Cookie", "")).Set), 0)
	}
	first, second := b.Get("/", sanatest.With("Cookie", "")), b.Get("/", sanatest.With("Cookie", ""))
	if first.Set[0].Value == second.Set[0].Value {
		t.Error("two browsers have one token")
	}
}

// browserScenarios are the promises about browser tokens.
var browserScenarios = []scenario{
	{"the 401 of the session sets a browser token if it is missing or malformed", func(s scene) {
		for _, cookies := range malformedTokens() {
			a := s.b.Get("/api/auth/session", sanatest.With("Cookie", cookies)).Want(http.StatusUnauthorized, "not_signed_in")
			if len(a.Set) != 1 {
				s.Fatalf("with %q: got the cookies %v, want one", cookies, a.Set)
			}
			wantBrowserCookie(s, a.Set[0])
		}
		sanatest.WantEqual(s, "cookies set", len(s.b.Get("/api/auth/session").Want(http.StatusUnauthorized).Set), 0)
		for _, path := range []string{"/api/account", "/api/sessions", "/api/account/export"} {
			a := s.b.Get(path, sanatest.With("Cookie", "")).Want(http.StatusUnauthorized, "not_signed_in")
			sanatest.WantEqual(s, "cookies set by "+path, len(a.Set), 0)
		}
		s.b.SignIn(s.world, ada)
		session := sanatest.With("Cookie", cookie+"="+s.b.Cookies()[cookie])
		sanatest.WantEqual(s, "cookies set for a user", len(s.b.Get("/api/auth/session", session).Want(http.StatusOK).Set), 0)
	}},
	{"a request without a browser token writes nothing and sets one", func(s scene) {
		for _, cookies := range malformedTokens() {
			for _, path := range []string{"/api/auth/code", "/api/auth/code/resend"} {
				body := map[bool]string{true: `{}`, false: `{"email":"` + ada + `"}`}[strings.HasSuffix(path, "resend")]
				a := s.b.Post(path, body, sanatest.With("Cookie", cookies)).Want(http.StatusConflict, "browser_token_missing")
				if len(a.Set) != 1 {
					s.Fatalf("with %q: got the cookies %v, want one", cookies, a.Set)
				}
				wantBrowserCookie(s, a.Set[0])
			}
		}
		wantNothingKept(s)
		s.b.Post("/api/auth/code", `{"email":"`+ada+`"}`).Want(http.StatusAccepted)
	}},
	{"a change of address without a browser token writes nothing and sets one", func(s scene) {
		s.b.SignIn(s.world, ada)
		session := sanatest.With("Cookie", cookie+"="+s.b.Cookies()[cookie])
		uses := s.world.Count(s, `SELECT count(*) FROM uses`)
		for path, body := range map[string]string{"/api/account/email": `{"email":"` + grace + `"}`, "/api/account/email/resend": `{}`} {
			a := s.b.Post(path, body, session).Want(http.StatusConflict, "browser_token_missing")
			if len(a.Set) != 1 {
				s.Fatalf("got the cookies %v, want one", a.Set)
			}
			wantBrowserCookie(s, a.Set[0])
		}
		s.b.Post("/api/auth/code", `{"email":"`+ada+`"}`, session).Want(http.StatusConflict, "browser_token_missing") // a step-up
		sanatest.WantEqual(s, "challenges", s.world.Count(s, `SELECT count(*) FROM challenges`), 1)
		sanatest.WantEqual(s, "uses", s.world.Count(s, `SELECT count(*) FROM uses`), uses)
	}},
	{"a browser keeps its token over requests and sign-ins, and gets another one at sign-out", func(s scene) {
		s.b.Get("/").Want(http.StatusOK)
		token := s.b.Cookies()[browserToken]
		wantKept := func(a *sanatest.Answer) {
			s.Helper()
			a.Want(http.StatusAccepted)
			if len(a.Set) != 1 {
				s.Fatalf("got the cookies %v, want one", a.Set)
			}
			wantBrowserCookie(s, a.Set[0]) // again, with its full age
			sanatest.WantEqual(s, "browser token", a.Set[0].Value, token)
		}
		wantKept(s.b.RequestCode(ada))
		wantKept(s.b.Resend())
		s.b.Verify(s.world.Code(s, ada, 1)).Want(http.StatusOK)
		sanatest.WantEqual(s, "browser token after the sign-in", s.b.Cookies()[browserToken], token)
		s.world.Pass(s, time.Minute)
		wantKept(s.b.RequestCode(ada))
		s.b.Verify(s.world.Code(s, ada, 2)).Want(http.StatusOK)
		wantKept(s.b.RequestChange(grace))
		wantKept(s.b.Post("/api/account/email/resend", "{}"))
		sanatest.WantEqual(s, "browser token after the step-up", s.b.Cookies()[browserToken], token)

		out := s.b.Post("/api/auth/sign-out", "{}").Want(http.StatusNoContent)
		for _, c := range out.Set {
			if c.Name == browserToken {
				wantBrowserCookie(s, c)
			}
		}
		if after := s.b.Cookies()[browserToken]; after == token || after == "" {
			s.Errorf("the browser token after sign-out is %q", after)
		}
	}},
	{"sign-out withdraws the codes of the browser", func(s scene) {
		s.b.SignIn(s.world, ada)
		s.b.ChangeCode(s.world, "new@sana.example")
		s.b.GetCode(s.world, grace)
		other := s.app.Open(s)
		theirs := other.GetCode(s.world, "lin@sana.example")
		copied := s.b.Clone()
		s.b.Post("/api/auth/sign-out", "{}").Want(http.StatusNoContent)
		sanatest.WantEqual(s, "challenges", s.world.Count(s, `SELECT count(*) FROM challenges`), 1)
		copied.Get("/api/auth/code").Want(http.StatusNotFound, "no_pending_code")
		copied.VerifyFor(grace, s.world.Code(s, grace, 1)).Want(http.StatusNotFound, "no_pending_code")
		copied.VerifyFor(ada, s.world.Code(s, ada, 1)).Want(http.StatusNotFound, "no_pending_code") // no repeat either
		other.Verify(theirs).Want(http.StatusOK)
	}},
	{"sign-out can be repeated, and needs no session", func(s scene) {
		s.b.Post("/api/auth/sign-out", "{}").Want(http.StatusNoContent)
		s.b.SignIn(s.world, ada)
		copied := s.b.Clone()
		s.b.Post("/api/auth/sign-out", "{}").Want(http.StatusNoContent)
		for range 2 {
			copied.Clone().Post("/api/auth/sign-out", "{}").Want(http.StatusNoContent)
		}
		copied.Keep(cookie, "garbage")
		copied.Post("/api/auth/sign-out", "{}").Want(http.StatusNoContent)
		signOuts := s.world.Count(s, `SELECT count(*) FROM account_events WHERE kind = 'signed_out'`)
		if s.sealed { // each copy of the cookie is a session
			sanatest.WantEqual(s, "events", signOuts, 3)
			return
		}
		sanatest.WantEqual(s, "events", signOuts, 1)
		sanatest.WantEqual(s, "reasons", s.world.Count(s, `SELECT count(*) FROM ended_sessions WHERE reason = 'signed_out'`), 1)
	}},
}

func TestBrowserTokenAPI(t *testing.T) { play(t, "postgres", browserScenarios) }

func TestBrowserTokenAPIWithSealedSessions(t *testing.T) { play(t, "cookie", browserScenarios) }

// Over plain HTTP, which only development allows, the cookie has another name.
func TestBrowserToken_HasNoPrefixOverHTTP(t *testing.T) {
	t.Parallel()
	app := serve(t, newServerWith(t, func(o *web.Options) { o.PublicURL = &url.URL{Scheme: "http", Host: "localhost:3000"} }))
	a := openWire(t, app).send("GET /api/auth/session HTTP/1.1\r\nHost: localhost:3000\r\n\r\n").receive()
	set := (&http.Response{Header: a.header}).Cookies()
	if len(set) != 1 || set[0].Name != "sana_browser" || set[0].Secure || !set[0].HttpOnly || set[0].MaxAge != 86400 {
		t.Errorf("got %d with the cookies %v", a.status, set)
	}
}
