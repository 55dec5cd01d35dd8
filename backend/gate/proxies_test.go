package gate_test

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"sana/backend/apps"
	"sana/backend/gate/proxies"
	"sana/backend/test/harness"
	"sana/backend/test/proxytest"
)

// upstream is an app that returns the request that reached it.
type upstream struct {
	*httptest.Server
	requests atomic.Int64
	body     atomic.Int64 // bytes of the newest body
}

func newUpstream(t *testing.T) *upstream {
	t.Helper()
	u := &upstream{}
	u.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		u.requests.Add(1)
		switch {
		case r.Header.Get("Upgrade") == "websocket":
			echo(w)
			return
		case r.URL.Path == "/download":
			w.Header().Set("Content-Disposition", "attachment")
			_, _ = io.CopyN(w, zeros{}, downloadSize)
			return
		}
		n, _ := io.Copy(io.Discard, r.Body)
		u.body.Store(n)
		for name, values := range r.Header {
			if strings.HasPrefix(strings.ReplaceAll(name, "_", "-"), "Remote-") {
				fmt.Fprintf(w, "%s: %s\n", name, strings.Join(values, " and "))
			}
		}
		fmt.Fprintf(w, "%s %s\n", r.Method, r.URL.RequestURI())
	}))
	t.Cleanup(u.Close)
	return u
}

// downloadSize is larger than the buffers of proxies.
const downloadSize = 20 << 20

// echo accepts a websocket and sends every byte back. It does not parse frames.
func echo(w http.ResponseWriter) {
	conn, both, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer conn.Close()
	fmt.Fprint(conn,
		"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
	_, _ = io.Copy(conn, both)
}

// openSocket opens a websocket at the app with the browser's cookie. say sends a text and returns
// what comes back.
func (b behind) openSocket() (status int, say func(string) string) {
	b.t.Helper()
	request, err := http.NewRequest(http.MethodGet, "https://"+wiki+"/socket", http.NoBody)
	if err != nil {
		b.t.Fatal(err)
	}
	request.Header = http.Header{
		"Connection": {"Upgrade"}, "Upgrade": {"websocket"}, "Sec-Websocket-Version": {"13"},
		"Sec-Websocket-Key": {"c2FuYS10ZXN0LXNvY2tldA=="}, "Sec-Fetch-Mode": {"websocket"},
	}
	for _, cookie := range b.jar.Cookies(request.URL) {
		request.AddCookie(cookie)
	}
	answer, err := b.through.RoundTrip(request)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { _ = answer.Body.Close() })
	return answer.StatusCode, func(text string) string {
		b.t.Helper()
		got := make([]byte, len(text))
		if _, err := io.WriteString(answer.Body.(io.Writer), text); err != nil {
			b.t.Fatal(err)
		}
		if _, err := io.ReadFull(answer.Body, got); err != nil {
			b.t.Fatal(err)
		}
		return string(got)
	}
}

// behind is a surfer whose requests for an app go through a real proxy.
type behind struct {
	*surfer
	through http.RoundTripper
}

func (b behind) RoundTrip(r *http.Request) (*http.Response, error) {
	b.mu.Lock()
	b.steps = append(b.steps, r.URL.Host+" "+r.URL.Path)
	b.mu.Unlock()
	if r.URL.Host == "sana.example" {
		return b.forward(r, b.i.URL+r.URL.RequestURI(), r.URL.Host)
	}
	return b.through.RoundTrip(r)
}

func newBehind(t *testing.T, i *instance, proxy proxytest.Running) behind {
	t.Helper()
	transport := &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: proxy.Roots}, // HTTP/1.1, for attacks with Connection
		DialContext:     proxy.Dial,
	}
	t.Cleanup(transport.CloseIdleConnections)
	b := behind{newSurfer(t, i), transport}
	b.client.Transport = b
	return b
}

// Runs the output of sana apps, unchanged, through every state of a browser and the attacks of
// clients.
func TestProxies_RunAsPrinted(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	i := run(t, w, appsFile)
	for _, p := range proxytest.All() {
		t.Run(p.Kind, func(t *testing.T) {
			w.Pass(t, 24*time.Hour) // limits on mails
			app := newUpstream(t)
			walkThrough(t, newBehind(t, i, i.putBehind(t, p, "wiki", app.URL)), app)
			wantCookiePage(t, func() *surfer {
				return newBehind(t, i, i.putBehind(t, p, "wiki", app.URL)).surfer
			})
			blockOnTheWay(t, newBehind(t, i, i.putBehind(t, p, "wiki", app.URL)))
			keyThrough(t, newBehind(t, i, i.putBehind(t, p, "wiki", app.URL)), app)
		})
	}
}

// putBehind runs a proxy in front of an app, with the configuration that sana apps prints.
func (i *instance) putBehind(
	t *testing.T, p proxytest.Proxy, app, upstream string,
) proxytest.Running {
	t.Helper()
	var hosts []string
	for _, host := range i.app(t, app).Hosts {
		hosts = append(hosts, host.String())
	}
	return p.Start(t, i.printed(t, p, app, upstream), hosts...)
}

func (i *instance) app(t *testing.T, id string) *apps.App {
	t.Helper()
	set, err := apps.Parse([]byte(appsFile), apps.Options{})
	if err != nil {
		t.Fatal(err)
	}
	app, _ := set.Find(id)
	return app
}

// printed returns what sana apps prints for an app.
func (i *instance) printed(t *testing.T, p proxytest.Proxy, app, upstream string) string {
	t.Helper()
	site := proxies.Site{
		App: i.app(t, app), Upstream: strings.TrimPrefix(upstream, "http://"),
		Sana: strings.TrimPrefix(i.URL, "http://"), Gate: strings.TrimPrefix(i.gate, "http://"),
	}
	var printed strings.Builder
	if err := proxies.Write(&printed, proxies.Kind(p.Kind), site); err != nil {
		t.Fatal(err)
	}
	return printed.String()
}

// deepLink is the address that a user opens.
const deepLink = "https://wiki.example.org/deep?a=b&c=%2f"

// throughProxy is a user's way through a proxy to an app.
type throughProxy struct {
	t *testing.T
	behind
	app *upstream
}

func walkThrough(t *testing.T, b behind, app *upstream) {
	t.Helper()
	w := &throughProxy{t, b, app}
	w.newcomer()
	w.signedIn()
	say := w.longConnections()
	w.attack()
	w.signedOut(say)
	w.notAllowed()
	w.withoutDatabase()
}

func (w *throughProxy) want(what string, p page, status int, text string) {
	w.t.Helper()
	if p.status != status || !strings.Contains(p.body, text) {
		w.t.Errorf("%s: %d at %s, want %d with %q; the body is %.400s", what, p.status, p.url, status,
			text, p.body)
	}
}

// nothing checks that no request has reached the app.
func (w *throughProxy) nothing(what string) {
	w.t.Helper()
	if n := w.app.requests.Load(); n != 0 {
		w.t.Errorf("%s: %d requests reached the app", what, n)
	}
	w.app.requests.Store(0)
}

// newcomer has no session: a page leads to the sign-in, a fetch gets 401, and a form gets a page.
func (w *throughProxy) newcomer() {
	w.t.Helper()
	p := w.open(deepLink)
	if p.url.Host != "sana.example" ||
		!strings.HasPrefix(p.url.Query().Get("next"), "/enter?host="+wiki) {
		w.t.Fatalf("new: at %s (%d), want the sign-in page; %.300s", p.url, p.status, p.body)
	}
	w.want("XHR", w.send(http.MethodGet, deepLink, "cors"), 401, "sign_in_required")
	w.want("POST as a page", w.send(http.MethodPost, deepLink, "navigate"), 401,
		"You need to sign in again")
	w.want("POST", w.send(http.MethodPost, deepLink, "cors"), 401, "sign_in_required")
	w.want("_sana/me", w.send(http.MethodGet, "https://wiki.example.org/_sana/me", "cors"), 401,
		"sign_in_required")
	w.nothing("without a session")
}

// signedIn checks that the app receives the user's identity whatever the client sends, and that a
// large body reaches the app only.
func (w *throughProxy) signedIn() {
	w.t.Helper()
	w.signIn(ada)
	w.want("in", w.open(deepLink), 200, "GET /deep?a=b&c=%2f")
	lies := all(set("Remote-User", "root"), alias("Remote_User", "root"),
		alias("remote_groups", "admin"), set("Remote-Name", "Root"),
		set("X-Forwarded-User", "root"))
	got := w.send(http.MethodGet, deepLink, "cors", lies)
	w.want("in, with lies", got, 200, "Remote-User: "+ada+"\n")
	if strings.Contains(got.body, "root") || strings.Contains(got.body, "admin") ||
		strings.Contains(got.body, "Root") ||
		!strings.Contains(got.body, "Remote-Groups: ops,staff\n") ||
		!strings.Contains(got.body, "Remote-Name: "+ada+"\n") {
		w.t.Errorf("the app was told lies: %s", got.body)
	}
	w.want("If-None-Match", w.send(http.MethodGet, deepLink, "cors", set("If-None-Match", "*")), 200,
		"GET")
	large := func(r *http.Request) {
		r.Method, r.Body, r.ContentLength = http.MethodPut,
			io.NopCloser(io.LimitReader(zeros{}, 100<<20)), 100<<20
	}
	w.want("PUT", w.send(http.MethodPut, deepLink, "cors", large), 200, "PUT /deep")
	if n := w.app.body.Load(); n != 100<<20 {
		w.t.Errorf("%d bytes of the body reached the app", n)
	}
	if p := w.open("https://a.preview.example.net/x"); p.status != 200 {
		w.t.Errorf("host with *: %d at %s: %.300s", p.status, p.url, p.body)
	}
}

// longConnections downloads a file and opens a websocket, which it leaves open.
func (w *throughProxy) longConnections() (say func(string) string) {
	w.t.Helper()
	if got := w.send(http.MethodGet, "https://wiki.example.org/download",
		"navigate"); got.status != 200 || len(got.body) != downloadSize {
		w.t.Errorf("download: %d with %d bytes", got.status, len(got.body))
	}
	status, say := w.openSocket()
	if status != http.StatusSwitchingProtocols {
		w.t.Fatalf("websocket: %d, want 101", status)
	}
	if got := say("before"); got != "before" {
		w.t.Errorf("the websocket says %q", got)
	}
	return say
}

// attack changes what the proxy asks the gate: no such request is answered like a valid one.
func (w *throughProxy) attack() {
	w.t.Helper()
	w.app.requests.Store(0)
	stranger := newSurfer(w.t, w.i)
	for name, change := range map[string]func(*http.Request){
		"X-Original-URL": all(set("X-Original-URL", "https://"+wiki+"/"),
			set("X-Original-Method", "GET")),
		"X-Forwarded-Host": all(set("X-Forwarded-Host", wiki),
			set("X-Forwarded-Uri", "/")),
		"X_Forwarded_Host":                   alias("X_Forwarded_Host", wiki),
		"Connection: X-Forwarded-Host":       set("Connection", "X-Forwarded-Host, close"),
		"Connection: X-Original-URL, Cookie": set("Connection", "X-Original-URL, Remote-User"),
		"OPTIONS":                            func(r *http.Request) { r.Method = http.MethodOptions },
		"robot":                              set("User-Agent", "GoogleHC/1.0"),
	} {
		fresh := behind{stranger, w.through}
		fresh.client.Transport = fresh
		p := fresh.send(http.MethodGet, "https://wiki.example.org/secret", "cors", change)
		if p.status == http.StatusOK {
			w.t.Errorf("%s: a stranger is let in: %s", name, p.body)
		}
	}
	for _, path := range []string{"/%2e%2e/_sana/../secret", "/_sana/..%2fsecret",
		"/_sana%2f..%2fsecret", "/_sana/../secret", "//secret", "/_SANA/x"} {
		u := &url.URL{Scheme: "https", Host: wiki, Opaque: "//" + wiki + path}
		request := &http.Request{Method: http.MethodGet, URL: u, Host: wiki,
			Header: http.Header{"Sec-Fetch-Mode": {"cors"}}}
		before := w.app.requests.Load()
		answer, err := w.through.RoundTrip(request)
		if err != nil {
			w.t.Fatal(err)
		}
		answer.Body.Close()
		if w.app.requests.Load() != before {
			w.t.Errorf("%s: a stranger's request reached the app: %d", path, answer.StatusCode)
		}
	}
}

// signedOut is as without a session, except for the websocket that was open: no check before a
// request can end it.
func (w *throughProxy) signedOut(say func(string) string) {
	w.t.Helper()
	w.want("sign-out", w.send(http.MethodPost, "https://wiki.example.org/_sana/sign-out", "navigate"),
		200, "You’re signed out")
	if got := say("after"); got != "after" {
		w.t.Errorf("a websocket that was open at the sign-out says %q; no check before a request can "+
			"end it", got)
	}
	if status, _ := w.openSocket(); status != http.StatusUnauthorized {
		w.t.Errorf("a websocket after the sign-out: %d, want 401", status)
	}
	w.app.requests.Store(0)
	if p := w.open(deepLink); p.url.Host != "sana.example" {
		w.t.Errorf("signed out: %d at %s", p.status, p.url)
	}
	w.nothing("signed out")
}

// notAllowed is a user whom the rule of the app does not allow.
func (w *throughProxy) notAllowed() {
	w.t.Helper()
	w.signIn("eve@other.example")
	w.want("not for them", w.open(deepLink), 403, "You can’t use Wiki")
	w.want("not for them, XHR", w.send(http.MethodGet, deepLink, "cors"), 403, "not_allowed")
	w.nothing("not for them")
}

// withoutDatabase is unavailable, never signed out and never let in.
func (w *throughProxy) withoutDatabase() {
	w.t.Helper()
	w.i.w.StopDatabase(w.t)
	harness.Eventually(w.t, "the gate answers without a database", func() error {
		if p := w.send(http.MethodGet, deepLink, "cors"); p.status != http.StatusServiceUnavailable {
			return fmt.Errorf("got %d: %.200s", p.status, p.body)
		}
		return nil
	})
	w.want("without a database", w.open(deepLink), 503, "Wiki can’t be opened right now")
	w.i.w.BringBack(w.t)
	harness.Eventually(w.t, "the gate does not recover", func() error {
		if p := w.send(http.MethodGet, deepLink, "cors"); p.status != http.StatusForbidden {
			return fmt.Errorf("got %d", p.status)
		}
		return nil
	})
	w.nothing("without a database")
}

// The test covers every row of the table of states, as a client sees it behind each proxy.
func TestProxies_AnswerEveryStateAsDesigned(t *testing.T) {
	t.Parallel()
	i := run(t, harness.NewWorld(t), appsFile)
	for _, p := range proxytest.All() {
		t.Run(p.Kind, func(t *testing.T) {
			upstream, proxy := newUpstream(t), map[string]behind{}
			for _, app := range []string{"wiki", "bank", "vault", "trial"} {
				proxy[app] = newBehind(t, i, i.putBehind(t, p, app, upstream.URL))
			}
			for _, s := range states {
				t.Run(s.name, func(t *testing.T) {
					i.w.Pass(t, 24*time.Hour) // limits on mails
					cookie := s.cookie(t, i)
					for _, page := range []bool{true, false} {
						upstream.requests.Store(0)
						a := proxy[s.app].ask(t, s, cookie, page)
						s.check(t, "forward", page, a)
						isIn := a.status == http.StatusOK
						if isIn != (upstream.requests.Load() == 1) {
							t.Errorf("%d, and %d requests reached the app", a.status, upstream.requests.Load())
						}
						if isIn && !strings.Contains(a.body, "Remote-Email: "+s.identityEmail+"\n") {
							t.Errorf("the app is not told of %s: %s", s.identityEmail, a.body)
						}
					}
				})
			}
		})
	}
}

// ask sends a request of a client in a state.
func (b behind) ask(t *testing.T, s state, cookie string, page bool) answer {
	t.Helper()
	method, mode, accept := s.method, "cors", "*/*"
	if method == "" {
		method = http.MethodGet
	}
	if page {
		mode, accept = "navigate", "text/html"
	}
	request, err := http.NewRequest(method, "https://"+s.host+aTarget, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	request.Header = http.Header{"Sec-Fetch-Mode": {mode}, "Accept": {accept}}
	request.AddCookie(&http.Cookie{Name: "__Host-sana_app", Value: cookie})
	response, err := b.through.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{response.StatusCode, response.Header, string(body)}
}

// zeros is an endless reader.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

// The examples equal the output of sana apps, and run as committed except for the ports.
func TestExamples_RunAsCommitted(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	read := func(path string) string {
		text, err := os.ReadFile(filepath.Join("../../examples", path))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	file := strings.Replace(read("nginx/apps.yaml"), "@example.org", "@sana.example", 1)
	i := run(t, w, file, "PUBLIC_URL=https://sana.example")
	set, err := apps.Parse([]byte(file), apps.Options{})
	if err != nil {
		t.Fatal(err)
	}
	site := proxies.Site{Upstream: "127.0.0.1:8080", Sana: "127.0.0.1:3000", Gate: "127.0.0.1:3001"}
	site.App, _ = set.Find("wiki")
	app := newUpstream(t)
	for _, example := range []struct {
		kind  proxies.Kind
		files []string
		app   string // address of the app
		says  string
	}{
		{proxies.Nginx, []string{"nginx/sana.conf"}, fmt.Sprintf("127.0.0.1:%d", harness.FreePort(t)), "Hello, " + ada + "."},
		{proxies.Caddy, []string{"caddy/Caddyfile"}, fmt.Sprintf("127.0.0.1:%d", harness.FreePort(t)), "Hello, " + ada + "."},
		{proxies.Traefik, []string{"traefik/wiki.yaml", "traefik/sana.yaml"},
			strings.TrimPrefix(app.URL, "http://"), "Remote-User: " + ada + "\n"},
	} {
		var printed strings.Builder
		if err := proxies.Write(&printed, example.kind, site); err != nil {
			t.Fatal(err)
		}
		var committed []string
		for _, name := range example.files {
			committed = append(committed, read(name))
		}
		if !strings.HasPrefix(committed[0], printed.String()) {
			t.Errorf("examples/%s does not begin with what sana apps %s prints", example.files[0],
				example.kind)
		}
		if read(string(example.kind)+"/apps.yaml") != read("nginx/apps.yaml") {
			t.Errorf("examples/%s has another apps file", example.kind)
		}
		_, port, _ := strings.Cut(example.app, ":")
		config := strings.NewReplacer(
			"127.0.0.1:3000", strings.TrimPrefix(i.URL, "http://"), "127.0.0.1:3001",
			strings.TrimPrefix(i.gate, "http://"),
			":8080", ":"+port, "sana.example.org", "sana.example",
		).Replace(strings.Join(committed, "\n---\n"))
		for _, p := range proxytest.All() {
			if p.Kind != string(example.kind) {
				continue
			}
			t.Run(p.Kind, func(t *testing.T) {
				w.Pass(t, 24*time.Hour) // limits on mails
				b := newBehind(t, i, p.Start(t, config, wiki, "sana.example"))
				if page := b.open("https://wiki.example.org/"); page.url.Host != "sana.example" {
					t.Fatalf("at %s (%d), want the sign-in page", page.url, page.status)
				}
				b.signIn(ada)
				b.wantPage(b.open("https://wiki.example.org/"), "https://wiki.example.org/", example.says)
			})
		}
	}
}

// The apps of examples/your-app, as committed, know their user behind the gate and a proxy, and
// believe no client.
func TestExamples_AppsKnowTheirUser(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	i := run(t, w, appsFile)
	// Go caches the result of a test until a file changes that the test itself has read.
	for _, source := range []string{"go/main.go", "node/app.mjs"} {
		if _, err := os.ReadFile(filepath.Join("../../examples/your-app", source)); err != nil {
			t.Fatal(err)
		}
	}
	program := filepath.Join(t.TempDir(), "app")
	build := exec.Command("go", "build", "-o", program, ".")
	build.Dir = "../../examples/your-app/go"
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the app in Go: %v\n%s", err, out)
	}
	programs := map[string][]string{
		"Go": {program}, "Node": {"node", "../../examples/your-app/node/app.mjs"},
	}
	for _, p := range proxytest.All() {
		for language, command := range programs {
			t.Run(language+" behind "+p.Kind, func(t *testing.T) {
				w.Pass(t, 24*time.Hour) // limits on mails
				b := newBehind(t, i, i.putBehind(t, p, "wiki", startApp(t, command)))
				const address = "https://wiki.example.org/"
				lies := all(set("Remote-Id", "1"), set("Remote-Email", "root@sana.example"),
					set("Remote-Name", "Root"), alias("remote_groups", "admin"))
				if got := b.send(http.MethodGet, address, "cors", lies); got.status != 401 {
					t.Errorf("a stranger with forged headers: got %d: %.200s", got.status, got.body)
				}
				b.signIn(ada)
				var user struct {
					ID, Email, Name string
					Groups          []string
				}
				for _, got := range []page{b.open(address), b.send(http.MethodGet, address, "cors", lies)} {
					if err := json.Unmarshal([]byte(got.body), &user); err != nil {
						t.Fatalf("got %d: %.200s", got.status, got.body)
					}
					if len(user.ID) != 36 || user.Email != ada || user.Name != ada ||
						!slices.Equal(user.Groups, []string{"ops", "staff"}) {
						t.Errorf("got the user %+v", user)
					}
				}
			})
		}
	}
}

// startApp runs an app until the test ends and returns its address.
func startApp(t *testing.T, command []string) string {
	t.Helper()
	port := harness.FreePort(t)
	app := exec.Command(command[0], command[1:]...)
	app.Env = append(os.Environ(), fmt.Sprintf("PORT=%d", port))
	if err := app.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = app.Process.Kill()
		_ = app.Wait()
	})
	address := fmt.Sprintf("http://127.0.0.1:%d", port)
	harness.Eventually(t, "the app does not answer", func() error {
		answer, err := http.Get(address)
		if err != nil {
			return err
		}
		defer answer.Body.Close()
		if answer.StatusCode != http.StatusForbidden {
			return fmt.Errorf("got %d for a request without headers", answer.StatusCode)
		}
		return nil
	})
	return address
}
