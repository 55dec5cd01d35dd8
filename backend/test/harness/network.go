package harness

import (
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Network is a network in front of a server, such as a database, that can be slow, cut, or stalled.
type Network struct {
	URL      string       // of the server, behind the network
	Accepted atomic.Int64 // connections so far

	mu    sync.Mutex
	delay time.Duration // of each answer
	open  chan struct{} // closed while bytes may pass
	conns map[*net.TCPConn]bool
}

// NewNetwork forwards to the server at a URL until the test ends, at first without changes.
func NewNetwork(t testing.TB, server string) *Network {
	t.Helper()
	n := &Network{open: make(chan struct{}), conns: map[*net.TCPConn]bool{}}
	close(n.open)
	n.URL = inFrontOf(t, server, n.join)
	t.Cleanup(func() {
		n.Pass()
		n.Cut()
	})
	return n
}

// inFrontOf listens until the test ends, and returns a server's URL with the address of the
// listener. serve handles one connection; target is the server's address.
func inFrontOf(
	t testing.TB, server string, serve func(client *net.TCPConn, target string),
) string {
	t.Helper()
	address, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	target := address.Host
	address.Host = listener.Addr().String()
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			go serve(client.(*net.TCPConn), target)
		}
	}()
	return address.String()
}

func (n *Network) join(client *net.TCPConn, target string) {
	n.Accepted.Add(1)
	n.wait() // a stalled connection does not reach the server
	conn, err := net.Dial("tcp", target)
	if err != nil {
		_ = client.Close()
		return
	}
	server := conn.(*net.TCPConn)
	n.mu.Lock()
	n.conns[client], n.conns[server] = true, true
	n.mu.Unlock()
	go n.copy(server, client, false)
	n.copy(client, server, true)
	n.mu.Lock()
	delete(n.conns, client)
	delete(n.conns, server)
	n.mu.Unlock()
}

// copy forwards bytes until one side closes, and then closes the other.
func (n *Network) copy(to, from *net.TCPConn, isAnswer bool) {
	defer to.Close()
	defer from.Close()
	buffer := make([]byte, 32<<10)
	for {
		count, err := from.Read(buffer)
		if count > 0 {
			delay := n.wait()
			if isAnswer && delay > 0 {
				<-time.After(delay)
			}
			if _, err := to.Write(buffer[:count]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// wait returns when bytes may pass, and returns the delay of answers.
func (n *Network) wait() time.Duration {
	n.mu.Lock()
	open, delay := n.open, n.delay
	n.mu.Unlock()
	<-open
	return delay
}

// Swallow stalls the network: nothing passes, and no connection is closed.
func (n *Network) Swallow() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.open = make(chan struct{})
}

// Slow delays every answer.
func (n *Network) Slow(delay time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.delay = delay
}

// Cut resets all connections.
func (n *Network) Cut() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for conn := range n.conns {
		_ = conn.SetLinger(0)
		_ = conn.Close()
	}
}

// Pass ends Swallow and Slow.
func (n *Network) Pass() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.delay = 0
	select {
	case <-n.open:
	default:
		close(n.open)
	}
}
