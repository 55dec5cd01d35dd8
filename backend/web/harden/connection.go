// Package harden makes fasthttp safe for untrusted clients: it bounds connections, ensures that the
// last answer on one arrives, and refuses requests that another server may parse differently.
package harden

import (
	"bytes"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

const (
	LingerTime  = time.Second // for a client to take the last answer on a connection
	lingerBytes = 256 << 10   // that it may still send meanwhile
	longLine    = 4 << 10     // bytes of a request line; links of ours are shorter
)

// Listener bounds the number of open connections. Connections beyond the bound get 503 and are
// closed. It tracks which connections were never used.
type Listener struct {
	net.Listener
	Max    int64
	open   atomic.Int64
	Refuse func(net.Conn)
	unused sync.Map // of *connection
}

// Accept returns the next connection within the bound.
func (l *Listener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if l.open.Add(1) <= l.Max {
			return l.admit(conn), nil
		}
		l.open.Add(-1)
		l.Refuse(conn)
	}
}

func (l *Listener) admit(conn net.Conn) *connection {
	c := &connection{Conn: conn}
	l.unused.Store(c, nil)
	c.use = sync.OnceFunc(func() { l.unused.Delete(c) })
	c.release = sync.OnceFunc(func() {
		c.use()
		l.open.Add(-1)
	})
	return c
}

// CloseUnused closes the connections on which no byte has arrived.
func (l *Listener) CloseUnused() {
	l.unused.Range(func(c, _ any) bool {
		_ = c.(*connection).Close() // pending reads return
		return true
	})
}

// connection records two facts that fasthttp does not report: the length of a request line, and
// whether its last answer must wait for the client. It also saves timers: fasthttp sets three
// deadlines for each request, and they are left unchanged while requests follow each other closely.
// One goroutine at a time reads, writes and sets deadlines.
type connection struct {
	net.Conn
	use     func() // records that a byte has arrived
	release func()

	readBy    time.Time // requested by fasthttp
	readTimer time.Time // set on the connection
	writeBy   time.Time // set on the connection

	sinceAnswer int // bytes read since the last answer
	lineLength  int // of the first line among them, 0 while it is incomplete

	lingers atomic.Bool
}

// deadlineSlack is how much too early a deadline may expire.
const deadlineSlack = 100 * time.Millisecond

// serves reports whether a timer that is set can serve another deadline.
func serves(timer, deadline time.Time) bool {
	late := deadline.Sub(timer)
	return late >= 0 && late < deadlineSlack
}

// SetReadDeadline applies to the next Read that has to wait.
func (c *connection) SetReadDeadline(t time.Time) error {
	c.readBy = t
	return nil
}

// SetWriteDeadline sets the deadline to within deadlineSlack.
func (c *connection) SetWriteDeadline(t time.Time) error {
	if serves(c.writeBy, t) {
		return nil
	}
	c.writeBy = t
	return c.Conn.SetWriteDeadline(t)
}

// Read reads, and measures the first line since the last answer.
func (c *connection) Read(p []byte) (int, error) {
	if !serves(c.readTimer, c.readBy) {
		c.readTimer = c.readBy
		if err := c.Conn.SetReadDeadline(c.readBy); err != nil {
			return 0, err
		}
	}
	n, err := c.Conn.Read(p)
	if n > 0 {
		c.use()
	}
	if c.lineLength == 0 {
		if end := bytes.IndexByte(p[:n], '\n'); end >= 0 {
			c.lineLength = c.sinceAnswer + end + 1
		}
	}
	c.sinceAnswer += n
	return n, err
}

// Write writes an answer.
func (c *connection) Write(p []byte) (int, error) {
	c.sinceAnswer, c.lineLength = 0, 0
	return c.Conn.Write(p)
}

// Close closes the connection. After LingerOn it first gives the client time to read the answer:
// unread bytes of the request would make the system send a reset, which discards the answer (RFC
// 9112, 9.6).
func (c *connection) Close() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok && c.lingers.Load() &&
		half.CloseWrite() == nil {
		if c.Conn.SetReadDeadline(time.Now().Add(LingerTime)) == nil {
			_, _ = io.CopyN(io.Discard, c.Conn, lingerBytes)
		}
	}
	defer c.release()
	return c.Conn.Close()
}

// LingerOn makes Close wait for the client.
func LingerOn(conn net.Conn) {
	if c, ok := conn.(*connection); ok {
		c.lingers.Store(true)
	}
}

// LineIsShort reports whether the line of the current request is of ordinary length.
func LineIsShort(conn net.Conn) bool {
	c, ok := conn.(*connection)
	return ok && c.lineLength > 0 && c.lineLength <= longLine
}
