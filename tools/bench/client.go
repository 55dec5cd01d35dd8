package main

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/valyala/fasthttp"
)

// client imitates a browser. It keeps one connection.
type client struct {
	http    *fasthttp.HostClient
	cookies map[string]string
	address string // its simulated IP address
}

func newClient(port int) *client {
	return &client{http: &fasthttp.HostClient{
		Addr: fmt.Sprint("127.0.0.1:", port), MaxConns: 1, ReadTimeout: 20 * time.Second,
		WriteTimeout: 20 * time.Second,
	}}
}

// reset makes it another user's browser, which has loaded a page before, with its own IP address,
// so that limits by network do not apply.
func (c *client) reset(n int) {
	c.cookies = map[string]string{browserCookie: base64.RawURLEncoding.EncodeToString(random(32))}
	c.address = netip.AddrFrom4(
		[4]byte(binary.BigEndian.AppendUint32(nil, 0x0b_00_00_00+uint32(n)))).
		String()
}

// statusError is an unexpected status.
type statusError struct {
	status  int
	message string
}

func (e *statusError) Error() string { return e.message }

// post sends JSON, stores the response's cookies, and decodes its body if into is not nil.
func (c *client) post(path string, body any, want int, into any) error {
	return c.send(http.MethodPost, path, body, want, into)
}

// send is post with another method; a GET has no body.
func (c *client) send(method, path string, body any, want int, into any) error {
	content, err := json.Marshal(body)
	if err != nil {
		return err
	}
	request, response := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
	defer fasthttp.ReleaseRequest(request)
	defer fasthttp.ReleaseResponse(response)
	request.SetRequestURI("http://" + publicHost + path)
	request.Header.SetMethod(method)
	request.Header.Set("Origin", "https://"+publicHost)
	request.Header.Set("User-Agent",
		"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0")
	if c.address != "" {
		request.Header.Set("X-Forwarded-For", c.address)
	}
	for name, value := range c.cookies {
		request.Header.SetCookie(name, value)
	}
	if method != http.MethodGet {
		request.Header.SetContentType("application/json")
		request.SetBody(content)
	}
	if err := c.http.Do(request, response); err != nil {
		return err
	}
	if got := response.StatusCode(); got != want {
		return &statusError{got,
			fmt.Sprintf("%s %s: got %d %s, want %d", method, path, got, response.Body(), want)}
	}
	for _, line := range response.Header.PeekAll("Set-Cookie") {
		pair, _, _ := strings.Cut(string(line), ";")
		name, value, _ := strings.Cut(pair, "=")
		c.cookies[name] = value
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(response.Body(), into)
}

// read requests the current user with a cookie and returns the status.
func (c *client) read(cookie string) (status int, err error) {
	request, response := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
	defer fasthttp.ReleaseRequest(request)
	defer fasthttp.ReleaseResponse(response)
	request.SetRequestURI("http://" + publicHost + sessionPath)
	request.Header.Set("Cookie", cookie)
	err = c.http.Do(request, response)
	return response.StatusCode(), err
}
