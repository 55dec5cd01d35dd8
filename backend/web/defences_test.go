package web_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"sana/backend/test/harness"
)

// cookies that a neighbour host has set for the whole domain, too large to be read, do not
// lock a user out. The page arrives even if much more was sent than the server reads, and deletes
// them.
func TestTooLarge_PageDeletesTooManyCookies(t *testing.T) {
	t.Parallel()
	app := harness.NewWorld(t).Run(t).Instance
	for _, size := range []int{16 << 10, 17 << 10, 200 << 10} {
		a := openWire(t, app).send(get("Cookie: tossed=" + strings.Repeat("x", size))).receive()
		harness.WantEqual(t, "status", a.status, 431)
		harness.WantEqual(t, "Clear-Site-Data", a.header.Get("Clear-Site-Data"), `"cookies"`)
		cleared := map[string]bool{}
		for _, c := range (&http.Response{Header: a.header}).Cookies() {
			cleared[c.Name] = c.MaxAge < 0 && c.Path == "/" && c.Value == ""
		}
		harness.WantEqual(t, "cookies that are cleared", cleared, map[string]bool{
			cookie: true, "sana_session": true, device: true, "sana_device": true,
			browserToken:   true,
			"sana_browser": true,
		})
		if !strings.Contains(a.body, "delete") || !strings.Contains(a.body, `<a href="/">`) ||
			strings.Contains(a.body, "xxxx") {
			t.Errorf("the page does not say what happened: %s", a.body)
		}
	}
	harness.WantEqual(t, "status of the next good request",
		openWire(t, app).send(plain).receive().status, 200)
}

// the answer is not lost to a connection reset if the client is still sending (RFC 9112,
// 9.6).
func TestTooLarge_ClientMaySendTheRestOfItsRequest(t *testing.T) {
	t.Parallel()
	app := harness.NewWorld(t).Run(t).Instance
	for promise, request := range map[string]string{
		"headers": get("Cookie: tossed=" + strings.Repeat("x", 17<<10)),
		"a body":  out + "Content-Length: 100000\r\n\r\n" + strings.Repeat("x", 17<<10),
	} {
		w := openWire(t, app).send(request)
		if a := w.receive(); a.status != 431 && a.status != 413 {
			t.Errorf("%s: got %d", promise, a.status)
		}
		for range 4 {
			w.send(strings.Repeat("x", 8<<10))
		}
		if rest, err := io.ReadAll(w.in); err != nil || len(rest) > 0 {
			t.Errorf("%s: the connection ends with %q, %v", promise, rest, err)
		}
	}
}

// A link with a long address cannot sign a user out.
func TestTooLarge_LongAddressDeletesNoCookie(t *testing.T) {
	t.Parallel()
	app := harness.NewWorld(t).Run(t).Instance
	for _, address := range []string{strings.Repeat("x", 17<<10), strings.Repeat("x", 15<<10)} {
		request := "GET /?" + address + " HTTP/1.1\r\nHost: sana.example\r\nCookie: a=" +
			strings.Repeat("y", 3<<10) + "\r\n\r\n"
		a := openWire(t, app).send(request).receive()
		harness.WantEqual(t, "status", a.status, 431)
		harness.WantEqual(t, "cookies and data that are cleared", a.header["Set-Cookie"],
			a.header["Clear-Site-Data"])
		if a.header.Get("Clear-Site-Data") != "" {
			t.Errorf("it clears %s", a.header.Get("Clear-Site-Data"))
		}
	}
}

// only our own host name is answered. Probes use the address, for their two paths. In
// development this machine has more names, because Vite and tests are in between.
func TestHosts_OnlyOwnHostIsAnswered(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	production, development := w.Run(t), w.Run(t, "APP_ENV=development", "MAIL_TRANSPORT=console")
	for host, want := range map[string]struct{ production, development bool }{
		"sana.example":              {true, true},
		"SANA.example":              {true, true},
		"sana.example:443":          {true, true},
		"sana.example:80":           {false, false},
		"sana.example.":             {false, false},
		"www.sana.example":          {false, false},
		"sana.example.evil.example": {false, false},
		"evil.example":              {false, false},
		"localhost":                 {false, true},
		"localhost:5173":            {false, true},
		"localhost.evil.example":    {false, false},
		"127.0.0.1":                 {false, true},
		"127.0.0.1:3000":            {false, true},
		"127.0.0.1.evil.example":    {false, false},
		"127.0.0.2:3000":            {false, false},
		"[::1]":                     {false, true},
		"[::1]:3000":                {false, true},
		"10.0.0.7:3000":             {false, false},
	} {
		as := func(r *http.Request) { r.Host = host }
		for app, ok := range map[*harness.Process]bool{production: want.production,
			development: want.development} {
			b := app.Open(t)
			if a := b.Get("/api/auth/session", as); ok {
				a.Want(http.StatusUnauthorized, "not_signed_in")
			} else {
				a.Want(http.StatusMisdirectedRequest, "misdirected_request")
			}
			b.Get("/livez", as).Want(http.StatusOK)
		}
	}
	b := production.Open(t)
	other := func(r *http.Request) { r.Host = "10.0.0.7:10000" }
	for _, path := range []string{"/", "/verify", "/livez/", "//livez", "/LIVEZ",
		"/api/openapi.json",
		"/assets/x.js"} {
		b.Get(path, other).Want(http.StatusMisdirectedRequest, "misdirected_request")
	}
	forwarded := harness.With("X-Forwarded-Host", "evil.example")
	b.Get("/api/auth/session", forwarded).Want(http.StatusUnauthorized, "not_signed_in")
}

// A visitor who uses another host name is redirected to the page. Programs, files and writes are
// refused.
func TestOtherHost_PagesLeadToPublicURL(t *testing.T) {
	t.Parallel()
	app := harness.NewWorld(t).Run(t)
	other := func(r *http.Request) { r.Host = "www.sana.example" }
	page := harness.With("Accept", "text/html,application/xhtml+xml")
	for path, want := range map[string]string{
		"/":                      "https://sana.example/",
		"/account?next=%2Fa&b=1": "https://sana.example/account?next=%2Fa&b=1",
		"//evil.example/%2e%2e":  "https://sana.example//evil.example/%2e%2e",
		"/@evil.example":         "",
		"/assets/x.js":           "",
		"/api/auth/session":      "",
		"/API/auth/session":      "",
	} {
		a := app.Open(t).Get(path, other, page)
		if want == "" {
			a.Want(http.StatusMisdirectedRequest, "misdirected_request")
			continue
		}
		a.Want(http.StatusPermanentRedirect)
		harness.WantEqual(t, path, a.Header.Get("Location"), want)
		harness.WantEqual(t, "Cache-Control", a.Header.Get("Cache-Control"), "no-store")
		if len(a.Set) != 1 || a.Set[0].Name != "__Host-sana_moved" {
			t.Errorf("%s: got the cookies %v, want __Host-sana_moved alone", path, a.Set)
		}
	}
	b := app.Open(t)
	b.Post("/", "{}", other, page).Want(http.StatusMisdirectedRequest, "misdirected_request")
	b.Get("/", other).Want(http.StatusMisdirectedRequest, "misdirected_request")
}

// Behind a proxy that rewrites Host, a redirect to PUBLIC_URL arrives with the other name again.
// The browser gets a page that explains it, instead of endless redirects.
func TestOtherHost_ProxyThatRewritesHostMakesNoLoop(t *testing.T) {
	t.Parallel()
	b := harness.NewWorld(t).Run(t).Open(t)
	rewritten := func(r *http.Request) { r.Host = "127.0.0.1:3000" }
	page := harness.With("Accept", "text/html")
	b.Get("/account?a=1", rewritten, page).Want(http.StatusPermanentRedirect)
	again := b.Open("/account?a=1", rewritten, page)
	defer again.Body.Close()
	body, err := io.ReadAll(again.Body)
	if err != nil {
		t.Fatal(err)
	}
	harness.WantEqual(t, "status", again.StatusCode, http.StatusMisdirectedRequest)
	harness.WantEqual(t, "Content-Type", again.Header.Get("Content-Type"),
		"text/html; charset=utf-8")
	id := again.Header.Get("X-Request-Id")
	for _, words := range []string{`href="https://sana.example/"`, "Host header", id} {
		if !strings.Contains(string(body), words) {
			t.Errorf("the page does not have %q:\n%s", words, body)
		}
	}
	b.Get("/account?a=1", page).Want(http.StatusOK) // the correct name is not redirected
}

// several headers are one list, and an entry may have a port. Entries to the left of the
// trusted hops are ignored.
func TestClientAddress_SeveralHeadersAreOneList(t *testing.T) {
	t.Parallel()
	app := harness.NewWorld(t).Run(t, "APP_ENV=development", "MAIL_TRANSPORT=console",
		"TRUSTED_PROXY_HOPS=2").Instance
	for lines, want := range map[string]string{
		"X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-For: 203.0.113.9\r\nX-Forwarded-For: 10.0.0.1": "203.0.113.9",
		"X-Forwarded-For: 6.6.6.6, 203.0.113.9:5678\r\nx-forwarded-for: 10.0.0.1:80":            "203.0.113.9",
		"X-Forwarded-For: [2001:db8::1]:443, 10.0.0.1":                                          "2001:db8::1",
		"X-Forwarded-For: 64:ff9b::203.0.113.9, 10.0.0.1":                                       "203.0.113.9",
		"X-Forwarded-For: 203.0.113.9\r\nX-Forwarded-For:\r\nForwarded: for=6.6.6.6":            "203.0.113.9",
		"X-Forwarded-For: 6.6.6.6, unknown, 10.0.0.1":                                           "127.0.0.1",
		"X-Forwarded-For: 10.0.0.1\r\nX-Real-IP: 6.6.6.6\r\nTrue-Client-IP: 6.6.6.6":            "127.0.0.1",
		"X-Forwarded-For: " + strings.Repeat("6.6.6.6,", 1000) +
			"203.0.113.9,\t10.0.0.1 ": "203.0.113.9",
		"X-Forwarded-For: 203.0.113.9, 10.0.0.1\r\nX-Forwarded-Host: a\r\nCF-Connecting-IP: " +
			"6.6.6.6": "203.0.113.9",
	} {
		request := strings.Replace(get(lines), "/livez", "/auth/session-debug", 1)
		a := openWire(t, app).send(request).receive()
		if !strings.Contains(a.body, `"client_ip":"`+want+`"`) {
			t.Errorf("%.200q: got %d %s, want %s", lines, a.status, a.body, want)
		}
	}
}

// programs that fetch the link before the user does consume nothing.
func TestMailLink_FetchConsumesNothing(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	app := w.Run(t)
	b := app.Open(t)
	b.RequestCode(ada).Want(http.StatusAccepted)
	code := w.Code(t, ada, 1)
	for range 3 {
		for _, scanner := range []*harness.Browser{app.Open(t), b} {
			scanner.Get("/verify", harness.With("Accept", "text/html"))
			scanner.Do(http.MethodHead, "/verify", "")
			scanner.Get("/api/auth/verify?c="+code).Want(http.StatusMethodNotAllowed,
				"method_not_allowed")
		}
	}
	b.Verify(code).Want(http.StatusOK)
}

// P-05, P-14, P-15, P-25, A-08 and A-26: the code uses no part of Fiber that trusts forwarding
// headers, inflates or guesses bodies, or redirects to an address of the request.
func TestFiber_NoUnsafePartIsUsed(t *testing.T) {
	t.Parallel()
	unsafe := map[string]bool{
		"IP": true, "IPs": true, "Hostname": true, "Protocol": true, "BaseURL": true,
		"Secure":      true,
		"Subdomains":  true,
		"IsFromLocal": true, "IsProxyTrusted": true, "Body": true, "BodyParser": true,
		"FormValue":     true,
		"MultipartForm": true,
		"Redirect":      true, "RedirectBack": true, "RedirectToRoute": true, "Format": true,
		"UserContext": true,
	}
	set := token.NewFileSet()
	names, err := filepath.Glob("*.go")
	if err != nil || len(names) < 10 {
		t.Fatalf("the package is not read: %v", err)
	}
	names = slices.DeleteFunc(names,
		func(name string) bool { return strings.HasSuffix(name, "_test.go") })
	for _, name := range names {
		file, err := parser.ParseFile(set, name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, spec := range file.Imports {
			if path, _ := strconv.Unquote(spec.Path.Value); strings.Contains(path,
				"fiber/v2/middleware") {
				t.Errorf("%s: imports %s", set.Position(spec.Pos()), path)
			}
		}
		ast.Inspect(file, func(n ast.Node) bool {
			selector, ok := n.(*ast.SelectorExpr)
			if !ok || !unsafe[selector.Sel.Name] {
				return true
			}
			if receiver, ok := selector.X.(*ast.Ident); ok && receiver.Name == "c" {
				t.Errorf("%s: c.%s is unsafe", set.Position(n.Pos()), selector.Sel.Name)
			}
			return true
		})
	}
}
