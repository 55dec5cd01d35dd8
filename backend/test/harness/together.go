package harness

import "sync"

// Together makes n calls as nearly at once as goroutines behind a barrier can, waits for all, and returns
// what they returned, in their order.
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
