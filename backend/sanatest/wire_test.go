package sanatest_test

import (
	"net"
	"net/url"
	"sync"
	"testing"
)

// wire is a proxy in front of the database that can swallow everything: connections stay open, and nothing comes through.
type wire struct {
	url   string
	mu    sync.Mutex
	flows sync.Cond
	mute  bool
}

func newWire(t *testing.T, database string) *wire {
	t.Helper()
	address, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{}
	w.flows.L = &w.mu
	t.Cleanup(func() {
		listener.Close()
		w.swallow(false)
	})
	server := address.Host
	address.Host = listener.Addr().String()
	w.url = address.String()
	go func() {
		for {
			inside, err := listener.Accept()
			if err != nil {
				return
			}
			outside, err := net.Dial("tcp", server)
			if err != nil {
				inside.Close()
				continue
			}
			go w.pass(inside, outside)
			go w.pass(outside, inside)
		}
	}()
	return w
}

// swallow stops what comes, or lets it come again.
func (w *wire) swallow(mute bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.mute = mute
	w.flows.Broadcast()
}

func (w *wire) pass(from, to net.Conn) {
	defer from.Close()
	defer to.Close()
	buffer := make([]byte, 16<<10)
	for {
		n, err := from.Read(buffer)
		w.mu.Lock()
		for w.mute {
			w.flows.Wait()
		}
		w.mu.Unlock()
		if n > 0 {
			if _, err := to.Write(buffer[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}
