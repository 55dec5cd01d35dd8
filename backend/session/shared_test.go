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

	"github.com/jackc/pgx/v5"
)

// newSubject is a shared store alone.
func newSubject(t *testing.T) (subject, *Shared) {
	t.Helper()
	store, db := newShared(t)
	return subject{Store: store, db: db, now: func() time.Time { return databaseNow(t, db) }}, store
}

func TestTheTableKnowsWhoseASessionIsAndWhatItIsCalledButNotItsToken(t *testing.T) {
	t.Parallel()
	s, _ := newSubject(t)
	issued := s.issue(t, s.ada(), "")
	var user, id, row string
	err := s.db.QueryRow(t.Context(), `SELECT user_id::text, replace(id::text, '-', ''), sessions::text FROM sessions`).Scan(&user, &id, &row)
	if err != nil || user != issued.User.ID || id != issued.ID {
		t.Errorf("the row's user is %q and its id %q (%v), want %q and %q", user, id, err, issued.User.ID, issued.ID)
	}
	if strings.Contains(row, issued.Token) {
		t.Error("the row holds the token")
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

// The storage package decides by the application's clock where a row has an expiry: it must never see one.
func TestNoApplicationClockHasASay(t *testing.T) {
	t.Parallel()
	s, _ := newSubject(t)
	s.issue(t, s.ada(), "")
	var e int64
	if err := s.db.QueryRow(t.Context(), `SELECT e FROM live_sessions`).Scan(&e); err != nil || e != 0 {
		t.Errorf("the storage package sees the expiry %d (%v), want 0", e, err)
	}
}

// The storage package alone cannot do this: a session that exists, and one that does not any more, if and only if the
// transaction commits.
func TestATransactionThatRollsBackIssuesAndReplacesNothing(t *testing.T) {
	t.Parallel()
	s, _ := newSubject(t)
	old := s.issue(t, s.ada(), "")
	var issued Session
	rolledBack := errors.New("roll back")
	err := s.inTx(t.Context(), func(tx pgx.Tx) (err error) {
		if issued, err = IssueTx(t.Context(), tx, s, s.ada(), old.Token); err != nil {
			return err
		}
		return rolledBack
	})
	if !errors.Is(err, rolledBack) {
		t.Fatal(err)
	}
	s.wantNone(t, issued.Token, "rolled back")
	s.wantSession(t, old.Token, "not replaced")
}

func TestAnEndedSessionStaysEndedWhateverWasStillUnderWay(t *testing.T) {
	t.Parallel()
	s, store := newSubject(t)
	token := s.issue(t, s.ada(), "").Token
	s.wantSession(t, token, "just issued") // leaves a touch to be written
	exec(t, s.db, `UPDATE sessions SET last_seen_at = now() - interval '1 hour'`)
	if err := s.end(t, token); err != nil {
		t.Fatal(err)
	}
	store.flush(t.Context())
	s.wantNone(t, token, "ended, then touched (A-16)")
}

func TestATouchNeverRevivesASession(t *testing.T) {
	t.Parallel()
	s, store := newSubject(t)
	token := s.issue(t, s.ada(), "").Token
	s.wantSession(t, token, "just issued") // leaves a touch to be written
	exec(t, s.db, `UPDATE sessions SET last_seen_at = now() - interval '25 hours'`)
	store.flush(t.Context())
	s.wantNone(t, token, "idle before the touch was written")
}

func TestASessionIsTouchedAtMostOnceAMinute(t *testing.T) {
	t.Parallel()
	s, store := newSubject(t)
	token := s.issue(t, s.ada(), "").Token
	touched := func() bool {
		t.Helper()
		s.wantSession(t, token, "in use")
		var before, after string
		if err := s.db.QueryRow(t.Context(), `SELECT xmin::text FROM sessions`).Scan(&before); err != nil {
			t.Fatal(err)
		}
		store.flush(t.Context())
		if err := s.db.QueryRow(t.Context(), `SELECT xmin::text FROM sessions`).Scan(&after); err != nil {
			t.Fatal(err)
		}
		return before != after
	}
	if touched() {
		t.Error("a session seen just now was written")
	}
	exec(t, s.db, `UPDATE sessions SET last_seen_at = now() - interval '61 seconds'`)
	if !touched() {
		t.Error("a session not seen for a minute was not written")
	}
	if touched() {
		t.Error("it was written again at once")
	}
}

func TestWhatWasSeenIsWrittenBeforeTheStoreStops(t *testing.T) {
	t.Parallel()
	s, store := newSubject(t)
	token := s.issue(t, s.ada(), "").Token
	exec(t, s.db, `UPDATE sessions SET last_seen_at = now() - interval '1 hour'`)
	s.wantSession(t, token, "in use")
	ctx, stop := context.WithCancel(t.Context())
	stop()
	store.Run(ctx)
	var recent bool
	if err := s.db.QueryRow(t.Context(), `SELECT last_seen_at > now() - interval '1 minute' FROM sessions`).Scan(&recent); err != nil || !recent {
		t.Errorf("last_seen_at was not moved (%v)", err)
	}
}

func TestAStoreThatIsAwayIsNotNobody(t *testing.T) {
	t.Parallel()
	s, store := newSubject(t)
	token := s.issue(t, s.ada(), "").Token
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	_, read := s.Read(gone, token)
	_, list := store.List(gone, s.ada().User.ID)
	ended := s.inTx(t.Context(), func(tx pgx.Tx) error { return s.End(gone, tx, token) })
	one := s.inTx(t.Context(), func(tx pgx.Tx) error {
		_, _, err := store.EndOne(gone, tx, s.ada().User.ID, strings.Repeat("0", 32), Ended{})
		return err
	})
	_, sweep := store.Sweep(gone)
	issue := s.inTx(t.Context(), func(tx pgx.Tx) error {
		_, err := IssueTx(gone, tx, s, s.ada(), "")
		return err
	})
	for what, err := range map[string]error{
		"reading": read, "ending": ended, "issuing": issue, "listing": list, "ending by id": one, "sweeping": sweep,
	} {
		if !fault.Is(err, fault.Unavailable) || errors.Is(err, ErrNone) {
			t.Errorf("%s: got %v, want unavailable", what, err)
		}
	}
	s.wantSession(t, token, "the store is back")
}

func TestWhatTheStoreLogsIsNoToken(t *testing.T) {
	t.Parallel()
	store, _ := newShared(t)
	var log strings.Builder
	store.log = slog.New(slog.NewTextHandler(&log, nil))
	store.note(key{}, nil)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	store.flush(gone)
	if text := log.String(); !strings.Contains(text, "sessions in use were not noted") || strings.Contains(text, key{}.text()) {
		t.Errorf("the log says %q", text)
	}
}

func FuzzNothingButAnIssuedTokenLeadsAnywhere(f *testing.F) {
	for _, seed := range []string{"", "x", strings.Repeat("A", 43), strings.Repeat("A", 44), strings.Repeat("_", 43), "AAAA=", "\x00\xff", newToken()} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, token string) {
		k, ok := tokenKey(token)
		raw, err := base64.RawURLEncoding.DecodeString(token)
		if wellFormed := err == nil && len(raw) == 32 && base64.RawURLEncoding.EncodeToString(raw) == token; ok != wellFormed {
			t.Errorf("%q: accepted %v, well-formed %v", token, ok, wellFormed)
		}
		if key := k.text(); ok && (len(key) != 64 || strings.Contains(key, token)) {
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
