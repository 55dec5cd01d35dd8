package system_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sana/backend/test/harness"
)

// promised is how long after its revocation another instance may still accept a session.
const promised = 2 * time.Second

// seeded is one of many sessions that were inserted into the table.
type seeded struct {
	cookie string
	ended  atomic.Pointer[time.Time] // when its revocation was confirmed; nil before
}

// seed inserts n signed-in sessions of n users into the table.
func seed(t testing.TB, w *harness.World, n int) []*seeded {
	t.Helper()
	list, keys := make([]*seeded, n), make([]string, n)
	for i := range list {
		token := sha256.Sum256([]byte(strconv.Itoa(i)))
		key := sha256.Sum256(token[:])
		list[i] = &seeded{
			cookie: "__Host-sana_session=" + base64.RawURLEncoding.EncodeToString(token[:])}
		keys[i] = hex.EncodeToString(key[:])
	}
	w.Exec(t, `
		WITH people AS (
		    INSERT INTO users (email)
		    SELECT 'seeded-' || k || '@sana.example'
		    FROM unnest($1::text[]) AS k
		    RETURNING id, email, substr(email, 8, 64) AS k
		)
		INSERT INTO sessions (k, v, e, id, user_id, idle_seconds, sweep_at)
		SELECT k,
		       convert_to(jsonb_build_object(
		           'id', md5(k),
		           'expires_at', now() + interval '1 day',
		           'user', jsonb_build_object('id', id, 'email', email, 'signed_in_at', now())
		       )::text, 'UTF8'),
		       extract(epoch FROM now())::bigint + 86400,
		       md5(k)::uuid,
		       id,
		       86400,
		       extract(epoch FROM now())::bigint + 86400
		FROM people`, keys)
	return list
}

var client = &http.Client{Timeout: harness.Deadline,
	Transport: &http.Transport{MaxIdleConnsPerHost: 100}}

// send sends a request with a session and returns the answer's status.
func (s *seeded) send(t testing.TB, i *harness.Instance, method, path, body string) int {
	request, err := http.NewRequest(method, i.URL+path, strings.NewReader(body))
	if err != nil {
		t.Error(err)
		return 0
	}
	request.Host = strings.TrimPrefix(harness.PublicURL, "https://")
	request.Header.Set("Origin", harness.PublicURL)
	request.Header.Set("X-Forwarded-For", "198.18.0.1")
	request.Header.Set("Cookie", s.cookie)
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	answer, err := client.Do(request)
	if err != nil {
		t.Error(err)
		return 0
	}
	defer answer.Body.Close()
	if _, err := io.Copy(io.Discard, answer.Body); err != nil {
		t.Error(err)
	}
	return answer.StatusCode
}

func (s *seeded) read(t testing.TB, i *harness.Instance) int {
	return s.send(t, i, http.MethodGet, "/api/auth/session", "")
}

// end signs a session out and records when that was confirmed.
func (s *seeded) end(t testing.TB, i *harness.Instance) {
	status := decided(
		func() int { return s.send(t, i, http.MethodPost, "/api/auth/sign-out", "{}") })
	if status != http.StatusNoContent {
		t.Errorf("sign-out: %d", status)
	}
	s.noteEnd()
}

// decided retries a few times after a 503: these tests are not about a machine that is stalled for
// seconds.
func decided(ask func() int) int {
	status := ask()
	for tries := 1; status == http.StatusServiceUnavailable && tries < 5; tries++ {
		status = ask()
	}
	return status
}

func (s *seeded) noteEnd() {
	now := time.Now()
	s.ended.Store(&now)
}

// copyAll makes an instance cache the sessions.
func copyAll(t *testing.T, i *harness.Instance, sessions []*seeded) {
	t.Helper()
	harness.Each(sessions, 8, func(s *seeded) {
		if status := decided(func() int { return s.read(t, i) }); status != http.StatusOK {
			t.Errorf("before the end: %d", status)
		}
	})
}

// wantEnded reads every session as soon as its revocation is so old that every answer must be a
// refusal.
func wantEnded(t *testing.T, i *harness.Instance, sessions []*seeded) {
	t.Helper()
	harness.Each(sessions, len(sessions), func(s *seeded) {
		<-time.After(time.Until(s.ended.Load().Add(promised)))
		if status := s.read(t, i); status != http.StatusUnauthorized &&
			status != http.StatusServiceUnavailable {
			t.Errorf("a request that began more than %s after the end of its session: %d", promised,
				status)
		}
	})
}

// disconnections keep an instance from receiving revocations, until restore is called.
var disconnections = map[string]func(
	t *testing.T, w *harness.World, disconnected *harness.Process, network *harness.Network,
) (restore func()){
	"stopped and continued": func(
		t *testing.T, _ *harness.World, disconnected *harness.Process, _ *harness.Network,
	) func() {
		disconnected.Pause(t)
		time.AfterFunc(pause(), func() { disconnected.Resume(t) })
		return func() {}
	},
	"its connections swallow everything": func(
		_ *testing.T, _ *harness.World, _ *harness.Process, network *harness.Network,
	) func() {
		network.Swallow()
		return network.Pass
	},
	"its listener is killed, again and again": func(
		t *testing.T, w *harness.World, _ *harness.Process, _ *harness.Network,
	) func() {
		return repeat(func() {
			w.Exec(t, `
				SELECT pg_terminate_backend(pid)
				FROM pg_stat_activity
				WHERE datname = current_database()
				  AND pid <> pg_backend_pid()
				  AND query LIKE '%session_revocations%'`)
		})
	},
}

// An instance that cannot receive revocations detects that and stops using its cache.
func TestCache_NeverServesRevokedSessions(t *testing.T) {
	t.Parallel()
	for name, disconnect := range disconnections {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := harness.NewWorld(t)
			network := harness.NewNetwork(t, w.DatabaseURL)
			one := w.Run(t)
			other := w.Run(t, "DATABASE_URL="+network.URL, "MIGRATE_DATABASE_URL="+network.URL)
			sessions := seed(t, w, 60)
			valid, sessions := sessions[0], sessions[1:]
			copyAll(t, other.Instance, sessions)
			restore := disconnect(t, w, other, network)
			harness.Each(sessions, 8, func(s *seeded) { s.end(t, one.Instance) })
			wantEnded(t, other.Instance, sessions)
			restore()
			harness.Eventually(t, "the instance does not recover", func() error {
				return harness.CountError(valid.read(t, other.Instance), http.StatusOK)
			})
			for _, s := range sessions {
				status := decided(func() int { return s.read(t, other.Instance) })
				harness.WantEqual(t, "a revoked session, after all", status,
					http.StatusUnauthorized)
			}
		})
	}
}

// pause is how long a process is paused: longer than a cached session may be used without a lease.
func pause() time.Duration {
	if os.Getenv(wholeVariable) != "" {
		return 10 * time.Second
	}
	return promised + time.Second
}

// repeat calls do repeatedly until stop.
func repeat(do func()) (stop func()) {
	tick, done := time.NewTicker(50*time.Millisecond), make(chan struct{})
	var group sync.WaitGroup
	group.Go(func() {
		for {
			select {
			case <-tick.C:
				do()
			case <-done:
				return
			}
		}
	})
	return func() {
		close(done)
		group.Wait()
		tick.Stop()
	}
}

func TestRevocation_IsReceivedBehindPgBouncer(t *testing.T) {
	t.Parallel()
	w := harness.NewEmptyWorld(t)
	pooled := startPgBouncer(t, w)
	one := w.Run(t, "DATABASE_URL="+pooled, "MIGRATE_DATABASE_URL="+w.DatabaseURL)
	two := w.Run(t, "DATABASE_URL="+pooled, "MIGRATE_DATABASE_URL="+w.DatabaseURL)
	sessions := seed(t, w, 50)
	copyAll(t, two.Instance, sessions)
	harness.Each(sessions, 4, func(s *seeded) { s.end(t, one.Instance) })
	wantEnded(t, two.Instance, sessions)
}

// wholeVariable makes the race below as large as documented; npm test runs a small one.
const wholeVariable = "SANA_WHOLE_RACES"

// Ten thousand sessions are revoked on two instances while sixty-four clients read them on both.
// The revoking instance refuses a session from its answer on, the other one after two seconds at
// the latest.
func TestRevocation_HoldsUnderConcurrentReads(t *testing.T) {
	t.Parallel()
	count, clients := 400, 16
	if os.Getenv(wholeVariable) != "" {
		count, clients = 10_000, 64
	}
	w := harness.NewWorld(t)
	instances := []*harness.Process{w.Run(t), w.Run(t)}
	sessions := seed(t, w, count)
	var late, here, reads atomic.Int64
	stop := make(chan struct{})
	var readers sync.WaitGroup
	for c := range clients {
		readers.Go(func() {
			for n := c; ; n += 7 {
				select {
				case <-stop:
					return
				default:
				}
				s, at := sessions[n%count], n/7%2
				began, ended := time.Now(), s.ended.Load()
				status := s.read(t, instances[at].Instance)
				reads.Add(1)
				if status != http.StatusOK || ended == nil {
					continue
				}
				if n%count%2 == at {
					here.Add(1)
				}
				if began.Sub(*ended) > promised {
					late.Add(1)
				}
			}
		})
	}
	index := map[*seeded]int{}
	for i, s := range sessions {
		index[s] = i
	}
	harness.Each(sessions, 4, func(s *seeded) { s.end(t, instances[index[s]%2].Instance) })
	harness.Each(sessions, clients, func(s *seeded) {
		<-time.After(time.Until(s.ended.Load().Add(promised)))
		for _, i := range instances {
			status := decided(func() int { return s.read(t, i.Instance) })
			harness.WantEqual(t, "after the promised time", status, http.StatusUnauthorized)
		}
	})
	close(stop)
	readers.Wait()
	t.Logf("%d sessions ended during %d reads", count, reads.Load())
	if late.Load()+here.Load() > 0 {
		t.Errorf("%d reads found a session that had ended more than %s before, %d one that had "+
			"ended at the same instance", late.Load(), promised, here.Load())
	}
}

func TestSignOut_WithoutCacheIsFinalAtOnce(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	here, there := w.Run(t, "SESSION_CACHE=off"), w.Run(t, "SESSION_CACHE=off")
	b := here.Open(t)
	for range 5 {
		b.SignIn(w, "ada@sana.example")
		copied := b.Clone()
		copied.MoveTo(there.Instance)
		copied.Get("/api/auth/session").Want(http.StatusOK)
		b.Post("/api/auth/sign-out", "{}").Want(http.StatusNoContent)
		copied.Get("/api/auth/session").Want(http.StatusUnauthorized, "not_signed_in")
		w.Pass(t, time.Minute)
	}
}
