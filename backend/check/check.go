// Package check looks at a deployment of Sana from outside, over HTTP only, as a browser would. It knows the contract and
// nothing of the server's code: what it says holds for whatever answers at the address.
package check

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"net"
	"net/url"
	"slices"
	"strings"
)

// Status is what a check came to.
type Status string

// Warn is what an operator should know and what is no fault of the deployment, a check that could not run included.
const (
	OK   Status = "ok"
	Warn Status = "warn"
	Fail Status = "fail"
)

// Result is the outcome of one check. Names are stable: programs may look for them.
type Result struct {
	Name   string `json:"name"`
	Status Status `json:"status"`
	Detail string `json:"detail"` // what was seen
	Hint   string `json:"hint"`   // what to do; empty where nothing is
}

func ok(detail string) Result         { return Result{Status: OK, Detail: detail} }
func warn(detail, hint string) Result { return Result{Status: Warn, Detail: detail, Hint: hint} }
func fail(detail, hint string) Result { return Result{Status: Fail, Detail: detail, Hint: hint} }

// Options say what to look at.
type Options struct {
	URL      *url.URL       // of the deployment: a scheme and a host
	Requests int            // how often to repeat what each instance must answer alike
	Roots    *x509.CertPool // nil for the system's
	Version  string         // of this program, for User-Agent

	// To is the address of somebody who can read its mail: then the sign-in is finished, with the code that AskCode returns
	// for a prompt. Empty for an address that nobody has.
	To      string
	AskCode func(ctx context.Context, prompt string) (string, error)

	// Dial opens connections; nil for the network's.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// check is one line of the list: it runs when all it needs came out OK.
type check struct {
	name  string
	needs []string
	do    func(context.Context) Result
}

// checks is the list of all, in the order in which they run.
func (r *run) checks() []check {
	list := []check{
		{"reachable", nil, r.reachable},
		{"ready", []string{"reachable"}, r.ready},
		{"version", []string{"ready"}, r.version},
		{"https", []string{"reachable"}, r.https},
		{"public-url", []string{"reachable"}, r.publicURL},
		{"other-sites", []string{"public-url"}, r.otherSites},
		{"contract", []string{"public-url"}, r.contract},
		{"headers", []string{"public-url"}, r.headers},
		{"no-session", []string{"public-url"}, r.noSession},
		{"code-request", []string{"ready", "public-url"}, r.codeRequest},
		{"cookie", []string{"code-request"}, r.cookie},
		{"pending", []string{"code-request"}, r.pendingKept},
		{"wrong-code", []string{"pending"}, r.wrongCode},
		{"mail", []string{"pending"}, r.mail},
	}
	if r.To != "" {
		list = append(list,
			check{"sign-in", []string{"wrong-code", "mail"}, r.signIn},
			check{"session", []string{"sign-in"}, r.sessionKept},
			check{"sign-out", []string{"sign-in"}, r.signOut},
			check{"old-cookie", []string{"sign-out"}, r.oldCookie},
		)
	}
	return append(list, check{cleanup, []string{"code-request"}, r.cleanup})
}

// cleanup is the check that runs although everything else was interrupted.
const cleanup = "cleanup"

// run is what the checks know of each other.
type run struct {
	Options
	client *client
	email  string // that codes are asked for

	versions  []string // that /readyz told
	instances []string
	accepted  answer // of the request for a code
	pending   pendingCode
	isShared  bool // every instance that was asked knows the pending code
	signedIn  bool
	account   account
	old       map[string]string // the cookies before the sign-out
}

// Run runs all checks and reports each as soon as it is done. When ctx ends, what follows is reported as not run; what
// was begun is cleaned up all the same.
func Run(ctx context.Context, o Options, report func(Result)) {
	r := &run{Options: o, client: newClient(o), email: o.To}
	if r.email == "" {
		r.email = "sana-check-" + strings.ToLower(rand.Text()[:12]) + "@check.invalid"
	}
	var fine []string
	for _, c := range r.checks() {
		result := r.perform(ctx, c, fine)
		result.Name = c.name
		if result.Status == OK {
			fine = append(fine, c.name)
		}
		report(result)
	}
}

func (r *run) perform(ctx context.Context, c check, fine []string) Result {
	for _, need := range c.needs {
		if !slices.Contains(fine, need) {
			return warn("not run: needs "+need, "")
		}
	}
	if c.name == cleanup {
		ctx = context.WithoutCancel(ctx)
	}
	if ctx.Err() != nil {
		return warn("not run: interrupted", "")
	}
	return c.do(ctx)
}
