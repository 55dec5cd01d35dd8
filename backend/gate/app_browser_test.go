package gate_test

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"sync"
	"testing"

	"sana/backend/test/harness"
)

// appBrowser is a browser that stores cookies for each host and follows redirects, through a proxy
// that sends the subrequests of Caddy.
type appBrowser struct {
	t      *testing.T
	i      *instance
	client *http.Client
	jar    *cookiejar.Jar

	mu    sync.Mutex
	lost  func(url *url.URL, cookie *http.Cookie) bool // cookies that the browser does not keep
	steps []string                                     // "host path" of each request
}

func newAppBrowser(t *testing.T, i *instance) *appBrowser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	s := &appBrowser{t: t, i: i, jar: jar}
	s.client = &http.Client{Jar: lossyJar{s}, Transport: s, Timeout: harness.Deadline}
	return s
}

// lossyJar is the cookie jar without the lost cookies.
type lossyJar struct{ s *appBrowser }

func (j lossyJar) SetCookies(u *url.URL, cookies []*http.Cookie) {
	for _, cookie := range cookies {
		if j.s.lost == nil || !j.s.lost(u, cookie) {
			j.s.jar.SetCookies(u, []*http.Cookie{cookie})
		}
	}
}

func (j lossyJar) Cookies(u *url.URL) []*http.Cookie { return j.s.jar.Cookies(u) }

// RoundTrip acts as the proxy: requests outside of Sana's pages reach the app if the gate allows
// them.
func (s *appBrowser) RoundTrip(r *http.Request) (*http.Response, error) {
	s.mu.Lock()
	s.steps = append(s.steps, r.URL.Host+" "+r.URL.Path)
	s.mu.Unlock()
	if r.URL.Host == "sana.example" || strings.HasPrefix(r.URL.Path, "/_sana/") {
		return s.forward(r, s.i.URL+r.URL.RequestURI(), r.URL.Host)
	}
	request := r.Clone(r.Context())
	request.Header.Set("X-Forwarded-Host", r.URL.Host)
	request.Header.Set("X-Forwarded-Uri", r.URL.RequestURI())
	request.Header.Set("X-Forwarded-Method", r.Method)
	request.Method, request.Body, request.ContentLength = http.MethodGet, http.NoBody, 0
	app, _, _ := strings.Cut(r.URL.Host, ".")
	response, err := s.forward(request, s.i.gate+"/gate/forward/"+app, "sana-gate")
	if err != nil || response.StatusCode != http.StatusOK {
		return response, err
	}
	response.Body.Close()
	text := "page for " + response.Header.Get("Remote-User")
	response.Body = io.NopCloser(strings.NewReader(text))
	return response, nil
}

func (s *appBrowser) forward(r *http.Request, to, host string) (*http.Response, error) {
	u, err := url.Parse(to)
	if err != nil {
		return nil, err
	}
	sent := r.Clone(r.Context())
	sent.URL, sent.Host = u, host
	sent.Header.Set("X-Forwarded-For", "198.51.100.7")
	if host == "sana-gate" {
		sent.Header.Set("X-Forwarded-Proto", "https")
	}
	response, err := http.DefaultTransport.RoundTrip(sent)
	if response != nil {
		response.Request = r
	}
	return response, err
}

// page is the last page of a navigation.
type page struct {
	url    *url.URL
	status int
	body   string
	header http.Header
}

// open opens a page and follows its redirects.
func (s *appBrowser) open(address string) page {
	s.t.Helper()
	return s.send(http.MethodGet, address, "navigate")
}

func (s *appBrowser) send(method, address, mode string, changes ...func(*http.Request)) page {
	s.t.Helper()
	request, err := http.NewRequest(method, address, http.NoBody)
	if err != nil {
		s.t.Fatal(err)
	}
	request.Header.Set("Sec-Fetch-Mode", mode)
	request.Header.Set("Accept", "text/html")
	request.Header.Set("User-Agent",
		"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0")
	if method == http.MethodPost {
		request.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	for _, change := range changes {
		change(request)
	}
	response, err := s.client.Do(request)
	if err != nil {
		s.t.Fatalf("%s %s: %v", method, address, err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	if host := response.Request.URL.Host; host != "sana.example" {
		for _, name := range []string{"Strict-Transport-Security", "Clear-Site-Data"} {
			if response.Header.Get(name) != "" {
				s.t.Errorf("%s has %s at an app's host", address, name)
			}
		}
	}
	return page{response.Request.URL, response.StatusCode, string(body), response.Header}
}

// signIn signs the browser in at Sana's own host.
func (s *appBrowser) signIn(email string) (b *harness.Browser) {
	s.t.Helper()
	b = s.i.Open(s.t)
	b.SignIn(s.i.w, email)
	s.take(b)
	return b
}

// take copies another browser's cookies of Sana's host.
func (s *appBrowser) take(b *harness.Browser) {
	var cookies []*http.Cookie
	for name, value := range b.Cookies() {
		cookies = append(cookies, &http.Cookie{Name: name, Value: value, Path: "/", Secure: true})
	}
	s.jar.SetCookies(&url.URL{Scheme: "https", Host: "sana.example", Path: "/"}, cookies)
}

// cookieAt returns the value of a cookie at a host.
func (s *appBrowser) cookieAt(host, name string) string {
	for _, cookie := range s.jar.Cookies(&url.URL{Scheme: "https", Host: host, Path: "/"}) {
		if cookie.Name == name {
			return cookie.Value
		}
	}
	return ""
}

func (s *appBrowser) wantPage(p page, address, body string) {
	s.t.Helper()
	if p.url.String() != address || !strings.Contains(p.body, body) {
		s.t.Fatalf("at %s (%d), want %s with %q; the body is %.300s; steps: %v", p.url, p.status,
			address, body, p.body, s.steps)
	}
}
