package web_test

import (
	"context"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"sana/backend/test/harness"
	"sana/backend/web"
)

const (
	brief = 200 * time.Millisecond // short enough for a test to wait
	// less than any of production's bounds, and longer than the machine may be stalled
	soon = 9 * time.Second
)

// bounded changes one of production's bounds.
func bounded(change func(b *web.Bounds)) func(*web.Options) {
	return func(o *web.Options) {
		o.Bounds = web.DefaultBounds
		change(&o.Bounds)
	}
}

// spy is a listener that reports when the server has closed a connection.
type spy struct {
	net.Listener
	closed chan struct{}
}

type spiedConn struct {
	*net.TCPConn
	once   sync.Once
	closed chan struct{}
}

func (s spy) Accept() (net.Conn, error) {
	conn, err := s.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &spiedConn{TCPConn: conn.(*net.TCPConn), closed: s.closed}, nil
}

func (c *spiedConn) Close() error {
	c.once.Do(func() { c.closed <- struct{}{} })
	return c.TCPConn.Close()
}

// wantAlive fails the test unless the server answers other clients.
func wantAlive(t *testing.T, app *harness.Instance) {
	t.Helper()
	app.Open(t).Get("/livez").Want(http.StatusOK)
}

// A-38 and P-16: a slow sender gets the same time for the whole request as every client, however
// the bytes arrive. Other clients are served meanwhile.
func TestBounds_SlowSendersAreClosedAndOthersServed(t *testing.T) {
	t.Parallel()
	app := serve(t, newServerWith(t, bounded(func(b *web.Bounds) { b.Read = brief })))
	for promise, opening := range map[string]string{
		"nothing at all":     "",
		"the line":           "G",
		"headers":            "GET /livez HTTP/1.1\r\nHost: sana.example\r\nX: ",
		"a body":             out + "Content-Length: 8000\r\n\r\n{",
		"chunks":             out + "Transfer-Encoding: chunked\r\n\r\n1f40\r\n",
		"a chunk extension":  out + "Transfer-Encoding: chunked\r\n\r\n1;",
		"the second request": plain + "GET /livez",
	} {
		t.Run(promise, func(t *testing.T) {
			t.Parallel()
			start := time.Now()
			// few, so that each answer is read before the server's write timeout
			slow := make([]*wire, 5)
			for i := range slow {
				slow[i] = openWire(t, app).send(opening)
			}
			wantAlive(t, app)
			stop := drip(t, slow, opening != "")
			for _, w := range slow {
				if strings.HasPrefix(opening, plain) {
					harness.WantEqual(t, "status of the first request", w.receive().status, 200)
				}
				harness.WantEqual(t, "status", w.receive().status, 408)
				w.wantClosed()
			}
			stop()
			if took := time.Since(start); took < brief || took > soon {
				t.Errorf("it took %v, want about %v", took, brief)
			}
			wantAlive(t, app)
		})
	}
}

// drip sends a digit on every connection every 10 ms, until stop is called or the peer has closed.
func drip(t *testing.T, slow []*wire, active bool) (stop func()) {
	t.Helper()
	done := make(chan struct{})
	var group sync.WaitGroup
	group.Go(func() {
		ticker := time.NewTicker(10 * time.Millisecond)
		defer ticker.Stop()
		for active {
			select {
			case <-done:
				return
			case <-ticker.C:
			}
			for _, w := range slow {
				_, _ = w.conn.Write([]byte("1"))
			}
		}
	})
	return sync.OnceFunc(func() {
		close(done)
		group.Wait()
	})
}

// a connection that is idle between two requests is closed after a time, without an answer.
func TestBounds_IdleConnectionIsClosed(t *testing.T) {
	t.Parallel()
	app := serve(t, newServerWith(t, bounded(func(b *web.Bounds) { b.Idle = brief })))
	w := openWire(t, app).send(plain)
	start := time.Now()
	harness.WantEqual(t, "status", w.receive().status, 200)
	w.wantClosed()
	if took := time.Since(start); took < brief/2 || took > soon {
		t.Errorf("it took %v, want about %v", took, brief)
	}
}

// Deadlines end stalled connections, not active ones.
func TestBounds_ActiveConnectionOutlivesItsDeadlines(t *testing.T) {
	t.Parallel()
	const deadline = 3 * time.Second // longer than the machine may be stalled between two requests
	w := openWire(t, serve(t, newServerWith(t, bounded(func(b *web.Bounds) {
		b.Read, b.Write, b.Idle = deadline, deadline, deadline
	}))))
	for start := time.Now(); time.Since(start) < 2*deadline; {
		harness.WantEqual(t, "status", w.send(plain).receive().status, 200)
	}
}

// the connection of a client that does not read its answers is closed.
func TestBounds_SlowReaderIsClosed(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := make(chan struct{}, 100)
	app := serveOn(t, newServerWith(t, func(o *web.Options) {
		bounded(func(b *web.Bounds) { b.Write = brief })(o)
		o.SPA = fstest.MapFS{"assets/large-B3xQ.js": {Data: make([]byte, 4<<20)}}
	}), spy{listener, closed})
	w := openWire(t, app)
	if err := w.conn.SetReadBuffer(4 << 10); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	w.send(strings.Repeat("GET /assets/large-B3xQ.js HTTP/1.1\r\nHost: sana.example\r\n\r\n", 20))
	select {
	case <-closed:
	case <-time.After(harness.Deadline):
		t.Fatal("the connection is not closed")
	}
	if took := time.Since(start); took > soon {
		t.Errorf("it took %v, want about %v", took, brief)
	}
	wantAlive(t, app)
}

// the number of connections is bounded. One connection too many gets 503 with all headers. It
// is accepted again as soon as another one has closed.
func TestBounds_ExcessConnectionGets503(t *testing.T) {
	t.Parallel()
	app := serve(t, newServerWith(t, bounded(func(b *web.Bounds) { b.Connections = 3 })))
	var open []*wire
	for range 3 {
		w := openWire(t, app).send(plain)
		harness.WantEqual(t, "status", w.receive().status, 200)
		open = append(open, w)
	}
	refused := openWire(t, app)
	a := refused.receive()
	harness.WantEqual(t, "status", a.status, 503)
	harness.WantEqual(t, "Retry-After", a.header.Get("Retry-After"), "1")
	harness.WantEqual(t, "Cache-Control", a.header.Get("Cache-Control"), "no-store")
	harness.WantEqual(t, "Content-Type", a.header.Get("Content-Type"), "application/problem+json")
	harness.WantEqual(t, "says that the connection ends", a.closes, true)
	refused.wantClosed()
	harness.WantEqual(t, "status of who was in", open[0].send(plain).receive().status, 200)
	if err := open[1].conn.Close(); err != nil {
		t.Fatal(err)
	}
	harness.Eventually(t, "there is no room again", func() error {
		w := openWire(t, app)
		defer w.conn.Close()
		_, _ = w.conn.Write([]byte(plain))
		return harness.CountError(w.receive().status, 200)
	})
}

// F-29: a handler that panics answers 500 to its own request, and no other request is affected.
func TestPanic_IsOneAnswerOf500(t *testing.T) {
	t.Parallel()
	app := serve(t,
		newServerWith(t,
			func(o *web.Options) { o.Ready = func(context.Context) error { panic("ours") } }))
	for range 3 {
		panicked := openWire(t,
			app).send("GET /readyz HTTP/1.1\r\nHost: sana.example\r\n\r\n").receive()
		harness.WantEqual(t, "status", panicked.status, 500)
		wantAlive(t, app)
	}
}
