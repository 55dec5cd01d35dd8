package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	signInClients = 16
	mailPatience  = 20 * time.Second
	drainPatience = time.Minute
)

// signIns is one measurement of whole sign-ins.
type signIns struct {
	perSecond              float64
	server, database, load time.Duration // of processors, a sign-in
	p50, p99               float64       // milliseconds of a whole one
}

// signingIn is what the clients of one measurement share.
type signingIn struct {
	port    int
	sink    *sink
	created bool // whether each of them makes an account
	address func(int) string
	next    *atomic.Int64

	mu    sync.Mutex
	asked []string
	took  []time.Duration // of those that ended within the time
}

// measureSignIns has people ask for codes, read their mail and type them.
func measureSignIns(ctx context.Context, b *bench) error {
	mails, err := startSink()
	if err != nil {
		return err
	}
	defer mails.close()
	database, err := b.migrated(ctx, "signins")
	if err != nil {
		return err
	}
	known, err := addUsers(ctx, database)
	if err != nil {
		return err
	}
	s, err := b.startSana(ctx, "signins", database, mails.port)
	if err != nil {
		return err
	}
	defer s.stop()
	var counts [2]atomic.Int64 // of the known and of the new, over all rounds
	results := [2][]signIns{}
	for round := range b.rounds {
		for i, kind := range []string{"known", "new"} {
			if err := b.settle(ctx); err != nil {
				return err
			}
			measured := &signingIn{port: s.port, sink: mails, created: kind == "new", next: &counts[i], address: func(n int) string {
				return fmt.Sprintf("%s%07d@sana.example", kind, n)
			}}
			result, err := b.signIn(ctx, s, measured)
			if err == nil && kind == "known" && int(counts[i].Load()) > known {
				err = fmt.Errorf("there are only %d known users", known)
			}
			if err != nil {
				b.failed = true
				return fmt.Errorf("%s users: %w; the log is %s", kind, err, s.log)
			}
			results[i] = append(results[i], result)
			b.progress("round %d of %d: %-5s users %6.0f sign-ins/s", round+1, b.rounds, kind, result.perSecond)
		}
	}
	b.report.addSignIns(results[0], results[1])
	return nil
}

// addUsers makes more known users than can sign in during a run: each does it once, because an address gets one code a
// minute.
func addUsers(ctx context.Context, database string) (n int, err error) {
	conn, err := pgx.Connect(ctx, database+unhurried)
	if err != nil {
		return 0, err
	}
	defer conn.Close(ctx)
	n = 500_000
	_, err = conn.Exec(ctx, `INSERT INTO users (email) SELECT 'known' || lpad(i::text, 7, '0') || '@sana.example' FROM generate_series(1, $1) AS i`, n)
	if err == nil {
		_, err = conn.Exec(ctx, "VACUUM ANALYZE")
	}
	return n, err
}

// signIn has all clients at work: a tenth of the time to warm up, then what counts, then until every mail is there.
func (b *bench) signIn(ctx context.Context, s *server, shared *signingIn) (signIns, error) {
	warm := b.signIns / 10
	begin := time.Now().Add(warm)
	end := begin.Add(b.signIns)
	faults := make(chan error, signInClients)
	var group sync.WaitGroup
	for range signInClients {
		group.Go(func() {
			c := newClient(s.port)
			for ctx.Err() == nil && time.Now().Before(end) {
				if err := shared.once(c, begin, end); err != nil {
					faults <- err
					return
				}
			}
		})
	}
	time.Sleep(time.Until(begin))
	server, database, load := usedBy(s.pid()), usedBy(b.postmaster), usedBy(os.Getpid())
	time.Sleep(time.Until(end))
	server, database, load = usedBy(s.pid())-server, usedBy(b.postmaster)-database, usedBy(os.Getpid())-load
	group.Wait()
	close(faults)
	if err := errors.Join(<-faults, ctx.Err(), shared.drain(ctx)); err != nil {
		return signIns{}, err
	}
	n := time.Duration(max(1, len(shared.took)))
	slices.Sort(shared.took)
	at := func(q float64) float64 {
		return float64(shared.took[min(len(shared.took)-1, int(q*float64(len(shared.took))))].Microseconds()) / 1000
	}
	return signIns{
		perSecond: float64(len(shared.took)) / b.signIns.Seconds(),
		server:    server / n, database: database / n, load: load / n, p50: at(0.5), p99: at(0.99),
	}, nil
}

// once signs one person in.
func (s *signingIn) once(c *client, begin, end time.Time) error {
	start := time.Now()
	n := int(s.next.Add(1))
	address := s.address(n)
	c.anew(n)
	if s.created {
		c.anew(n + 1<<23)
	}
	code := s.sink.expect(address)
	s.mu.Lock()
	s.asked = append(s.asked, address)
	s.mu.Unlock()
	if err := c.post("/api/auth/code", map[string]string{"email": address}, http.StatusAccepted, nil); err != nil {
		return err
	}
	var who struct {
		User    user `json:"user"`
		Created bool `json:"created"`
	}
	select {
	case code := <-code:
		if err := c.post("/api/auth/verify", map[string]string{"code": code}, http.StatusOK, &who); err != nil {
			return err
		}
	case <-time.After(mailPatience):
		return fmt.Errorf("no mail came to %s within %s", address, mailPatience)
	}
	if who.User.Email != address || who.Created != s.created {
		return fmt.Errorf("got %+v, want %s with created = %t", who, address, s.created)
	}
	if now := time.Now(); now.After(begin) && now.Before(end) {
		s.mu.Lock()
		s.took = append(s.took, now.Sub(start))
		s.mu.Unlock()
	}
	return nil
}

// drain waits until every mail that was asked for is there, and holds that none came twice.
func (s *signingIn) drain(ctx context.Context) error {
	deadline := time.Now().Add(drainPatience)
	for {
		once, lost, again := s.sink.tally(s.asked)
		switch {
		case again > 0:
			return fmt.Errorf("%d of %d mails came twice", again, len(s.asked))
		case once == len(s.asked):
			return nil
		case time.Now().After(deadline) || ctx.Err() != nil:
			return fmt.Errorf("%d of %d mails are lost", lost, len(s.asked))
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func (r *report) addSignIns(known, fresh []signIns) {
	r.begin(fmt.Sprintf("Whole sign-ins: ask, mail, verify; %d clients", signInClients),
		"users", "sign-ins/s", "lowest to highest round", "p50 ms", "p99 ms", "CPU µs each: server", "database", "load beside it")
	add := func(kind string, all []signIns) float64 {
		over := func(value func(signIns) float64) (values []float64) {
			for _, s := range all {
				values = append(values, value(s))
			}
			return values
		}
		micro := func(value func(signIns) time.Duration) string {
			return digits(median(over(func(s signIns) float64 { return float64(value(s).Microseconds()) })))
		}
		speed := over(func(s signIns) float64 { return s.perSecond })
		r.row(kind, digits(median(speed)), digits(slices.Min(speed))+" to "+digits(slices.Max(speed)),
			digits(median(over(func(s signIns) float64 { return s.p50 }))), digits(median(over(func(s signIns) float64 { return s.p99 }))),
			micro(func(s signIns) time.Duration { return s.server }), micro(func(s signIns) time.Duration { return s.database }),
			micro(func(s signIns) time.Duration { return s.load }))
		return median(speed)
	}
	r.add("whole sign-ins, the slower of known and new users", "signins_per_s", min(add("known", known), add("new", fresh)), "/s", "1 000, better 1 500")
}
