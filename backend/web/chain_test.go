package web_test

import (
	"bufio"
	"bytes"
	"log/slog"
	"math"
	"net/url"
	"testing"
	"testing/fstest"

	"sana/backend/metrics"
	"sana/backend/sanatest"
	"sana/backend/web"

	"github.com/valyala/fasthttp/fasthttputil"
)

// chainRequest is what a browser sends for a file; nothing behind the chain has work with it.
const chainRequest = "GET /favicon.svg HTTP/1.1\r\nHost: sana.example\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/140.0\r\n" +
	"Accept: image/svg+xml\r\nAccept-Language: en\r\nAccept-Encoding: gzip, br\r\nSec-Fetch-Site: same-origin\r\n" +
	"Cookie: __Host-sana_session=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\r\n\r\n"

// startChain returns a call that sends chainRequest on one connection in memory and reads the answer, without an
// allocation of its own.
func startChain(t testing.TB) func() {
	t.Helper()
	server, err := web.New(web.Options{
		SPA:       fstest.MapFS{"favicon.svg": {Data: []byte("<svg/>")}, "index.html": {Data: []byte("page")}},
		PublicURL: &url.URL{Scheme: "https", Host: "sana.example"},
		Log:       slog.New(slog.DiscardHandler),
		Metrics:   metrics.New("test"),
	})
	if err != nil {
		t.Fatal(err)
	}
	listener := fasthttputil.NewInmemoryListener()
	serveOn(t, server, listener)
	conn, err := listener.Dial()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	request, reader := []byte(chainRequest), bufio.NewReader(conn)
	return func() {
		if _, err := conn.Write(request); err != nil {
			t.Error(err)
		}
		for answer := []byte{}; !bytes.HasSuffix(answer, []byte("<svg/>")); {
			if answer, err = reader.Peek(max(1, reader.Buffered())); err != nil {
				t.Error(err)
				return
			}
		}
		_, _ = reader.Discard(reader.Buffered())
	}
}

// The one allocation is a request id. What a handler does comes on top.
func TestARequestThatOnlyPassesThroughAllocatesOnce(t *testing.T) {
	send := startChain(t)
	want, least := 1.0, math.Inf(1)
	if sanatest.RaceEnabled {
		want = 2 // one is its own
	}
	for range 500 { // with the race detector pools lose some of what they hold, on purpose
		least = min(least, testing.AllocsPerRun(1, send))
	}
	if least > want {
		t.Errorf("got %v allocations at least, want %v; a profile of BenchmarkChain says where", least, want)
	}
}

// BenchmarkChain is what a request costs that only passes through: the guard, counting, headers, a file.
//
//	go test ./backend/web -run xxx -bench Chain -benchmem
func BenchmarkChain(b *testing.B) {
	send := startChain(b)
	send()
	b.ReportAllocs()
	for b.Loop() {
		send()
	}
}
