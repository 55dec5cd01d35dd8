package web_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"log/slog"
	"math"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"sana/backend/observe/metrics"
	"sana/backend/session"
	"sana/backend/test/harness"
	"sana/backend/test/postgrestest"
	"sana/backend/web"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/valyala/fasthttp/fasthttputil"
)

// chainRequest is a browser's request for a file; the handler does almost nothing.
const chainRequest = "GET /favicon.svg HTTP/1.1\r\nHost: sana.example\r\nUser-Agent: " +
	"Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/140.0\r\n" +
	"Accept: image/svg+xml\r\nAccept-Language: en\r\nAccept-Encoding: gzip, br\r\n" +
	"Sec-Fetch-Site: same-origin\r\n" +
	"Cookie: __Host-sana_session=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\r\n\r\n"

// startChain returns a function that sends chainRequest on one connection in memory and reads the
// answer. The function itself allocates nothing.
func startChain(t testing.TB) func() {
	t.Helper()
	return startCalls(t, func(*web.Options) {}, chainRequest, "<svg/>")
}

// startCalls is startChain for another request, whose answer ends with end.
func startCalls(t testing.TB, change func(*web.Options), request, end string) func() {
	t.Helper()
	options := web.Options{
		SPA: fstest.MapFS{"favicon.svg": {Data: []byte("<svg/>")},
			"index.html": {Data: []byte("page")}},
		PublicURL: &url.URL{Scheme: "https", Host: "sana.example"},
		Log:       slog.New(slog.DiscardHandler),
		Metrics:   metrics.New("test"),
	}
	change(&options)
	server, err := web.New(options)
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
	sent, wanted, reader := []byte(request), []byte(end), bufio.NewReader(conn)
	return func() {
		if _, err := conn.Write(sent); err != nil {
			t.Error(err)
		}
		for answer := []byte{}; !bytes.HasSuffix(answer, wanted); {
			if answer, err = reader.Peek(max(1, reader.Buffered())); err != nil {
				t.Error(err)
				return
			}
		}
		_, _ = reader.Discard(reader.Buffered())
	}
}

// startReads is startChain for reads of a session that this process has cached.
func startReads(t testing.TB) func() {
	t.Helper()
	pool := postgrestest.Open(t, postgrestest.URL(t))
	limits := session.Limits{Idle: time.Hour, MaxAge: time.Hour}
	counts := metrics.New("test")
	shared, err := session.NewCached(t.Context(), pool, limits,
		1<<20, slog.New(slog.DiscardHandler), counts)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { shared.Run(ctx) })
	t.Cleanup(func() {
		stop()
		running.Wait()
		if err := shared.Close(); err != nil {
			t.Error(err)
		}
	})
	token := addSession(t, pool, limits)
	harness.Eventually(t, "the session is not cached", func() error {
		if _, err := shared.Read(t.Context(), token); err != nil {
			return err
		}
		if shared.ReadCached([]byte(token)) == nil {
			return errors.New("it is read from the database")
		}
		return nil
	})
	change := func(o *web.Options) {
		o.Sessions, o.SharedSessions, o.Metrics = shared, shared,
			counts
	}
	request := strings.NewReplacer("/favicon.svg", "/api/auth/session", "image/svg+xml",
		"application/json",
		strings.Repeat("A", 43), token).Replace(chainRequest)
	return startCalls(t, change, request, "}}")
}

// addSession inserts a session of ada, as package auth does, and returns its token.
func addSession(t testing.TB, pool *pgxpool.Pool, limits session.Limits) (token string) {
	t.Helper()
	now := time.Now()
	s := session.Session{
		ID: session.NewID(), CreatedAt: now, ExpiresAt: now.Add(limits.MaxAge),
		User: session.User{ID: "98e35920-c49e-4131-afc6-ed01d92e7e17", Email: ada, SignedInAt: now},
	}
	value, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	token = session.TokenOf(sha256.Sum256([]byte(s.ID)))
	key, _ := session.Key(token)
	_, err = pool.Exec(t.Context(), `
		INSERT INTO sessions (k, v, e, id, user_id, idle_seconds, sweep_at)
		VALUES ($1, $2, $3, $4, $5, $6, $3)`,
		key, value, s.ExpiresAt.Unix(), s.ID, s.User.ID, int(limits.Idle.Seconds()))
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func TestChain_AllocatesNothing(t *testing.T) {
	wantNoAllocations(t, startChain(t), "BenchmarkChain")
}

func TestCachedSession_ReadAllocatesNothing(t *testing.T) {
	wantNoAllocations(t, startReads(t), "BenchmarkSessionRead")
}

func wantNoAllocations(t *testing.T, send func(), benchmark string) {
	t.Helper()
	want, least := 0.0, math.Inf(1)
	if harness.RaceEnabled {
		want = 1 // of the test itself
	}
	for range 500 { // with the race detector, pools drop some of their values on purpose
		least = min(least, testing.AllocsPerRun(1, send))
	}
	if least > want {
		t.Errorf("got %v allocations at least, want %v; a profile of %s says where", least, want,
			benchmark)
	}
}

// BenchmarkChain measures a request through the whole chain: the guard, counting, headers, a file.
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

// BenchmarkSessionRead measures the answer to a signed-in user whose session is cached.
func BenchmarkSessionRead(b *testing.B) {
	send := startReads(b)
	send()
	b.ReportAllocs()
	for b.Loop() {
		send()
	}
}
