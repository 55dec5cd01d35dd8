package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	signInClients = 16
	mailTimeout   = 20 * time.Second
	drainTimeout  = time.Minute
)

// signIns is one measurement of complete sign-ins.
type signIns struct {
	perSecond              float64
	server, database, load time.Duration // processor time for a sign-in
	p50, p99               float64       // milliseconds of a complete sign-in
	request, mail, verify  float64       // milliseconds of its steps, medians
	unavailable            float64       // answers of 503
}

// steps are the durations of one sign-in.
type steps struct{ request, mail, verify time.Duration }

func (s steps) whole() time.Duration { return s.request + s.mail + s.verify }

// kind is the kind of users who sign in.
type kind struct {
	name         string
	known        bool // has an account
	knownBrowser bool // has signed in with the address before
	notices      int  // further mails that the sign-in causes
	passkey      bool // instead of a code
}

var kinds = []kind{
	{name: "known, in a browser of theirs", known: true, knownBrowser: true},
	{name: "new", known: false},
	{name: "known, in a new browser: a notice is mailed, too", known: true, notices: 1},
	{name: "known, with a passkey in a browser of theirs", known: true, knownBrowser: true,
		passkey: true},
}

// signingIn is the shared state of the clients of one measurement.
type signingIn struct {
	kind
	port int
	sink *sink
	next *atomic.Int64 // next user, with an account or without, of the whole run

	unavailable atomic.Int64

	passkeys authenticator

	mu        sync.Mutex
	requested []string // addresses
	durations []steps  // of sign-ins that ended within the time
}

// measureSignIns makes users request codes, read their mail and enter the codes.
func measureSignIns(ctx context.Context, b *bench) error {
	mails, err := startSink()
	if err != nil {
		return err
	}
	defer mails.close()
	database, err := b.migrated(ctx, "signins")
	if err == nil {
		err = addUsers(ctx, database, b.known)
	}
	passkeys := newAuthenticator()
	if err == nil {
		err = passkeys.enroll(ctx, database, b.known)
	}
	if err != nil {
		return err
	}
	s, err := b.startSana(ctx, "signins", database, mails.port)
	if err != nil {
		return err
	}
	defer s.stop()
	next := map[bool]*atomic.Int64{true: {}, false: {}}
	results := make([][]signIns, len(kinds))
	for round := range b.signInRounds {
		for i, k := range kinds {
			if err := b.settle(ctx); err != nil {
				return err
			}
			result, err := b.signIn(ctx, s, &signingIn{
				kind: k, port: s.port, sink: mails, next: next[k.known], passkeys: passkeys,
			})
			if err == nil && next[true].Load() > int64(b.known) {
				err = fmt.Errorf("only %d users have an account; this machine needs more", b.known)
			}
			if err != nil {
				b.failed = true
				return fmt.Errorf("%s: %w; the log is %s", k.name, err, s.log)
			}
			results[i] = append(results[i], result)
			b.progress("round %d of %d: %6.0f sign-ins/s: %s", round+1, b.signInRounds,
				result.perSecond, k.name)
		}
	}
	b.report.addSignIns(results)
	return nil
}

// addUsers creates users with an account.
func addUsers(ctx context.Context, database string, n int) error {
	conn, err := pgx.Connect(ctx, database+asyncCommit)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, `
		INSERT INTO users (id, email)
		SELECT md5(i::text)::uuid, 'known' || lpad(i::text, 7, '0') || '@sana.example'
		FROM generate_series(1, $1) AS i`, n)
	if err == nil {
		_, err = conn.Exec(ctx, "VACUUM ANALYZE")
	}
	return err
}

// signIn warms up for a tenth of the time, measures all clients, and waits until every mail has
// arrived.
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
	server, database, load := usedBy(s.pid()), usedBy(b.postmaster), ownUse()
	time.Sleep(time.Until(end))
	server, database, load = usedBy(s.pid())-server, usedBy(b.postmaster)-database, ownUse()-load
	group.Wait()
	close(faults)
	if err := errors.Join(<-faults, ctx.Err(), shared.drain(ctx)); err != nil {
		return signIns{}, err
	}
	if len(shared.durations) == 0 {
		return signIns{}, errors.New("no sign-in was completed")
	}
	over := func(q float64, of func(steps) time.Duration) float64 {
		var values []float64
		for _, s := range shared.durations {
			values = append(values, float64(of(s).Microseconds())/1000)
		}
		slices.Sort(values)
		return quantile(values, q)
	}
	n := time.Duration(len(shared.durations))
	return signIns{
		perSecond: float64(n) / b.signIns.Seconds(),
		server:    server / n, database: database / n, load: load / n,
		p50: over(0.5, steps.whole), p99: over(0.99, steps.whole),
		request:     over(0.5, func(s steps) time.Duration { return s.request }),
		mail:        over(0.5, func(s steps) time.Duration { return s.mail }),
		verify:      over(0.5, func(s steps) time.Duration { return s.verify }),
		unavailable: float64(shared.unavailable.Load()),
	}, nil
}

// address returns a user's address.
func (k kind) address(n int) string {
	if k.known {
		return fmt.Sprintf("known%07d@sana.example", n)
	}
	return fmt.Sprintf("new%07d@sana.example", n)
}

// once signs one user in.
func (s *signingIn) once(c *client, begin, end time.Time) error {
	n := int(s.next.Add(1))
	address := s.address(n)
	c.reset(n)
	if !s.known {
		c.reset(n + 1<<23)
	}
	if s.knownBrowser {
		c.cookies[deviceCookie] = deviceToken(address)
	}
	with := s.withCode
	if s.passkey {
		with = s.withPasskey
	}
	result, took, err := with(c, n, address)
	if err != nil {
		return err
	}
	if result.User.Email != address || result.Created == s.known {
		return fmt.Errorf("got %+v, want %s with created = %t", result, address, !s.known)
	}
	if now := time.Now(); now.After(begin) && now.Before(end) {
		s.mu.Lock()
		s.durations = append(s.durations, took)
		s.mu.Unlock()
	}
	return nil
}

// signedIn is Sana's response to a sign-in.
type signedIn struct {
	User    user `json:"user"`
	Created bool `json:"created"`
}

func (s *signingIn) withCode(
	c *client, _ int, address string,
) (result signedIn, took steps, err error) {
	code := s.sink.expect(address)
	s.mu.Lock()
	s.requested = append(s.requested, address)
	s.mu.Unlock()
	start := time.Now()
	err = s.send(c, http.MethodPost, "/api/auth/code", map[string]string{"email": address},
		http.StatusAccepted, nil)
	if err != nil {
		return result, took, err
	}
	requested := time.Now()
	select {
	case code := <-code:
		mailed := time.Now()
		body := map[string]string{"code": code, "email": address}
		err = s.send(c, http.MethodPost, "/api/auth/verify", body, http.StatusOK, &result)
		return result, steps{requested.Sub(start), mailed.Sub(requested), time.Since(mailed)}, err
	case <-time.After(mailTimeout):
		return result, took, fmt.Errorf("no mail for %s within %s", address, mailTimeout)
	}
}

// send retries after a response of 503, as the pages do. The time of the retries counts.
func (s *signingIn) send(c *client, method, path string, body any, want int, into any) error {
	for attempts := 1; ; attempts++ {
		err := c.send(method, path, body, want, into)
		unexpected, ok := errors.AsType[*statusError](err)
		if !ok || unexpected.status != http.StatusServiceUnavailable || attempts == 5 {
			return err
		}
		s.unavailable.Add(1)
		time.Sleep(time.Second / 4)
	}
}

// drain waits until every mail has arrived, and fails if one arrived twice or was not requested.
func (s *signingIn) drain(ctx context.Context) error {
	deadline := time.Now().Add(drainTimeout)
	for {
		right, fewer, more := s.sink.tally(s.requested, s.notices)
		switch {
		case more > 0:
			return fmt.Errorf("%d of %d users got more mails than expected", more,
				len(s.requested))
		case right == len(s.requested):
			return nil
		case time.Now().After(deadline) || ctx.Err() != nil:
			return fmt.Errorf("%d of %d users got fewer mails than expected", fewer,
				len(s.requested))
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func (r *report) addSignIns(results [][]signIns) {
	r.begin(fmt.Sprintf("Whole sign-ins: request, mail, verify; %d clients", signInClients), "user",
		"sign-ins/s", "lowest to highest round", "p50 ms", "of which request, mail, verify",
		"p99 ms", "CPU µs each: server", "database", "load beside it", "503s, sent again")
	var speeds []float64
	for i, k := range kinds {
		over := func(value func(signIns) float64) (values []float64) {
			for _, s := range results[i] {
				values = append(values, value(s))
			}
			return values
		}
		middle := func(value func(signIns) float64) string { return digits(median(over(value))) }
		speed := over(func(s signIns) float64 { return s.perSecond })
		speeds = append(speeds, median(speed))
		r.row(k.name, digits(median(speed)),
			digits(slices.Min(speed))+" to "+digits(slices.Max(speed)),
			middle(func(s signIns) float64 { return s.p50 }),
			middle(func(s signIns) float64 { return s.request })+", "+
				middle(func(s signIns) float64 { return s.mail })+", "+
				middle(func(s signIns) float64 { return s.verify }),
			middle(func(s signIns) float64 { return s.p99 }),
			middle(func(s signIns) float64 { return microseconds(s.server) }),
			middle(func(s signIns) float64 { return microseconds(s.database) }),
			middle(func(s signIns) float64 { return microseconds(s.load) }),
			fmt.Sprintf("%.0f", slices.Max(over(func(s signIns) float64 { return s.unavailable }))))
	}
	r.add("whole sign-ins: the slower of known users in a browser of theirs and new users",
		"signins_per_s", min(speeds[0], speeds[1]), "/s", "1 000, better 1 500")
}
