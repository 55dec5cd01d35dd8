package chaos

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sana/backend/test/harness"
	"sana/backend/test/proxytest"
)

// proxy is a real nginx or Caddy with the configuration of folder ops, in front of two addresses.
type proxy struct {
	secure, plain string // its addresses
	roots         *x509.CertPool
	client        *http.Client
}

// proxyKind describes how to run one kind of proxy with its file in a folder of a test.
type proxyKind struct {
	proxytest.Proxy
	file    string // of ops
	replace func(dir string, secure, plain int) []string

	repeatsPosts bool // a POST whose connection was refused goes to the other instance
}

var proxies = []proxyKind{
	{
		Proxy: proxytest.Nginx, file: "nginx.conf",
		replace: func(dir string, secure, plain int) []string {
			return []string{
				"user www-data;", "daemon off;",
				"/run/nginx.pid", dir + "/nginx.pid",
				"/var/log/nginx/error.log", "stderr",
				"/var/log/nginx/access.log", dir + "/access.log",
				"/etc/letsencrypt/live/sana.example", dir,
				"/etc/nginx/conf.d", dir + "/conf.d",
				"listen 443", fmt.Sprintf("listen 127.0.0.1:%d", secure),
				"listen 80", fmt.Sprintf("listen 127.0.0.1:%d", plain),
				"listen [::]:443", "# ", "listen [::]:80", "# ",
				"http {",
				"http {\nclient_body_temp_path " + dir + "/body;\nproxy_temp_path " + dir +
					"/proxy;\nfastcgi_temp_path " + dir + "/f;\nuwsgi_temp_path " + dir +
					"/u;\nscgi_temp_path " + dir +
					"/s;",
			}
		},
		repeatsPosts: true,
	},
	{
		Proxy: proxytest.Caddy, file: "Caddyfile",
		replace: func(dir string, secure, plain int) []string {
			return []string{
				"\tservers {",
				fmt.Sprintf("\tadmin off\n\thttp_port %d\n\thttps_port %d\n\tservers {", plain,
					secure),
				"\theader -Server",
				fmt.Sprintf("\ttls %s/fullchain.pem %s/privkey.pem\n\theader -Server", dir, dir),
			}
		},
	},
}

// start runs the proxy until the test ends, in front of two hosts and ports.
func (k proxyKind) start(t testing.TB, one, two string) *proxy {
	t.Helper()
	dir, secure, plain := t.TempDir(), harness.FreePort(t), harness.FreePort(t)
	p := &proxy{secure: fmt.Sprintf("127.0.0.1:%d", secure),
		plain: fmt.Sprintf("127.0.0.1:%d", plain),
		roots: certificate(t, dir)}
	original, err := os.ReadFile(filepath.Join("..", "..", "..", "ops", k.file))
	if err != nil {
		t.Fatal(err)
	}
	changes := append([]string{"127.0.0.1:3000", one, "127.0.0.1:3002", two},
		k.replace(dir, secure, plain)...)
	for i := 0; i < len(changes); i += 2 {
		if !bytes.Contains(original, []byte(changes[i])) {
			t.Fatalf("ops/%s does not have %q any more", k.file, changes[i])
		}
	}
	k.Launch(t, strings.NewReplacer(changes...).Replace(string(original)), dir, secure)
	harness.AwaitListener(t, p.secure)
	p.client = &http.Client{
		Timeout: impatience,
		CheckRedirect: func(*http.Request,
			[]*http.Request) error {
			return http.ErrUseLastResponse
		},
		Transport: &http.Transport{
			TLSClientConfig: &tls.Config{RootCAs: p.roots}, ForceAttemptHTTP2: true,
			MaxIdleConnsPerHost: 100, DialContext: p.dial,
		},
	}
	t.Cleanup(p.client.CloseIdleConnections)
	return p
}

// dial connects the name of the deployment to the proxy.
func (p *proxy) dial(ctx context.Context, network, address string) (net.Conn, error) {
	at := p.secure
	if strings.HasSuffix(address, ":80") {
		at = p.plain
	}
	return new(net.Dialer).DialContext(ctx, network, at)
}

// person returns a user who connects through the proxy.
func (p *proxy) person(t testing.TB) *person {
	visitor := newPerson(t)
	visitor.client = p.client
	return visitor
}

// certificate writes a certificate for the deployment's name into a folder and returns a pool that
// trusts it.
func certificate(t testing.TB, dir string) *x509.CertPool {
	t.Helper()
	host := strings.TrimPrefix(harness.PublicURL, "https://")
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(proxytest.WriteCertificate(t, dir, []string{host}))
	return roots
}
