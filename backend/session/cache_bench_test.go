package session

import (
	"fmt"
	"testing"
	"time"

	"sana/backend/metrics"
)

// What a read costs that asks nobody.
func BenchmarkReadFromTheCache(b *testing.B) {
	c, err := newCache(64<<20, func(key, *Copy) {})
	if err != nil {
		b.Fatal(err)
	}
	c.publish(c.now(), true)
	s := &Shared{cache: c, onRead: metrics.New("bench").SessionRead}
	tokens := make([]string, 10_000)
	for i := range tokens {
		tokens[i] = newToken()
		f, _ := c.beginFill(mustKey(tokens[i]))
		user := &User{ID: "98e35920-c49e-4131-afc6-ed01d92e7e17", Email: fmt.Sprintf("person%d@sana.example", i)}
		c.keep(f, Session{ID: newID(), User: user}, left{age: time.Hour, idle: time.Hour})
	}
	tick := time.NewTicker(askEvery)
	defer tick.Stop()
	done := make(chan struct{})
	defer close(done)
	go func() {
		for {
			select {
			case <-tick.C:
				c.publish(c.now(), false)
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
