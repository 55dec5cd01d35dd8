package session

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sana/backend/observe/metrics"
	"sana/backend/test/postgrestest"

	"github.com/jackc/pgx/v5"
)

// cached is an instance with a cache. Its clock hardly advances, and the test polls the
// revocation log.
type cached struct {
	sharedSubject
	cache    *cache
	listener *revocationListener
	passed   atomic.Int64    // nanoseconds by which the instance's clock has moved
	sources  [2]atomic.Int64 // reads from each metrics.Source

	mu   sync.Mutex // held to poll
	conn *pgx.Conn
}

func newCached(t testing.TB) *cached {
	t.Helper()
	return newCachedOn(t, postgrestest.URL(t))
}

// newCachedOn returns one more instance on a database. It has polled once.
func newCachedOn(t testing.TB, url string) *cached {
	t.Helper()
	store, err := NewCached(t.Context(), postgrestest.Open(t, url), limits,
		1<<20, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		t.Fatal(err)
	}
	closeAtEnd(t, store)

	c := &cached{
		sharedSubject: sharedSubjectOf(t, store, postgrestest.Pool(t, url)),
		cache:         store.cache,
		listener:      store.listener,
	}
	store.onRead = func(from metrics.Source) { c.sources[from].Add(1) }
	start := time.Now()
	c.cache.start = start
	// No two moments are the same, as on a real clock.
	c.cache.now = func() time.Time { return start.Add(time.Duration(c.passed.Add(1))) }
	c.listener.drift = time.Hour // the database's clock goes on
	c.listener.timeout = time.Hour
	c.pass = func(d time.Duration) {
		advanceDatabase(t, c.db, d)
		c.advance(d)
		c.mustPoll(t)
	}
	c.connect(t)
	c.mustPoll(t)
	return c
}

// twice returns the instance as a subject that reads everything twice.
func (c *cached) twice() sharedSubject {
	s := c.sharedSubject
	s.Store = twiceReader{c}
	return s
}

// connect opens a new connection for the listener of the instance.
func (c *cached) connect(t testing.TB) {
	t.Helper()
	conn, err := c.listener.connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	c.conn = conn
}

// mustPoll polls the revocation log once.
func (c *cached) mustPoll(t testing.TB) {
	t.Helper()
	if err := c.poll(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func (c *cached) poll(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.listener.poll(ctx, c.conn)
}

// advance advances the clock of the instance, and the moment of its last poll: time without events.
func (c *cached) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.passed.Add(int64(d))
	c.listener.last.sent = c.listener.last.sent.Add(d)
}

// wantSource reads a session and fails the test unless it came from the source.
func (c *cached) wantSource(t testing.TB, token string, want metrics.Source, why string) {
	t.Helper()
	before := c.reads(want)
	if _, err := c.Read(t.Context(), token); err != nil {
		t.Errorf("%s: %v", why, err)
	}
	if c.reads(want) != before+1 {
		t.Errorf("%s: the session was not read from source %d", why, want)
	}
}

func (c *cached) reads(source metrics.Source) int64 { return c.sources[source].Load() }

// at runs do once, when a read or a fill reaches the point.
func (c *cached) at(point string, do func()) {
	var once sync.Once
	c.cache.reached = func(reached string) {
		if reached == point {
			once.Do(do)
		}
	}
}

// twoInstances returns two instances on one database, and a session that both have cached.
func twoInstances(t *testing.T) (here, there *cached, session Session) {
	t.Helper()
	url := postgrestest.URL(t)
	here, there = newCachedOn(t, url), newCachedOn(t, url)
	return here, there, signInCached(t, here, there)
}

// signInCached returns a new session that all instances have cached.
func signInCached(t *testing.T, instances ...*cached) Session {
	t.Helper()
	session := instances[0].signIn(t, instances[0].ada())
	for _, c := range instances {
		c.mustPoll(t)
		c.wantSource(t, session.Token, metrics.Store, "the first read")
		c.wantSource(t, session.Token, metrics.Cache, "the second read")
	}
	return session
}
