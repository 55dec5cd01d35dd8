package mailgun

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"
)

const (
	maxAnswer     = 64 << 10         // bytes of an answer's body, and of its headers, that are read
	maxRetryAfter = 10 * time.Minute // a code does not live longer
	// connections: with few of them a slow provider holds up the queue
	keptIdle = 64
)

// newHTTPClient returns a client that gives up after timeout, follows no redirect (the key goes to
// the configured host and nowhere else) and reads no more of an answer than maxAnswer.
func newHTTPClient(timeout time.Duration) *http.Client {
	return &http.Client{
		Timeout:   timeout,
		Transport: &answerNoter{next: newTransport()},
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		},
	}
}

func newTransport() *http.Transport {
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
		TLSHandshakeTimeout:    5 * time.Second,
		ForceAttemptHTTP2:      true, // a custom dialer would switch it off
		MaxIdleConns:           keptIdle,
		MaxIdleConnsPerHost:    keptIdle,
		IdleConnTimeout:        90 * time.Second,
		MaxResponseHeaderBytes: maxAnswer,
	}
}

// answer has the relevant parts of an HTTP response. A status of zero means that there was none.
type answer struct {
	status     int
	retryAfter time.Duration
	body       bytes.Buffer // as far as it was read
}

type answerKey struct{}

// withAnswer returns a context whose one request notes its answer in the returned place. A request
// has a note of its own, so that concurrent ones cannot mix theirs up.
func withAnswer(ctx context.Context) (context.Context, *answer) {
	a := &answer{}
	return context.WithValue(ctx, answerKey{}, a), a
}

// answerNoter notes each answer in its request's context, and caps its body.
type answerNoter struct{ next http.RoundTripper }

func (t *answerNoter) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := t.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	body := io.LimitReader(response.Body, maxAnswer)
	if noted, ok := r.Context().Value(answerKey{}).(*answer); ok {
		noted.status, noted.retryAfter = response.StatusCode, retryAfter(response.Header)
		body = io.TeeReader(body, &noted.body)
	}
	response.Body = cappedBody{body, response.Body}
	return response, nil
}

type cappedBody struct {
	io.Reader
	io.Closer
}

// retryAfter reads how long to wait, in seconds or as a date (RFC 9110, 10.2.3): zero where nothing
// usable is said, never more than maxRetryAfter. A date counts from the answer's own Date, so that
// our clock need not agree.
func retryAfter(h http.Header) time.Duration {
	value := h.Get("Retry-After")
	if seconds, err := strconv.ParseUint(value, 10, 31); err == nil {
		return min(time.Duration(seconds)*time.Second, maxRetryAfter)
	}
	until, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	answered, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		return 0
	}
	return min(max(until.Sub(answered), 0), maxRetryAfter)
}
