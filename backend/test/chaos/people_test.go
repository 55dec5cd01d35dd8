package chaos

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sana/backend/test/harness"
)

// person is a user with a browser. Failed requests are tolerated; answers that no fault excuses
// fail the test.
type person struct {
	t       testing.TB
	email   string
	address string // that the proxy in front sees
	client  *http.Client

	mu      sync.Mutex
	cookies map[string]string
}

var people atomic.Int64

// impatience is longer than any request may take: its deadline is 5 seconds.
const impatience = 20 * time.Second

var direct = &http.Client{Timeout: impatience, Transport: &http.Transport{MaxIdleConnsPerHost: 100}}

func newPerson(t testing.TB) *person {
	n := people.Add(1)
	return &person{
		t: t, email: fmt.Sprintf("chaos%d@sana.example", n),
		address: fmt.Sprintf("10.%d.%d.%d", n>>16&255, n>>8&255, n&255),
		client:  direct, cookies: map[string]string{},
	}
}

// answer is the result of a request; its status is 0 if there was no answer.
type answer struct {
	status int
	code   string // of the problem
	header http.Header
	body   []byte
	closes bool // has Connection: close
}

// ask sends a request.
func (p *person) ask(at, method, path, body string) answer {
	return p.askWith(context.WithoutCancel(p.t.Context()), at, method, path, body)
}

func (p *person) askWith(ctx context.Context, at, method, path, body string) answer {
	request, err := http.NewRequestWithContext(ctx, method, at+path, strings.NewReader(body))
	if err != nil {
		p.t.Errorf("%s %s: %v", method, path, err)
		return answer{}
	}
	request.Host = strings.TrimPrefix(harness.PublicURL, "https://")
	request.Header.Set("Origin", harness.PublicURL)
	request.Header.Set("X-Forwarded-For", p.address)
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	p.mu.Lock()
	for name, value := range p.cookies {
		request.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	p.mu.Unlock()
	response, err := p.client.Do(request)
	if err != nil {
		return answer{}
	}
	defer response.Body.Close()
	a := answer{status: response.StatusCode, header: response.Header, closes: response.Close}
	if a.body, err = io.ReadAll(response.Body); err != nil {
		return answer{}
	}
	p.take(method+" "+path, &a, response.Cookies())
	return a
}

// take stores the cookies of an answer, and checks the promises of every answer.
func (p *person) take(name string, a *answer, cookies []*http.Cookie) {
	if a.status >= 400 {
		var problem struct{ Code string }
		if err := json.Unmarshal(a.body, &problem); err != nil {
			p.t.Errorf("%s: %d is no problem: %.200s", name, a.status, a.body)
		}
		a.code = problem.Code
	}
	if a.status >= 500 && a.status != http.StatusServiceUnavailable {
		p.t.Errorf("%s: got %d %s; a fault of the database is 503", name, a.status, a.body)
	}
	if a.status == http.StatusServiceUnavailable && a.header.Get("Retry-After") == "" {
		p.t.Errorf("%s: 503 without Retry-After: %s", name, a.body)
	}
	if a.status >= 500 && len(cookies) > 0 {
		p.t.Errorf("%s: %d touches cookies: %v", name, a.status, cookies)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range cookies {
		if c.MaxAge < 0 {
			delete(p.cookies, c.Name)
		} else {
			p.cookies[c.Name] = c.Value
		}
	}
}

// isLost reports whether the effect of the request is unknown.
func (a answer) isLost() bool { return a.status == 0 || a.status == http.StatusServiceUnavailable }

func (p *person) session(at string) answer {
	return p.ask(at, http.MethodGet, "/api/auth/session", "")
}

// requestCode requests a code as the page does: it retries once if the browser had no token yet.
func (p *person) requestCode(at string) answer {
	body := `{"email":"` + p.email + `"}`
	a := p.ask(at, http.MethodPost, "/api/auth/code", body)
	if a.status == http.StatusConflict && a.code == "browser_token_missing" {
		a = p.ask(at, http.MethodPost, "/api/auth/code", body)
	}
	return a
}

func (p *person) verify(at, code string) answer { return p.verifyFor(at, p.email, code) }

func (p *person) verifyFor(at, email, code string) answer {
	return p.ask(at, http.MethodPost, "/api/auth/verify", `{"code":"`+code+`","email":"`+email+`"}`)
}

// sessionToken returns the value of the session cookie.
func (p *person) sessionToken() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cookies["__Host-sana_session"]
}

// copied returns another browser with the same cookies.
func (p *person) copied() *person {
	p.mu.Lock()
	defer p.mu.Unlock()
	return &person{t: p.t, email: p.email, address: p.address, client: p.client,
		cookies: maps.Clone(p.cookies)}
}

// want fails the test unless the answer has this status.
func (p *person) want(a answer, status int) answer {
	p.t.Helper()
	if a.status != status {
		p.t.Fatalf("%s: got %d %s, want %d", p.email, a.status, a.body, status)
	}
	return a
}

// waiting returns a user with a code that was not typed yet.
func waiting(t testing.TB, w *harness.World, at string) (*person, string) {
	t.Helper()
	p := newPerson(t)
	p.want(p.requestCode(at), http.StatusAccepted)
	return p, w.Code(t, p.email, 1)
}

// signedIn returns a user who is signed in.
func signedIn(t testing.TB, w *harness.World, at string) *person {
	t.Helper()
	p, code := waiting(t, w, at)
	p.want(p.verify(at, code), http.StatusOK)
	return p
}

// crowd is a number of users who read their session repeatedly.
type crowd struct {
	cancel context.CancelFunc
	group  sync.WaitGroup
	mu     sync.Mutex
	counts map[int]int
}

// readers starts a reader for each user, at the address that where returns for its number.
func readers(t testing.TB, where func(n int) string, people ...*person) *crowd {
	ctx, cancel := context.WithCancel(t.Context())
	c := &crowd{cancel: cancel, counts: map[int]int{}}
	for n, p := range people {
		c.group.Go(func() {
			for ctx.Err() == nil {
				a := p.session(where(n))
				c.mu.Lock()
				c.counts[a.status]++
				c.mu.Unlock()
			}
		})
	}
	t.Cleanup(func() { c.stop() })
	return c
}

// count returns the number of answers with a status so far.
func (c *crowd) count(status int) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.counts[status]
}

// await waits for n more answers of a status.
func (c *crowd) await(t testing.TB, status, n int) {
	t.Helper()
	from := c.count(status)
	harness.Eventually(t, fmt.Sprintf("no more answers of %d", status), func() error {
		if got := c.count(status) - from; got < n {
			return fmt.Errorf("%d of %d; all answers: %v", got, n, c.all())
		}
		return nil
	})
}

func (c *crowd) all() map[int]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.counts)
}

// stop stops the readers and returns the number of answers by status.
func (c *crowd) stop() map[int]int {
	c.cancel()
	c.group.Wait()
	return c.all()
}

// wantOnly fails the test if there were answers of another status.
func wantOnly(t testing.TB, counts map[int]int, allowed ...int) {
	t.Helper()
	left := maps.Clone(counts)
	for _, status := range allowed {
		delete(left, status)
	}
	if len(left) > 0 {
		t.Errorf("answers by status: %v, want %v only", counts, allowed)
	}
}

// at returns a function that returns the address of an instance for every number.
func at(url string) func(int) string { return func(int) string { return url } }

// status returns the status of a GET.
func status(t testing.TB, at, path string) int {
	t.Helper()
	return newPerson(t).ask(at, http.MethodGet, path, "").status
}

// isLong reports whether the long forms are to run (npm run chaos).
func isLong() bool { return os.Getenv("SANA_CHAOS_LONG") != "" }
