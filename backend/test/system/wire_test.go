package system_test

import (
	"net"
	"sync"
	"testing"

	"sana/backend/test/harness"
)

// wire is a proxy in front of the database that can stall: connections stay open, and nothing
// passes.
type wire struct {
	url   string
	mu    sync.Mutex
	flows sync.Cond
	mute  bool
}

func newWire(t *testing.T, database string) *wire {
	t.Helper()
	w := &wire{}
	w.flows.L = &w.mu
	t.Cleanup(func() { w.swallow(false) })
	w.url = harness.ProxyDatabase(t, database, func(client, server net.Conn) {
		var both sync.WaitGroup
		both.Go(func() { w.pass(client, server) })
		both.Go(func() { w.pass(server, client) })
		both.Wait()
	})
	return w
}

// swallow stalls the proxy or ends the stall.
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
