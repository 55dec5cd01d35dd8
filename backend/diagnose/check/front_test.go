package check_test

import (
	"context"
	"crypto/x509"
	"flag"
	"fmt"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"sana/backend/diagnose"
	"sana/backend/diagnose/check"
	"sana/backend/test/harness"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite testdata")

func TestMain(m *testing.M) { harness.Main(m) }

// publicURL is the address of the deployments in these tests; the certificates of httptest have
// this name.
const publicURL = "https://example.com"

// front is a load balancer in front of instances, which sends each request to the next one, and a
// server for plain http beside it.
type front struct {
	targets  []*url.URL
	next     atomic.Int64
	address  string               // of all clients that come through it
	request  func(*http.Request)  // changes requests
	response func(*http.Response) // changes answers
	ownMu    sync.Mutex
	own      func(*http.Request) *own // answers instead of the instances
	plain    http.HandlerFunc         // on port 80; nil redirects to https

	connections atomic.Int64
}

// connection is the context key of a request's connection. The client's port does not identify one:
// the system reuses it as soon as this one is closed.
type connection struct{}

// own is an answer of the proxy itself.
type own struct {
	status int
	header http.Header
	body   string
}

var fronts atomic.Int64

func newFront(instances ...*harness.Process) *front {
	f := &front{address: fmt.Sprintf("198.51.100.%d", fronts.Add(1))}
	for _, instance := range instances {
		target, err := url.Parse(instance.URL)
		if err != nil {
			panic(err)
		}
		f.targets = append(f.targets, target)
	}
	return f
}

// options starts the proxy until the test ends, and returns options that direct a check to it.
func (f *front) options(t *testing.T) check.Options {
	t.Helper()
	public, err := url.Parse(publicURL)
	if err != nil {
		t.Fatal(err)
	}
	secure := httptest.NewUnstartedServer(f)
	secure.Config.ConnContext = func(ctx context.Context, _ net.Conn) context.Context {
		return context.WithValue(ctx, connection{}, f.connections.Add(1))
	}
	secure.Config.ErrorLog = log.New(io.Discard, "", 0) // of handshakes that fail on purpose
	secure.StartTLS()
	t.Cleanup(secure.Close)
	if f.plain == nil {
		f.plain = func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, publicURL+r.URL.Path, http.StatusPermanentRedirect)
		}
	}
	plain := httptest.NewServer(f.plain)
	t.Cleanup(plain.Close)
	roots := x509.NewCertPool()
	roots.AddCert(secure.Certificate())
	return check.Options{
		URL: public, Requests: 20, Roots: roots, Version: "test",
		Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
			at, known := map[string]net.Addr{"example.com:443": secure.Listener.Addr(),
				"example.com:80": plain.Listener.Addr()}[address]
			if !known {
				return nil, fmt.Errorf("the check went to %s", address)
			}
			return new(net.Dialer).DialContext(ctx, network, at.String())
		},
	}
}

// ServeHTTP forwards a request.
func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if answer := f.ownAnswer(r); answer != nil {
		maps.Copy(w.Header(), answer.header)
		w.WriteHeader(answer.status)
		fmt.Fprint(w, answer.body)
		return
	}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(p *httputil.ProxyRequest) {
			p.SetURL(f.targets[int(f.next.Add(1))%len(f.targets)])
			p.Out.Host = p.In.Host
			p.Out.Header.Set("X-Forwarded-For", f.address)
			if f.request != nil {
				f.request(p.Out)
			}
		},
		ModifyResponse: func(response *http.Response) error {
			if f.response != nil {
				f.response(response)
			}
			return nil
		},
	}
	proxy.ServeHTTP(w, r)
}

func (f *front) ownAnswer(r *http.Request) *own {
	f.ownMu.Lock()
	defer f.ownMu.Unlock()
	if f.own == nil {
		return nil
	}
	return f.own(r)
}

// results runs the checks. It starts again if the machine was stalled during some of the requests
// for readiness: those are sent before anything is changed.
func results(t *testing.T, o check.Options) []diagnose.Result {
	t.Helper()
	for tries := 1; ; tries++ {
		var list []diagnose.Result
		check.Run(t.Context(), o, func(r diagnose.Result) { list = append(list, r) })
		stoodStill := slices.ContainsFunc(list, func(r diagnose.Result) bool {
			return r.Name == "ready" && r.State == diagnose.Failed &&
				!strings.HasPrefix(r.Detail, "20 of 20")
		})
		if !stoodStill || tries == 3 {
			return list
		}
	}
}

// wantAllBut fails the test unless every check is ok except for others, each with its status and a
// part of its detail, and for those that were skipped because they need one that is not ok.
func wantAllBut(t *testing.T, list []diagnose.Result, others map[string]string) {
	t.Helper()
	seen, isOK := 0, map[string]bool{}
	for _, r := range list {
		isOK[r.Name] = r.State == diagnose.Passed
		needed, _ := strings.CutPrefix(r.Detail, "needs ")
		want, is := others[r.Name]
		wasOK, isKnown := isOK[needed]
		switch {
		case is:
			seen++
		case r.State == diagnose.Skipped && isKnown && !wasOK:
			want = "skip"
		default:
			want = "ok "
		}
		status, detail, _ := strings.Cut(want, " ")
		if string(r.State) != status || !strings.Contains(r.Detail, detail) {
			t.Errorf("%s: got %s %q, want %q", r.Name, r.State, r.Detail, want)
		}
		if r.State == diagnose.Failed && r.Hint == "" {
			t.Errorf("%s fails and does not say what to do", r.Name)
		}
	}
	if seen != len(others) {
		t.Errorf("%d of the checks that were looked for ran, want %d", seen, len(others))
	}
}

// wantGolden compares the printed output with a file of testdata, or writes the file.
func wantGolden(t *testing.T, name string, list []diagnose.Result) {
	t.Helper()
	var printed strings.Builder
	for _, r := range list {
		if err := diagnose.WriteText(&printed, r); err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(printed.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), printed.String()); diff != "" {
		t.Errorf("%s (-want +got); npm run golden writes it:\n%s", file, diff)
	}
}
