package cli

import (
	"bufio"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os/signal"
	"strings"
	"syscall"

	"sana/backend/diagnose/check"
)

type checkCommand struct {
	URL      *url.URL `arg:"" help:"Public address of the deployment, e.g. https://sana.example.org, or an app behind its gate, e.g. https://wiki.example.org."`
	To       string   `placeholder:"ADDRESS" help:"Send the code to this address, prompt for it, and complete the sign-in."`
	Requests int      `short:"n" default:"20" help:"Requests for a pending sign-in, each on a new connection, to reach every instance."`
	CACert   []byte   `name:"cacert" type:"filecontent" placeholder:"FILE" help:"Trust the certificate authorities in this PEM file too."`
	JSON     bool     `name:"json" help:"Print a JSON object {ok, checks: [{name, state, detail, hint}]}."`
}

// Help returns the long text of --help.
func (checkCommand) Help() string {
	return "It needs no configuration. Each check is a line: ok, warn or FAIL, the result, and " +
		"what to do. The exit code is 1 if a check failed, else 0.\n\n" +
		"Without --to, a code is requested for an address in the domain check.invalid, which " +
		"never receives mail: the mail provider gets one mail that it cannot deliver. The " +
		"pending sign-in is cancelled at the end. One network can request 60 codes an hour, " +
		"and each check requests one: in cron, leave ten minutes or more between two checks.\n\n" +
		"At the address of an app it attacks the proxy in front: it sends requests without a " +
		"session, with other spellings of paths and hosts, and with headers that impersonate " +
		"the proxy or a user. Without --to no code is requested. With it, the check signs in, " +
		"opens the app, and searches its front page for identities that only a client has " +
		"sent."
}

// Validate allows a URL of a scheme and a host only.
func (c checkCommand) Validate() error {
	u := c.URL
	if u == nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" ||
		u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
		return errors.New(
			"the address must be only a scheme and a host, e.g. https://sana.example.org")
	}
	if c.Requests < 1 || c.Requests > 1000 {
		return errors.New("--requests must be 1 to 1000")
	}
	return nil
}

// Run runs the checks, and returns an error with the names of failed checks.
func (c checkCommand) Run(in invocation) error {
	roots, err := c.roots()
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	options := check.Options{
		URL: c.URL, Requests: c.Requests, Roots: roots, Version: in.version, To: c.To,
		AskCode: asker(in.stdin, in.stderr),
	}
	told, tell := in.teller(c.JSON)
	report := check.Run(ctx, options, tell)
	return errors.Join(told(report), failures(c.URL.String()+" failed", report))
}

// roots returns the system's certificate authorities and those of --cacert; nil means the system's
// only.
func (c checkCommand) roots() (*x509.CertPool, error) {
	if len(c.CACert) == 0 {
		return nil, nil
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		return nil, err
	}
	if !roots.AppendCertsFromPEM(c.CACert) {
		return nil, errors.New("the file of --cacert has no certificate in PEM form")
	}
	return roots, nil
}

// asker returns a function that writes a prompt and reads a line. It returns when its context ends.
func asker(from io.Reader, to io.Writer) func(context.Context, string) (string, error) {
	lines := bufio.NewScanner(from)
	return func(ctx context.Context, prompt string) (string, error) {
		fmt.Fprint(to, prompt)
		read := make(chan bool, 1)
		go func() { read <- lines.Scan() }()
		select {
		case <-ctx.Done():
			return "", ctx.Err()
		case more := <-read:
			if more {
				return lines.Text(), nil
			}
			return "", errors.Join(errors.New("end of input"), lines.Err())
		}
	}
}
