package gate_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
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
		"//evil.example/", `/\evil.example`, "/\tevil", "https://evil.example/", "*", "?a",
		"/" + strings.Repeat("a", 3000),
		"/_sana/start?path=/", "/ä", "%", "",
	} {
		q := gateRequest{family: "forward", app: "wiki", host: wiki, page: true,
			change: set("X-Forwarded-Uri", target)}
		if strings.ContainsRune(target, '\t') {
			continue // net/http refuses to send it
		}
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

// The app receives the name that the user chose, unchanged.
func TestGate_IdentityHeadersFollowTheAccount(t *testing.T) {
	t.Parallel()
	i := run(t, harness.NewWorld(t), appsFile)
	id, b := i.signIn(t, "bob@other.example")
	cookie := i.cookie(t, "trial.example.org", id)
	if err := os.WriteFile(i.file, []byte(strings.Replace(appsFile, "2020-01-31", "2120-01-31", 1)),
		0o600); err != nil {
		t.Fatal(err)
	}
	i.reload(t, "apps file reloaded", 1)
	for _, name := range []string{"", "Zoë <b>", ""} {
		if name != "" {
			b.Rename(name).Want(http.StatusOK)
		}
		want := name
		if name == "" {
			b.Rename("").Want(http.StatusOK)
			want = "bob@other.example"
		}
		a := i.request(t,
			gateRequest{family: "nginx", app: "trial", host: "trial.example.org", cookie: cookie})
		if got := a.header.Get("Remote-Name"); got != want ||
			a.header.Get("Remote-Groups") != "everyone" || a.header.Get("Remote-Id") == "" {
			t.Errorf("Remote-Name is %q of %q, want %q of everyone", got,
				a.header.Get("Remote-Groups"), want)
		}
	}
}

// reload sends SIGHUP and waits until the log has a line n times.
func (i *instance) reload(t *testing.T, line string, n int) {
	t.Helper()
	i.Signal(t, syscall.SIGHUP)
	harness.Eventually(t, "the file is not reloaded", func() error {
		return harness.CountError(strings.Count(i.Log.String(), line), n)
	})
}

func TestReload_AppliesValidFilesAndKeepsTheOldOneOtherwise(t *testing.T) {
	t.Parallel()
	i := run(t, harness.NewWorld(t), appsFile)
	id, _ := i.signIn(t, ada)
	asked := gateRequest{family: "forward", app: "wiki", host: wiki, cookie: i.cookie(t, wiki, id)}
	want := func(when string, status int, code string) {
		t.Helper()
		if a := i.request(t, asked); a.status != status || status != http.StatusOK &&
			a.code(t) != code {
			t.Errorf("%s: %d %s, want %d %s", when, a.status, a.body, status, code)
		}
	}
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(i.file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want("at the start", http.StatusOK, "")

	write("apps: {wiki: {name: Wiki}")
	i.reload(t, "apps file not reloaded: the previous one stays in use", 1)
	want("a file with a mistake", http.StatusOK, "")

	write(strings.Replace(appsFile,
		"allow: [group:staff]}\n  bank", "allow: [grace@sana.example]}\n  bank", 1))
	i.reload(t, "apps file reloaded", 1)
	want("a rule that does not name them", http.StatusForbidden, "not_allowed")

	write("apps: {}")
	i.reload(t, "apps file reloaded", 2)
	want("the app was taken out", http.StatusForbidden, "gate_misconfigured")
}

// Sessions that are revoked at one instance are refused at another within two seconds.
func TestGate_RevokedSessionsAreRefusedAtEveryInstance(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	here, there := run(t, w, appsFile), run(t, w, appsFile)
	id, b := here.signIn(t, ada)
	q := gateRequest{family: "nginx", app: "wiki", host: wiki, cookie: here.cookie(t, wiki, id)}
	for range 10 {
		if a := there.request(t, q); a.status != http.StatusOK {
			t.Fatalf("signed in: %d", a.status)
		}
	}
	b.Post("/api/auth/sign-out", `{}`).Want(http.StatusNoContent)
	revoked := time.Now()
	if a := here.request(t, q); a.status != http.StatusUnauthorized {
		t.Errorf("here, at once: %d, want 401", a.status)
	}
	for began := time.Now(); ; began = time.Now() {
		a := there.request(t, q)
		if a.status == http.StatusUnauthorized {
			break
		}
		if began.Sub(revoked) > 2*time.Second {
			t.Fatalf("a request %s after the sign-out: %d", began.Sub(revoked), a.status)
		}
	}
}

// Without a lease and a database, requests are refused, but not as signed out.
func TestGate_WithoutDatabaseIsUnavailable(t *testing.T) {
	t.Parallel()
	i := run(t, harness.NewWorld(t), appsFile)
	id, _ := i.signIn(t, ada)
	q := gateRequest{family: "forward", app: "wiki", host: wiki, cookie: i.cookie(t, wiki, id)}
	if a := i.request(t, q); a.status != http.StatusOK {
		t.Fatalf("signed in: %d", a.status)
	}
	i.w.StopDatabase(t)
	harness.Eventually(t, "the gate still answers from its cache", func() error {
		if a := i.request(t, q); a.status != http.StatusServiceUnavailable {
			return fmt.Errorf("got %d", a.status)
		}
		return nil
	})
	for _, family := range []string{"nginx", "forward"} {
		q.family = family
		if a := i.request(t, q); a.code(t) != "unavailable" || a.header.Get("Retry-After") == "" {
			t.Errorf("%s: %d %s, want unavailable with Retry-After", family, a.status, a.body)
		}
	}
	q.page = true
	if a := i.request(t, q); a.status != http.StatusServiceUnavailable ||
		!strings.Contains(a.body, "Wiki can’t be opened right now") {
		t.Errorf("as a page: %d %s", a.status, a.body)
	}
	i.w.BringBack(t)
	q.page = false
	harness.Eventually(t, "the gate does not recover", func() error {
		if a := i.request(t, q); a.status != http.StatusOK {
			return fmt.Errorf("got %d", a.status)
		}
		return nil
	})
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

// Sana does not start with an invalid gate configuration.
func TestStart_RefusesInvalidGateSettings(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	dir := t.TempDir()
	file := func(name, text string) string {
		path := dir + "/" + name
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return "APPS_FILE=" + path
	}
	good := file("good.yaml", appsFile)
	for want, override := range map[string][]string{
		"GATE_ADDR is not set":                        {good},
		"APPS_FILE is not set; GATE_ADDR needs it":    {"GATE_ADDR=127.0.0.1:0"},
		"APPS_FILE is not set; SIGN_UP=apps needs it": {"SIGN_UP=apps"},
		"APPS_FILE is set, and SESSION_STORE=cookie": {good, "GATE_ADDR=127.0.0.1:0",
			"SESSION_STORE=cookie"},
		"GATE_ADDR is \"3001\"": {good, "GATE_ADDR=3001"},
		"GATE_ADDR is \"127.0.0.1:3999\", which PORT": {good, "GATE_ADDR=127.0.0.1:3999",
			"PORT=3999"},
		"APPS_FILE cannot be read": {"APPS_FILE=/none",
			"GATE_ADDR=127.0.0.1:0"},
		"line 1: hosts of app \"a\": \"sana.example\" has the": {
			file("own.yaml",
				`apps: {a: {name: A, hosts: [sana.example], allow: [group:everyone]}}`),
			"GATE_ADDR=127.0.0.1:0"},
		"line 2: app \"b\" has no name\nline 2: app \"b\" has no hosts": {
			file("bad.yaml", "apps:\n  b: {allow: [group:everyone]}"), "GATE_ADDR=127.0.0.1:0",
		},
	} {
		err := w.StartError(t, override...)
		if err == nil {
			err = errors.New("it started")
		}
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, want %s", override, err, want)
		}
	}
}
