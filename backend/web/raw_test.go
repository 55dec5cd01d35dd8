package web_test

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"sana/backend/test/harness"
)

// wire is a connection on which a test writes bytes, not requests.
type wire struct {
	t    testing.TB
	conn *net.TCPConn
	in   *bufio.Reader
}

func openWire(t testing.TB, app *harness.Instance) *wire {
	t.Helper()
	conn, err := net.DialTimeout("tcp", strings.TrimPrefix(app.URL, "http://"), harness.Deadline)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(harness.Deadline)); err != nil {
		t.Fatal(err)
	}
	return &wire{t, conn.(*net.TCPConn), bufio.NewReader(conn)}
}

func (w *wire) send(bytes string) *wire {
	w.t.Helper()
	if _, err := io.WriteString(w.conn, bytes); err != nil {
		w.t.Fatal(err)
	}
	return w
}

// answer is one answer as received.
type answer struct {
	status int
	header http.Header
	body   string
	closes bool // has Connection: close
}

// receive reads the next answer, ignoring 100 Continue.
func (w *wire) receive() answer {
	w.t.Helper()
	for {
		response, err := http.ReadResponse(w.in, nil)
		if err != nil {
			w.t.Fatalf("reading an answer: %v", err)
		}
		body, err := io.ReadAll(response.Body)
		if err != nil {
			w.t.Fatalf("reading an answer's body: %v", err)
		}
		if response.StatusCode != http.StatusContinue {
			return answer{response.StatusCode, response.Header, string(body), response.Close}
		}
	}
}

// wantClosed fails the test unless the server closes the connection without sending more.
func (w *wire) wantClosed() {
	w.t.Helper()
	rest, err := io.ReadAll(w.in)
	if err != nil && !errors.Is(err, syscall.ECONNRESET) {
		w.t.Errorf("the connection is not closed: %v", err)
	}
	if len(rest) > 0 {
		w.t.Errorf("behind the last answer came %.200q", rest)
	}
}

const (
	head  = "Host: sana.example\r\nSec-Fetch-Site: same-origin\r\n"
	plain = "GET /livez HTTP/1.1\r\nHost: sana.example\r\n\r\n"
	// out is a write without a database: the browser is not signed in.
	out = "POST /api/auth/sign-out HTTP/1.1\r\n" + head + "Content-Type: application/json\r\n"
)

// get is a GET with further header lines.
func get(lines string) string {
	return "GET /livez HTTP/1.1\r\nHost: sana.example\r\n" + lines + "\r\n\r\n"
}

// clean are valid requests, which are answered whatever bytes follow.
var clean = []struct {
	promise, request string
	status           int
}{
	{"plain", plain, 200},
	{"an empty line before", "\r\n" + plain, 200},
	{"a line that ends in LF alone, which RFC 9112, 2.2, allows",
		strings.Replace(plain, "HTTP/1.1\r\n", "HTTP/1.1\n", 1), 200},
	{"a tab and obs-text in a value", get("X: a\tb\xe9"), 200},
	{"other headers twice", get("Accept: a\r\nAccept: b"), 200},
	{"two cookie headers, as proxies from HTTP/2 leave them", get("Cookie: a=1\r\nCookie: b=2"),
		200},
	{"the host in capitals", "GET /livez?a HTTP/1.1\r\nHost: SANA.Example\r\n\r\n", 200},
	{"the default port", "GET /api/openapi.json HTTP/1.1\r\nHost: sana.example:443\r\n\r\n", 200},
	{"the absolute form of our own address",
		"GET https://sana.example/livez HTTP/1.1\r\nHost: sana.example\r\n\r\n", 200},
	{"an address in the query",
		"GET /livez?u=http://evil.example/ HTTP/1.1\r\nHost: sana.example\r\n\r\n", 200},
	{"a body of known length", out + "Content-Length: 2\r\n\r\n{}", 204},
	{"a body with bare LF", out + "Content-Length: 4\r\n\r\n{\n\n}", 204},
	{"a chunked body", out + "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", 204},
	{"a chunked body with an extension",
		out + "Transfer-Encoding: chunked\r\n\r\n2;a=b\r\n{}\r\n0\r\n\r\n", 204},
	{"a body that waits for 100", out + "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n{}", 204},
	{"the body of a GET is no request",
		get("Content-Length: 43") + strings.Replace(plain, "livez", "other", 1)[:43], 200},
	{"OPTIONS of nothing in particular", "OPTIONS * HTTP/1.1\r\nHost: sana.example\r\n\r\n", 405},
	{"an unknown method", "BREW / HTTP/1.1\r\nHost: sana.example\r\n\r\n", 405},
	{"a method in small letters", "get /livez HTTP/1.1\r\nHost: sana.example\r\n\r\n", 405},
	{"TRACE, which would repeat cookies",
		"TRACE / HTTP/1.1\r\nHost: sana.example\r\nCookie: a=1\r\n\r\n", 405},
	{"another host", "GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n", 421},
	{"another host in the absolute form",
		"GET https://evil.example/ HTTP/1.1\r\nHost: evil.example\r\n\r\n", 421},
	{"another port", "GET / HTTP/1.1\r\nHost: sana.example:8080\r\n\r\n", 421},
}

// unclean are requests that are refused with 400 and close the connection.
var unclean = map[string]string{
	"length and chunks": out +
		"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	"chunks and length": out +
		"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
	"transfer coding identity": out +
		"Transfer-Encoding: identity\r\nContent-Length: 2\r\n\r\n{}",
	"transfer coding identity alone": out + "Transfer-Encoding: identity\r\n\r\n",
	"transfer coding gzip":           out + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
	"transfer coding twice": out +
		"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	"transfer coding in capitals":       out + "Transfer-Encoding: Chunked\r\n\r\n0\r\n\r\n",
	"transfer coding with vertical tab": out + "Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
	"transfer coding empty":             out + "Transfer-Encoding:\r\n\r\n",
	"transfer coding in HTTP/1.0": strings.Replace(out, "HTTP/1.1", "HTTP/1.0", 1) +
		"Connection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	"a space before the colon": out + "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
	"two lengths that differ":  out + "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{} ",
	"two lengths that agree":   out + "Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
	"a list of lengths":        out + "Content-Length: 2, 2\r\n\r\n{}",
	"a length with a sign":     out + "Content-Length: +2\r\n\r\n{}",
	"a negative length":        out + "Content-Length: -2\r\n\r\n{}",
	"a hexadecimal length":     out + "Content-Length: 0x2\r\n\r\n{}",
	"a length beyond 64 bits":  out + "Content-Length: 18446744073709551618\r\n\r\n{}",
	"an empty length":          out + "Content-Length: \r\n\r\n{}",
	"a chunk size with 0x": out +
		"Transfer-Encoding: chunked\r\n\r\n0x2\r\n{}\r\n0\r\n\r\n",
	"a chunk size with a sign": out +
		"Transfer-Encoding: chunked\r\n\r\n+2\r\n{}\r\n0\r\n\r\n",
	"a chunk size beyond 64 bits": out +
		"Transfer-Encoding: chunked\r\n\r\n10000000000000002\r\n{}\r\n0\r\n\r\n",
	"a chunk size that ends in LF": out +
		"Transfer-Encoding: chunked\r\n\r\n2\n{}\r\n0\r\n\r\n",
	"LF in a chunk extension": out +
		"Transfer-Encoding: chunked\r\n\r\n2;a\nb\r\n{}\r\n0\r\n\r\n",
	"a chunk that is longer than it says": out +
		"Transfer-Encoding: chunked\r\n\r\n1\r\n{}\r\n0\r\n\r\n",
	"a trailer field": out +
		"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nX-Trailer: 1\r\n\r\n",
	"a trailer field that was announced": out +
		"Transfer-Encoding: chunked\r\nTrailer: X-Trailer\r\n\r\n2\r\n{}\r\n0\r\nX-Trailer: " +
		"1\r\n\r\n",
	"a trailer field that is there already": out +
		"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nSec-Fetch-Site: same-origin\r\n\r\n",
	"bare LF behind a header":           "GET /livez HTTP/1.1\r\nHost: sana.example\nX: 1\r\n\r\n",
	"bare LF at the end of the headers": "GET /livez HTTP/1.1\r\nHost: sana.example\r\nX: 1\n\r\n\r\n",
	"two bare LF end the headers":       "GET /livez HTTP/1.1\r\nHost: sana.example\n\n",
	"bare CR in a value":                get("X: a\rb"),
	"NUL in a value":                    get("X: a\x00b"),
	"DEL in a value":                    get("X: a\x7fb"),
	"ESC in a cookie":                   get("Cookie: a=\x1bb"),
	"NUL in a name":                     get("X\x00: a"),
	"a space in a name":                 get("Content Length: 5"),
	"a bracket in a name":               get("X(y): 5"),
	"an empty name":                     get(": 5"),
	"no colon":                          get("X"),
	"a folded line":                     get("X: a\r\n b"),
	"a line folded by a tab":            get("X: a\r\n\tb"),
	"a folded Host":                     "GET /livez HTTP/1.1\r\nHost:\r\n sana.example\r\n\r\n",
	"the first line folded":             "GET /livez HTTP/1.1\r\n Host: sana.example\r\n\r\n",
	"no host":                           "GET /livez HTTP/1.1\r\nX: 1\r\n\r\n",
	"an empty host":                     "GET /livez HTTP/1.1\r\nHost:\r\n\r\n",
	"two hosts":                         get("Host: evil.example"),
	"the same host twice":               get("host: sana.example"),
	"a host with a person's name":       "GET / HTTP/1.1\r\nHost: sana.example@evil.example\r\n\r\n",
	"a host with a path":                "GET / HTTP/1.1\r\nHost: sana.example/evil\r\n\r\n",
	"a host in percent code":            "GET / HTTP/1.1\r\nHost: %73ana.example\r\n\r\n",
	"two content types": out +
		"Content-Type: text/plain\r\nContent-Length: 2\r\n\r\n{}",
	"two origins": get(
		"Origin: https://sana.example\r\nOrigin: https://evil.example"),
	"two Sec-Fetch-Site": get(
		"Sec-Fetch-Site: cross-site\r\nSec-Fetch-Site: same-origin"),
	"the absolute form of another host": "GET http://evil.example/livez HTTP/1.1\r\nHost: " +
		"sana.example\r\n\r\n",
	"our absolute form for another host": "GET https://sana.example/livez HTTP/1.1\r\nHost: " +
		"evil.example\r\n\r\n",
	"a person's name in the target": "GET https://eve@sana.example/livez HTTP/1.1\r\nHost: " +
		"sana.example\r\n\r\n",
	"another scheme": "GET ftp://sana.example/livez HTTP/1.1\r\nHost: " +
		"sana.example\r\n\r\n",
	"a network path": "GET //evil.example/livez?://a HTTP/1.1\r\nHost: " +
		"sana.example\r\n\r\n",
	"a network path with an empty scheme": "GET ://evil.example/livez HTTP/1.1\r\nHost: " +
		"sana.example\r\n\r\n",
	"a fragment":                     "GET /livez#c=123456 HTTP/1.1\r\nHost: sana.example\r\n\r\n",
	"a target without a slash":       "GET livez HTTP/1.1\r\nHost: sana.example\r\n\r\n",
	"the asterisk of another method": "GET * HTTP/1.1\r\nHost: sana.example\r\n\r\n",
	"a tunnel": "CONNECT sana.example:443 HTTP/1.1\r\nHost: " +
		"sana.example:443\r\n\r\n",
	"a space in the target": "GET /livez x HTTP/1.1\r\nHost: sana.example\r\n\r\n",
	"NUL in the target":     "GET /livez\x00 HTTP/1.1\r\nHost: sana.example\r\n\r\n",
	"a tab in the line":     "GET\t/livez HTTP/1.1\r\nHost: sana.example\r\n\r\n",
	"HTTP/0.9":              "GET /livez\r\n\r\n",
	"HTTP/1.2":              strings.Replace(plain, "1.1", "1.2", 1),
	"HTTP/2.0":              strings.Replace(plain, "1.1", "2.0", 1),
	"the preface of HTTP/2": "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
	"http in small letters": strings.Replace(plain, "HTTP", "http", 1),
	"the start of TLS":      "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
}

// P-18, A-26 and A-39: a request that two servers could parse differently is refused, and a request
// that was smuggled behind it in the same write is never answered. Valid requests are answered, and
// the connection stays open.
func TestRawRequests_AmbiguousOnesCloseTheConnection(t *testing.T) {
	t.Parallel()
	app := harness.NewWorld(t).Run(t).Instance
	for _, c := range clean {
		t.Run(c.promise, func(t *testing.T) {
			t.Parallel()
			w := openWire(t, app).send(c.request + plain)
			harness.WantEqual(t, "status", w.receive().status, c.status)
			harness.WantEqual(t, "status of the request behind it", w.receive().status, 200)
			harness.WantEqual(t, "status of a later request", w.send(plain).receive().status, 200)
		})
	}
	for promise, request := range unclean {
		t.Run(promise, func(t *testing.T) {
			t.Parallel()
			w := openWire(t, app).send(request + plain)
			refused := w.receive()
			harness.WantEqual(t, "status", refused.status, 400)
			harness.WantEqual(t, "says that the connection ends", refused.closes, true)
			if !strings.Contains(refused.body, `"code":"invalid_request"`) {
				t.Errorf("got the body %s", refused.body)
			}
			w.wantClosed()
		})
	}
}
