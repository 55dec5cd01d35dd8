package gate_test

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
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
			if strings.HasPrefix(strings.ToLower(name), "remote") {
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

// openSocket opens a websocket at the app with the browser's cookie. send sends a text and returns
// the reply.
func (b proxiedBrowser) openSocket() (status int, send func(string) string) {
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
	response, err := b.through.RoundTrip(request)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { _ = response.Body.Close() })
	return response.StatusCode, func(text string) string {
		b.t.Helper()
		got := make([]byte, len(text))
		if _, err := io.WriteString(response.Body.(io.Writer), text); err != nil {
			b.t.Fatal(err)
		}
		if _, err := io.ReadFull(response.Body, got); err != nil {
			b.t.Fatal(err)
		}
		return string(got)
	}
}

// proxiedBrowser is an appBrowser whose requests for an app go through a real proxy.
type proxiedBrowser struct {
	*appBrowser
	through http.RoundTripper
}

func (b proxiedBrowser) RoundTrip(r *http.Request) (*http.Response, error) {
	b.mu.Lock()
	b.steps = append(b.steps, r.URL.Host+" "+r.URL.Path)
	b.mu.Unlock()
	if r.URL.Host == "sana.example" {
		return b.forward(r, b.i.URL+r.URL.RequestURI(), r.URL.Host)
	}
	return b.through.RoundTrip(r)
}

func newProxiedBrowser(t *testing.T, i *instance, proxy proxytest.Running) proxiedBrowser {
	t.Helper()
	transport := &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: proxy.Roots}, // HTTP/1.1, for attacks with Connection
		DialContext:     proxy.Dial,
	}
	t.Cleanup(transport.CloseIdleConnections)
	b := proxiedBrowser{newAppBrowser(t, i), transport}
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
			walkThrough(t, newProxiedBrowser(t, i, i.startProxy(t, p, "wiki", app.URL)), app)
			wantCookiePage(t, func() *appBrowser {
				return newProxiedBrowser(t, i, i.startProxy(t, p, "wiki", app.URL)).appBrowser
			})
			blockOnTheWay(t, newProxiedBrowser(t, i, i.startProxy(t, p, "wiki", app.URL)))
			keyThrough(t, newProxiedBrowser(t, i, i.startProxy(t, p, "wiki", app.URL)), app)
		})
	}
}

// startProxy runs a proxy in front of an app, with the configuration that sana apps prints.
func (i *instance) startProxy(
	t *testing.T, p proxytest.Proxy, app, upstream string,
) proxytest.Running {
	t.Helper()
	var hosts []string
	for _, host := range i.app(t, app).Hosts {
		hosts = append(hosts, host.String())
	}
	return p.Start(t, i.printedConfig(t, p, app, upstream), hosts...)
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

// printedConfig returns the output of sana apps for an app.
func (i *instance) printedConfig(t *testing.T, p proxytest.Proxy, app, upstream string) string {
	t.Helper()
	site := proxies.Site{
		App: i.app(t, app), Upstream: strings.TrimPrefix(upstream, "http://"),
		Sana: strings.TrimPrefix(i.URL, "http://"), Gate: strings.TrimPrefix(i.gate, "http://"),
	}
	var printedConfig strings.Builder
	if err := proxies.Write(&printedConfig, proxies.Kind(p.Kind), site); err != nil {
		t.Fatal(err)
	}
	return printedConfig.String()
}

// The test covers every row of the table of states, as a client sees it behind each proxy.
func TestProxies_RespondToEveryStateAsDesigned(t *testing.T) {
	t.Parallel()
	i := run(t, harness.NewWorld(t), appsFile)
	for _, p := range proxytest.All() {
		t.Run(p.Kind, func(t *testing.T) {
			upstream, proxy := newUpstream(t), map[string]proxiedBrowser{}
			for _, app := range []string{"wiki", "bank", "vault", "trial"} {
				proxy[app] = newProxiedBrowser(t, i, i.startProxy(t, p, app, upstream.URL))
			}
			for _, s := range states {
				t.Run(s.name, func(t *testing.T) {
					i.w.Pass(t, 24*time.Hour) // limits on mails
					cookie := s.cookie(t, i)
					for _, page := range []bool{true, false} {
						upstream.requests.Store(0)
						a := proxy[s.app].request(t, s, cookie, page)
						s.check(t, "forward", page, a)
						isIn := a.status == http.StatusOK
						if isIn != (upstream.requests.Load() == 1) {
							t.Errorf("%d, and %d requests reached the app", a.status,
								upstream.requests.Load())
						}
						if isIn &&
							!strings.Contains(a.body, "Remote-Email: "+s.identityEmail+"\n") {
							t.Errorf("the app does not receive %s: %s", s.identityEmail, a.body)
						}
					}
				})
			}
		})
	}
}

// request sends a request of a client in a state.
func (b proxiedBrowser) request(t *testing.T, s state, cookie string, page bool) gateResponse {
	t.Helper()
	method, mode, accept := s.method, "cors", "*/*"
	if method == "" {
		method = http.MethodGet
	}
	if page {
		mode, accept = "navigate", "text/html"
	}
	request, err := http.NewRequest(method, "https://"+s.host+stateTarget, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	request.Header = http.Header{"Sec-Fetch-Mode": {mode}, "Accept": {accept}}
	request.AddCookie(&http.Cookie{Name: "__Host-sana_app", Value: cookie})
	response, err := b.through.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	return readResponse(t, response)
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
		proxy    proxytest.Proxy
		files    []string
		app      string // address of the app
		pageText string
	}{
		{proxytest.Nginx, []string{"nginx/sana.conf"},
			fmt.Sprintf("127.0.0.1:%d", harness.FreePort(t)), "Hello, " + ada + "."},
		{proxytest.Caddy, []string{"caddy/Caddyfile"},
			fmt.Sprintf("127.0.0.1:%d", harness.FreePort(t)), "Hello, " + ada + "."},
		{proxytest.Traefik, []string{"traefik/wiki.yaml", "traefik/sana.yaml"},
			strings.TrimPrefix(app.URL, "http://"), "Remote-User: " + ada + "\n"},
	} {
		p := example.proxy
		var printedConfig strings.Builder
		if err := proxies.Write(&printedConfig, proxies.Kind(p.Kind), site); err != nil {
			t.Fatal(err)
		}
		var committed []string
		for _, name := range example.files {
			committed = append(committed, read(name))
		}
		if !strings.HasPrefix(committed[0], printedConfig.String()) {
			t.Errorf("examples/%s does not begin with the output of sana apps %s", example.files[0],
				p.Kind)
		}
		if read(p.Kind+"/apps.yaml") != read("nginx/apps.yaml") {
			t.Errorf("examples/%s has another apps file", p.Kind)
		}
		_, port, _ := strings.Cut(example.app, ":")
		config := strings.NewReplacer(
			"127.0.0.1:3000", strings.TrimPrefix(i.URL, "http://"), "127.0.0.1:3001",
			strings.TrimPrefix(i.gate, "http://"),
			":8080", ":"+port, "sana.example.org", "sana.example",
		).Replace(strings.Join(committed, "\n---\n"))
		t.Run(p.Kind, func(t *testing.T) {
			w.Pass(t, 24*time.Hour) // limits on mails
			b := newProxiedBrowser(t, i, p.Start(t, config, wiki, "sana.example"))
			if page := b.open("https://wiki.example.org/"); page.url.Host != "sana.example" {
				t.Fatalf("at %s (%d), want the sign-in page", page.url, page.status)
			}
			b.signIn(ada)
			b.wantPage(b.open("https://wiki.example.org/"), "https://wiki.example.org/",
				example.pageText)
		})
	}
}

// The apps of examples/your-app, as committed, know their user behind the gate and a proxy, and
// ignore the headers of clients.
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
				b := newProxiedBrowser(t, i, i.startProxy(t, p, "wiki", startApp(t, command)))
				const address = "https://wiki.example.org/"
				lies := combine(set("Remote-Id", "1"), set("Remote-Email", "root@sana.example"),
					set("Remote-Name", "Root"), alias("remote_groups", "admin"))
				if got := b.send(http.MethodGet, address, "cors", lies); got.status != 401 {
					t.Errorf("forged headers without a session: got %d: %.200s",
						got.status, got.body)
				}
				b.signIn(ada)
				var user struct {
					ID, Email, Name string
					Groups          []string
				}
				for _, got := range []page{b.open(address),
					b.send(http.MethodGet, address, "cors", lies)} {
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
	harness.Launch(t, "the app", app)
	address := fmt.Sprintf("http://127.0.0.1:%d", port)
	harness.Eventually(t, "the app does not answer", func() error {
		response, err := http.Get(address)
		if err != nil {
			return err
		}
		defer response.Body.Close()
		if response.StatusCode != http.StatusForbidden {
			return fmt.Errorf("got %d for a request without headers", response.StatusCode)
		}
		return nil
	})
	return address
}
