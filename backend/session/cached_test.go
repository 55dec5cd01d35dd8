package session

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sana/backend/metrics"
	"sana/backend/postgres"
	"sana/backend/postgres/postgrestest"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// cached is an instance with a cache. Its clock stands still, and it hears of endings when the test says so.
type cached struct {
	*Shared
	db      *pgxpool.Pool   // to look at the database, and to move its clock
	passed  atomic.Int64    // nanoseconds by which the instance's clock has gone on
	sources [2]atomic.Int64 // reads from each metrics.Source

	mu   sync.Mutex // held to hear
	conn *pgx.Conn
}

func newCached(t testing.TB) *cached {
	t.Helper()
	return newCachedOn(t, postgrestest.URL(t))
}

// newCachedOn returns one more instance on a database. It has heard once.
func newCachedOn(t testing.TB, url string) *cached {
	t.Helper()
	own := postgrestest.Open(t, url)
	c := &cached{db: postgrestest.Pool(t, url)}
	var err error
	c.Shared, err = NewCached(t.Context(), own, limits, CacheOptions{Bytes: 1 << 20}, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		t.Fatal(err)
	}
	closeAtEnd(t, c.Shared)
	c.onRead = func(from metrics.Source) { c.sources[from].Add(1) }
	start := time.Now()
	c.cache.now = func() time.Time { return start.Add(time.Duration(c.passed.Load())) }
	c.follower.drift = time.Hour // the database's clock goes on
	c.follower.askFor = time.Hour
	c.connect(t)
	c.hear(t)
	return c
}

// connect gives the instance a new connection to hear by.
func (c *cached) connect(t testing.TB) {
	t.Helper()
	conn, err := c.follower.connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	c.conn = conn
}

// inTx runs do in a transaction of the database's own pool.
func (c *cached) inTx(t testing.TB, do func(tx pgx.Tx) error) error {
	t.Helper()
	return postgres.InTx(t.Context(), c.db, do)
}

func (c *cached) signOut(t testing.TB, token string) error {
	t.Helper()
	return c.inTx(t, func(tx pgx.Tx) error { return c.End(t.Context(), tx, token) })
}

// hear asks the log of endings once.
func (c *cached) hear(t testing.TB) {
	t.Helper()
	if err := c.ask(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func (c *cached) ask(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.follower.ask(ctx, c.conn)
}

// pass moves the clocks of the database and of the instance on, without a word in the log of endings.
func (c *cached) pass(t testing.TB, d time.Duration) {
	t.Helper()
	err := pgx.BeginFunc(t.Context(), c.db, func(tx pgx.Tx) error {
		batch := &pgx.Batch{}
		batch.Queue(`ALTER TABLE sessions DISABLE TRIGGER log_change`)
		batch.Queue(`UPDATE sessions SET e = e - extract(epoch FROM $1::interval)::bigint, last_seen_at = last_seen_at - $1::interval, sweep_at = 0`, d)
		batch.Queue(`UPDATE ended_sessions SET ended_at = ended_at - $1::interval`, d)
		batch.Queue(`ALTER TABLE sessions ENABLE TRIGGER log_change`)
		return tx.SendBatch(t.Context(), batch).Close()
	})
	if err != nil {
		t.Fatal(err)
	}
	c.passHere(d)
	c.hear(t)
}

// passHere moves the instance's clock on, and when it has heard last: time passes in which nothing happens.
func (c *cached) passHere(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.passed.Add(int64(d))
	c.follower.last.began = c.follower.last.began.Add(d)
}

// wantSource reads a session and fails the test unless it came from there.
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

// subject is the instance without a word about its cache.
func (c *cached) subject(t *testing.T) subject {
	return subject{Store: c.Shared, db: c.db, now: func() time.Time { return databaseNow(t, c.db) }}
}

// twice reads every session from the database and then from its copy, with a fresh proof, and wants the same both times.
type twice struct{ *cached }

func (s *twice) Read(ctx context.Context, token string) (Session, error) {
	if err := s.ask(ctx); err != nil {
		return Session{}, err
	}
	first, firstErr := s.Shared.Read(ctx, token)
	second, secondErr := s.Shared.Read(ctx, token)
	if diff := cmp.Diff(first, second); diff != "" || fmt.Sprint(firstErr) != fmt.Sprint(secondErr) {
		return Session{}, fmt.Errorf("the copy is another session (-database +copy; %v, %v):\n%s", firstErr, secondErr, diff)
	}
	return second, secondErr
}
