package harness

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// Browser sends requests as Sana's pages do, stores cookies, and checks every answer against the
// contract and the promises of all answers. It is safe for concurrent use.
type Browser struct {
	t      testing.TB
	client *http.Client

	mu       sync.Mutex
	base     string
	address  string // that the proxy in front sees
	asked    string // the address that the browser's page shows
	cookies  map[string]string
	everSeen map[string]bool // every cookie value that the server ever set
}

// Open returns a new browser on an instance.
func (i *Instance) Open(t testing.TB) *Browser {
	return &Browser{
		t: t,
		client: &http.Client{Timeout: Deadline,
			CheckRedirect: func(*http.Request,
				[]*http.Request) error {
				return http.ErrUseLastResponse
			}},
		base:     i.URL,
		address:  newAddress(),
		cookies:  map[string]string{},
		everSeen: map[string]bool{},
	}
}

var addresses atomic.Uint32

// newAddress returns an unused IP address from the network for benchmarks (RFC 2544).
func newAddress() string {
	n := addresses.Add(1)
	return fmt.Sprintf("198.%d.%d.%d", 18+n>>16&1, n>>8&255, n&255)
}

// At gives the browser an IP address and returns it.
func (b *Browser) At(address string) *Browser {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.address = address
	return b
}

// Keep stores a cookie in the browser.
func (b *Browser) Keep(name, value string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.cookies[name] = value
}

// MoveTo sends the next requests to another instance, as a load balancer would.
func (b *Browser) MoveTo(i *Instance) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.base = i.URL
}

// Cookies returns a copy of the browser's cookies.
func (b *Browser) Cookies() map[string]string {
	b.mu.Lock()
	defer b.mu.Unlock()
	copied := map[string]string{}
	for name, value := range b.cookies {
		copied[name] = value
	}
	return copied
}

// Clone returns another browser with the same cookies.
func (b *Browser) Clone() *Browser {
	clone := &Browser{t: b.t, client: b.client, cookies: b.Cookies(), everSeen: map[string]bool{}}
	b.mu.Lock()
	defer b.mu.Unlock()
	clone.base, clone.address, clone.asked = b.base, b.address, b.asked
	return clone
}

// Header changes a request before it is sent.
type Header func(*http.Request)

// With sets a header; an empty value removes it.
func With(name, value string) Header {
	return func(r *http.Request) {
		if value == "" {
			r.Header.Del(name)
			return
		}
		r.Header.Set(name, value)
	}
}

// Get sends a GET.
func (b *Browser) Get(path string, headers ...Header) *Answer {
	b.t.Helper()
	return b.Do(http.MethodGet, path, "", headers...)
}

// Post sends a JSON text.
func (b *Browser) Post(path, body string, headers ...Header) *Answer {
	b.t.Helper()
	return b.Do(http.MethodPost, path, body, headers...)
}

// stall is less than any timeout of these programs for a statement, a lock or a connection: a 503
// that takes longer may only mean that the machine was stalled. A faster one was intended.
const stall = 2500 * time.Millisecond

// Do sends any request. It fails the test if the answer breaks the contract. As the pages do, it
// retries after a 503, a few times, if the machine was stalled.
func (b *Browser) Do(method, path, body string, headers ...Header) *Answer {
	b.t.Helper()
	for tries := 1; ; tries++ {
		began := time.Now()
		answer := b.do(method, path, body, headers)
		took := time.Since(began)
		if answer.Status != http.StatusServiceUnavailable || took < stall || tries == 5 {
			return answer
		}
		b.t.Logf("%s was answered 503 after %s, asked again", answer.name, took)
	}
}

func (b *Browser) do(method, path, body string, headers []Header) *Answer {
	b.t.Helper()
	request := b.request(method, path, body, headers)
	response, err := b.client.Do(request)
	if err != nil {
		b.t.Fatalf("%s %s: %v", method, path, err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		b.t.Fatalf("%s %s: reading the answer: %v", method, path, err)
	}
	b.keepCookies(response)
	answer := &Answer{
		t: b.t, name: method + " " + path, Status: response.StatusCode, Header: response.Header,
		Body: content, Set: response.Cookies(),
	}
	b.checkAlways(answer)
	checkContract(b.t, request, []byte(body), answer)
	return answer
}

// Open sends a GET and returns the answer with an unread body, which must be closed.
func (b *Browser) Open(path string, headers ...Header) *http.Response {
	b.t.Helper()
	response, err := b.client.Do(b.request(http.MethodGet, path, "", headers))
	if err != nil {
		b.t.Fatalf("GET %s: %v", path, err)
	}
	return response
}

// Try sends a request that may get no answer, and drops the answer with its cookies. It returns the
// status, 0 if there is no answer.
func (b *Browser) Try(method, path, body string) (status int) {
	response, err := b.client.Do(b.request(method, path, body, nil))
	if err != nil {
		return 0
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return 0
	}
	return response.StatusCode
}

func (b *Browser) request(method, path, body string, headers []Header) *http.Request {
	b.mu.Lock()
	defer b.mu.Unlock()
	request, err := http.NewRequest(method, b.base+path, strings.NewReader(body))
	if err != nil {
		b.t.Fatal(err)
	}
	request.Host = strings.TrimPrefix(PublicURL, "https://")
	request.Header.Set("Sec-Fetch-Site", "same-origin")
	request.Header.Set("Origin", PublicURL)
	request.Header.Set("User-Agent", "harness")
	request.Header.Set("X-Forwarded-For", b.address)
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	for name, value := range b.cookies {
		request.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	for _, change := range headers {
		change(request)
	}
	return request
}

func (b *Browser) keepCookies(response *http.Response) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, cookie := range response.Cookies() {
		if cookie.MaxAge < 0 {
			delete(b.cookies, cookie.Name)
			continue
		}
		b.cookies[cookie.Name] = cookie.Value
		b.everSeen[cookie.Value] = true
	}
}

// checkAlways checks the promises of every answer: the security headers, no caching of an answer
// with a cookie, and no token outside of Set-Cookie.
func (b *Browser) checkAlways(a *Answer) {
	b.t.Helper()
	for _, name := range []string{
		"X-Request-Id", "Cache-Control", "Content-Security-Policy", "X-Content-Type-Options",
		"Referrer-Policy",
		"Cross-Origin-Opener-Policy", "Cross-Origin-Resource-Policy", "Strict-Transport-Security",
	} {
		if a.Header.Get(name) == "" {
			b.t.Errorf("%s: %d without the header %s", a.name, a.Status, name)
		}
	}
	if a.Header.Get("Server") != "" {
		b.t.Errorf("%s: names its server: %q", a.name, a.Header.Get("Server"))
	}
	if len(a.Set) > 0 && a.Header.Get("Cache-Control") != "no-store" {
		b.t.Errorf("%s: sets a cookie and may be cached: %q", a.name, a.Header.Get("Cache-Control"))
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for token := range b.everSeen {
		if token != "" && bytes.Contains(a.Body, []byte(token)) {
			b.t.Errorf("%s: the body holds a session token", a.name)
		}
	}
}

// WantEqual fails the test if got differs from want.
func WantEqual(t testing.TB, what string, got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}
