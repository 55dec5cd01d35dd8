package harness

import "sync"

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
