// Package check examines a deployment of Sana from outside, over HTTP only, as a browser would. It
// depends on the contract, not on the server's code, and works for every server at the address.
package check

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"net"
	"net/url"
	"strings"
	"time"

	"sana/backend/diagnose"
)

// Options configure a check.
type Options struct {
	URL      *url.URL       // of the deployment, or of an app behind its gate: a scheme and a host
	Requests int            // number of requests of the checks that cover every instance
	Roots    *x509.CertPool // nil for the system's
	Version  string         // of this program, for User-Agent

	// To is an address whose mail the operator can read. The sign-in is then completed with the
	// code that AskCode returns for a prompt. Empty for an address without a mailbox.
	To      string
	AskCode func(ctx context.Context, prompt string) (string, error)

	// Dial opens connections; nil for the network.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// limit bounds one check. Each request has a timeout of its own, and the operator needs time to
// read a mail and type its code.
const limit = time.Hour

// checks returns all checks in the order in which they run.
func (r *run) checks() []diagnose.Check {
	list := []diagnose.Check{
		{Name: "reachable", Do: r.reachable},
		{Name: "ready", Needs: []string{"reachable"}, Do: r.ready},
		{Name: "version", Needs: []string{"ready"}, Do: r.version},
		{Name: "https", Needs: []string{"reachable"}, Do: r.https},
		{Name: "public-url", Needs: []string{"reachable"}, Do: r.publicURL},
		{Name: "other-sites", Needs: []string{"public-url"}, Do: r.otherSites},
		{Name: "contract", Needs: []string{"public-url"}, Do: r.contract},
		{Name: "headers", Needs: []string{"public-url"}, Do: r.headers},
		{Name: "no-session", Needs: []string{"public-url"}, Do: r.noSession},
		{Name: "code-request", Needs: []string{"ready", "public-url"}, Do: r.codeRequest},
		{Name: "cookie", Needs: []string{"code-request"}, Do: r.cookie},
		{Name: "pending", Needs: []string{"code-request"}, Do: r.pendingKept},
		{Name: "wrong-code", Needs: []string{"pending"}, Do: r.wrongCode},
		{Name: "mail", Needs: []string{"pending"}, Do: r.mail},
	}
	if r.To != "" {
		list = append(list, []diagnose.Check{
			{Name: "sign-in", Needs: []string{"wrong-code", "mail"}, Do: r.signIn},
			{Name: "session", Needs: []string{"sign-in"}, Do: r.sessionKept},
			{Name: "sign-out", Needs: []string{"sign-in"}, Do: r.signOut},
			{Name: "old-cookie", Needs: []string{"sign-out"}, Do: r.oldCookie},
		}...)
	}
	return bounded(append(list, r.cleaning()))
}

// cleaning returns the check that undoes the code request, also after an interruption.
func (r *run) cleaning() diagnose.Check {
	return diagnose.Check{
		Name: "cleanup", Needs: []string{"code-request"}, Always: true, Do: r.cleanup,
	}
}

// bounded gives every check its limit, and stops the checks that depend on one that warned.
func bounded(list []diagnose.Check) []diagnose.Check {
	for i, check := range list {
		list[i].Limit = limit
		list[i].Do = func(ctx context.Context) diagnose.Result { return stopping(check.Do(ctx)) }
	}
	return list
}

// stopping stops the checks that depend on a warning: seen from outside, its cause is unknown.
func stopping(r diagnose.Result) diagnose.Result {
	r.Stops = r.State != diagnose.Passed
	return r
}

// run is the shared state of the checks.
type run struct {
	Options
	client *client
	email  string // the address that requests codes

	versions  []string // from /readyz
	instances []string
	accepted  answer // the answer to the code request
	pending   pendingCode
	isShared  bool // every requested instance knows the pending code
	signedIn  bool
	account   account
	old       map[string]string // cookies from before the sign-out
}

// Run runs all checks and calls tell with each result as soon as it is known: the checks of a
// deployment, or those of an app if the address is of an app behind the gate. When ctx ends, the
// remaining checks are skipped; cleanup runs nevertheless.
func Run(ctx context.Context, o Options, tell func(diagnose.Result)) diagnose.Report {
	r := &run{Options: o, client: newClient(o), email: o.To}
	if r.email == "" {
		r.email = "sana-check-" + strings.ToLower(rand.Text()[:12]) + "@check.invalid"
	}
	checks := r.checks()
	if r.isApp(ctx) {
		checks = (&appRun{run: r, sana: &run{Options: o, email: o.To}}).checks()
	}
	return diagnose.Run(ctx, checks, nil, tell)
}
