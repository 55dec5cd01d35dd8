package session

import (
	"context"
	"encoding/base64"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"sana/backend/fault"
	"sana/backend/postgres/postgrestest"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

var limits = Limits{Idle: 24 * time.Hour, MaxAge: 720 * time.Hour}

// newStore returns a store on a database of its own, and the pool to look at it and to move its clock.
func newStore(t *testing.T) (*Shared, *pgxpool.Pool) {
	t.Helper()
	url := postgrestest.URL(t)
	own, err := pgxpool.New(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	store, err := NewShared(t.Context(), own, limits, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return store, postgrestest.Pool(t, url)
}

// now is the database's time.
func now(t *testing.T, db *pgxpool.Pool) (now time.Time) {
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

func ada(t *testing.T, db *pgxpool.Pool) Session {
	t.Helper()
	return Session{
		User:      &User{ID: "98e35920-c49e-4131-afc6-ed01d92e7e17", Email: "ada@sana.example", SignedInAt: now(t, db)},
		UserAgent: "test", IP: "203.0.113.9",
	}
}

func issue(t *testing.T, store *Shared, s Session) (string, Session) {
	t.Helper()
	token, issued, err := store.Issue(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	return token, issued
}

func wantNone(t *testing.T, store *Shared, token, why string) {
	t.Helper()
	if got, err := store.Read(t.Context(), token); !errors.Is(err, ErrNone) {
		t.Errorf("%s: got the session %+v and the error %v, want ErrNone", why, got, err)
	}
}

func wantSession(t *testing.T, store *Shared, token, why string) Session {
	t.Helper()
	got, err := store.Read(t.Context(), token)
	if err != nil {
		t.Fatalf("%s: %v", why, err)
	}
	return got
}

func TestWhatIsIssuedIsRead(t *testing.T) {
	t.Parallel()
	store, db := newStore(t)
	token, issued := issue(t, store, ada(t, db))
	got := wantSession(t, store, token, "just issued")
	if diff := cmp.Diff(issued, got); diff != "" {
		t.Errorf("(-issued +read):\n%s", diff)
	}
	if got.Age() != limits.MaxAge || len(token) != 43 || len(got.ID) != 32 {
		t.Errorf("got age %s, a token of %d characters and the id %q", got.Age(), len(token), got.ID)
	}
	var user string
	if err := db.QueryRow(t.Context(), `SELECT user_id::text FROM sessions`).Scan(&user); err != nil || user != got.User.ID {
		t.Errorf("the row's user is %q (%v), want %q", user, err, got.User.ID)
	}
}

// ASVS 5.0, 7.2.3: tokens are 256 random bits, none twice.
func TestTokensAreRandom(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for range 10_000 {
		token := newToken()
		raw, err := base64.RawURLEncoding.DecodeString(token)
		if err != nil || len(raw) != 32 || seen[token] {
			t.Fatalf("the token %q is not new or not 32 bytes (%v)", token, err)
		}
		seen[token] = true
	}
}

func TestASessionEndsWhenItIsIdleByTheDatabasesClock(t *testing.T) {
	t.Parallel()
	store, db := newStore(t)
	token, _ := issue(t, store, ada(t, db))
	exec(t, db, `UPDATE sessions SET last_seen_at = now() - interval '24 hours' + interval '30 seconds'`)
	wantSession(t, store, token, "30 seconds before the idle timeout")
	exec(t, db, `UPDATE sessions SET last_seen_at = now() - interval '24 hours'`)
	wantNone(t, store, token, "at the idle timeout")
}

func TestASessionEndsAtItsAbsoluteAgeHoweverItIsUsed(t *testing.T) {
	t.Parallel()
	store, db := newStore(t)
	token, issued := issue(t, store, ada(t, db))
	var end int64
	if err := db.QueryRow(t.Context(), `SELECT e FROM sessions`).Scan(&end); err != nil || end != issued.ExpiresAt.Unix() {
		t.Errorf("the row ends at %d (%v), want %d", end, err, issued.ExpiresAt.Unix())
	}
	exec(t, db, `UPDATE sessions SET e = extract(epoch FROM now())::bigint + 30`)
	wantSession(t, store, token, "30 seconds before the end")
	exec(t, db, `UPDATE sessions SET e = extract(epoch FROM now())::bigint - 1, last_seen_at = now()`)
	wantNone(t, store, token, "after the end")
}

// The storage package decides by the application's clock where a row has an expiry: it must never see one.
func TestNoApplicationClockHasASay(t *testing.T) {
	t.Parallel()
	store, db := newStore(t)
	issue(t, store, ada(t, db))
	var e int64
	if err := db.QueryRow(t.Context(), `SELECT e FROM live_sessions`).Scan(&e); err != nil || e != 0 {
		t.Errorf("the storage package sees the expiry %d (%v), want 0", e, err)
	}
}

func TestAPendingSignInLivesOneHourAndASignedInPersonsNoLongerThanBefore(t *testing.T) {
	t.Parallel()
	store, db := newStore(t)
	pending := &Pending{ChallengeID: "c", Email: "ada@sana.example", Purpose: "sign_in", CodeLength: 6, SentAt: now(t, db)}
	_, waiting := issue(t, store, Session{Pending: pending})
	if want := pending.SentAt.Add(time.Hour); !waiting.ExpiresAt.Equal(want) {
		t.Errorf("the pending sign-in ends at %s, want %s", waiting.ExpiresAt, want)
	}
	user := ada(t, db).User
	user.SignedInAt = user.SignedInAt.Add(-100 * time.Hour)
	_, both := issue(t, store, Session{User: user, Pending: pending})
	if want := user.SignedInAt.Add(limits.MaxAge); !both.ExpiresAt.Equal(want) {
		t.Errorf("the signed-in session ends at %s, want %s", both.ExpiresAt, want)
	}
}

// The storage package alone cannot do this: a session that exists if and only if its transaction commits.
func TestASessionOfATransactionThatRollsBackDoesNotExist(t *testing.T) {
	t.Parallel()
	store, db := newStore(t)
	var token string
	rolledBack := errors.New("roll back")
	err := pgx.BeginFunc(t.Context(), db, func(tx pgx.Tx) (err error) {
		if token, _, err = store.IssueTx(t.Context(), tx, ada(t, db)); err != nil {
			return err
		}
		return rolledBack
	})
	if !errors.Is(err, rolledBack) {
		t.Fatal(err)
	}
	wantNone(t, store, token, "rolled back")
}

func TestAnEndedSessionStaysEndedWhateverWasStillUnderWay(t *testing.T) {
	t.Parallel()
	store, db := newStore(t)
	token, _ := issue(t, store, ada(t, db))
	wantSession(t, store, token, "just issued") // leaves a touch to be written
	exec(t, db, `UPDATE sessions SET last_seen_at = now() - interval '1 hour'`)
	if err := store.End(t.Context(), token); err != nil {
		t.Fatal(err)
	}
	store.flush(t.Context())
	wantNone(t, store, token, "ended, then touched (A-16)")
	if err := store.End(t.Context(), token); err != nil {
		t.Errorf("ending it again: %v", err)
	}
}

func TestATouchKeepsAUsedSessionAliveButNeverRevivesOne(t *testing.T) {
	t.Parallel()
	store, db := newStore(t)
	used, _ := issue(t, store, ada(t, db))
	wantSession(t, store, used, "just issued")
	exec(t, db, `UPDATE sessions SET last_seen_at = now() - interval '23 hours'`)
	store.flush(t.Context())
	exec(t, db, `UPDATE sessions SET last_seen_at = last_seen_at - interval '2 hours'`)
	wantSession(t, store, used, "used within the day")

	exec(t, db, `UPDATE sessions SET last_seen_at = now() - interval '25 hours'`) // idle, with a touch still to be written
	store.flush(t.Context())
	wantNone(t, store, used, "idle before the touch was written")
}

func TestASessionIsTouchedAtMostOnceAMinute(t *testing.T) {
	t.Parallel()
	store, db := newStore(t)
	token, _ := issue(t, store, ada(t, db))
	touched := func() bool {
		t.Helper()
		wantSession(t, store, token, "in use")
		var before, after string
		if err := db.QueryRow(t.Context(), `SELECT xmin::text FROM sessions`).Scan(&before); err != nil {
			t.Fatal(err)
		}
		store.flush(t.Context())
		if err := db.QueryRow(t.Context(), `SELECT xmin::text FROM sessions`).Scan(&after); err != nil {
			t.Fatal(err)
		}
		return before != after
	}
	if touched() {
		t.Error("a session seen just now was written")
	}
	exec(t, db, `UPDATE sessions SET last_seen_at = now() - interval '61 seconds'`)
	if !touched() {
		t.Error("a session not seen for a minute was not written")
	}
	if touched() {
		t.Error("it was written again at once")
	}
}

func TestWhatWasSeenIsWrittenBeforeTheStoreStops(t *testing.T) {
	t.Parallel()
	store, db := newStore(t)
	token, _ := issue(t, store, ada(t, db))
	exec(t, db, `UPDATE sessions SET last_seen_at = now() - interval '1 hour'`)
	wantSession(t, store, token, "in use")
	ctx, stop := context.WithCancel(t.Context())
	stop()
	store.Run(ctx)
	var recent bool
	if err := db.QueryRow(t.Context(), `SELECT last_seen_at > now() - interval '1 minute' FROM sessions`).Scan(&recent); err != nil || !recent {
		t.Errorf("last_seen_at was not moved (%v)", err)
	}
}

func TestAStoreThatIsAwayIsNotNobody(t *testing.T) {
	t.Parallel()
	store, db := newStore(t)
	token, _ := issue(t, store, ada(t, db))
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := store.Read(gone, token); errors.Is(err, ErrNone) || !fault.Is(err, fault.Unavailable) {
		t.Errorf("reading: got %v, want unavailable", err)
	}
	if err := store.End(gone, token); !fault.Is(err, fault.Unavailable) {
		t.Errorf("ending: got %v, want unavailable", err)
	}
	if _, _, err := store.Issue(gone, ada(t, db)); !fault.Is(err, fault.Unavailable) {
		t.Errorf("issuing: got %v, want unavailable", err)
	}
	wantSession(t, store, token, "the store is back")
}

func FuzzNothingButAnIssuedTokenLeadsAnywhere(f *testing.F) {
	for _, seed := range []string{"", "x", strings.Repeat("A", 43), strings.Repeat("A", 44), strings.Repeat("_", 43), "AAAA=", "\x00\xff", newToken()} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, token string) {
		key, ok := tokenKey(token)
		raw, err := base64.RawURLEncoding.DecodeString(token)
		if wellFormed := err == nil && len(raw) == 32 && base64.RawURLEncoding.EncodeToString(raw) == token; ok != wellFormed {
			t.Errorf("%q: accepted %v, well-formed %v", token, ok, wellFormed)
		}
		if ok && (len(key) != 64 || strings.Contains(key, token)) {
			t.Errorf("%q has the key %q", token, key)
		}
	})
}

func FuzzAUserAgentIsStoredPrintable(f *testing.F) {
	for _, seed := range []string{"", "Mozilla/5.0", "\x00\xff\xfe", strings.Repeat("ü", 300), "a\r\nb\x1b[31m"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, agent string) {
		got := printable(agent, 256)
		if len(got) > 256 || strings.ContainsAny(got, "\x00\r\n\x1b") || got != strings.ToValidUTF8(got, "") || printable(got, 256) != got {
			t.Errorf("%q becomes %q", agent, got)
		}
	})
}
