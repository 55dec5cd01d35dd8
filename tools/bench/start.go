package main

import (
	"context"
	"fmt"
	"time"
)

// idleFor is how long an instance is idle before its memory is measured.
const idleFor = 10 * time.Second

// measureStart measures the time from the start of the process to the first 200 of /readyz, on a
// migrated database, and the memory of an idle instance.
func measureStart(ctx context.Context, b *bench) error {
	if err := b.measureSizes(); err != nil {
		return err
	}
	database, err := b.migrated(ctx, "start")
	if err != nil {
		return err
	}
	var times []float64
	for n := range b.starts {
		began := time.Now()
		s, err := b.startSana(ctx, "start", database, freePort())
		if err != nil {
			return err
		}
		times = append(times, float64(time.Since(began).Microseconds())/1000)
		if n == b.starts-1 {
			time.Sleep(idleFor)
			idle, err := residentMB(s.pid())
			if err != nil {
				s.stop()
				return err
			}
			b.report.add(fmt.Sprintf("memory idle (VmRSS, %s after the start)", idleFor),
				"rss_idle_mb", idle, "MB", "at most 30")
		}
		s.stop()
	}
	b.report.add(fmt.Sprintf("start to ready, median of %d", b.starts), "ready_ms", median(times),
		"ms", "at most 100")
	return nil
}
