package doctor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
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

// Public is what the checks of PUBLIC_URL need.
type Public struct {
	URL     *url.URL
	Keys    keyring.Ring
	Cookie  string // the name of the session's cookie
	Version string // of this program
	Now     func() time.Time
	Roots   *x509.CertPool // nil for the system's

	Port          uint16 // where the program itself listens
	IsOnLoopback  bool   // it listens on the loopback interface only
	IsBehindProxy bool   // TRUSTED_PROXY_HOPS is not 0
}

// Checks are those of PUBLIC_URL.
func (p Public) Checks() []diagnose.Check {
	return []diagnose.Check{
		{Name: "public-url", Needs: []string{"PUBLIC_URL"}, Do: p.address},
		{Name: "reachable", Needs: []string{"public-url"}, Do: p.reachable},
		{Name: "host", Needs: []string{"reachable"}, Do: p.host},
		{Name: "client-address", Needs: []string{"reachable", "SECRET_KEYS"}, Do: p.clientAddress},
		{Name: "port", Needs: []string{"public-url", "PORT", "LISTEN_ADDR", "TRUSTED_PROXY_HOPS"}, Do: p.port},
	}
}

// address looks at what cookies need: __Host- is for https only (RFC 6265bis, 4.1.3.2).
func (p Public) address(context.Context) diagnose.Result {
	if p.URL.Scheme != "https" {
		return diagnose.Warn(p.URL.String()+" is plain http, and cookies cannot have Secure and __Host-", "for development on this machine it will do; else begin PUBLIC_URL with https://")
	}
	return diagnose.OK(p.URL.String() + ", with the cookie " + p.Cookie)
}

// portTimeout is short, because firewalls drop packets without an answer.
const portTimeout = 3 * time.Second

// maxAnswer is how many bytes of an answer are read.
const maxAnswer = 64 << 10

// response is an answer, as far as it is looked at.
type response struct {
	status     int
	header     http.Header
	body       []byte
	isLoopback bool // it came over the loopback interface, so that it shows nothing about other machines
}

func (p Public) get(ctx context.Context, path string, header http.Header) (response, error) {
	return p.getFrom(ctx, p.URL, path, header)
}

func (p Public) getFrom(
	ctx context.Context, base *url.URL, path string, header http.Header,
) (response, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, base.JoinPath(path).String(), nil)
	if err != nil {
		return response{}, err
	}
	request.Header = header.Clone()
	if request.Header == nil {
		request.Header = http.Header{}
	}
	request.Header.Set("User-Agent", "sana-doctor/"+p.Version)
	client := &http.Client{
		Transport: &http.Transport{
			Proxy:             http.ProxyFromEnvironment,
			TLSClientConfig:   &tls.Config{RootCAs: p.Roots, MinVersion: tls.VersionTLS12},
			DisableKeepAlives: true, // each request may meet another instance
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	isLoopback := false
	traced := httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(got httptrace.GotConnInfo) {
		remote, err := netip.ParseAddrPort(got.Conn.RemoteAddr().String())
		isLoopback = err == nil && remote.Addr().Unmap().IsLoopback()
	}})
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

// reachable is never a failure: some networks do not let a machine reach its own public address.
func (p Public) reachable(ctx context.Context) diagnose.Result {
	const remedy = "start sana serve, then run: sana check "
	answer, err := p.get(ctx, "/livez", nil)
	if err != nil {
		r := diagnose.Warn("from here nothing answers: "+err.Error(), remedy+p.URL.String()+" from outside")
		if errors.As(err, new(*tls.CertificateVerificationError)) {
			r = diagnose.Warn("the certificate is refused: "+err.Error(),
				"renew the certificate, or name the file of its authority in SSL_CERT_FILE")
		}
		r.Stops = true
		return r
	}
	health, isSana := answer.health()
	if !isSana {
		return diagnose.Fail(fmt.Sprintf("what answers is not Sana: %d", answer.status), remedy+p.URL.String())
	}
	if health.Version != p.Version {
		return diagnose.Warn(fmt.Sprintf("instance %s answers with version %s, and this is %s", health.Instance, health.Version, p.Version),
			"wait for the deploy that is under way, or run the doctor of the same version")
	}
	return diagnose.OK(fmt.Sprintf("instance %s answers, version %s", health.Instance, health.Version))
}

// health is the answer of /livez.
type health struct{ Status, Version, Instance string }

// health returns the answer of /livez, and whether it is one of Sana.
func (r response) health() (h health, isSana bool) {
	err := json.Unmarshal(r.body, &h)
	return h, r.status == http.StatusOK && err == nil && h.Instance != ""
}

// port connects to the program's own port at the public host. A client that reaches it there is not
// behind the proxy: it can forge X-Forwarded-For, and it speaks plain http.
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
		return diagnose.OK(direct.Host + " does not lead around the proxy")
	}
	if answer.isLoopback && p.IsOnLoopback {
		return diagnose.OK(direct.Host + " is reached from this machine only")
	}
	return diagnose.Fail(direct.Host+" answers without the proxy: a client that connects there forges "+
		"X-Forwarded-For and speaks plain http",
		fmt.Sprintf("set LISTEN_ADDR=127.0.0.1:%d where the proxy is on the same machine, publish a "+
			"container's port as 127.0.0.1:%[1]d:%[1]d; else let only the proxy reach it", p.Port))
}

// host asks for what is answered under PUBLIC_URL's host alone.
func (p Public) host(ctx context.Context) diagnose.Result {
	answer, err := p.get(ctx, "/api/openapi.json", nil)
	switch {
	case err != nil:
		return diagnose.Fail("nothing answers: "+err.Error(), "start sana serve")
	case answer.status == http.StatusMisdirectedRequest:
		return diagnose.Fail("the server refuses the host "+p.URL.Host+" (421)",
			"set the same PUBLIC_URL for every instance; if it is, let the proxy pass the Host header on unchanged")
	case answer.status != http.StatusOK:
		return diagnose.Warn(fmt.Sprintf("got %d instead of the contract", answer.status), "run: sana check "+p.URL.String())
	}
	return diagnose.OK("the server is at home under " + p.URL.Host)
}

// arrived is what the server shows a holder of the keys: X-Sana-Seen of package web.
type arrived struct {
	Address    netip.Addr `json:"address"`
	Connection netip.Addr `json:"connection"`
	Entries    int        `json:"entries"`
	Hops       int        `json:"hops"`
}

// forged are addresses for documentation (RFC 5737), which no client has. There are several, because a server that counts
// too many proxies believes one of them.
var forged = netip.MustParsePrefix("192.0.2.0/24")

const forgedEntries = "192.0.2.1, 192.0.2.2, 192.0.2.3, 192.0.2.4, 192.0.2.5, 192.0.2.6, 192.0.2.7, 192.0.2.8"

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

// ask returns how a request arrived, or why that is not known.
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
		r := diagnose.Warn("the server does not show it: it has other SECRET_KEYS, is an older version, or its clock is a minute off",
			"run the doctor with the variables and the version of the deployment")
		return arrived{}, &r
	}
	if err := json.Unmarshal([]byte(shown), &seen); err != nil {
		r := diagnose.Warn("the server's answer cannot be read", "run the doctor of the same version")
		return arrived{}, &r
	}
	return seen, nil
}

// judgeClientAddress compares a request with one that claims to come from elsewhere. Each proxy adds an entry, so that the
// plain one has as many as there are proxies.
func judgeClientAddress(plain, lied arrived) diagnose.Result {
	proxies := diagnose.Counted(plain.Entries, "proxy adds", "proxies add")
	found := fmt.Sprintf("the server saw you as %s; TRUSTED_PROXY_HOPS=%d, and %s to X-Forwarded-For", plain.Address, plain.Hops, proxies)
	remedy := fmt.Sprintf("set TRUSTED_PROXY_HOPS=%d for every instance", plain.Entries)
	switch {
	case forged.Contains(lied.Address) && lied.Address != plain.Address:
		return diagnose.Fail(found+". It believed a forged entry: whoever forges one gets around every limit by network",
			remedy+"; if people come by another way than this machine, run the doctor where they are")
	case plain.Hops < plain.Entries:
		return diagnose.Fail(found+". That is a proxy's address: everybody behind it shares one client's limits", remedy)
	case plain.Hops > plain.Entries:
		return diagnose.Fail(found+". That is the last proxy's address: everybody behind it shares one client's limits", remedy)
	}
	return diagnose.OK(found + "; a forged entry changes nothing")
}
