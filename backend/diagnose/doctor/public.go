package doctor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"sana/backend/diagnose"
	"sana/backend/keyring"
)

// Public has the inputs of the checks of PUBLIC_URL.
type Public struct {
	URL     *url.URL
	Keys    keyring.Ring
	Cookie  string // the name of the session's cookie
	Version string // of this program
	Now     func() time.Time
	Roots   *x509.CertPool // nil for the system's

	Port          uint16 // the program's own port
	IsOnLoopback  bool   // it listens on the loopback interface only
	IsBehindProxy bool   // TRUSTED_PROXY_HOPS is not 0
}

// Checks returns the checks of PUBLIC_URL.
func (p Public) Checks() []diagnose.Check {
	return []diagnose.Check{
		{Name: "public-url", Needs: []string{"PUBLIC_URL"}, Do: p.address},
		{Name: "reachable", Needs: []string{"public-url"}, Do: p.reachable},
		{Name: "host", Needs: []string{"reachable"}, Do: p.host},
		{Name: "client-address", Needs: []string{"reachable", "SECRET_KEYS"}, Do: p.clientAddress},
		{
			Name:  "port",
			Needs: []string{"public-url", "PORT", "LISTEN_ADDR", "TRUSTED_PROXY_HOPS"},
			Do:    p.port,
		},
	}
}

// address checks the scheme: __Host- cookies require https (RFC 6265bis, 4.1.3.2).
func (p Public) address(context.Context) diagnose.Result {
	if p.URL.Scheme != "https" {
		return diagnose.Warn(
			p.URL.String()+" is plain http, and cookies cannot have Secure and __Host-",
			"use it for development on this machine only; else begin PUBLIC_URL with https://")
	}
	return diagnose.OK(p.URL.String() + ", with the cookie " + p.Cookie)
}

// portTimeout is short, because firewalls drop packets without an answer.
const portTimeout = 3 * time.Second

// maxAnswer is the maximum number of bytes read of an answer.
const maxAnswer = 64 << 10

// response has the parts of an answer that the checks use.
type response struct {
	status int
	header http.Header
	body   []byte
	// it came over the loopback interface, and does not show whether other machines can connect
	isLoopback bool
}

func (p Public) get(ctx context.Context, path string, header http.Header) (response, error) {
	return p.getFrom(ctx, p.URL, path, header)
}

func (p Public) getFrom(
	ctx context.Context, base *url.URL, path string, header http.Header,
) (response, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, base.JoinPath(path).String(),
		nil)
	if err != nil {
		return response{}, err
	}
	maps.Copy(request.Header, header)
	request.Header.Set("User-Agent", "sana-doctor/"+p.Version)
	client := &http.Client{
		Transport: &http.Transport{
			Proxy:             http.ProxyFromEnvironment,
			TLSClientConfig:   &tls.Config{RootCAs: p.Roots, MinVersion: tls.VersionTLS12},
			DisableKeepAlives: true, // each request may reach another instance
		},
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		},
	}
	isLoopback := false
	traced := httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(got httptrace.GotConnInfo) {
			remote, err := netip.ParseAddrPort(got.Conn.RemoteAddr().String())
			isLoopback = err == nil && remote.Addr().Unmap().IsLoopback()
		},
	})
	answer, err := client.Do(request.WithContext(traced))
	if err != nil {
		if outer, is := errors.AsType[*url.Error](err); is {
			err = outer.Err
		}
		return response{}, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	return response{answer.StatusCode, answer.Header, body, isLoopback}, err
}

// reachable never fails: some networks do not let a machine reach its own public address.
func (p Public) reachable(ctx context.Context) diagnose.Result {
	const remedy = "start sana serve, then run: sana check "
	answer, err := p.get(ctx, "/livez", nil)
	if err != nil {
		r := diagnose.Warn("no answer from here: "+err.Error(),
			remedy+p.URL.String()+" from outside")
		if errors.As(err, new(*tls.CertificateVerificationError)) {
			r = diagnose.Warn("the certificate is refused: "+err.Error(),
				"renew the certificate, or set SSL_CERT_FILE to the file of its authority")
		}
		r.Stops = true
		return r
	}
	health, isSana := answer.health()
	if !isSana {
		return diagnose.Fail(fmt.Sprintf("the answer is not Sana's: %d", answer.status),
			remedy+p.URL.String())
	}
	if health.Version != p.Version {
		return diagnose.Warn(
			fmt.Sprintf("instance %s answers with version %s, and this is %s", health.Instance,
				health.Version, p.Version),
			"wait for the running deployment, or run the doctor of the same version")
	}
	return diagnose.OK(
		fmt.Sprintf("instance %s answers, version %s", health.Instance, health.Version))
}

// health is the answer of /livez.
type health struct{ Status, Version, Instance string }

// health parses the answer of /livez. isSana reports whether it is Sana's.
func (r response) health() (h health, isSana bool) {
	err := json.Unmarshal(r.body, &h)
	return h, r.status == http.StatusOK && err == nil && h.Instance != ""
}

// port connects to the program's own port at the public host. A client that reaches it bypasses the
// proxy: it can forge X-Forwarded-For, and uses plain http.
func (p Public) port(ctx context.Context) diagnose.Result {
	direct := url.URL{
		Scheme: "http", Host: net.JoinHostPort(p.URL.Hostname(), strconv.Itoa(int(p.Port))),
	}
	switch {
	case !p.IsBehindProxy:
		return diagnose.OK("TRUSTED_PROXY_HOPS is 0: clients connect without a proxy")
	case direct.Host == p.URL.Host:
		return diagnose.OK("the proxy has the same port")
	}
	ctx, cancel := context.WithTimeout(ctx, portTimeout)
	defer cancel()
	answer, err := p.getFrom(ctx, &direct, "/livez", nil)
	if _, isSana := answer.health(); err != nil || !isSana {
		return diagnose.OK(direct.Host + " does not bypass the proxy")
	}
	if answer.isLoopback && p.IsOnLoopback {
		return diagnose.OK(direct.Host + " is reachable from this machine only")
	}
	return diagnose.Fail(
		direct.Host+" answers without the proxy: a client that connects there can forge "+
			"X-Forwarded-For and uses plain http",
		fmt.Sprintf(
			"set LISTEN_ADDR=127.0.0.1:%d if the proxy is on the same machine, publish a "+
				"container's port as 127.0.0.1:%[1]d:%[1]d; else let only the proxy reach it",
			p.Port))
}

// host requests a page that is served for PUBLIC_URL's host only.
func (p Public) host(ctx context.Context) diagnose.Result {
	answer, err := p.get(ctx, "/api/openapi.json", nil)
	switch {
	case err != nil:
		return diagnose.Fail("nothing answers: "+err.Error(), "start sana serve")
	case answer.status == http.StatusMisdirectedRequest:
		return diagnose.Fail("the server refuses the host "+p.URL.Host+" (421)",
			"set the same PUBLIC_URL for every instance; if it is, let the proxy pass the Host "+
				"header on unchanged")
	case answer.status != http.StatusOK:
		return diagnose.Warn(fmt.Sprintf("got %d instead of the contract", answer.status),
			"run: sana check "+p.URL.String())
	}
	return diagnose.OK("the server accepts the host " + p.URL.Host)
}

// arrived is the server's view of a request, which it shows to a holder of the keys: X-Sana-Seen of
// package web.
type arrived struct {
	Address    netip.Addr `json:"address"`
	Connection netip.Addr `json:"connection"`
	Entries    int        `json:"entries"`
	Hops       int        `json:"hops"`
}

// forged are addresses for documentation (RFC 5737), which no client has. There are several,
// because a server that counts too many proxies accepts one of them.
var forged = netip.MustParsePrefix("192.0.2.0/24")

const forgedEntries = "192.0.2.1, 192.0.2.2, 192.0.2.3, 192.0.2.4, 192.0.2.5, 192.0.2.6, " +
	"192.0.2.7, 192.0.2.8"

func (p Public) clientAddress(ctx context.Context) diagnose.Result {
	plain, refused := p.ask(ctx, "")
	if refused != nil {
		return *refused
	}
	lied, refused := p.ask(ctx, forgedEntries)
	if refused != nil {
		return *refused
	}
	return judgeClientAddress(plain, lied)
}

// ask returns the server's view of a request, or why it is unknown.
func (p Public) ask(ctx context.Context, forwardedFor string) (arrived, *diagnose.Result) {
	header := http.Header{"X-Sana-Proof": {p.Keys.NewProof(p.Now())}}
	if forwardedFor != "" {
		header.Set("X-Forwarded-For", forwardedFor)
	}
	answer, err := p.get(ctx, "/livez", header)
	if err != nil {
		r := diagnose.Fail("nothing answers: "+err.Error(), "start sana serve")
		return arrived{}, &r
	}
	var seen arrived
	shown := strings.TrimSpace(answer.header.Get("X-Sana-Seen"))
	if shown == "" {
		r := diagnose.Warn(
			"the server does not show the client address: it has other SECRET_KEYS, is an older "+
				"version, or its clock is a minute off",
			"run the doctor with the variables and the version of the deployment")
		return arrived{}, &r
	}
	if err := json.Unmarshal([]byte(shown), &seen); err != nil {
		r := diagnose.Warn("the server's answer cannot be read",
			"run the doctor of the same version")
		return arrived{}, &r
	}
	return seen, nil
}

// judgeClientAddress compares a plain request with one that forges an address. Each proxy adds an
// entry, so the plain one has as many entries as there are proxies.
func judgeClientAddress(plain, lied arrived) diagnose.Result {
	proxies := diagnose.Counted(plain.Entries, "proxy adds", "proxies add")
	detail := fmt.Sprintf("the server received the address %s; TRUSTED_PROXY_HOPS=%d, and %s to "+
		"X-Forwarded-For", plain.Address, plain.Hops, proxies)
	remedy := fmt.Sprintf("set TRUSTED_PROXY_HOPS=%d for every instance", plain.Entries)
	switch {
	case forged.Contains(lied.Address) && lied.Address != plain.Address:
		return diagnose.Fail(
			detail+". It accepted a forged entry: clients can bypass every limit by network",
			remedy+"; if users connect through other proxies than this machine, run the doctor "+
				"from their network")
	case plain.Hops < plain.Entries:
		return diagnose.Fail(
			detail+". That is a proxy's address: all clients behind it share one client's limits",
			remedy)
	case plain.Hops > plain.Entries:
		return diagnose.Fail(
			detail+". That is the last proxy's address: all clients behind it share one "+
				"client's limits", remedy)
	}
	return diagnose.OK(detail + "; a forged entry is ignored")
}
