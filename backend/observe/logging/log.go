// Package logging has the writers and handlers of the log.
package logging

import (
	"bytes"
	"fmt"
	"io"
	"sync/atomic"
	"time"
)

const (
	maxQueuedLines = 10_000
	flushTimeout   = time.Second / 4
)

// AsyncWriter passes lines to another writer in the background, so that a blocked log never blocks
// requests. Lines that do not fit into its queue are dropped and counted. Each Write has to hold
// whole lines.
type AsyncWriter struct {
	lines   chan []byte
	dropped atomic.Int64
	done    chan struct{}
}

// NewAsyncWriter returns a writer that writes to out until Close.
func NewAsyncWriter(out io.Writer) *AsyncWriter {
	w := &AsyncWriter{lines: make(chan []byte, maxQueuedLines), done: make(chan struct{})}
	go func() {
		defer close(w.done)
		for line := range w.lines {
			if line == nil { // by Close
				return
			}
			if n := w.dropped.Swap(0); n > 0 {
				fmt.Fprintf(out,
					"{\"level\":\"ERROR\",\"msg\":\"log lines dropped: the log is "+
						"blocked\",\"lines\":%d}\n", n)
			}
			_, _ = out.Write(line) // an error cannot be logged anywhere
		}
	}()
	return w
}

// Write implements io.Writer and never fails.
func (w *AsyncWriter) Write(p []byte) (int, error) {
	select {
	case w.lines <- bytes.Clone(p):
	default:
		w.dropped.Add(1)
	}
	return len(p), nil
}

// Close waits up to 250 ms until the queue is written. Lines that are written after Close are
// dropped: a goroutine may still wait for a database that does not answer.
func (w *AsyncWriter) Close() {
	timeout := time.After(flushTimeout)
	select {
	case w.lines <- nil:
	case <-timeout:
		return
	}
	select {
	case <-w.done:
	case <-timeout:
	}
}
