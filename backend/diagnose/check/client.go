package check

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	requestTimeout = 10 * time.Second
	maxAnswer      = 1 << 20 // bytes of an answer's body
)

// client sends the requests of a deployment's pages. Each request has a connection of its own, so
// that a load balancer may choose another instance. It follows no redirect, and stores Sana's
// cookies only: a load balancer's cookie would tie it to one instance.
type client struct {
	origin  string
	agent   string
	http    *http.Client
	cookies map[string]string
}

func newClient(o Options) *client {
	return &client{
		origin: originOf(o.URL),
		agent:  "sana-check/" + o.Version,
		http: &http.Client{
			Timeout: requestTimeout,
			Transport: &http.Transport{
				Proxy:             http.ProxyFromEnvironment,
				DialContext:       o.Dial,
				TLSClientConfig:   &tls.Config{RootCAs: o.Roots, MinVersion: tls.VersionTLS12},
				DisableKeepAlives: true,
			},
			CheckRedirect: func(*http.Request, []*http.Request) error {
				return http.ErrUseLastResponse
			},
		},
		cookies: map[string]string{},
	}
}

// originOf returns an origin as browsers write it: in lower case, without the scheme's default
// port.
func originOf(u *url.URL) string {
	host := strings.ToLower(u.Host)
	switch u.Scheme {
	case "https":
		host = strings.TrimSuffix(host, ":443")
	case "http":
		host = strings.TrimSuffix(host, ":80")
	}
	return u.Scheme + "://" + host
}

// answer is the result of a request: err is set if no readable answer arrived.
type answer struct {
	err     error
	status  int
	header  http.Header
	cookies []*http.Cookie // Set-Cookie headers
	body    []byte
	problem problem // empty unless the answer is problem+json
}

// problem has the fields of the contract's Problem that the checks use.
type problem struct {
	Code      string `json:"code"`
	Detail    string `json:"detail"`
	RequestID string `json:"request_id"`
	TriesLeft *int   `json:"tries_left"`
}

// is reports whether the answer is this problem.
func (a answer) is(status int, code string) bool {
	return a.status == status && a.problem.Code == code
}

// json reads the body into target and reports whether it is JSON of that shape.
func (a answer) json(target any) bool {
	return strings.HasPrefix(a.header.Get("Content-Type"), "application/json") &&
		json.Unmarshal(a.body, target) == nil
}

// get sends a GET.
func (c *client) get(ctx context.Context, path string) answer {
	return c.send(ctx, http.MethodGet, c.origin+path, "", nil)
}

// write sends a write request with the headers of Sana's own pages.
func (c *client) write(ctx context.Context, method, path, body string) answer {
	return c.send(ctx, method, c.origin+path, body,
		map[string]string{"Origin": c.origin, "Sec-Fetch-Site": "same-origin"})
}

func (c *client) send(
	ctx context.Context, method, address, body string, header map[string]string,
) answer {
	request, err := http.NewRequestWithContext(ctx, method, address, strings.NewReader(body))
	if err != nil {
		return answer{err: err}
	}
	request.Header.Set("User-Agent", c.agent)
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	for name, value := range header {
		if name == "Host" {
			request.Host = value
			continue
		}
		request.Header[name] = []string{value} // exact spelling: net/http would change names with _
	}
	for name, value := range c.cookies {
		request.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	response, err := c.http.Do(request)
	if err != nil {
		return answer{err: err}
	}
	defer response.Body.Close()
	content, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return answer{err: err}
	}
	c.keep(response.Cookies())
	a := answer{
		status:  response.StatusCode,
		header:  response.Header,
		cookies: response.Cookies(),
		body:    content,
	}
	if strings.HasPrefix(a.header.Get("Content-Type"), "application/problem+json") {
		if json.Unmarshal(content, &a.problem) != nil {
			a.problem = problem{}
		}
	}
	return a
}

// Sana's cookies, without the prefix that they have over https.
const (
	hostPrefix    = "__Host-"
	sessionCookie = "sana_session"
	browserCookie = "sana_browser"
	deviceCookie  = "sana_device"
)

func (c *client) keep(cookies []*http.Cookie) {
	for _, cookie := range cookies {
		switch strings.TrimPrefix(cookie.Name, hostPrefix) {
		case sessionCookie, browserCookie, deviceCookie, appCookie, enterCookie:
			c.cookies[cookie.Name] = cookie.Value
			if cookie.MaxAge < 0 || cookie.Value == "" {
				delete(c.cookies, cookie.Name)
			}
		}
	}
}

// session returns the value of the session cookie, "" if there is none.
func (c *client) session() string {
	for name, value := range c.cookies {
		if strings.TrimPrefix(name, hostPrefix) == sessionCookie {
			return value
		}
	}
	return ""
}

// with returns a client that has these cookies.
func (c *client) with(cookies map[string]string) *client {
	other := *c
	other.cookies = maps.Clone(cookies)
	return &other
}
