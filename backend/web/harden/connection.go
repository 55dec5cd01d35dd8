// Package harden does what fasthttp needs before it is safe to face clients: it bounds connections, lets the
// last answer on one arrive, and refuses requests that another server may read otherwise.
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
	longLine    = 4 << 10     // bytes of a request's line beyond which it is no link of ours
)

// Listener bounds how many connections are open at once; one more is told to come back, and closed. It knows which ones
// were never used.
type Listener struct {
	net.Listener
	Max    int64
	open   atomic.Int64
	Refuse func(net.Conn)
	unused sync.Map // of *connection
}

// Accept returns the next connection that there is room for.
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

// CloseUnused closes the connections on which nothing has come yet.
func (l *Listener) CloseUnused() {
	l.unused.Range(func(c, _ any) bool {
		_ = c.(*connection).Close() // pending reads return
		return true
	})
}

// connection knows two things that fasthttp does not tell: how long a request's line was, and whether its last answer
// must wait for the client. And it spares the timers: fasthttp sets three deadlines for each request, all of which stay
// where they are while requests follow each other closely. One goroutine at a time reads, writes and sets deadlines.
type connection struct {
	net.Conn
	use     func() // notes that something has come
	release func()

	readBy    time.Time // as fasthttp wants it
	readTimer time.Time // as it is set
	writeBy   time.Time // as it is set

	sinceAnswer int // bytes read since the last answer
	lineLength  int // of the first line among them, 0 while it has no end

	lingers atomic.Bool
}

// deadlineSlack is how much too early a deadline may come.
const deadlineSlack = 100 * time.Millisecond

// serves reports whether a timer that is set is as good as another deadline.
func serves(timer, deadline time.Time) bool {
	late := deadline.Sub(timer)
	return late >= 0 && late < deadlineSlack
}

// SetReadDeadline is for the next Read: what has arrived is read without.
func (c *connection) SetReadDeadline(t time.Time) error {
	c.readBy = t
	return nil
}

// SetWriteDeadline sets it as exactly as deadlineSlack says.
func (c *connection) SetWriteDeadline(t time.Time) error {
	if serves(c.writeBy, t) {
		return nil
	}
	c.writeBy = t
	return c.Conn.SetWriteDeadline(t)
}

// Read reads, and looks for the end of the first line since the last answer.
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

// Close closes the connection. After lingerOn it first lets the client read the answer: unread bytes of
// the request would make the system send a reset, which discards the answer (RFC 9112, 9.6).
func (c *connection) Close() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok && c.lingers.Load() && half.CloseWrite() == nil {
		if c.Conn.SetReadDeadline(time.Now().Add(LingerTime)) == nil {
			_, _ = io.CopyN(io.Discard, c.Conn, lingerBytes)
		}
	}
	defer c.release()
	return c.Conn.Close()
}

// LingerOn makes the end of a connection wait for the client.
func LingerOn(conn net.Conn) {
	if c, ok := conn.(*connection); ok {
		c.lingers.Store(true)
	}
}

// LineIsShort reports whether the request that is being read has a line of ordinary length.
func LineIsShort(conn net.Conn) bool {
	c, ok := conn.(*connection)
	return ok && c.lineLength > 0 && c.lineLength <= longLine
}
