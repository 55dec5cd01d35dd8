package main

import (
	"context"
	"fmt"
	"log"
	"log/slog"
	"os"
	"slices"
	"time"

	"sana/backend/postgres"
	"sana/backend/session"
)

// sweepResult is the effect of a sweep on concurrent reads.
type sweepResult struct {
	Kind    string  `json:"kind"`
	Valid   int     `json:"valid"`
	Deleted int     `json:"deleted"`
	Seconds float64 `json:"seconds"`
	Before  []load  `json:"before"`
	During  []load  `json:"during"`
}

// sweepWindow is how long wrk reads for each figure, before the sweep and during it.
const sweepWindow = 5 * time.Second

// sweepAll sweeps once during reads from the cache, and once during reads without it.
func sweepAll(ctx context.Context, o options, d *database) ([]sweepResult, error) {
	var list []sweepResult
	for _, k := range o.kinds {
		if k.name != "cached" && k.name != "uncached" {
			continue
		}
		r, err := o.sweepBeside(ctx, k, d)
		if err != nil {
			return nil, fmt.Errorf("sweep beside %s reads: %w", k.name, err)
		}
		list = append(list, r)
	}
	return list, nil
}

// sweepBeside inserts expired sessions after an instance has started, so that the sweep at its
// start has nothing to do. It deletes them from this process, with the same code, while the
// instance reads.
func (o options) sweepBeside(ctx context.Context, k kind, d *database) (r sweepResult, err error) {
	r = sweepResult{Kind: k.name, Valid: d.n}
	tokens, err := d.tokens(k.count, k.first, k.step)
	if err != nil {
		return r, err
	}
	defer os.Remove(tokens)
	i, err := o.start(ctx, d, k.cache)
	if err != nil {
		return r, err
	}
	defer i.stop()
	if _, err := i.read(ctx, tokens, warmUp); err != nil {
		return r, err
	}
	if err := d.insert(ctx, o.expired, expired, time.Hour.Seconds()); err != nil {
		return r, err
	}
	if _, err := d.db.Exec(ctx, `CHECKPOINT`); err != nil {
		return r, err
	}
	for range 3 {
		l, err := i.read(ctx, tokens, sweepWindow)
		if err != nil {
			return r, err
		}
		r.Before = append(r.Before, l)
	}
	done := make(chan error, 1)
	go func() {
		began := time.Now()
		var err error
		r.Deleted, err = d.sweep(ctx)
		r.Seconds = time.Since(began).Seconds()
		done <- err
	}()
	for {
		l, err := i.read(ctx, tokens, sweepWindow)
		if err != nil {
			return r, err
		}
		select {
		case err := <-done: // the sweep ended during the last window
			_, _ = d.db.Exec(ctx, `TRUNCATE ended_sessions`)
			return r, err
		default:
			log.Printf("beside a sweep, %s: %+v", k.name, l)
			r.During = append(r.During, l)
		}
	}
}

func (d *database) sweep(ctx context.Context) (int, error) {
	pool, err := postgres.Open(ctx, d.url)
	if err != nil {
		return 0, err
	}
	store, err := session.NewShared(ctx, pool,
		session.Limits{Idle: 24 * time.Hour, MaxAge: 720 * time.Hour}, slog.Default(), nil)
	if err != nil {
		return 0, err
	}
	defer store.Close()
	return store.Sweep(ctx)
}

func printSweeps(list []sweepResult) {
	fmt.Printf("\na sweep beside reads: medians of windows of %s, and the worst\n", sweepWindow)
	fmt.Println("| reads | valid | deleted | seconds | a second before | during | p99 before, " +
		"ms | during | worst |")
	for _, r := range list {
		if len(r.During) == 0 {
			fmt.Printf("| %s | %d | %d | %.1f | ended before reads could be measured\n", r.Kind,
				r.Valid, r.Deleted, r.Seconds)
			continue
		}
		before, beforeP99 := middle(r.Before)
		during, duringP99 := middle(r.During)
		worst := slices.MaxFunc(r.During,
			func(a, b load) int { return int(1000 * (a.P99 - b.P99)) })
		fmt.Printf("| %s | %d | %d | %.1f | %.0f | %.0f | %.1f | %.1f | %.1f |\n",
			r.Kind, r.Valid, r.Deleted, r.Seconds, before, during, beforeP99, duringP99, worst.P99)
	}
}

func middle(list []load) (perSecond, p99 float64) {
	var rates, tails []float64
	for _, l := range list {
		rates, tails = append(rates, l.PerSecond), append(tails, l.P99)
	}
	slices.Sort(rates)
	slices.Sort(tails)
	return rates[len(rates)/2], tails[len(tails)/2]
}
