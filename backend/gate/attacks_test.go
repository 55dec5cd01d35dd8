package gate_test

import (
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"sana/backend/test/harness"
)

// set returns a function that replaces a header of a request.
func set(name, value string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set(name, value) }
}

// without returns a function that removes headers of a request.
func without(names ...string) func(*http.Request) {
	return func(r *http.Request) {
		for _, name := range names {
			r.Header.Del(name)
		}
	}
}

func combine(changes ...func(*http.Request)) func(*http.Request) {
	return func(r *http.Request) {
		for _, change := range changes {
			change(r)
		}
	}
}

// alias adds a header in a spelling that net/http would correct.
func alias(name, value string) func(*http.Request) {
	return func(r *http.Request) { r.Header[name] = []string{value} }
}

// Each entry imitates a correctly configured proxy, by a visitor with a valid cookie.
var misconfigurations = []struct {
	name   string
	family string
	change func(*http.Request)
}{
	{"X-Forwarded-Host comes along", "nginx", set("X-Forwarded-Host", wiki)},
	{"X-Forwarded-For comes along", "nginx", set("X-Forwarded-For", "192.0.2.1")},
	{"X-Original-URL comes along", "forward", set("X-Original-URL", "https://"+wiki+"/")},
	{"X-Original-Method comes along", "forward", set("X-Original-Method", "GET")},
	{"X-Original-URL twice", "nginx",
		func(r *http.Request) { r.Header.Add("X-Original-URL", "https://"+wiki+"/") }},
	{"X-Forwarded-Host twice", "forward",
		func(r *http.Request) { r.Header.Add("X-Forwarded-Host", wiki) }},
	{"X-Forwarded-Uri twice", "forward",
		func(r *http.Request) { r.Header.Add("X-Forwarded-Uri", "/") }},
	{"X-Forwarded-Host twice, in another case", "forward", alias("x-forwarded-host", wiki)},
	{"no X-Original-URL", "nginx", without("X-Original-URL")},
	{"no X-Original-Method", "nginx", without("X-Original-Method")},
	{"no X-Forwarded-Method", "forward", without("X-Forwarded-Method")},
	{"Connection removes X-Forwarded-Host", "forward",
		combine(without("X-Forwarded-Host"), set("Connection", "X-Forwarded-Host"))},
	{"X_Forwarded_Host instead", "forward",
		combine(without("X-Forwarded-Host"), alias("X_Forwarded_Host", wiki))},
	{"X_Original_URL instead", "nginx",
		combine(without("X-Original-URL"), alias("X_Original_URL", "https://"+wiki+"/"))},
	{"empty host", "forward", set("X-Forwarded-Host", "")},
	{"host of no app", "forward", set("X-Forwarded-Host", "evil.example")},
	{"host of another app", "forward", set("X-Forwarded-Host", vault)},
	{"host of PUBLIC_URL", "forward", set("X-Forwarded-Host", "sana.example")},
	{"port", "forward", set("X-Forwarded-Host", wiki+":8443")},
	{"trailing dot", "forward", set("X-Forwarded-Host", wiki+".")},
	{"%2f in the host", "forward", set("X-Forwarded-Host", wiki+"%2f")},
	{"two hosts", "forward", set("X-Forwarded-Host", wiki+", "+vault)},
	{"label of two", "forward", set("X-Forwarded-Host", "a.b.preview.example.net")},
	{"user name in the URL", "nginx", set("X-Original-URL", "https://"+wiki+"@evil.example/")},
	{"host that ends in the app's", "nginx", set("X-Original-URL", "https://evil-"+wiki+"/")},
	{"backslash in the URL", "nginx", set("X-Original-URL", `https://evil.example\@`+wiki+"/")},
	{"URL without a scheme", "nginx", set("X-Original-URL", "//"+wiki+"/")},
	{"URL of another scheme", "nginx", set("X-Original-URL", "ftp://"+wiki+"/")},
	{"URL without a host", "nginx", set("X-Original-URL", "https:///"+wiki)},
	{"malformed URL", "nginx", set("X-Original-URL", "%")},
	{"body", "forward", func(r *http.Request) {
		r.Method, r.Body, r.ContentLength = http.MethodPut, io.NopCloser(strings.NewReader("x")), 1
	}},
	{"health check", "nginx", combine(
		without("X-Original-URL", "X-Original-Method"), set("User-Agent", "kube-probe/1.30"))},
}

func TestGate_RefusesMisconfiguredProxies(t *testing.T) {
	t.Parallel()
	i := run(t, harness.NewWorld(t), appsFile)
	id, _ := i.signIn(t, ada)
	cookie := i.cookie(t, wiki, id)
	for _, m := range misconfigurations {
		t.Run(m.name, func(t *testing.T) {
			for _, page := range []bool{false, true} {
				q := gateRequest{
					family: m.family, app: "wiki", host: wiki, cookie: cookie, page: page,
				}
				if a := i.request(t, q); a.status != http.StatusOK {
					t.Fatalf("a valid request: %d %s", a.status, a.body)
				}
				q.change = m.change
				if a := i.request(t, q); a.status != http.StatusForbidden ||
					a.code(t) != "gate_misconfigured" {
					t.Errorf("a page request: %v: %d %s, want 403 gate_misconfigured", page,
						a.status, a.body)
				}
			}
		})
	}
	for _, app := range []string{"", "none", "WIKI", "wiki/", "wiki%2f", "../nginx/wiki",
		"wiki/../wiki", "%77iki"} {
		a := i.request(t, gateRequest{family: "nginx", app: app, host: wiki, cookie: cookie})
		if a.status != http.StatusForbidden || a.code(t) != "gate_misconfigured" {
			t.Errorf("app %q: %d %s, want 403 gate_misconfigured", app, a.status, a.body)
		}
	}

	// The log has one line about it, not one per request.
	log := i.Log.String()
	if n := strings.Count(log, "a header of the other family came along"); n != 1 {
		t.Errorf("the log has %d lines about headers of the other family, want one", n)
	}
}

// Other headers of clients have no effect.
func TestGate_IgnoresClientHeaders(t *testing.T) {
	t.Parallel()
	i := run(t, harness.NewWorld(t), appsFile)
	id, _ := i.signIn(t, ada)
	cookie := i.cookie(t, wiki, id)
	sent := map[string]func(*http.Request){
		"identity headers": combine(set("Remote-User", "root"), set("Remote-Groups", "admin"),
			alias("Remote_User", "root")),
		"If-None-Match": combine(set("If-None-Match", "*"),
			set("If-Modified-Since", "Mon, 01 Jan 2035 00:00:00 GMT")),
		"health check":    set("User-Agent", "GoogleHC/1.0"),
		"robot":           set("User-Agent", "Googlebot/2.1"),
		"authorization":   set("Authorization", "Bearer "+cookie),
		"method override": set("X-HTTP-Method-Override", "OPTIONS"),
		"upper case host": func(*http.Request) {},
	}
	for name, change := range sent {
		for _, family := range []string{"nginx", "forward"} {
			host := wiki
			if name == "upper case host" {
				host = strings.ToUpper(wiki)
			}
			q := gateRequest{family: family, app: "wiki", host: host, change: change}
			if a := i.request(t, q); a.status != http.StatusUnauthorized {
				t.Errorf("%s, %s: %d without a cookie, want 401", name, family, a.status)
			}
			q.cookie = cookie
			a := i.request(t, q)
			if a.status != http.StatusOK || a.header.Get("Remote-User") != ada ||
				a.header.Get("Remote-Groups") != "ops,staff" {
				t.Errorf("%s, %s: %d as %q of %q, want 200 as %s of ops,staff", name, family,
					a.status, a.header.Get("Remote-User"), a.header.Get("Remote-Groups"), ada)
			}
		}
	}
}

// The target is used only as the path to return to, and never leads to another host.
func TestGate_TargetLeadsToItsOwnHostOnly(t *testing.T) {
	t.Parallel()
	i := run(t, harness.NewWorld(t), appsFile)
	id, _ := i.signIn(t, ada)
	cookie := i.cookie(t, wiki, id)
	for _, target := range []string{
		"//evil.example/", `/\evil.example`, "https://evil.example/", "*", "?a",
		"/" + strings.Repeat("a", 3000),
		"/_sana/start?path=/", "/ä", "%", "",
	} {
		q := gateRequest{family: "forward", app: "wiki", host: wiki, page: true,
			change: set("X-Forwarded-Uri", target)}
		const want = "https://" + wiki + "/_sana/start?path=%2F"
		if a := i.request(t, q); a.header.Get("Location") != want {
			t.Errorf("target %.40q leads to %q, want %q", target, a.header.Get("Location"), want)
		}
		q.cookie = cookie
		if a := i.request(t, q); a.status != http.StatusOK {
			t.Errorf("target %.40q with a good cookie: %d, want 200", target, a.status)
		}
	}
}

func TestGate_TwoCookiesAreNone(t *testing.T) {
	t.Parallel()
	i := run(t, harness.NewWorld(t), appsFile)
	id, _ := i.signIn(t, ada)
	q := gateRequest{family: "forward", app: "wiki", host: wiki, cookie: i.cookie(t, wiki, id)}
	for _, second := range []string{"planted", q.cookie} {
		q.change = func(r *http.Request) {
			r.AddCookie(&http.Cookie{Name: "__Host-sana_app", Value: second})
		}
		if a := i.request(t, q); a.status != http.StatusUnauthorized {
			t.Errorf("got %d, want 401", a.status)
		}
	}
}

// Browsers also send the cookies of apps: some apps use 40 kB. More than 64 kB are refused.
func TestGate_AcceptsHeadersOf64kB(t *testing.T) {
	t.Parallel()
	i := run(t, harness.NewWorld(t), appsFile)
	id, _ := i.signIn(t, ada)
	q := gateRequest{family: "forward", app: "wiki", host: wiki, cookie: i.cookie(t, wiki, id)}
	for size, want := range map[int]int{40 << 10: http.StatusOK, 70 << 10: http.StatusForbidden} {
		q.change = func(r *http.Request) {
			r.AddCookie(&http.Cookie{Name: "large", Value: strings.Repeat("a", size)})
		}
		if a := i.request(t, q); a.status != want {
			t.Errorf("%d bytes: %d, want %d", size, a.status, want)
		}
	}
}

// Bytes that are not an HTTP request get a response that does not quote them.
func TestGate_RejectsMalformedHTTP(t *testing.T) {
	t.Parallel()
	i := run(t, harness.NewWorld(t), appsFile)
	conn, err := net.Dial("tcp", strings.TrimPrefix(i.gate, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(harness.Deadline)); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Write(
		[]byte("GET /gate/nginx/wiki HTTP/1.1\r\nCookie SECRET\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	buffer := make([]byte, 4096)
	for {
		n, err := conn.Read(buffer)
		got.Write(buffer[:n])
		if err != nil {
			break
		}
	}
	if !strings.HasPrefix(got.String(), "HTTP/1.1 403 ") ||
		strings.Contains(got.String(), "SECRET") {
		t.Errorf("got %s", got.String())
	}
	if strings.Contains(i.Log.String(), "SECRET") {
		t.Error("the log quotes the request")
	}
}
