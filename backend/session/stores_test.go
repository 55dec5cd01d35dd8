package session

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"sana/backend/keyring"
	"sana/backend/postgres"
	"sana/backend/test/postgrestest"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

var limits = Limits{Idle: 24 * time.Hour, MaxAge: 720 * time.Hour}

// Users of sessions.
const (
	adaID   = "98e35920-c49e-4131-afc6-ed01d92e7e17"
	graceID = "0c6e3bfe-7f06-4a8b-a3c4-d0f5a2d9b111"
)

// subject is a store with the helpers of its tests.
type subject struct {
	Store
	now   func() time.Time    // by the clock that counts for the store
	pass  func(time.Duration) // moves that clock on
	flush func(t *testing.T)  // writes the recorded uses
	// signIn stores a session and returns it. It sets ID, CreatedAt, ExpiresAt, Seed and Token.
	signIn func(t testing.TB, s Session) Session
	// renew replaces the token of a session and returns the session.
	renew func(t testing.TB, s Session) Session
	set   func(Limits) // for sessions that are stored from now on
}

// sharedSubject is a subject whose store is in Postgres.
type sharedSubject struct {
	subject
	shared *Shared
	db     *pgxpool.Pool // the test's own, to look at the database and to move its clock
}

// eachStore runs a test for both stores, and for Shared with its cache.
func eachStore(t *testing.T, test func(t *testing.T, s subject)) {
	t.Helper()
	eachShared(t, func(t *testing.T, s sharedSubject) { test(t, s.subject) })
	t.Run("sealed", func(t *testing.T) {
		t.Parallel()
		s, _ := sealedSubject(t, "k1:"+secret1)
		test(t, s)
	})
}

// eachShared runs a test for Shared with and without its cache.
func eachShared(t *testing.T, test func(t *testing.T, s sharedSubject)) {
	t.Helper()
	t.Run("cached", func(t *testing.T) {
		t.Parallel()
		test(t, newCached(t).twice())
	})
	t.Run("shared", func(t *testing.T) {
		t.Parallel()
		test(t, newShared(t))
	})
}

// newShared returns a store without a cache on a new database.
func newShared(t testing.TB) sharedSubject {
	t.Helper()
	return newSharedOn(t, postgrestest.URL(t))
}

func newSharedOn(t testing.TB, url string) sharedSubject {
	t.Helper()
	store, err := NewShared(t.Context(), postgrestest.Open(t, url), limits,
		slog.New(slog.DiscardHandler), nil)
	if err != nil {
		t.Fatal(err)
	}
	closeAtEnd(t, store)
	return sharedSubjectOf(t, store, postgrestest.Pool(t, url))
}

func closeAtEnd(t testing.TB, store *Shared) {
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
}

func sharedSubjectOf(t testing.TB, store *Shared, db *pgxpool.Pool) sharedSubject {
	return sharedSubject{
		shared: store,
		db:     db,
		subject: subject{
			Store: store,
			now:   func() time.Time { return databaseNow(t, db) },
			pass:  func(d time.Duration) { advanceDatabase(t, db, d) },
			flush: func(t *testing.T) { store.flush(t.Context()) },
			signIn: func(t testing.TB, s Session) Session {
				t.Helper()
				return insertSession(t, db, store.limits, s)
			},
			renew: func(t testing.TB, s Session) Session {
				t.Helper()
				renewed := renewSession(t, db, store.limits, s)
				store.Evict(mustKey(s.Token).text())
				return renewed
			},
			set: func(l Limits) { store.limits = l },
		},
	}
}

// advanceDatabase simulates the passing of time in the database: it moves all stored times back,
// without entries in the revocation log.
func advanceDatabase(t testing.TB, db *pgxpool.Pool, d time.Duration) {
	t.Helper()
	err := pgx.BeginFunc(t.Context(), db, func(tx pgx.Tx) error {
		batch := &pgx.Batch{}
		batch.Queue(`ALTER TABLE sessions DISABLE TRIGGER log_update`)
		batch.Queue(`
			UPDATE sessions
			SET e = e - extract(epoch FROM $1::interval)::bigint,
			    last_used_at = last_used_at - $1::interval,
			    sweep_at = 0`, d)
		batch.Queue(`
			UPDATE replaced_tokens
			SET e = e - extract(epoch FROM $1::interval)::bigint,
			    replaced_at = replaced_at - $1::interval,
			    presented_at = presented_at - $1::interval`, d)
		batch.Queue(`UPDATE ended_sessions SET ended_at = ended_at - $1::interval`, d)
		batch.Queue(`ALTER TABLE sessions ENABLE TRIGGER log_update`)
		return tx.SendBatch(t.Context(), batch).Close()
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Two keys of 32 bytes.
const (
	secret1 = "c2FuYS10ZXN0LWtleS1zYW5hLXRlc3Qta2V5LXNhbmEhIQ=="
	secret2 = "YW5vdGhlci10ZXN0LWtleS1hbm90aGVyLXRlc3Qta2V5IQ=="
)

// clock is the clock of a server, in seconds since 1970.
type clock struct{ seconds atomic.Int64 }

func (c *clock) now() time.Time           { return time.Unix(c.seconds.Load(), 0).UTC() }
func (c *clock) pass(after time.Duration) { c.seconds.Add(int64(after.Seconds())) }

func sealedSubject(t testing.TB, keys string) (subject, *Sealed) {
	t.Helper()
	ring, err := keyring.Parse(keys)
	if err != nil {
		t.Fatal(err)
	}
	clock := &clock{}
	clock.seconds.Store(1_800_000_000)
	store := NewSealed(ring, "__Host-sana_session", limits, clock.now, nil)
	seal := func(t testing.TB, s Session) Session {
		t.Helper()
		sealed, err := store.Seal(s)
		if err != nil {
			t.Fatal(err)
		}
		return sealed
	}
	return subject{
		Store: store,
		now:   clock.now,
		pass:  clock.pass,
		flush: func(*testing.T) {},
		set:   func(l Limits) { store.limits = l },
		signIn: func(t testing.TB, s Session) Session {
			t.Helper()
			s.ID = NewID()
			return seal(t, s)
		},
		renew: func(t testing.TB, s Session) Session {
			t.Helper()
			s.User.SignedInAt, s.ExpiresAt = clock.now(), time.Time{}
			return seal(t, s)
		},
	}, store
}

// databaseNow returns the time of the database.
func databaseNow(t testing.TB, db *pgxpool.Pool) (now time.Time) {
	t.Helper()
	if err := db.QueryRow(t.Context(), `SELECT now()`).Scan(&now); err != nil {
		t.Fatal(err)
	}
	return now
}

func exec(t testing.TB, db *pgxpool.Pool, sql string, args ...any) {
	t.Helper()
	if _, err := db.Exec(t.Context(), sql, args...); err != nil {
		t.Fatal(err)
	}
}

// queryOne returns the only value of a query.
func queryOne[T any](t testing.TB, db *pgxpool.Pool, sql string, args ...any) (value T) {
	t.Helper()
	if err := db.QueryRow(t.Context(), sql, args...).Scan(&value); err != nil {
		t.Fatal(err)
	}
	return value
}

// ada returns a session to sign in with.
func (s subject) ada() Session {
	now := s.now()
	return Session{
		User:      User{ID: adaID, Email: "ada@sana.example", SignedInAt: now},
		CreatedAt: now,
		UserAgent: "Mozilla/5.0 (test)",
		Platform:  "Firefox on Linux",
		IP:        "203.0.113.9",
	}
}

func (s subject) grace() Session {
	session := s.ada()
	session.User.ID, session.User.Email = graceID, "grace@sana.example"
	return session
}

// inTx runs do in a transaction of the test's own pool.
func (s sharedSubject) inTx(t testing.TB, do func(ctx context.Context, tx pgx.Tx) error) error {
	t.Helper()
	return postgres.InTx(t.Context(), s.db, func(tx pgx.Tx) error { return do(t.Context(), tx) })
}

// setLastUse sets the last use of a session to that time ago.
func (s sharedSubject) setLastUse(t testing.TB, session Session, ago time.Duration) {
	t.Helper()
	exec(t, s.db, `UPDATE sessions SET last_used_at = now() - $2::interval WHERE id = $1::uuid`,
		session.ID, ago)
}

// revoke revokes a session by its id.
func (s sharedSubject) revoke(t testing.TB, session Session, why Ended) (found bool) {
	t.Helper()
	err := s.inTx(t, func(ctx context.Context, tx pgx.Tx) (err error) {
		_, found, err = s.shared.Revoke(ctx, tx, session.User.ID, session.ID, why)
		return err
	})
	if err != nil {
		t.Error(err)
	}
	return found
}

func (s sharedSubject) revokeOthers(t testing.TB, userID, except string, why Ended) (n int) {
	t.Helper()
	err := s.inTx(t, func(ctx context.Context, tx pgx.Tx) error {
		revoked, err := s.shared.RevokeOthers(ctx, tx, userID, except, why)
		n = len(revoked)
		return err
	})
	if err != nil {
		t.Error(err)
	}
	return n
}

func (s subject) wantNone(t *testing.T, token, why string) {
	t.Helper()
	if got, err := s.Read(t.Context(), token); !errors.Is(err, ErrNone) {
		t.Errorf("%s: got the session %+v and the error %v, want ErrNone", why, got, err)
	}
}

// wantNoReason fails the test unless a read returns ErrNone without a reason.
func (s subject) wantNoReason(t *testing.T, token, why string) {
	t.Helper()
	got, err := s.Read(t.Context(), token)
	if ended, ok := errors.AsType[*Ended](err); !errors.Is(err, ErrNone) || ok {
		t.Errorf("%s: got the session %+v and the error %v (%v), want ErrNone without a reason",
			why, got, err, ended)
	}
}

// slowness is the maximum time between an action of a test and the comparison of its time. The
// times that tests distinguish differ by hours.
const slowness = time.Minute

func (s subject) wantEnded(t *testing.T, token string, want Ended, why string) {
	t.Helper()
	_, err := s.Read(t.Context(), token)
	got, ok := errors.AsType[*Ended](err)
	if !ok || !errors.Is(err, ErrNone) {
		t.Errorf("%s: got %v, want ErrNone with the reason %s", why, err, want.Reason)
		return
	}
	if diff := cmp.Diff(want, *got, cmpopts.EquateApproxTime(slowness)); diff != "" {
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

// wantSame reads a session and compares it with another one, without the fields of a new token.
func (s subject) wantSame(t *testing.T, want Session, why string) {
	t.Helper()
	got := s.wantSession(t, want.Token, why)
	ignored := cmpopts.IgnoreFields(Session{}, "CookieMaxAge", "Unconfirmed")
	if diff := cmp.Diff(want, got, ignored); diff != "" {
		t.Errorf("%s (-want +read):\n%s", why, diff)
	}
}

// twiceReader reads every session from the database and then from the cache, with a new lease, and
// fails if the two differ.
type twiceReader struct{ *cached }

func (s twiceReader) Read(ctx context.Context, token string) (Session, error) {
	if err := s.poll(ctx); err != nil {
		return Session{}, err
	}
	stored, storedErr := s.shared.Read(ctx, token)
	cached, cachedErr := s.shared.Read(ctx, token)
	diff := cmp.Diff(stored, cached)
	if diff != "" || fmt.Sprint(storedErr) != fmt.Sprint(cachedErr) {
		return Session{}, fmt.Errorf("the cached session differs (-database +cached; %v, %v):\n%s",
			storedErr, cachedErr, diff)
	}
	return cached, cachedErr
}
