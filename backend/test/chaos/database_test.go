package chaos

import (
	"fmt"
	"net/http"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"

	"sana/backend/test/harness"
)

const ready, live = "/readyz", "/livez"

// F-05: while the database restarts, requests fail with 503 and Retry-After. Once /readyz is 200
// again, no request fails, even on an old connection. No user is signed out, and pending codes stay
// valid.
func TestDatabaseRestart_KeepsSessionsAndCodes(t *testing.T) {
	t.Parallel()
	for name, how := range map[string]syscall.Signal{"fast": syscall.SIGINT,
		"immediate": syscall.SIGQUIT} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t)
			w := s.world()
			app := w.Run(t)
			var in []*person
			for range 8 {
				in = append(in, signedIn(t, w, app.URL))
			}
			late, code := waiting(t, w, app.URL)
			w.AwaitMails(t)
			crowd := readers(t, at(app.URL), in...)
			for range 3 {
				crowd.await(t, http.StatusOK, 100)
				s.stop(how)
				crowd.await(t, http.StatusServiceUnavailable, 8)
				s.start()
				app.WaitReady(t)
				// Requests that were in flight when /readyz changed may still fail: one of each
				// reader.
				failed := crowd.count(http.StatusServiceUnavailable)
				crowd.await(t, http.StatusOK, 300)
				if more := crowd.count(http.StatusServiceUnavailable) - failed; more > len(in) {
					t.Errorf("%d requests failed after the database was back", more)
				}
			}
			wantOnly(t, crowd.stop(), http.StatusOK, http.StatusServiceUnavailable)
			late.want(late.verify(app.URL, code), http.StatusOK)
		})
	}
}

// F-07: with a database that accepts connections but does not answer, no request takes longer than
// its deadline. The instance is alive, not ready, and recovers on its own.
func TestFrozenDatabase_Answers503(t *testing.T) {
	t.Parallel()
	for name, freeze := range map[string]func(*server, *harness.Network) (thaw func()){
		"its processes are stopped": func(s *server, _ *harness.Network) func() {
			s.freeze()
			return s.thaw
		},
		"the network swallows everything": func(_ *server, x *harness.Network) func() {
			x.Swallow()
			return x.Pass
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t)
			w := s.world()
			x := harness.NewNetwork(t, w.DatabaseURL)
			w.DatabaseURL = x.URL
			app := w.Run(t)
			in := signedIn(t, w, app.URL)
			late, code := waiting(t, w, app.URL)
			thaw := freeze(s, x)
			var all sync.WaitGroup
			for range 40 { // more than there are connections
				all.Go(func() {
					if got := in.session(app.URL).status; got != http.StatusServiceUnavailable {
						t.Errorf("reading a session: got %d, want 503", got)
					}
				})
			}
			all.Go(func() {
				if got := late.verify(app.URL, code).status; got != http.StatusServiceUnavailable {
					t.Errorf("typing a code: got %d, want 503", got)
				}
			})
			harness.WantEqual(t, live, status(t, app.URL, live), http.StatusOK)
			harness.WantEqual(t, ready, status(t, app.URL, ready), http.StatusServiceUnavailable)
			all.Wait()
			thaw()
			app.WaitReady(t)
			harness.Eventually(t, "the instance does not recover", func() error {
				return harness.CountError(in.session(app.URL).status, http.StatusOK)
			})
			// The code may have been accepted without an answer: then a repetition returns the same
			// session.
			late.want(late.verify(app.URL, code), http.StatusOK)
		})
	}
}

// F-08: if every statement is slow, requests are served or refused with 503, and none accumulates.
func TestSlowDatabase_AccumulatesNoRequests(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	w := s.world()
	w.Run(t).Kill(t) // migrates
	x := harness.NewNetwork(t, w.DatabaseURL)
	w.DatabaseURL = x.URL
	app := w.Start(t)
	in := signedIn(t, w, app.URL)
	before := runtime.NumGoroutine()
	for _, delay := range []time.Duration{50 * time.Millisecond, 500 * time.Millisecond} {
		x.Slow(delay)
		const atOnce = 300
		var most int
		counts := countsOf(harness.Together(atOnce, func(n int) int {
			if n == atOnce/2 {
				most = runtime.NumGoroutine()
			}
			return in.session(app.URL).status
		}))
		wantOnly(t, counts, http.StatusOK, http.StatusServiceUnavailable)
		t.Logf("%v for each statement: %v; %d goroutines, before %d", delay, counts, most, before)
		if counts[http.StatusOK] == 0 {
			t.Errorf("with %v for each statement no request is served", delay)
		}
	}
	x.Pass()
	direct.CloseIdleConnections()
	harness.Eventually(t, "goroutines are left behind", func() error {
		// those of kept-alive connections, and of other tests
		if now := runtime.NumGoroutine(); now > before+100 {
			return fmt.Errorf("%d, before %d", now, before)
		}
		return nil
	})
	in.want(in.session(app.URL), http.StatusOK)
}

func countsOf(statuses []int) map[int]int {
	counts := map[int]int{}
	for _, status := range statuses {
		counts[status]++
	}
	return counts
}

// F-09: if clients use up all connections, the instance still does not report its database as
// unavailable.
func TestConnectionsInUse_InstanceStaysReady(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	w.DatabaseURL += "&pool_max_conns=2"
	app := w.Run(t)
	in := signedIn(t, w, app.URL)
	w.AwaitMails(t)
	unlock := w.Lock(t, `LOCK TABLE sessions`)
	var crowded []*person
	for range 20 {
		crowded = append(crowded, in)
	}
	crowd := readers(t, at(app.URL), crowded...)
	crowd.await(t, http.StatusServiceUnavailable, 1)
	for range 20 {
		harness.WantEqual(t, ready, status(t, app.URL, ready), http.StatusOK)
	}
	unlock()
	crowd.await(t, http.StatusOK, 20)
	wantOnly(t, crowd.stop(), http.StatusOK, http.StatusServiceUnavailable)
}

// F-10: ten instances start at once on a database with 40 connections, each with as many as fit: a
// pool of one, and the two connections outside of it. All start and serve. With SANA_CHAOS_LONG the
// pools keep their default size, four times the available connections: requests without a
// connection get 503, and no instance exits.
func TestTenInstances_ServeOnFortyConnections(t *testing.T) {
	t.Parallel()
	s := newServer(t, "max_connections=40")
	w := s.world()
	allowed := []int{http.StatusOK}
	if isLong() {
		allowed = append(allowed, http.StatusServiceUnavailable)
	} else {
		w.DatabaseURL += "&pool_max_conns=1"
	}
	var fleet []*harness.Process
	for range 10 {
		fleet = append(fleet, w.Spawn(t, "SESSION_CACHE=off"))
	}
	for _, app := range fleet {
		app.WaitReady(t) // fails if it has exited
	}
	in := signedIn(t, w, fleet[0].URL)
	counts := countsOf(
		harness.Together(200,
			func(n int) int { return in.session(fleet[n%len(fleet)].URL).status }))
	wantOnly(t, counts, allowed...)
	t.Logf("answers: %v", counts)
	for _, app := range fleet {
		app.WaitReady(t)
		harness.Eventually(t, "an instance does not serve", func() error {
			return harness.CountError(in.session(app.URL).status, http.StatusOK)
		})
	}
}
