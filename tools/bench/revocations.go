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
	revokeWorkers = 4
	// after a revocation; later requests must not be answered as signed in
	lateAfter   = 2 * time.Second
	readTimeout = 15 * time.Second
)

// revocation is the outcome for one session that was revoked at one instance.
type revocation struct {
	delay time.Duration // until the other instance answered 401
	at    time.Time
	late  int // requests begun more than lateAfter after the revocation and answered as signed in
}

// measureRevocations revokes sessions at one instance while another one is read from.
func measureRevocations(ctx context.Context, b *bench) error {
	b.report.begin(
		fmt.Sprintf("Revocations: %d sessions revoked at one instance, read at another one, "+
			"from which wrk reads with %d connections", b.revocations, connections),
		"p50 ms", "p99 ms", "max ms",
		"answered as signed in to requests begun 2 s after", "reads/s meanwhile")
	delays, late, speed, err := b.revokeSessions(ctx)
	if err != nil {
		return err
	}
	figures := map[string]float64{
		"p50": quantile(delays, 0.5),
		"p99": quantile(delays, 0.99),
		"max": delays[len(delays)-1],
	}
	b.report.row(digits(figures["p50"]), digits(figures["p99"]), digits(figures["max"]),
		fmt.Sprint(late), fmt.Sprintf("%.0f", speed))
	if late > 0 {
		return fmt.Errorf("%d requests begun %s after a revocation were answered as signed in",
			late, lateAfter)
	}
	for name, value := range figures {
		b.report.set("revocation_ms."+name, value)
	}
	return nil
}

// revokeSessions runs two instances.
func (b *bench) revokeSessions(
	ctx context.Context,
) (delays []float64, late int, speed float64, err error) {
	const name = "revocations"
	database, err := b.migrated(ctx, name)
	if err != nil {
		return nil, 0, 0, err
	}
	j, err := sharedJar(ctx, database+asyncCommit, makeUsers(b.revocations+1000))
	if err != nil {
		return nil, 0, 0, err
	}
	var instances [2]*server
	for i := range instances {
		instances[i], err = b.startSana(ctx, fmt.Sprint(name, i), database, freePort())
		if err != nil {
			return nil, 0, 0, err
		}
		defer instances[i].stop()
	}
	if err := b.settle(ctx); err != nil {
		return nil, 0, 0, err
	}
	all, counted, err := b.revokeWhileRead(ctx, instances[0], instances[1], j[:b.revocations],
		j[b.revocations:])
	if err != nil {
		b.failed = true
		return nil, 0, 0, err
	}
	for _, r := range all {
		delays = append(delays, float64(r.delay.Microseconds())/1000)
		late += r.late
	}
	slices.Sort(delays)
	return delays, late, counted.perSecond(), nil
}

// revokeWhileRead revokes the sessions of one jar at an instance while wrk reads with another jar
// from the other instance.
func (b *bench) revokeWhileRead(
	ctx context.Context, here, there *server, revoked, others jar,
) ([]revocation, load, error) {
	cookies := b.path("cookies")
	if err := others.write(cookies); err != nil {
		return nil, load{}, err
	}
	if _, err := b.wrk(ctx, there.url(sessionPath), cookies, b.warm); err != nil {
		return nil, load{}, err
	}
	type outcome struct {
		all []revocation
		err error
	}
	done := make(chan outcome, 1)
	running, stop := context.WithCancel(ctx)
	defer stop()
	go func() {
		all, err := revokeAll(running, here, there, revoked)
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

// revokeAll signs every session out by its own cookie, and reads all of them again afterwards.
func revokeAll(ctx context.Context, here, there *server, revoked jar) ([]revocation, error) {
	all := make([]revocation, len(revoked))
	faults := make(chan error, revokeWorkers)
	var group sync.WaitGroup
	for worker := range revokeWorkers {
		group.Go(func() {
			revoking, reading := newClient(here.port), newClient(there.port)
			for n := worker; n < len(revoked) && ctx.Err() == nil; n += revokeWorkers {
				var err error
				if all[n], err = revokeOne(revoking, reading, revoked[n]); err != nil {
					faults <- err
					return
				}
			}
			for n := worker; n < len(revoked) && ctx.Err() == nil; n += revokeWorkers {
				if err := all[n].readAgain(reading, revoked[n]); err != nil {
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

// revokeOne revokes a session that the reading instance has cached, and reads there until the
// answer is 401. The delay counts from the answer to the sign-out.
func revokeOne(revoking, reading *client, t ticket) (r revocation, err error) {
	for range 2 {
		if status, err := reading.read(t.cookie); err != nil || status != http.StatusOK {
			return r, fmt.Errorf("a valid session was answered with %d (%w)", status, err)
		}
	}
	revoking.cookies = map[string]string{}
	revoking.cookies[name(t.cookie)] = value(t.cookie)
	if err := revoking.post("/api/auth/sign-out", struct{}{}, http.StatusNoContent,
		nil); err != nil {
		return r, err
	}
	r.at = time.Now()
	for time.Since(r.at) < readTimeout {
		begun := time.Now()
		status, err := reading.read(t.cookie)
		switch {
		case err != nil:
			return r, err
		case status == http.StatusUnauthorized:
			r.delay = time.Since(r.at)
			return r, nil
		case status != http.StatusOK:
			return r, fmt.Errorf("a revoked session was answered with %d", status)
		case begun.Sub(r.at) > lateAfter:
			r.late++
		}
	}
	return r, fmt.Errorf("a revoked session was answered as signed in for %s", readTimeout)
}

// readAgain reads a session lateAfter after its revocation, when it must not be answered as signed
// in.
func (r *revocation) readAgain(reading *client, t ticket) error {
	time.Sleep(time.Until(r.at.Add(lateAfter)))
	status, err := reading.read(t.cookie)
	if err == nil && status != http.StatusUnauthorized {
		r.late++
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
