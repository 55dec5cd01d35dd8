package session

import (
	"fmt"
	"testing"
	"time"

	"sana/backend/observe/metrics"
)

// The cost of a read from the cache.
func BenchmarkCacheRead(b *testing.B) {
	c, err := newCache(64<<20, func(key, *CachedSession) {})
	if err != nil {
		b.Fatal(err)
	}
	c.grant(c.now(), true)
	s := &Shared{cache: c, onRead: metrics.New("bench").SessionRead}
	tokens := make([]string, 10_000)
	for i := range tokens {
		tokens[i] = NewToken()
		f, _ := c.beginFill(mustKey(tokens[i]))
		user := User{ID: adaID, Email: fmt.Sprintf("person%d@sana.example", i)}
		c.cacheSession(f, Session{ID: NewID(), User: user},
			sessionTimes{left: time.Hour, idle: time.Hour})
	}

	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	done := make(chan struct{})
	defer close(done)
	go func() {
		for {
			select {
			case <-tick.C:
				c.grant(c.now(), false)
			case <-done:
				return
			}
		}
	}()

	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for i := 0; pb.Next(); i++ {
			if _, err := s.Read(b.Context(), tokens[i%len(tokens)]); err != nil {
				b.Error(err)
				return
			}
		}
	})
}
