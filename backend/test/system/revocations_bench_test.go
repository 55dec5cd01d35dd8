package system_test

import (
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"sana/backend/test/harness"
)

// BenchmarkRevocationElsewhere measures the time from the confirmation of a revocation until
// another instance refuses the session, while clients read:
//
//	go test ./backend/test/system -run - -bench Revocation -benchtime 500x
func BenchmarkRevocationElsewhere(b *testing.B) {
	w := harness.NewWorld(b)
	one, other := w.Run(b), w.Run(b)
	sessions := seed(b, w, b.N+100)
	read := sessions[b.N:]
	stop := load(b, read, one.Instance, other.Instance)
	var delays []time.Duration
	for _, s := range sessions[:b.N] {
		for range 2 {
			s.read(b, other.Instance)
		}
		s.end(b, one.Instance)
		for s.read(b, other.Instance) == http.StatusOK {
		}
		delays = append(delays, time.Since(*s.ended.Load()))
	}
	stop()
	slices.Sort(delays)
	for name, at := range map[string]int{"p50-ms": len(delays) / 2,
		"p99-ms": len(delays) * 99 / 100,
		"max-ms": len(delays) - 1} {
		b.ReportMetric(float64(delays[at].Microseconds())/1000, name)
	}
	b.ReportMetric(0, "ns/op")
}

// load makes eight clients read sessions on all instances until stop.
func load(b *testing.B, sessions []*seeded, instances ...*harness.Instance) (stop func()) {
	done := make(chan struct{})
	var group sync.WaitGroup
	for c := range 8 {
		group.Go(func() {
			for n := c; ; n++ {
				select {
				case <-done:
					return
				default:
					sessions[n%len(sessions)].read(b, instances[n%len(instances)])
				}
			}
		})
	}
	return func() {
		close(done)
		group.Wait()
	}
}
