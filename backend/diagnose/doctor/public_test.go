package doctor_test

import (
	"crypto/x509"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strconv"
	"testing"
	"time"

	"sana/backend/diagnose"
	"sana/backend/diagnose/doctor"
	"sana/backend/keyring"
	"sana/backend/test/harness"
)

// chain is an instance behind proxies, the first of which terminates TLS. Each appends the address
// of its client to X-Forwarded-For.
type chain struct {
	url   *url.URL
	roots *x509.CertPool
	port  uint16 // of the instance itself
}

// appending is a proxy that appends; replacing is one that discards the client's header first.
func appending(*http.Request)   {}
func replacing(r *http.Request) { r.Header.Del("X-Forwarded-For") }

// startChain starts an instance with further variables behind proxies, outermost first; there is at
// least one.
func startChain(
	t *testing.T, w *harness.World, variables []string, proxies ...func(*http.Request),
) chain {
	t.Helper()
	front := httptest.NewUnstartedServer(nil)
	front.Config.ErrorLog = log.New(io.Discard, "", 0) // of handshakes that fail on purpose
	publicURL := "https://" + front.Listener.Addr().String()
	behind := w.Start(t, append([]string{"PUBLIC_URL=" + publicURL}, variables...)...).URL
	port := portOf(t, parse(t, behind))
	for i := len(proxies) - 1; i > 0; i-- {
		inner := httptest.NewServer(proxy(t, behind, proxies[i]))
		t.Cleanup(inner.Close)
		behind = inner.URL
	}
	front.Config.Handler = proxy(t, behind, proxies[0])
	front.StartTLS()
	t.Cleanup(front.Close)
	roots := x509.NewCertPool()
	roots.AddCert(front.Certificate())
	return chain{url: parse(t, publicURL), roots: roots, port: port}
}

func proxy(t *testing.T, behind string, change func(*http.Request)) http.Handler {
	t.Helper()
	target := parse(t, behind)
	return &httputil.ReverseProxy{Rewrite: func(p *httputil.ProxyRequest) {
		p.SetURL(target)
		p.Out.Host = p.In.Host
		p.Out.Header["X-Forwarded-For"] = p.In.Header["X-Forwarded-For"]
		change(p.Out)
		p.SetXForwarded() // appends
	}}
}

func parse(t *testing.T, address string) *url.URL {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func ring(t *testing.T, list string) keyring.Ring {
	t.Helper()
	keys, err := keyring.Parse(list)
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

// public returns the checks' inputs for a chain, with the keys of all tested programs.
func (c chain) public(t *testing.T) doctor.Public {
	t.Helper()
	return doctor.Public{
		URL: c.url, Keys: ring(t, harness.SecretKeys), Cookie: "__Host-sana_session",
		Version: "test",
		Now:     time.Now, Roots: c.roots,
	}
}

func TestPublic_HealthyDeploymentPasses(t *testing.T) {
	t.Parallel()
	c := startChain(t, harness.NewWorld(t), nil, appending)
	got := results(t, c.public(t).Checks())
	assert(t, "address", got["public-url"], diagnose.Passed, "with the cookie __Host-sana_session",
		"")
	assert(t, "reachable", got["reachable"], diagnose.Passed, "answers, version test", "")
	assert(t, "host", got["host"], diagnose.Passed, "accepts the host "+c.url.Host, "")
	assert(t, "client", got["client-address"], diagnose.Passed,
		"received the address 127.0.0.1; TRUSTED_PROXY_HOPS=1, and 1 proxy adds to "+
			"X-Forwarded-For; a forged entry is ignored", "")
}

func TestPublic_DetectsWrongProxyCount(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	for name, test := range map[string]struct {
		hops         string
		proxies      []func(*http.Request)
		state        diagnose.State
		detail, hint string
	}{
		"two of two": {"2", []func(*http.Request){appending, appending}, diagnose.Passed,
			"a forged entry is ignored", ""},
		"one of two": {"1", []func(*http.Request){appending, appending}, diagnose.Failed,
			"That is a proxy's address", "set TRUSTED_PROXY_HOPS=2"},
		"none of one": {"0", []func(*http.Request){appending}, diagnose.Failed,
			"That is a proxy's address", "set TRUSTED_PROXY_HOPS=1"},
		"two of one": {"2", []func(*http.Request){appending}, diagnose.Failed,
			"It accepted a forged entry", "set TRUSTED_PROXY_HOPS=1"},
		"four of one": {"4", []func(*http.Request){appending}, diagnose.Failed,
			"It accepted a forged entry", "set TRUSTED_PROXY_HOPS=1"},
		"one of one that replaces": {"1", []func(*http.Request){replacing}, diagnose.Passed,
			"a forged entry is ignored", ""},
		"two of one that replaces": {"2", []func(*http.Request){replacing}, diagnose.Failed,
			"That is the last proxy's address", "set TRUSTED_PROXY_HOPS=1"},
		"far too many": {"20", []func(*http.Request){appending}, diagnose.Failed,
			"That is the last proxy's address", "set TRUSTED_PROXY_HOPS=1"},
	} {
		c := startChain(t, w, []string{"TRUSTED_PROXY_HOPS=" + test.hops}, test.proxies...)
		assert(t, name, results(t, c.public(t).Checks())["client-address"], test.state, test.detail,
			test.hint)
	}
}

func TestPort_FailsIfItBypassesTheProxy(t *testing.T) {
	t.Parallel()
	c := startChain(t, harness.NewWorld(t), nil, appending)
	for name, test := range map[string]struct {
		port         uint16
		behindProxy  bool
		onLoopback   bool
		state        diagnose.State
		detail, hint string
	}{
		"open": {c.port, true, false, diagnose.Failed, "answers without the proxy",
			"set LISTEN_ADDR=127.0.0.1:"},
		"closed":   {1, true, false, diagnose.Passed, "127.0.0.1:1 does not bypass the proxy", ""},
		"no proxy": {c.port, false, false, diagnose.Passed, "clients connect without a proxy", ""},
		"loopback": {c.port, true, true, diagnose.Passed, "is reachable from this machine only",
			""},
		"same port": {portOf(t, c.url), true, false, diagnose.Passed, "the proxy has the same port",
			""},
	} {
		p := c.public(t)
		p.Port, p.IsBehindProxy, p.IsOnLoopback = test.port, test.behindProxy, test.onLoopback
		assert(t, name, results(t, p.Checks())["port"], test.state, test.detail, test.hint)
	}
}

func portOf(t *testing.T, u *url.URL) uint16 {
	t.Helper()
	port, err := strconv.ParseUint(u.Port(), 10, 16)
	if err != nil {
		t.Fatal(err)
	}
	return uint16(port)
}

func TestPublic_ClientAddressNeedsServersKeyAndClock(t *testing.T) {
	t.Parallel()
	c := startChain(t, harness.NewWorld(t), nil, appending)
	other, late := c.public(t), c.public(t)
	other.Keys = ring(t, keyring.New(time.Now()))
	late.Now = func() time.Time { return time.Now().Add(-2 * time.Minute) }
	for name, p := range map[string]doctor.Public{"another key": other,
		"a clock that is behind": late} {
		assert(t, name, results(t, p.Checks())["client-address"], diagnose.Warned,
			"the server does not show the client address",
			"the variables and the version of the deployment")
	}
}

func TestPublic_ReportsOtherServersAndHosts(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	c := startChain(t, w, []string{"PUBLIC_URL=https://other.example"}, appending)
	got := results(t, c.public(t).Checks())
	assert(t, "another PUBLIC_URL at the server", got["host"], diagnose.Failed,
		"refuses the host "+c.url.Host, "the same PUBLIC_URL for every instance")

	changing := startChain(t, w, nil, func(r *http.Request) { r.Host = "10.0.0.7" })
	got = results(t, changing.public(t).Checks())
	assert(t, "a proxy that changes Host", got["host"], diagnose.Failed, "refuses the host",
		"pass the Host header on")

	newer := c.public(t)
	newer.Version = "2.0"
	assert(t, "another version", results(t, newer.Checks())["reachable"], diagnose.Warned,
		"answers with version test, and this is 2.0", "deploy")

	strangers := c.public(t)
	strangers.Roots = nil
	got = results(t, strangers.Checks())
	assert(t, "an untrusted certificate", got["reachable"], diagnose.Warned, "certificate",
		"SSL_CERT_FILE")
	assert(t, "an untrusted certificate", got["host"], diagnose.Skipped, "needs reachable",
		"")

	stranger := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(stranger.Close)
	other := doctor.Public{URL: parse(t, stranger.URL), Keys: c.public(t).Keys, Version: "test",
		Now: time.Now}
	got = results(t, other.Checks())
	assert(t, "plain http", got["public-url"], diagnose.Warned, "is plain http", "https://")
	assert(t, "another server", got["reachable"], diagnose.Failed, "the answer is not Sana's: 404",
		"sana check")
	stranger.Close()
	got = results(t, other.Checks())
	assert(t, "nothing listens", got["reachable"], diagnose.Warned, "connection refused",
		"from outside")
	assert(t, "nothing listens", got["client-address"], diagnose.Skipped, "needs reachable",
		"")
}
