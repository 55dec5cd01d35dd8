package logging

import (
	"bytes"
	"fmt"
	"io"
	"sync/atomic"
	"time"
)

const (
	waitingLines = 10_000          // of the log, for whoever reads it to catch up
	flushTimeout = time.Second / 4 // for the last ones, at the end
)

// unblocked passes what is written on to another writer in the background: where nobody reads the log, or it has no room,
// requests are answered all the same. What finds no place to wait is dropped, and a line says how much. It is for lines
// that are written whole.
type Unblocked struct {
	lines   chan []byte
	dropped atomic.Int64
	done    chan struct{}
}

// newUnblocked passes on to out until Close.
func NewUnblocked(out io.Writer) *Unblocked {
	u := &Unblocked{lines: make(chan []byte, waitingLines), done: make(chan struct{})}
	go func() {
		defer close(u.done)
		for line := range u.lines {
			if line == nil { // by Close
				return
			}
			if n := u.dropped.Swap(0); n > 0 {
				fmt.Fprintf(out, "{\"level\":\"ERROR\",\"msg\":\"log lines were dropped, nobody took them\",\"lines\":%d}\n", n)
			}
			_, _ = out.Write(line) // there is nowhere to say that it failed
		}
	}()
	return u
}

// Write implements io.Writer and never fails.
func (u *Unblocked) Write(p []byte) (int, error) {
	select {
	case u.lines <- bytes.Clone(p):
	default:
		u.dropped.Add(1)
	}
	return len(p), nil
}

// Close waits a moment for what is not written yet. What comes later is dropped: something may still be at work on a
// database that does not answer.
func (u *Unblocked) Close() {
	patience := time.After(flushTimeout)
	select {
	case u.lines <- nil:
	case <-patience:
		return
	}
	select {
	case <-u.done:
	case <-patience:
	}
}
