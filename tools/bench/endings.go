package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	endingWorkers  = 4
	lateAfter      = 2 * time.Second // after a revocation; then no request is answered as signed in
	endingPatience = 15 * time.Second
)

// ended is the outcome for one session that was revoked at one instance.
type ended struct {
	delay time.Duration // until the other instance answered 401
	at    time.Time
	late  int // requests begun more than lateAfter after the revocation and answered as signed in
}

// measureEndings revokes sessions at one instance while another one is read from, with LISTEN and
// without.
func measureEndings(ctx context.Context, b *bench) error {
	b.report.begin(
		fmt.Sprintf("Endings: %d sessions ended at one instance, read at another that wrk reads from "+
			"with %d connections", b.endings, connections), "how it hears", "p50 ms", "p99 ms", "max ms",
		"answered as signed in to requests begun 2 s after", "reads/s meanwhile")
	for _, way := range []struct{ name, migrations, key string }{
		{"LISTEN", "", "revocation_ms."},
		{"it only asks", "&application_name=direct", ""},
	} {
		delays, late, speed, err := b.endSessions(ctx, way.name, way.migrations)
		if err != nil {
			return fmt.Errorf("%s: %w", way.name, err)
		}
		figures := map[string]float64{
			"p50": quantile(delays, 0.5),
			"p99": quantile(delays, 0.99),
			"max": delays[len(delays)-1],
		}
		b.report.row(way.name, digits(figures["p50"]), digits(figures["p99"]), digits(figures["max"]),
			fmt.Sprint(late), fmt.Sprintf("%.0f", speed))
		if late > 0 {
			return fmt.Errorf("%s: %d requests begun more than %s after the end were answered as signed in",
				way.name, late, lateAfter)
		}
		for name, value := range figures {
			if way.key != "" {
				b.report.set(way.key+name, value)
			}
		}
	}
	return nil
}

// endSessions runs two instances. If the database has another URL for migrations (here the same one
// with another parameter), instances assume a pooler, behind which LISTEN does not work, and only
// poll.
func (b *bench) endSessions(
	ctx context.Context, name, migrations string,
) (delays []float64, late int, speed float64, err error) {
	name = "endings-" + strings.ReplaceAll(name, " ", "-")
	database, err := b.migrated(ctx, name)
	if err != nil {
		return nil, 0, 0, err
	}
	j, err := sharedJar(ctx, database+unhurried, people(b.endings+1000))
	if err != nil {
		return nil, 0, 0, err
	}
	var instances [2]*server
	for i := range instances {
		direct := "MIGRATE_DATABASE_URL=" + database + migrations
		if instances[i], err = b.startSana(ctx, fmt.Sprint(name, i), database, freePort(),
			direct); err != nil {
			return nil, 0, 0, err
		}
		defer instances[i].stop()
	}
	if err := b.settle(ctx); err != nil {
		return nil, 0, 0, err
	}
	all, counted, err := b.endWhileRead(ctx, instances[0], instances[1], j[:b.endings], j[b.endings:])
	if err != nil {
		b.failed = true
		return nil, 0, 0, err
	}
	for _, e := range all {
		delays = append(delays, float64(e.delay.Microseconds())/1000)
		late += e.late
	}
	slices.Sort(delays)
	return delays, late, counted.perSecond(), nil
}

// endWhileRead revokes the sessions of one jar at an instance while wrk reads with another jar from
// the other instance.
func (b *bench) endWhileRead(
	ctx context.Context, here, there *server, toEnd, others jar,
) ([]ended, load, error) {
	cookies := b.path("cookies")
	if err := others.write(cookies); err != nil {
		return nil, load{}, err
	}
	if _, err := b.wrk(ctx, there.url(sessionPath), cookies, b.warm); err != nil {
		return nil, load{}, err
	}
	type outcome struct {
		all []ended
		err error
	}
	done := make(chan outcome, 1)
	running, stop := context.WithCancel(ctx)
	defer stop()
	go func() {
		all, err := endAll(running, here, there, toEnd)
		done <- outcome{all, err}
	}()
	sum := load{}
	for {
		counted, err := b.wrk(ctx, there.url(sessionPath), cookies, time.Second*2)
		if err == nil {
			err = counted.fault()
		}
		if err != nil {
			return nil, load{}, err
		}
		sum.Requests += counted.Requests
		sum.Microseconds += counted.Microseconds
		select {
		case o := <-done:
			return o.all, sum, o.err
		default:
		}
	}
}

// endAll signs every session out by its own cookie, and reads all of them again afterwards.
func endAll(ctx context.Context, here, there *server, toEnd jar) ([]ended, error) {
	all := make([]ended, len(toEnd))
	faults := make(chan error, endingWorkers)
	var group sync.WaitGroup
	for worker := range endingWorkers {
		group.Go(func() {
			ending, reading := newClient(here.port), newClient(there.port)
			for n := worker; n < len(toEnd) && ctx.Err() == nil; n += endingWorkers {
				var err error
				if all[n], err = endOne(ending, reading, toEnd[n]); err != nil {
					faults <- err
					return
				}
			}
			for n := worker; n < len(toEnd) && ctx.Err() == nil; n += endingWorkers {
				if err := all[n].lookAgain(reading, toEnd[n]); err != nil {
					faults <- err
					return
				}
			}
		})
	}
	group.Wait()
	close(faults)
	return all, errors.Join(<-faults, ctx.Err())
}

// endOne revokes a session that the reading instance has cached, and reads there until the answer
// is 401. The delay counts from the answer to the sign-out.
func endOne(ending, reading *client, t ticket) (e ended, err error) {
	for range 2 {
		if status, err := reading.read(t.cookie); err != nil || status != http.StatusOK {
			return e, fmt.Errorf("before its end a session was answered with %d (%w)", status, err)
		}
	}
	ending.cookies = map[string]string{}
	ending.cookies[name(t.cookie)] = value(t.cookie)
	if err := ending.post("/api/auth/sign-out", struct{}{}, http.StatusNoContent, nil); err != nil {
		return e, err
	}
	e.at = time.Now()
	for time.Since(e.at) < endingPatience {
		begun := time.Now()
		status, err := reading.read(t.cookie)
		switch {
		case err != nil:
			return e, err
		case status == http.StatusUnauthorized:
			e.delay = time.Since(e.at)
			return e, nil
		case status != http.StatusOK:
			return e, fmt.Errorf("after its end a session was answered with %d", status)
		case begun.Sub(e.at) > lateAfter:
			e.late++
		}
	}
	return e, fmt.Errorf("a session was read for %s after its end", endingPatience)
}

// lookAgain reads once more, after the time when requests must no longer be answered as signed in.
func (e *ended) lookAgain(reading *client, t ticket) error {
	time.Sleep(time.Until(e.at.Add(lateAfter)))
	status, err := reading.read(t.cookie)
	if err == nil && status != http.StatusUnauthorized {
		e.late++
	}
	return err
}

func name(cookie string) string {
	before, _, _ := strings.Cut(cookie, "=")
	return before
}

func value(cookie string) string {
	_, after, _ := strings.Cut(cookie, "=")
	return after
}
