package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"time"
)

// target is a server under test, with a jar.
type target struct {
	name   string
	path   string
	jar    func() (jar, error) // called for each measurement
	start  func(context.Context) (*server, error)
	server *server
}

// reading is one measurement of a target.
type reading struct {
	load
	server, database time.Duration // processor time for a request
}

// measureReads compares GET of the current user, round by round.
func measureReads(ctx context.Context, b *bench) error {
	targets, err := b.readTargets(ctx)
	if err != nil {
		return err
	}
	for i := range targets {
		t := &targets[i]
		if t.server, err = t.start(ctx); err != nil {
			return err
		}
		defer t.server.stop()
		if err := b.checkAnswers(ctx, t); err != nil {
			return err
		}
	}
	if err := b.settle(ctx); err != nil {
		return err
	}
	resident := 0.0
	rounds := make([]map[string]reading, b.rounds)
	for r := range rounds {
		rounds[r] = map[string]reading{}
		for i := range targets {
			t := &targets[(i+2*r)%len(targets)] // the order of the targets changes
			measured, peak, err := b.read(ctx, t)
			if err != nil {
				b.failed = true
				return fmt.Errorf("%s: %w", t.name, err)
			}
			rounds[r][t.name] = measured
			if t.name == sanaCached {
				resident = max(resident, peak)
			}
			b.progress("round %d of %d: %-26s %8.0f reads/s", r+1, b.rounds, t.name,
				measured.perSecond())
		}
	}
	b.report.addReads(targets, rounds)
	b.report.add("memory under the read load (VmRSS, highest)", "rss_load_mb", resident, "MB",
		"at most 80")
	return nil
}

// read warms up a target and measures it. peak is the maximum of its memory in megabytes.
func (b *bench) read(ctx context.Context, t *target) (measured reading, peak float64, err error) {
	cookies := b.path("cookies")
	j, err := t.jar()
	if err != nil {
		return reading{}, 0, err
	}
	if err := j.write(cookies); err != nil {
		return reading{}, 0, err
	}
	if _, err := b.wrk(ctx, t.server.url(t.path), cookies, b.warm); err != nil {
		return reading{}, 0, err
	}
	watching, stop := context.WithCancel(ctx)
	peaks := make(chan float64, 1)
	go func() { peaks <- watchMemory(watching, t.server.pid()) }()
	server, database := usedBy(t.server.pid()), usedBy(b.postmaster)
	counted, err := b.wrk(ctx, t.server.url(t.path), cookies, b.lengths.read)
	server, database = usedBy(t.server.pid())-server, usedBy(b.postmaster)-database
	stop()
	if err == nil {
		err = counted.fault()
	}
	n := time.Duration(max(1, counted.Requests))
	return reading{counted, server / n, database / n}, <-peaks, err
}

// watchMemory returns the maximum memory of a process until ctx ends.
func watchMemory(ctx context.Context, pid int) (peak float64) {
	for ctx.Err() == nil {
		if now, err := residentMB(pid); err == nil {
			peak = max(peak, now)
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
		}
	}
	return peak
}

// checkAnswers reads with every cookie of a jar once. Each answer must be 200 with the
// cookie's user.
func (b *bench) checkAnswers(ctx context.Context, t *target) error {
	j, err := t.jar()
	if err != nil {
		return err
	}
	client := &http.Client{
		Transport: &http.Transport{MaxIdleConnsPerHost: 8},
		Timeout:   10 * time.Second,
	}
	defer client.CloseIdleConnections()
	faults := make(chan error, 8)
	var group sync.WaitGroup
	for worker := range cap(faults) {
		group.Go(func() {
			for n := worker; n < len(j); n += cap(faults) {
				if err := checkAnswer(ctx, client, t.server.url(t.path), j[n]); err != nil {
					faults <- fmt.Errorf("%s, cookie %d: %w", t.name, n, err)
					return
				}
			}
		})
	}
	group.Wait()
	close(faults)
	return <-faults
}

func checkAnswer(ctx context.Context, client *http.Client, url string, t ticket) error {
	status, body, err := get(ctx, client, url, t.cookie)
	if err != nil {
		return err
	}
	var got answer
	if err := json.Unmarshal(body, &got); err != nil || status != http.StatusOK || got != t.want {
		return fmt.Errorf("got %d %s (%v), want 200 with %+v", status, body, err, t.want)
	}
	return nil
}
