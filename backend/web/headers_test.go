package web_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"sana/backend/test/harness"
	"sana/backend/visitor"
	"sana/backend/web"
)

var update = flag.Bool("update", false, "write the golden files instead of comparing with them")

// ASVS 5.0, 3.4 and 14.3.2: the headers of every status equal the golden file. All
// answers but files with a hash in their name have no-store.
func TestHeaders_OfEveryStatus(t *testing.T) {
	t.Parallel()
	spa := fstest.MapFS{
		"index.html":           {Data: []byte("<!doctype html>")},
		"assets/index-B3xQ.js": {Data: []byte("export{}")},
		"favicon.svg":          {Data: []byte("<svg/>")},
	}
	app := serve(t, newServerWith(t, func(o *web.Options) {
		o.SPA = spa
		o.Ready = func(context.Context) error { return errors.New("away") }
	}))
	broken := serve(t, newServerWith(t, func(o *web.Options) { o.Ready = nil }))
	impatient := serve(t, newServerWith(t, bounded(func(b *web.Bounds) { b.Read = brief })))
	const page = "HTTP/1.1\r\nHost: sana.example\r\nAccept: text/html\r\n\r\n"
	token := "Cookie: " + browserToken + "=" + string(visitor.NewBrowser()) + "\r\n"
	code := strings.Replace(out, "sign-out", "code", 1) + token
	var golden strings.Builder
	for _, c := range []struct {
		what    string
		app     *harness.Instance
		request string
		status  int
	}{
		{"an answer of the API", app, plain, 200},
		{"the page", app, "GET / " + page, 200},
		{"the page in a browser that has a token", app,
			"GET / HTTP/1.1\r\nHost: sana.example\r\n" + token + "\r\n", 200},
		{"a file that never changes", app, "GET /assets/index-B3xQ.js " + page, 200},
		{"a file that may change", app, "GET /favicon.svg " + page, 200},
		{"sign-out, which clears a cookie", app, out + "Content-Length: 2\r\n\r\n{}", 204},
		{"a body that is not JSON", app, out + "Content-Length: 2\r\n\r\n{]", 400},
		{"not clean HTTP, seen by the guard", app, get("Origin: a\r\nOrigin: b"), 400},
		{"not clean HTTP, seen by fasthttp", app, get("Content-Length: x"), 400},
		{"not signed in", app, "GET /api/auth/session " + page, 401},
		{"from another site", app,
			strings.Replace(out, "same-origin", "cross-site", 1) + "Content-Length: 2\r\n\r\n{}",
			403},
		{"no such call", app, "GET /api/none " + page, 404},
		{"no such page", app, "GET /none " + page, 404},
		{"another method", app, "PUT /api/auth/code HTTP/1.1\r\n" + head + "\r\n", 405},
		{"an unknown method", app, "BREW / " + page, 405},
		{"too slow", impatient, "GET /", 408},
		{"a body that is too large", app, out + "Content-Length: 9000\r\n\r\n", 413},
		{"a form", app,
			strings.Replace(out, "application/json", "text/plain", 1) +
				"Content-Length: 2\r\n\r\n{}", 415},
		{"another host", app, "GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n", 421},
		{"cookies that are too large", app, get("Cookie: a=" + strings.Repeat("x", 17<<10)), 431},
		{"an address that is too long", app, "GET /?" + strings.Repeat("x", 17<<10) + " " + page,
			431},
		{"our own fault", broken,
			code + "Content-Length: 28\r\n\r\n{\"email\":\"ada@sana.example\"}",
			500},
		{"the database is away", app, "GET /readyz " + page, 503},
	} {
		a := openWire(t, c.app).send(c.request).receive()
		harness.WantEqual(t, "status of "+c.what, a.status, c.status)
		golden.WriteString(headersOf(c.what, a.status, a.header))
	}
	wantGolden(t, "testdata/headers.txt", golden.String())
}

var dayInName = regexp.MustCompile(`\d{4}-\d\d-\d\d`)

// timeLeft matches the Max-Age of a session that is seconds old: 37 days minus some seconds.
var timeLeft = regexp.MustCompile(`max-age=31967\d\d\b`)

var cookieValue = regexp.MustCompile(`^([^=]+)=[^;]+`)

// headersOf prints all headers of an answer, with … for random values.
func headersOf(what string, status int, header http.Header) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d %s\n", status, what)
	for _, name := range slices.Sorted(maps.Keys(header)) {
		for _, value := range header[name] {
			switch {
			case name == "Date" || name == "X-Request-Id" || name == "Content-Length" ||
				name == "Retry-After" && status == 429:
				value = "…"
			case name == "Content-Disposition":
				value = dayInName.ReplaceAllString(value, "…")
			case name == "Set-Cookie":
				value = timeLeft.ReplaceAllString(cookieValue.ReplaceAllString(value, "$1=…"),
					"max-age=…")
			}
			fmt.Fprintf(&b, "    %s: %s\n", name, value)
		}
	}
	return b.String()
}

// A-30, ASVS 5.0, 3.4 and 14.3.2: the same for all answers of a sign-in, in particular for those
// that set a cookie. Sign-out clears the session's cookie and replaces the browser token (14.3.1).
// It needs no Clear-Site-Data, which is slow: no answer with a user's data is stored.
func TestHeaders_OfASignIn(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	app, closed := w.Run(t), w.Run(t, "SIGN_UP=closed")
	var golden strings.Builder
	see := func(what string, status int, a *harness.Answer) {
		t.Helper()
		golden.WriteString(headersOf(what, a.Want(status).Status, a.Header))
	}
	b := app.Open(t)
	see("no browser token", 409, b.Post("/api/auth/code", `{"email":"`+ada+`"}`))
	see("a code is asked for", 202, b.RequestCode(ada))
	see("no mail", 202, b.RequestCode(ada))
	see("the pending code", 200, b.Get("/api/auth/code"))
	see("no address", 400, b.Post("/api/auth/code", `{"email":"nobody"}`))
	see("no code", 400, b.Verify("nonsense"))
	code := w.Code(t, ada, 1)
	see("a wrong code", 401, b.Verify(harness.WrongCode(code)))
	see("the right code", 200, b.Verify(code))
	see("the right code again", 200, b.Verify(code))
	see("who is signed in", 200, b.Get("/api/auth/session"))
	see("sign-out", 204, b.Post("/api/auth/sign-out", "{}"))
	see("no pending code", 404, b.Verify(code))
	see("not signed in", 401, b.Get("/api/auth/session", harness.With("Cookie", "")))

	b = app.Open(t)
	b.SignIn(w, "lin@sana.example")
	see("the sessions", 200, b.Get("/api/sessions"))
	see("an account", 200, b.Get("/api/account"))
	see("a new name", 200, b.Rename("Lin"))
	see("no name", 400, b.Rename("\x00"))
	see("what happened", 200, b.Get("/api/account/events"))
	see("an export", 200, b.Get("/api/account/export"))
	change := b.ChangeCode(w, "new@sana.example")
	see("another address", 200, b.VerifyChange(change))
	w.Pass(t, time.Minute) // for the next mail to ada
	change = b.ChangeCode(w, ada)
	see("an address that somebody has", 409, b.VerifyChange(change))
	copied := b.Clone()
	see("deletion, which clears both cookies", 204, b.Delete("/api/account"))
	see("deletion again", 204, copied.Delete("/api/account"))

	b = app.Open(t).At("192.0.2.1")
	b.RequestCode(grace).Want(202)
	w.Exec(t, `UPDATE challenges SET tries = 5`)
	see("a code that is locked", 429, b.Verify(code))
	w.Exec(t, `UPDATE challenges SET expires_at = now()`)
	see("a code that has expired", 410, b.Verify(code))
	see("a new code", 202, b.Resend())
	see("the code is forgotten", 204, b.Do(http.MethodDelete, "/api/auth/code", ""))
	scene{t, w, app.Instance, b, false}.fillNetwork("192.0.2.1")
	see("a network that asks too often", 429, b.RequestCode(ada))

	b = closed.Open(t)
	b.RequestCode("eve@sana.example").Want(202)
	see("a sign-up that is closed", 403, b.Verify(w.Code(t, "eve@sana.example", 1)))
	w.StopDatabase(t)
	see("the database is away", 503,
		b.Get("/api/auth/session", harness.With("Cookie", cookie+"="+strings.Repeat("A", 43))))
	wantGolden(t, "testdata/headers-sign-in.txt", golden.String())
}

func wantGolden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	harness.WantEqual(t, path, strings.Split(got, "\n"), strings.Split(string(want), "\n"))
}

// P-07 and A-32: a request that is refused below Fiber is not quoted in the answer, nor in the log
// at debug level.
func TestRefusals_QuoteNothing(t *testing.T) {
	t.Parallel()
	log := &harness.Log{}
	app := serve(t, newServerWith(t, func(o *web.Options) {
		bounded(func(b *web.Bounds) { b.Read = brief })(o)
		o.Log = slog.New(slog.NewJSONHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}))
	for promise, request := range map[string]string{
		"a cookie beside a broken header": get("Cookie: CANARY=1\r\nbroken\x00header"),
		"a broken value":                  get("X: CANARY\x00"),
		"a broken name":                   get("CANARY\x00: 1"),
		"two hosts":                       get("Host: CANARY.example"),
		"two origins":                     get("Origin: CANARY1\r\nOrigin: CANARY2"),
		"another host":                    "GET / HTTP/1.1\r\nHost: CANARY.example\r\n\r\n",
		"a broken target":                 "GET /\x01CANARY HTTP/1.1\r\nHost: sana.example\r\n\r\n",
		"another scheme": "GET CANARY://sana.example/ HTTP/1.1\r\nHost: " +
			"sana.example\r\n\r\n",
		"another version":            "GET / CANARY/1\r\nHost: sana.example\r\n\r\n",
		"an unknown method":          "CANARY / HTTP/1.1\r\nHost: sana.example\r\n\r\n",
		"an unknown transfer coding": get("Transfer-Encoding: CANARY"),
		"an unknown length":          get("Content-Length: CANARY"),
		"headers that are too large": get("Cookie: CANARY=" + strings.Repeat("CANARY", 3000)),
		"a body that is too large":   out + "Content-Length: 9000\r\n\r\nCANARY",
		"a chunk that is none":       out + "Transfer-Encoding: chunked\r\n\r\nCANARY\r\n",
		"a trailer": out +
			"Transfer-Encoding: chunked\r\n\r\n0\r\nCANARY: CANARY\r\n\r\n",
		"a body that ends too early": out + "Content-Length: 20\r\n\r\nCANARY",
		"headers that end too early": "GET / HTTP/1.1\r\nCANARY: CANARY",
	} {
		a := openWire(t, app).send(request).receive()
		if a.status < 400 || a.status >= 500 {
			t.Errorf("%s: got %d", promise, a.status)
		}
		if strings.Contains(fmt.Sprint(a), "CANARY") {
			t.Errorf("%s: the answer quotes the request: %+v", promise, a)
		}
	}
	if strings.Contains(log.String(), "CANARY") ||
		!strings.Contains(log.String(), `"route":"refused"`) {
		t.Errorf("the log quotes a request, or says nothing:\n%s", log)
	}
}
