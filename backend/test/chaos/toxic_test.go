package chaos

import (
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sana/backend/test/harness"
)

// toxic is a network between Sana and its Postgres that can be slow, cut, or stalled.
type toxic struct {
	listener net.Listener
	target   string
	accepted atomic.Int64 // connections so far

	mu    sync.Mutex
	delay time.Duration // of each answer
	open  chan struct{} // closed while bytes may pass
	conns map[*net.TCPConn]bool
}

// newToxic forwards to an address until the test ends, at first without changes.
func newToxic(t testing.TB, target string) *toxic {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	x := &toxic{listener: listener, target: target, open: make(chan struct{}),
		conns: map[*net.TCPConn]bool{}}
	close(x.open)
	t.Cleanup(func() {
		_ = listener.Close()
		x.pass()
		x.cut()
	})
	go x.accept()
	return x
}

// through makes a world's programs reach the database through the network; the world's own pool
// does not.
func (x *toxic) through(w *harness.World, s *server) {
	w.DatabaseURL = strings.Replace(w.DatabaseURL, s.address(), x.listener.Addr().String(), 1)
}

func (x *toxic) accept() {
	for {
		conn, err := x.listener.Accept()
		if err != nil {
			return
		}
		x.accepted.Add(1)
		go x.join(conn.(*net.TCPConn))
	}
}

func (x *toxic) join(client *net.TCPConn) {
	x.wait() // a stalled connection does not reach the target
	conn, err := net.Dial("tcp", x.target)
	if err != nil {
		_ = client.Close()
		return
	}
	server := conn.(*net.TCPConn)
	x.mu.Lock()
	x.conns[client], x.conns[server] = true, true
	x.mu.Unlock()
	go x.copy(server, client, false)
	x.copy(client, server, true)
	x.mu.Lock()
	delete(x.conns, client)
	delete(x.conns, server)
	x.mu.Unlock()
}

// copy forwards bytes until one side closes, and then closes the other.
func (x *toxic) copy(to, from *net.TCPConn, isAnswer bool) {
	defer to.Close()
	defer from.Close()
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		if n > 0 {
			delay := x.wait()
			if isAnswer && delay > 0 {
				<-time.After(delay)
			}
			if _, err := to.Write(buffer[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// wait returns when bytes may pass, and returns the delay of answers.
func (x *toxic) wait() time.Duration {
	x.mu.Lock()
	open, delay := x.open, x.delay
	x.mu.Unlock()
	<-open
	return delay
}

// swallow stalls the network: nothing passes, and no connection is closed.
func (x *toxic) swallow() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.open = make(chan struct{})
}

// slow delays every answer.
func (x *toxic) slow(delay time.Duration) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.delay = delay
}

// cut resets all connections.
func (x *toxic) cut() {
	x.mu.Lock()
	defer x.mu.Unlock()
	for conn := range x.conns {
		_ = conn.SetLinger(0)
		_ = conn.Close()
	}
}

// pass ends swallow and slow.
func (x *toxic) pass() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.delay = 0
	select {
	case <-x.open:
	default:
		close(x.open)
	}
}
