package chaos

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"sana/backend/diagnose"
	"sana/backend/diagnose/check"
	"sana/backend/test/harness"
)

// deployment is two instances behind a proxy, each reached over a network that can be observed.
type deployment struct {
	*proxy
	w         *harness.World
	instances []*harness.Process
	networks  []*harness.Network
}

func deploy(t *testing.T, k proxyKind) *deployment {
	t.Helper()
	d := &deployment{w: harness.NewWorld(t)}
	for range 2 {
		app := d.w.Run(t)
		d.instances = append(d.instances, app)
		d.networks = append(d.networks, harness.NewNetwork(t, app.URL))
	}
	d.proxy = k.start(t, strings.TrimPrefix(d.networks[0].URL, "http://"),
		strings.TrimPrefix(d.networks[1].URL, "http://"))
	return d
}

// get sends a request through the proxy that no browser would send.
func (d *deployment) get(
	t *testing.T, method, path, body string, headers ...string,
) *http.Response {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, harness.PublicURL+path,
		strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Origin", harness.PublicURL)
	request.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := d.client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = response.Body.Close() })
	return response
}

// P-18 and A-08: the configurations of ops are correct for Sana. The test runs Debian's versions of
// the proxies.
func TestOps_ProxyConfigurationsWork(t *testing.T) {
	t.Parallel()
	for _, k := range proxies {
		t.Run(k.Kind, func(t *testing.T) {
			t.Parallel()
			d := deploy(t, k)
			t.Run("sana check finds nothing", d.isFine)
			t.Run("clients cannot choose their address", d.knowsAddresses)
			t.Run("an id of a request is the proxy's own", d.namesRequests)
			t.Run("answers are as Sana sends them, over HTTP/2", d.changesNothing)
			t.Run("what is too large is refused by Sana, in words", d.leavesLimitsToSana)
			t.Run("connections to Sana are kept", d.keepsConnections)
			t.Run("other names lead nowhere", d.knowsItsName)
			t.Run("what Sana says while its database is away comes through", d.passesUnavailability)
		})
	}
}

func (d *deployment) isFine(t *testing.T) {
	public, err := url.Parse(harness.PublicURL)
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	check.Run(t.Context(),
		check.Options{URL: public, Requests: 20, Roots: d.roots, Version: "test", Dial: d.dial},
		func(r diagnose.Result) {
			seen++
			// the port of plain http differs in this test
			if r.State != diagnose.Passed && r.Name != "https" {
				t.Errorf("%s: %s: %s", r.Name, r.State, r.Detail)
			}
		})
	if seen < 10 {
		t.Errorf("%d checks ran, want all of them", seen)
	}
	response := d.get(t, http.MethodGet, "/", "")
	response.Body.Close()
	plain, err := d.client.Get("http://sana.example/here?and=there")
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Body.Close()
	target, err := url.Parse(plain.Header.Get("Location"))
	if err != nil || plain.StatusCode != http.StatusPermanentRedirect || target.Scheme != "https" ||
		target.RequestURI() != "/here?and=there" {
		t.Errorf("plain http: got %d to %q, want 308 to the same over https", plain.StatusCode,
			plain.Header.Get("Location"))
	}
}

func (d *deployment) knowsAddresses(t *testing.T) {
	p := d.person(t) // sends a forged X-Forwarded-For
	p.want(p.requestCode(harness.PublicURL), http.StatusAccepted)
	p.want(p.verify(harness.PublicURL, d.w.Code(t, p.email, 1)), http.StatusOK)
	var list struct{ Sessions []struct{ IP string } }
	a := p.want(p.ask(harness.PublicURL, http.MethodGet, "/api/sessions", ""), http.StatusOK)
	if err := json.Unmarshal(a.body, &list); err != nil {
		t.Fatal(err)
	}
	if len(list.Sessions) != 1 || list.Sessions[0].IP != "127.0.0.1" {
		t.Errorf("sessions: %s; want one at 127.0.0.1, where this test is", a.body)
	}
}

func (d *deployment) namesRequests(t *testing.T) {
	response := d.get(t, http.MethodGet, "/livez", "", "X-Request-Id", "mine")
	if got := response.Header.Values("X-Request-Id"); len(got) != 1 || got[0] == "mine" ||
		got[0] == "" {
		t.Errorf("X-Request-Id: got %q, want one that the client did not choose", got)
	}
	logged := fmt.Sprintf("%q", response.Header.Get("X-Request-Id"))
	harness.Eventually(t, "Sana's log does not have the request's id", func() error {
		if !strings.Contains(d.instances[0].Log.String()+d.instances[1].Log.String(), logged) {
			return fmt.Errorf("%s is not there", logged)
		}
		return nil
	})
}

func (d *deployment) changesNothing(t *testing.T) {
	for _, path := range []string{"/", "/api/auth/session", "/metrics", "/api/unknown"} {
		direct := newPerson(t).ask(d.instances[0].URL, http.MethodGet, path, "")
		through := d.get(t, http.MethodGet, path, "")
		harness.WantEqual(t, "status of "+path, through.StatusCode, direct.status)
		harness.WantEqual(t, "HTTP version", through.ProtoMajor, 2)
		for name, values := range direct.header {
			if slices.Contains([]string{"Date", "X-Request-Id", "Content-Length"}, name) {
				continue
			}
			harness.WantEqual(t, name+" of "+path, withoutTokens(through.Header.Values(name)),
				withoutTokens(values))
		}
		if path == "/metrics" && through.StatusCode != http.StatusNotFound {
			t.Errorf("/metrics is reached from outside: %d", through.StatusCode)
		}
	}
}

var browserToken = regexp.MustCompile(`sana_browser=[^;]+`)

// withoutTokens replaces the browser token of a header's values, which differs for each visitor.
func withoutTokens(values []string) []string {
	masked := slices.Clone(values)
	for i, value := range masked {
		masked[i] = browserToken.ReplaceAllString(value, "sana_browser=TOKEN")
	}
	return masked
}

func (d *deployment) leavesLimitsToSana(t *testing.T) {
	large := d.get(t, http.MethodGet, "/", "", "Cookie", "other="+strings.Repeat("x", 20<<10))
	harness.WantEqual(t, "status with headers of 20 kB", large.StatusCode,
		http.StatusRequestHeaderFieldsTooLarge)
	harness.WantEqual(t, "policy of its page", large.Header.Get("X-Content-Type-Options"),
		"nosniff")
	body := d.get(t, http.MethodPost, "/api/auth/code",
		`{"email":"`+strings.Repeat("x", 20<<10)+`"}`)
	harness.WantEqual(t, "status with a body of 20 kB", body.StatusCode,
		http.StatusRequestEntityTooLarge)
	harness.WantEqual(t, "Content-Type", body.Header.Get("Content-Type"),
		"application/problem+json")
	fits := d.get(t, http.MethodGet, "/livez", "", "Cookie", "other="+strings.Repeat("x", 12<<10))
	harness.WantEqual(t, "status with headers of 12 kB", fits.StatusCode, http.StatusOK)
}

func (d *deployment) keepsConnections(t *testing.T) {
	before := d.networks[0].Accepted.Load() + d.networks[1].Accepted.Load()
	for range 100 {
		d.get(t, http.MethodGet, "/livez", "").Body.Close()
	}
	if made := d.networks[0].Accepted.Load() + d.networks[1].Accepted.Load() - before; made > 20 {
		t.Errorf("100 requests made %d connections to Sana", made)
	}
}

func (d *deployment) knowsItsName(t *testing.T) {
	conn, err := net.Dial("tcp", d.secure)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(t.Context(), harness.Deadline)
	defer cancel()
	if err := tls.Client(conn,
		&tls.Config{ServerName: "evil.example", InsecureSkipVerify: true}).HandshakeContext(
		ctx); err == nil {
		t.Error("the proxy speaks TLS for another name")
	}
}

func (d *deployment) passesUnavailability(t *testing.T) {
	p := d.person(t)
	p.want(p.requestCode(harness.PublicURL), http.StatusAccepted)
	d.w.AwaitMails(t)
	d.w.StopDatabase(t)
	a := p.ask(harness.PublicURL, http.MethodGet, "/api/auth/code", "")
	p.want(a, http.StatusServiceUnavailable)
	harness.WantEqual(t, "code", a.code, "unavailable")
	harness.WantEqual(t, "Retry-After", a.header.Get("Retry-After"), "2")
	d.w.BringBack(t)
	harness.Eventually(t, "Sana does not come back", func() error {
		return harness.CountError(
			p.ask(harness.PublicURL, http.MethodGet, "/api/auth/code", "").status, http.StatusOK)
	})
}

// pace is 200 requests a second.
const pace = 5 * time.Millisecond

// F-28: two instances are restarted, one after the other, on the same ports, during 200 requests a
// second through a proxy that notices by refused connections only. No request fails, and no user is
// signed out.
func TestRollingRestart_FailsNoRequest(t *testing.T) {
	t.Parallel()
	rounds := 1
	if isLong() {
		rounds = 10
	}
	for _, k := range proxies {
		t.Run(k.Kind, func(t *testing.T) {
			t.Parallel()
			w := harness.NewWorld(t)
			ports := []int{harness.FreePort(t), harness.FreePort(t)}
			var fleet []*harness.Process
			spawn := func(port int) *harness.Process { // as the files of ops require
				app := w.SpawnAt(t, port, fmt.Sprintf("LISTEN_ADDR=127.0.0.1:%d", port),
					"TRUSTED_PROXY_HOPS=1")
				app.WaitReady(t)
				return app
			}
			for _, port := range ports {
				fleet = append(fleet, spawn(port))
			}
			d := k.start(t, fmt.Sprintf("127.0.0.1:%d", ports[0]),
				fmt.Sprintf("127.0.0.1:%d", ports[1]))
			var in []*person
			for range 10 {
				p := signedIn(t, w, fleet[0].URL)
				p.client = d.client
				in = append(in, p)
			}
			load := steadily(t, in, k.repeatsPosts)
			for range rounds {
				for i, port := range ports {
					load.await(t, http.StatusOK, 200)
					if err := fleet[i].Terminate(t); err != nil {
						t.Errorf("after SIGTERM: %v", err)
					}
					load.await(t, http.StatusOK, 200)
					fleet[i] = spawn(port)
				}
			}
			load.await(t, http.StatusOK, 200)
			counts := load.stop()
			t.Logf("answers: %v", counts)
			wantOnly(t, counts, http.StatusOK, http.StatusNotFound)
		})
	}
}

// steadily sends requests at a pace until it is stopped. Most read a session. With posts, one of
// ten is a POST, which proxies must not repeat; its answer is 404, because no code was requested
// for its address.
func steadily(t *testing.T, people []*person, posts bool) *crowd {
	ctx, cancel := context.WithCancel(t.Context())
	c := &crowd{cancel: cancel, counts: map[int]int{}}
	c.group.Go(func() {
		tick := time.NewTicker(pace)
		defer tick.Stop()
		for n := 0; ; n++ {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			p := people[n%len(people)]
			c.group.Go(func() {
				var a answer
				if posts && n%10 == 9 {
					a = p.verifyFor(harness.PublicURL, "elsewhere@sana.example", "123456")
				} else {
					a = p.session(harness.PublicURL)
				}
				c.mu.Lock()
				defer c.mu.Unlock()
				c.counts[a.status]++
			})
		}
	})
	t.Cleanup(func() { c.stop() })
	return c
}
