package session

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"sana/backend/keyring"
	"sana/backend/postgres/postgrestest"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

var limits = Limits{Idle: 24 * time.Hour, MaxAge: 720 * time.Hour}

// subject is a store under the law that both keep.
type subject struct {
	Store
	db   *pgxpool.Pool       // nil for the cookie
	now  func() time.Time    // by the clock that counts
	pass func(time.Duration) // moves that clock on
	use  func(t *testing.T)  // has what was noted of use written down
	set  func(Limits)        // for what is issued from now on
}

// eachStore runs a test of the law for both stores, and for the shared one with its cache.
func eachStore(t *testing.T, test func(t *testing.T, s subject)) {
	t.Helper()
	t.Run("cached", func(t *testing.T) {
		t.Parallel()
		c := newCached(t)
		test(t, subject{
			Store: &twice{cached: c},
			db:    c.db,
			now:   func() time.Time { return databaseNow(t, c.db) },
			pass:  func(d time.Duration) { c.pass(t, d) },
			use:   func(t *testing.T) { c.flush(t.Context()) },
			set:   func(l Limits) { c.limits = l },
		})
	})
	t.Run("shared", func(t *testing.T) {
		t.Parallel()
		store, db := newShared(t)
		test(t, subject{
			Store: store,
			db:    db,
			now:   func() time.Time { return databaseNow(t, db) },
			pass: func(d time.Duration) {
				exec(t, db, `UPDATE sessions SET e = e - extract(epoch FROM $1::interval)::bigint, last_seen_at = last_seen_at - $1::interval, sweep_at = 0`, d)
				exec(t, db, `UPDATE ended_sessions SET ended_at = ended_at - $1::interval`, d)
			},
			use: func(t *testing.T) { store.flush(t.Context()) },
			set: func(l Limits) { store.limits = l },
		})
	})
	t.Run("sealed", func(t *testing.T) {
		t.Parallel()
		store, clock := newSealed(t, "k1:"+secret1)
		test(t, subject{Store: store, now: clock.now, pass: clock.pass, use: func(*testing.T) {}, set: func(l Limits) { store.limits = l }})
	})
}

// isShared reports which of the stores it is, for the few promises that a cookie cannot keep.
func (s subject) isShared() bool { return s.db != nil }

// newShared returns a store on a database of its own, and the pool to look at it and to move its clock.
func newShared(t *testing.T) (*Shared, *pgxpool.Pool) {
	t.Helper()
	url := postgrestest.URL(t)
	store, err := NewShared(t.Context(), postgrestest.Open(t, url), limits, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		t.Fatal(err)
	}
	closeAtEnd(t, store)
	return store, postgrestest.Pool(t, url)
}

func closeAtEnd(t testing.TB, store *Shared) {
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
}

// Two keys of 32 bytes.
const (
	secret1 = "c2FuYS10ZXN0LWtleS1zYW5hLXRlc3Qta2V5LXNhbmEhIQ=="
	secret2 = "YW5vdGhlci10ZXN0LWtleS1hbm90aGVyLXRlc3Qta2V5IQ=="
)

// clock is a server's, seconds since 1970.
type clock struct{ seconds atomic.Int64 }

func (c *clock) now() time.Time           { return time.Unix(c.seconds.Load(), 0) }
func (c *clock) pass(after time.Duration) { c.seconds.Add(int64(after.Seconds())) }

func newSealed(t testing.TB, keys string) (*Sealed, *clock) {
	t.Helper()
	ring, err := keyring.Parse(keys)
	if err != nil {
		t.Fatal(err)
	}
	clock := &clock{}
	clock.seconds.Store(1_800_000_000)
	return NewSealed(ring, "__Host-sana_session", limits, clock.now, nil), clock
}

// databaseNow is the database's time.
func databaseNow(t *testing.T, db *pgxpool.Pool) (now time.Time) {
	t.Helper()
	if err := db.QueryRow(t.Context(), `SELECT now()`).Scan(&now); err != nil {
		t.Fatal(err)
	}
	return now
}

func exec(t *testing.T, db *pgxpool.Pool, sql string, args ...any) {
	t.Helper()
	if _, err := db.Exec(t.Context(), sql, args...); err != nil {
		t.Fatal(err)
	}
}

func (s subject) ada() Session {
	return Session{
		User:      &User{ID: "98e35920-c49e-4131-afc6-ed01d92e7e17", Email: "ada@sana.example", SignedInAt: s.now()},
		UserAgent: "test", IP: "203.0.113.9",
	}
}

func (s subject) pending() *Pending {
	return &Pending{
		ChallengeID: "5c9d4a12-0c8f-4c8b-9d3e-2f6f0b1c7a55", Email: "ada@sana.example",
		Purpose: "sign_in", CodeKind: "digits", CodeLength: 6, SentAt: s.now(),
	}
}

// inTx runs do in a transaction where the store is in a database.
func (s subject) inTx(ctx context.Context, do func(tx pgx.Tx) error) error {
	if s.db == nil {
		return do(nil)
	}
	return pgx.BeginFunc(ctx, s.db, do)
}

func (s subject) issue(t *testing.T, session Session, replaced string) Session {
	t.Helper()
	var issued Session
	err := s.inTx(t.Context(), func(tx pgx.Tx) (err error) {
		issued, err = IssueTx(t.Context(), tx, s, session, replaced)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return issued
}

func (s subject) end(t *testing.T, token string) error {
	t.Helper()
	return s.inTx(t.Context(), func(tx pgx.Tx) error { return s.End(t.Context(), tx, token) })
}

func (s subject) wantNone(t *testing.T, token, why string) {
	t.Helper()
	if got, err := s.Read(t.Context(), token); !errors.Is(err, ErrNone) {
		t.Errorf("%s: got the session %+v and the error %v, want ErrNone", why, got, err)
	}
}

func (s subject) wantEnded(t *testing.T, token string, want Ended, why string) {
	t.Helper()
	_, err := s.Read(t.Context(), token)
	got, ok := errors.AsType[*Ended](err)
	if !ok || !errors.Is(err, ErrNone) {
		t.Errorf("%s: got %v, want ErrNone with the reason %s", why, err, want.Reason)
		return
	}
	if diff := cmp.Diff(want, *got, cmpopts.EquateApproxTime(2*time.Second)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", why, diff)
	}
}

func (s subject) wantSession(t *testing.T, token, why string) Session {
	t.Helper()
	got, err := s.Read(t.Context(), token)
	if err != nil {
		t.Fatalf("%s: %v", why, err)
	}
	return got
}
