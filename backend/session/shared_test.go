package session

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"sana/backend/fault"

	"github.com/jackc/pgx/v5"
)

// The storage package compares an expiry with the application's clock: it must never see one.
func TestShared_StoragePackageSeesNoExpiry(t *testing.T) {
	t.Parallel()
	s := newShared(t)
	s.signIn(t, s.ada())
	seen := queryOne[[]int64](t, s.db, `SELECT array_agg(e) FROM live_sessions`)
	if len(seen) != 1 || seen[0] != 0 {
		t.Errorf("the storage package sees the expiries %v, want 0 for the session", seen)
	}
}

func TestShared_TableHoldsNoToken(t *testing.T) {
	t.Parallel()
	s := newShared(t)
	first := s.signIn(t, s.ada())
	second := s.renew(t, first)
	rows := queryOne[string](t, s.db, `
		SELECT string_agg(line, ' ')
		FROM (SELECT sessions::text AS line FROM sessions
		      UNION ALL SELECT replaced_tokens::text FROM replaced_tokens) AS lines`)
	for _, token := range []string{first.Token, second.Token} {
		if strings.Contains(rows, token) {
			t.Error("a row holds a token")
		}
	}
}

func TestUse_TouchNeverRevivesSession(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(t *testing.T, s sharedSubject, session Session){
		"revoked (A-16)": func(t *testing.T, s sharedSubject, session Session) {
			exec(t, s.db, `UPDATE sessions SET last_used_at = now() - interval '1 hour'`)
			s.revoke(t, session, Ended{Reason: SignedOut})
		},
		"idle": func(t *testing.T, s sharedSubject, _ Session) {
			exec(t, s.db, `UPDATE sessions SET last_used_at = now() - interval '25 hours'`)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newShared(t)
			session := s.signIn(t, s.ada())
			s.wantSession(t, session.Token, "signed in") // its use is to be written
			end(t, s, session)
			s.flush(t)
			s.wantNone(t, session.Token, "revoked before its use was written")
		})
	}
}

func TestUse_IsWrittenOnceAMinute(t *testing.T) {
	t.Parallel()
	s := newShared(t)
	token := s.signIn(t, s.ada()).Token
	isWritten := func() bool {
		t.Helper()
		s.wantSession(t, token, "in use")
		before := queryOne[string](t, s.db, `SELECT xmin::text FROM sessions`)
		s.flush(t)
		return before != queryOne[string](t, s.db, `SELECT xmin::text FROM sessions`)
	}
	if isWritten() {
		t.Error("the use of a new session was written")
	}
	exec(t, s.db, `UPDATE sessions SET last_used_at = now() - interval '61 seconds'`)
	if !isWritten() {
		t.Error("a use after a minute was not written")
	}
	if isWritten() {
		t.Error("a use was written again at once")
	}
	exec(t, s.db, `UPDATE sessions SET last_used_at = now() + interval '61 seconds'`)
	s.flush(t) // of the read before
	exec(t, s.db, `UPDATE sessions SET last_used_at = now() + interval '61 seconds'`)
	if !isWritten() {
		t.Error("a use after the clock was set back was not written")
	}
}

func TestUse_IsWrittenWhenRunEnds(t *testing.T) {
	t.Parallel()
	s := newShared(t)
	token := s.signIn(t, s.ada()).Token
	exec(t, s.db, `UPDATE sessions SET last_used_at = now() - interval '1 hour'`)
	s.wantSession(t, token, "in use")
	ctx, stop := context.WithCancel(t.Context())
	stop()
	s.shared.Run(ctx)
	if !queryOne[bool](t, s.db, `SELECT last_used_at > now() - interval '1 minute' FROM sessions`) {
		t.Error("the use was not written")
	}
}

// With an index on last_used_at each touch would write all indexes and leave a dead entry in each.
func TestUse_IsInNoIndex(t *testing.T) {
	t.Parallel()
	s := newShared(t)
	indexes := queryOne[int](t, s.db, `
		SELECT count(*)
		FROM pg_index
		WHERE indrelid = 'sessions'::regclass
		  AND pg_get_indexdef(indexrelid) LIKE '%last_used_at%'`)
	if indexes != 0 {
		t.Errorf("%d indexes have last_used_at, want none", indexes)
	}
}

func TestShared_UnavailableIsNotNone(t *testing.T) {
	t.Parallel()
	s := newShared(t)
	session := s.signIn(t, s.ada())
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()

	failed := map[string]error{}
	_, failed["Read"] = s.Read(cancelled, session.Token)
	_, failed["List"] = s.shared.List(cancelled, adaID)
	_, failed["ListEnded"] = s.shared.ListEnded(cancelled, adaID)
	_, failed["Owner"] = s.shared.Owner(cancelled, session.ID)
	_, _, failed["FindByToken"] = s.shared.FindByToken(cancelled, s.db, session.Token)
	_, failed["Sweep"] = s.shared.Sweep(cancelled)
	for name, use := range map[string]func(tx pgx.Tx) error{
		"Revoke": func(tx pgx.Tx) error {
			_, _, err := s.shared.Revoke(cancelled, tx, adaID, session.ID, Ended{})
			return err
		},
		"RevokeOthers": func(tx pgx.Tx) error {
			_, err := s.shared.RevokeOthers(cancelled, tx, adaID, "", Ended{})
			return err
		},
		"RevokeBatch": func(tx pgx.Tx) error {
			_, err := s.shared.RevokeBatch(cancelled, tx, Ended{})
			return err
		},
		"SetEmail": func(tx pgx.Tx) error {
			return s.shared.SetEmail(cancelled, tx, adaID, session.ID, "lovelace@sana.example")
		},
	} {
		failed[name] = s.inTx(t, func(_ context.Context, tx pgx.Tx) error { return use(tx) })
	}

	for name, err := range failed {
		if !fault.Is(err, fault.Unavailable) || errors.Is(err, ErrNone) {
			t.Errorf("%s: got %v, want unavailable", name, err)
		}
	}
	s.wantSession(t, session.Token, "available again")
}

func TestShared_LogsNoKey(t *testing.T) {
	t.Parallel()
	s := newShared(t)
	var log strings.Builder
	s.shared.log = slog.New(slog.NewTextHandler(&log, nil))
	session := s.renew(t, s.signIn(t, s.ada()))
	k := mustKey(session.Token)
	s.shared.recordUse(k, session.ID, nil)
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	s.shared.flush(cancelled)
	s.shared.confirm(cancelled, k, &session)

	text := log.String()
	for _, want := range []string{"session use not recorded", "session token not confirmed"} {
		if !strings.Contains(text, want) {
			t.Errorf("the log says %q, want it to say %q", text, want)
		}
	}
	if strings.Contains(text, k.text()) || strings.Contains(text, session.Token) {
		t.Errorf("the log says %q", text)
	}
}

// A cached session records its use again only after a flush has written the last one. So the flush
// must contain it, even after an uncached read of the same session.
func TestUse_UncachedReadKeepsCachedUse(t *testing.T) {
	t.Parallel()
	here, _, session := twoInstances(t)
	for range 2 {
		here.pass(2 * time.Minute)
		here.wantSession(t, session.Token, "from the cache")
		here.cache.lease.Store(nil)
		here.wantSession(t, session.Token, "from the database")
		if n := len(here.shared.inUse); n != 1 {
			t.Errorf("%d uses are recorded, want 1", n)
		}
		here.flush(t)
		here.mustPoll(t)
		if ago := here.now().Sub(lastUse(t, here.sharedSubject, session)); ago > time.Minute {
			t.Errorf("the use was written %s ago", ago)
		}
	}
	here.pass(2 * time.Minute)
	here.wantSession(t, session.Token, "from the cache")
	if len(here.shared.inUse) != 1 {
		t.Error("the cached session does not record its use any more")
	}
}

func lastUse(t *testing.T, s sharedSubject, session Session) time.Time {
	t.Helper()
	return queryOne[time.Time](t, s.db,
		`SELECT last_used_at FROM sessions WHERE id = $1::uuid`, session.ID)
}
