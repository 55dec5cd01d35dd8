package web_test

import (
	"io/fs"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/fstest"

	"sana/backend/test/harness"
	"sana/backend/web"
)

func newServer(t *testing.T, spa fs.FS, development bool) *web.Server {
	t.Helper()
	return newServerWith(t, func(o *web.Options) {
		o.SPA = spa
		if development {
			o.Development = &web.Development{}
		}
	})
}

// newServerWith creates a server without a database and without pages; change may modify its
// options.
func newServerWith(t *testing.T, change func(*web.Options)) *web.Server {
	t.Helper()
	options := web.Options{
		SPA:       fstest.MapFS{},
		PublicURL: &url.URL{Scheme: "https", Host: "sana.example"},
		Log:       slog.New(slog.DiscardHandler),
	}
	change(&options)
	server, err := web.New(options)
	if err != nil {
		t.Fatal(err)
	}
	return server
}

func routesOf(t *testing.T, development bool) []string {
	t.Helper()
	return newServer(t, fstest.MapFS{}, development).Routes()
}

func setOf(list []string) map[string]bool {
	set := map[string]bool{}
	for _, entry := range list {
		set[entry] = true
	}
	return set
}

// Production has the routes of the contract (TestContract_HasEveryRoute). Development adds its
// pages and nothing else, and production answers none of them.
func TestRoutes_AreComplete(t *testing.T) {
	t.Parallel()
	production := routesOf(t, false)
	development := routesOf(t, true)
	if len(development) <= len(production) {
		t.Fatal("got no routes of development")
	}
	harness.WantEqual(t, "first routes of development", development[:len(production)], production)
	b := serve(t,
		newServer(t, fstest.MapFS{"index.html": {Data: []byte("<!doctype html>")}}, false)).Open(t)
	for _, route := range development[len(production):] {
		method, path, _ := strings.Cut(route, " ")
		if !strings.HasPrefix(path+"/", "/dev/") && path != "/auth/session-debug" {
			t.Errorf("got %s in development only", route)
		}
		body := ""
		if method == http.MethodPost {
			body = "{}"
		}
		b.Do(method, path, body, harness.With("Accept", "text/html")).Want(http.StatusNotFound,
			"not_found")
	}
}

// Static files come from an exact map, with the headers of their kind. No other file is served
// (A-29, P-19).
func TestFiles_OfTheSPA(t *testing.T) {
	t.Parallel()
	spa := fstest.MapFS{
		"index.html":             {Data: []byte("<!doctype html><title>Sana</title>")},
		"assets/index-B3xQ.js":   {Data: []byte("export{}")},
		"assets/index-C9aK.css":  {Data: []byte("body{}")},
		"favicon.svg":            {Data: []byte("<svg/>")},
		".gitkeep":               {Data: []byte("")},
		"assets/.secret/file.js": {Data: []byte("x")},
	}
	app := serve(t, newServer(t, spa, false))
	b := app.Open(t)
	const html = "text/html,application/xhtml+xml"
	for _, c := range []struct {
		path, accept      string
		status            int
		contentType, body string
		cache             string
	}{
		{"/", html, 200, "text/html; charset=utf-8", "Sana", "no-store"},
		{"/", "*/*", 200, "text/html; charset=utf-8", "Sana", "no-store"},
		{"/index.html", html, 200, "text/html; charset=utf-8", "Sana", "no-store"},
		{"/verify", html, 200, "text/html; charset=utf-8", "Sana", "no-store"},
		{"/account", html, 200, "text/html; charset=utf-8", "Sana", "no-store"},
		{"/sessions", html, 200, "text/html; charset=utf-8", "Sana", "no-store"},
		{"/activity", html, 200, "text/html; charset=utf-8", "Sana", "no-store"},
		{"/verify?x=1", "", 200, "text/html; charset=utf-8", "Sana", "no-store"},
		{"/verify%23c=123456", html, 200, "text/html; charset=utf-8", "Sana", "no-store"},
		{"/verify%23c%3D123456", "*/*", 200, "text/html; charset=utf-8", "Sana", "no-store"},
		{"/not-you", html, 200, "text/html; charset=utf-8", "Sana", "no-store"},
		{"/not-you%23t=key.id.1.MAC", html, 200, "text/html; charset=utf-8", "Sana", "no-store"},
		{"/verify%23", html, 404, "text/html; charset=utf-8", "Sana", "no-store"},
		{"/verify%24c=123456", html, 404, "text/html; charset=utf-8", "Sana", "no-store"},
		{"/no/such/page", html, 404, "text/html; charset=utf-8", "Sana", "no-store"},
		{"/no/such/page", "application/json", 404, "application/problem+json", "not_found",
			"no-store"},
		{"/assets/index-B3xQ.js", "*/*", 200, "text/javascript; charset=utf-8", "export",
			"public, max-age=31536000, immutable"},
		{"/assets/index-C9aK.css", "*/*", 200, "text/css; charset=utf-8", "body",
			"public, max-age=31536000, immutable"},
		{"/favicon.svg", "*/*", 200, "image/svg+xml", "svg", "public, max-age=3600"},
		{"/assets/none.js", html, 404, "application/problem+json", "not_found", "no-store"},
		{"/none.map", html, 404, "application/problem+json", "not_found", "no-store"},
		{"/.gitkeep", html, 404, "application/problem+json", "not_found", "no-store"},
		{"/.git/config", "*/*", 404, "application/problem+json", "not_found", "no-store"},
		{"/assets/../index.html", html, 404, "application/problem+json", "not_found", "no-store"},
		{"/assets/%2e%2e/index.html", html, 404, "application/problem+json", "not_found",
			"no-store"},
		{"/%69ndex.html", html, 404, "application/problem+json", "not_found", "no-store"},
		{"/api/none", html, 404, "application/problem+json", "not_found", "no-store"},
		{"/auth/none", html, 404, "application/problem+json", "not_found", "no-store"},
		{"/dev/none", html, 404, "application/problem+json", "not_found", "no-store"},
	} {
		t.Run(c.path+" for "+c.accept, func(t *testing.T) {
			a := b.Get(c.path, harness.With("Accept", c.accept)).Want(c.status)
			harness.WantEqual(t, "Content-Type", a.Header.Get("Content-Type"), c.contentType)
			harness.WantEqual(t, "Cache-Control", a.Header.Get("Cache-Control"), c.cache)
			if !strings.Contains(string(a.Body), c.body) {
				t.Errorf("got the body %.100s", a.Body)
			}
			if isPage := strings.HasPrefix(c.contentType,
				"text/html"); isPage != strings.Contains(a.Header.Get("Content-Security-Policy"),
				"script-src 'self'") {
				t.Errorf("got the policy %s", a.Header.Get("Content-Security-Policy"))
			}
		})
	}
}

// Sites that show a preview of the page need absolute addresses: those of PUBLIC_URL, whatever the
// request's host.
func TestPage_PictureHasPublicURL(t *testing.T) {
	t.Parallel()
	spa := fstest.MapFS{
		"index.html": {
			Data: []byte(`<html lang="en"><meta property="og:image" content="/card.png">`)}}
	server := newServerWith(t, func(o *web.Options) { o.SPA = spa })
	a := serve(t, server).Open(t).Get("/").Want(http.StatusOK)
	want := `<meta property="og:image" content="` + server.PublicURL.String() + `/card.png">`
	if !strings.Contains(string(a.Body), want) {
		t.Errorf("got %s, want %s", a.Body, want)
	}
}

// The page tells only browsers without a session cookie that they have no session. The API decides
// whether a cookie is valid.
func TestPage_KnowsBrowsersWithoutSession(t *testing.T) {
	t.Parallel()
	spa := fstest.MapFS{"index.html": {Data: []byte(`<html lang="en">`)}}
	server := newServerWith(t, func(o *web.Options) { o.SPA = spa })
	b := serve(t, server).Open(t)
	cookie := web.SessionCookieName(server.PublicURL) + "=x"
	for _, c := range []struct{ cookie, body string }{
		{"", `<html data-session="none" lang="en">`},
		{"other=x", `<html data-session="none" lang="en">`},
		{cookie, `<html lang="en">`},
		{"other=x; " + cookie, `<html lang="en">`},
	} {
		a := b.Get("/", harness.With("Cookie", c.cookie)).Want(http.StatusOK)
		harness.WantEqual(t, "page for "+c.cookie, string(a.Body), c.body)
		harness.WantEqual(t, "Cache-Control", a.Header.Get("Cache-Control"), "no-store")
	}
}

// Search engines may index the sign-in page, and no other page.
func TestPage_OnlySignInIsIndexed(t *testing.T) {
	t.Parallel()
	b := serve(t,
		newServer(t, fstest.MapFS{"index.html": {Data: []byte("<html >")}}, false)).Open(t)
	for path, want := range map[string]string{"/": "", "/verify": "noindex",
		"/index.html": "noindex"} {
		harness.WantEqual(t, path, b.Get(path).Want(http.StatusOK).Header.Get("X-Robots-Tag"), want)
	}
}

func TestPage_MissingBuildIsExplained(t *testing.T) {
	t.Parallel()
	b := serve(t, newServer(t, fstest.MapFS{}, false)).Open(t)
	detail := b.Get("/", harness.With("Accept", "text/html")).Want(http.StatusNotFound,
		"not_found").Problem().Detail
	if !strings.Contains(detail, "npm run build") {
		t.Errorf("got %q", detail)
	}
}

// The contract is served as JSON, the same document.
func TestContract_IsServed(t *testing.T) {
	t.Parallel()
	b := serve(t, newServer(t, fstest.MapFS{}, false)).Open(t)
	var served struct {
		OpenAPI string         `json:"openapi"`
		Paths   map[string]any `json:"paths"`
	}
	b.Get("/api/openapi.json").Want(http.StatusOK).JSON(&served)
	contract, err := harness.Contract()
	if err != nil {
		t.Fatal(err)
	}
	if served.OpenAPI != contract.OpenAPI || len(served.Paths) != contract.Paths.Len() {
		t.Errorf("got OpenAPI %s with %d paths", served.OpenAPI, len(served.Paths))
	}
}

// In development the console sender fills an inbox that every instance shows.
func TestInbox_ShowsEveryMailOnEveryInstance(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	here, there := w.Run(t, "APP_ENV=development", "MAIL_TRANSPORT=console"),
		w.Run(t, "APP_ENV=development", "MAIL_TRANSPORT=console")
	b := here.Open(t)
	b.RequestCode(ada).Want(http.StatusAccepted)
	b.RequestCode(grace).Want(http.StatusAccepted)
	type mail struct{ To, Subject, Text, HTML string }
	var mails []mail
	for _, app := range []*harness.Process{here, there} {
		harness.Eventually(t, "the mails do not arrive", func() error {
			a := app.Open(t).Get("/dev/inbox.json").Want(http.StatusOK)
			a.JSON(&mails)
			return harness.CountError(len(mails), 2)
		})
		if mails[0].Text == "" || mails[0].HTML == "" {
			t.Errorf("got %+v", mails[0])
		}
		harness.WantEqual(t, "recipients", map[string]bool{mails[0].To: true, mails[1].To: true},
			map[string]bool{ada: true, grace: true})
		page := app.Open(t).Get("/dev/inbox",
			harness.With("Accept", "text/html")).Want(http.StatusOK)
		if !strings.Contains(string(page.Body), mails[0].Subject) {
			t.Error("the page does not show the mail")
		}
	}
}

func TestDev_SessionShowsNoToken(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	app := w.Run(t, "APP_ENV=development", "MAIL_TRANSPORT=mailgun", "TRUSTED_PROXY_HOPS=1")
	b := app.Open(t)
	type seen struct {
		Instance, Store, Cookie string
		HasSession              bool     `json:"has_session"`
		SessionKeys             []string `json:"session_keys"`
		ClientIP                string   `json:"client_ip"`
		UserAgent               string   `json:"user_agent"`
		Session                 *struct {
			ID   string
			User struct{ Email string }
		}
	}
	var before, waiting, after seen
	b.Get("/auth/session-debug").Want(http.StatusOK).JSON(&before)
	harness.WantEqual(t, "session before", before.HasSession, false)
	code := b.GetCode(w, ada)
	b.Get("/auth/session-debug").Want(http.StatusOK).JSON(&waiting)
	harness.WantEqual(t, "session while a code is pending", waiting.HasSession, false)
	in := b.Verify(code).Want(http.StatusOK).SignedIn()
	debug := b.Get("/auth/session-debug",
		harness.With("X-Forwarded-For", "6.6.6.6, 203.0.113.9")).Want(http.StatusOK)
	debug.JSON(&after)

	harness.WantEqual(t, "session", after.HasSession, true)
	harness.WantEqual(t, "session keys", after.SessionKeys,
		[]string{"created_at", "expires_at", "id", "ip", "user", "user_agent"})
	harness.WantEqual(t, "cookie", after.Cookie, cookie)
	harness.WantEqual(t, "store", after.Store, "postgres")
	harness.WantEqual(t, "client address", after.ClientIP, "203.0.113.9")
	harness.WantEqual(t, "user agent", after.UserAgent, "harness")
	if after.Instance == "" || after.Session.User.Email != ada ||
		after.Session.ID != in.Session.ID {
		t.Errorf("got %+v", after)
	}
	page := b.Get("/auth/session-debug", harness.With("Accept", "text/html")).Want(http.StatusOK)
	if !strings.Contains(string(page.Body), ada) {
		t.Error("the page does not show the address")
	}
	for _, token := range b.Cookies() {
		if strings.Contains(string(page.Body)+string(debug.Body), token) {
			t.Error("an answer has a token")
		}
	}
}

// forwarding headers of clients have no effect beyond the trusted hops.
func TestClientAddress_IsTakenFromTheRight(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	address := func(app *harness.Process, header, value string) string {
		var seen struct {
			ClientIP string `json:"client_ip"`
		}
		app.Open(t).Get("/auth/session-debug", harness.With("X-Forwarded-For", ""),
			harness.With(header, value)).Want(http.StatusOK).JSON(&seen)
		return seen.ClientIP
	}
	for hops, cases := range map[string]map[string]string{
		"0": {"203.0.113.9": "127.0.0.1", "": "127.0.0.1"},
		"1": {"203.0.113.9": "203.0.113.9", "6.6.6.6,203.0.113.9": "203.0.113.9",
			"203.0.113.9, nonsense": "127.0.0.1", "": "127.0.0.1",
			"::ffff:203.0.113.9": "203.0.113.9",
			"2001:db8::1":        "2001:db8::1"},
		"2": {"6.6.6.6, 203.0.113.9, 10.0.0.1": "203.0.113.9", "203.0.113.9": "127.0.0.1"},
	} {
		app := w.Run(t, "APP_ENV=development", "MAIL_TRANSPORT=console", "TRUSTED_PROXY_HOPS="+hops)
		for header, want := range cases {
			harness.WantEqual(t, hops+" hops, "+header, address(app, "X-Forwarded-For", header),
				want)
		}
		for _, forged := range []string{"X-Real-IP", "CF-Connecting-IP", "True-Client-IP",
			"Forwarded",
			"X-Client-IP"} {
			harness.WantEqual(t, forged, address(app, forged, "6.6.6.6"), "127.0.0.1")
		}
	}
}
