package drill

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"sync"
	"testing"

	"sana/backend/test/harness"
)

// front is the load balancer of the users. It sends requests to its instances in turn, and skips
// those that refuse connections.
type front struct {
	URL string

	mu        sync.Mutex
	instances []*harness.Process
	next      int
	loss      loss // of the next request
}

// loss is the kind of loss of a request.
type loss string

const (
	lostRequest loss = "request" // it does not reach the instance
	// the instance has executed the request, and its answer does not reach the browser
	lostAnswer loss = "answer"
)

var errLost = errors.New("drill: lost on the way")

func newFront(t *testing.T) *front {
	t.Helper()
	f := &front{}
	transport := &http.Transport{MaxIdleConnsPerHost: 100}
	server := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.Host = r.In.Host
			// these browsers set their own address
			r.Out.Header["X-Forwarded-For"] = r.In.Header["X-Forwarded-For"]
		},
		Transport: roundTripper(
			func(r *http.Request) (*http.Response, error) { return f.send(transport, r) }),
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			if errors.Is(err, errLost) {
				panic(http.ErrAbortHandler) // closes the connection
			}
			w.WriteHeader(http.StatusBadGateway)
		},
	})
	t.Cleanup(func() {
		server.Close()
		transport.CloseIdleConnections()
	})
	f.URL = server.URL
	return f
}

type roundTripper func(*http.Request) (*http.Response, error)

// RoundTrip implements http.RoundTripper.
func (send roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return send(r) }

// to sends all further requests to these instances, the next one to the first of them.
func (f *front) to(instances ...*harness.Process) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.instances, f.next = slices.Clone(instances), 0 // the caller may change its slice
}

// lose loses the next request or its answer.
func (f *front) lose(what loss) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.loss = what
}

// send forwards a request, unless it or its answer is to be lost.
func (f *front) send(transport http.RoundTripper, r *http.Request) (*http.Response, error) {
	f.mu.Lock()
	what := f.loss
	f.loss = ""
	f.mu.Unlock()
	if what == lostRequest {
		return nil, errLost
	}
	response, err := f.sendOn(transport, r)
	if err == nil && what == lostAnswer {
		_, err = io.Copy(io.Discard, response.Body)
		return nil, errors.Join(errLost, err, response.Body.Close())
	}
	return response, err
}

// sendOn tries each instance once.
func (f *front) sendOn(transport http.RoundTripper, r *http.Request) (*http.Response, error) {
	f.mu.Lock()
	count := len(f.instances)
	f.mu.Unlock()
	for tried := 1; ; tried++ {
		target := f.turn()
		r.URL.Scheme, r.URL.Host = target.Scheme, target.Host
		response, err := transport.RoundTrip(r)
		if connecting, ok := errors.AsType[*net.OpError](err); !ok || connecting.Op != "dial" ||
			tried > count {
			return response, err
		}
	}
}

// turn returns the address of the next instance.
func (f *front) turn() *url.URL {
	f.mu.Lock()
	defer f.mu.Unlock()
	instance := f.instances[f.next%len(f.instances)]
	f.next++
	address, err := url.Parse(instance.URL)
	if err != nil {
		panic(err)
	}
	return address
}
