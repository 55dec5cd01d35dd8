// Package proxytest runs real reverse proxies for tests.
package proxytest

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sana/backend/test/harness"
)

// Proxy is a real proxy. It runs with the operators' configuration, except for the port and the
// certificates.
type Proxy struct {
	Kind     string // as sana apps names it
	variable string // of the environment, names its program
	absent   string // why the variable may be empty
	wrap     func(config, dir string, port int) string
	command  func(program, dir string, port int) *exec.Cmd
}

// All returns the proxies.
func All() []Proxy { return []Proxy{Nginx, Caddy, Traefik} }

const (
	installed = "npm test installs one where it can, and says where it cannot"
	built     = "npm run proxies builds one"
)

// Nginx is nginx.
var Nginx = Proxy{
	Kind: "nginx", variable: "SANA_NGINX", absent: installed,
	wrap: func(config, dir string, port int) string {
		listen := fmt.Sprintf("listen 127.0.0.1:%d", port)
		config = strings.NewReplacer("listen 443", listen,
			"listen 80", "listen unix:"+dir+"/http", "/etc/sana/tls", dir).Replace(config)
		paths := ""
		for _, name := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
			paths += name + "_temp_path " + dir + "/" + name + ";\n"
		}
		return "user root;\ndaemon off;\npid " + dir +
			"/pid;\nerror_log stderr;\nevents {}\nhttp {\naccess_log off;\n" +
			"client_max_body_size 200m;\nlarge_client_header_buffers 8 64k;\n" + paths + config +
			"\n}\n"
	},
	command: func(program, dir string, _ int) *exec.Cmd {
		return exec.Command(program, "-e", "stderr", "-c", configFile(dir, 0), "-p", dir)
	},
}

// Caddy is Caddy.
var Caddy = Proxy{
	Kind: "caddy", variable: "SANA_CADDY", absent: installed,
	wrap: func(config, dir string, port int) string {
		certificate := fmt.Sprintf("{\n\ttls %s/fullchain.pem %s/privkey.pem", dir, dir)
		return fmt.Sprintf(
			"{\n\tadmin off\n\tauto_https "+
				"disable_redirects\n\tlocal_certs\n\tskip_install_trust\n\thttps_port %d\n}\n",
			port) +
			strings.Replace(config, " {", " "+certificate, 1)
	},
	command: func(program, dir string, _ int) *exec.Cmd {
		command := exec.Command(program, "run", "--adapter", "caddyfile", "--config",
			configFile(dir, 0))
		command.Env = append(os.Environ(), "HOME="+dir, "XDG_DATA_HOME="+dir,
			"XDG_CONFIG_HOME="+dir)
		return command
	},
}

// Traefik is Traefik. The entry point believes X-Forwarded-* of clients, as behind a load balancer:
// the operators' configuration must not. Deletion of aliases (aliasHeadersStrategy) is off, as by
// default.
var Traefik = Proxy{
	Kind: "traefik", variable: "SANA_TRAEFIK", absent: built,
	wrap: func(config, dir string, _ int) string {
		if !strings.Contains(config, "\ntls:") {
			config += "\ntls:\n  certificates:\n    - certFile: /etc/sana/tls/fullchain.pem\n" +
				"      keyFile: /etc/sana/tls/privkey.pem\n"
		}
		return strings.ReplaceAll(config, "/etc/sana/tls", dir)
	},
	command: func(program, dir string, port int) *exec.Cmd {
		return exec.Command(program, "--global.checkNewVersion=false",
			fmt.Sprintf("--entryPoints.websecure.address=127.0.0.1:%d", port),
			"--entryPoints.websecure.forwardedHeaders.insecure=true",
			"--providers.file.directory="+dir)
	},
}

// configFile returns the path of the n-th file of the configuration in a proxy's folder. Traefik
// reads every file of the folder with this ending.
func configFile(dir string, n int) string {
	return filepath.Join(dir, fmt.Sprintf("config%d.yaml", n))
}

// Running is a proxy that runs until the test ends.
type Running struct {
	Address string // host:port, of TLS
	Chain   []byte // its certificate, PEM
	Roots   *x509.CertPool
}

// Launch runs the proxy with a whole configuration, in a folder, until the test ends. Traefik's may
// be several files, with a line "---" between them. The test is skipped, with the reason, if the
// proxy is not there: npm test and npm run test:all report it.
func (p Proxy) Launch(t testing.TB, config, dir string, port int) {
	t.Helper()
	program := os.Getenv(p.variable)
	if program == "" {
		t.Skip(p.variable + " does not name a program; " + p.absent)
	}
	for n, part := range strings.Split(config, "\n---\n") {
		if err := os.WriteFile(configFile(dir, n), []byte(part), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	harness.Launch(t, p.Kind, p.command(program, dir, port))
}

// Start runs the proxy with the configuration of an app, for hosts.
func (p Proxy) Start(t testing.TB, config string, hosts ...string) Running {
	t.Helper()
	dir, port := t.TempDir(), harness.FreePort(t)
	chain := WriteCertificate(t, dir, hosts)
	p.Launch(t, p.wrap(config, dir, port), dir, port)
	r := Running{fmt.Sprintf("127.0.0.1:%d", port), chain, x509.NewCertPool()}
	r.Roots.AppendCertsFromPEM(chain)
	transport := &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: r.Roots}, DialContext: r.Dial,
		DisableKeepAlives:     true,
		ResponseHeaderTimeout: harness.Deadline,
	}
	harness.Eventually(t, p.Kind+" does not serve "+hosts[0], func() error {
		request, err := http.NewRequest(http.MethodGet,
			"https://"+strings.Replace(hosts[0], "*", "x", 1)+"/", http.NoBody)
		if err != nil {
			return err
		}
		answer, err := transport.RoundTrip(request)
		if err != nil {
			return err
		}
		// Traefik listens before it has read its configuration, and knows no host until then.
		if answer.StatusCode == http.StatusNotFound {
			err = errors.New(answer.Status)
		}
		return errors.Join(err, answer.Body.Close())
	})
	return r
}

// Dial opens a connection to the proxy for every address.
func (r Running) Dial(ctx context.Context, network, _ string) (net.Conn, error) {
	return new(net.Dialer).DialContext(ctx, network, r.Address)
}

// WriteCertificate writes a certificate for hosts, fullchain.pem, and its key, privkey.pem, into a
// folder. It returns the certificate as PEM.
func WriteCertificate(t testing.TB, dir string, hosts []string) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: hosts, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	chain := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	for name, content := range map[string][]byte{
		"fullchain.pem": chain,
		"privkey.pem":   pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return chain
}
