package harness

import (
	"sync"
	"sync/atomic"
)

// Together makes n calls at the same time, as far as a barrier for goroutines allows, waits for
// all, and returns their results in order.
func Together[T any](n int, call func(i int) T) []T {
	results := make([]T, n)
	barrier := make(chan struct{})
	var group sync.WaitGroup
	for i := range n {
		group.Go(func() {
			<-barrier
			results[i] = call(i)
		})
	}
	close(barrier)
	group.Wait()
	return results
}

// Each calls do for every item, for this many at a time, and waits for all. A call that fails its
// test ends its worker; the items that no worker is left for are left out.
func Each[T any](items []T, workers int, do func(T)) {
	var next atomic.Int64
	var group sync.WaitGroup
	for range workers {
		group.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(items)); i = next.Add(1) - 1 {
				do(items[i])
			}
		})
	}
	group.Wait()
}
