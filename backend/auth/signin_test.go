package auth

import (
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"sana/backend/account"
	"sana/backend/apps"
	"sana/backend/challenge"
	"sana/backend/keyring"
	"sana/backend/outbox"
	"sana/backend/session"
	"sana/backend/test/postgrestest"
	"sana/backend/throttle"
	"sana/backend/visitor"

	"github.com/jackc/pgx/v5/pgxpool"
)

const ada = "ada@sana.example"

// newService returns the use cases of one instance, without a worker that sends its mails.
func newService(t testing.TB, url string) (*Service, *pgxpool.Pool) {
	t.Helper()
	db := postgrestest.Open(t, url) // closed by the store
	ring, err := keyring.Parse("k1:c2FuYS10ZXN0LWtleS1zYW5hLXRlc3Qta2V5LXNhbmEhIQ==")
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	limits := session.Limits{Idle: 24 * time.Hour, MaxAge: 720 * time.Hour}
	shared, err := session.NewShared(t.Context(), db, limits, log, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = shared.Close() })
	return New(Parts{
		DB: db, Keys: ring, Accounts: account.New(db), Shared: shared,
		Limits: throttle.New(db, ring, throttle.Options{Generous: true}, log),
		Outbox: outbox.New(db, nil, outbox.Options{Log: log}),
	}, Settings{CodeLength: 6, SignUp: SignUp{Open: true}}), db
}

// codeFor requests a code for ada in a new browser.
func codeFor(t testing.TB, s *Service, v visitor.Visitor) string {
	t.Helper()
	request, err := s.RequestCode(t.Context(), v, session.Session{}, ada, apps.Arrival{})
	if err != nil || request.Code.ID == "" {
		t.Fatalf("got %+v (%v)", request, err)
	}
	return challenge.Code(s.Keys.Current(), request.Code)
}

func newVisitor(platform string) visitor.Visitor {
	return visitor.Visitor{Browser: visitor.NewBrowser(), Platform: platform, IP: "192.0.2.1"}
}

func count(t testing.TB, db *pgxpool.Pool, sql string, args ...any) (n int) {
	t.Helper()
	if err := db.QueryRow(t.Context(), sql, args...).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// awaitLock returns when a statement waits for a lock.
func awaitLock(t *testing.T, db *pgxpool.Pool) {
	t.Helper()
	postgrestest.Eventually(t, "no statement waits for a lock", func() error {
		waiting := count(t, db, `
			SELECT count(*)
			FROM pg_stat_activity
			WHERE datname = current_database()
			  AND wait_event_type = 'Lock'`)
		if waiting == 0 {
			return errors.New("none")
		}
		return nil
	})
}

func TestSignIn_KeepsTenSessionsAndRevokesTheOldest(t *testing.T) {
	t.Parallel()
	s, db := newService(t, postgrestest.URL(t))
	var ids []string
	for i := range session.MaxPerUser + 3 {
		v := newVisitor(fmt.Sprint("Firefox on Linux ", i))
		in, err := s.VerifyCode(t.Context(), v, session.Session{}, ada, codeFor(t, s, v))
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, in.Session.ID)
		// Waits a second, because expiries are whole seconds.
		if _, err := db.Exec(t.Context(), `UPDATE sessions SET e = e - 1`); err != nil {
			t.Fatal(err)
		}
	}
	for i, id := range ids {
		valid := count(t, db, `SELECT count(*) FROM sessions WHERE id = $1::text::uuid`, id)
		reason := count(t, db, `
			SELECT count(*)
			FROM ended_sessions
			WHERE id = $1::text::uuid
			  AND reason = 'too_many_sessions'`,
			id)
		if isOldest := i < 3; (valid == 0) != isOldest || (reason == 1) != isOldest {
			t.Errorf("session %d: %d rows and %d reasons", i, valid, reason)
		}
	}
	if n := count(t, db,
		`SELECT count(*) FROM account_events WHERE kind = 'session_ended'`); n != 3 {
		t.Errorf("got %d events of ended sessions, want 3", n)
	}
}

// A sign-in whose event cannot be written writes nothing, and its code stays valid.
func TestSignIn_IsAtomic(t *testing.T) {
	t.Parallel()
	s, db := newService(t, postgrestest.URL(t))
	v := newVisitor("Firefox on Linux")
	code := codeFor(t, s, v)
	for _, sql := range []string{
		`CREATE FUNCTION spoil() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'spoilt'; END $$`,
		`CREATE TRIGGER spoil BEFORE INSERT ON account_events FOR EACH ROW EXECUTE FUNCTION spoil()`,
	} {
		if _, err := db.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.VerifyCode(t.Context(), v, session.Session{}, ada, code); err == nil {
		t.Fatal("a sign-in without its event succeeded")
	}
	for _, table := range []string{"users", "sessions", "account_events",
		"challenges WHERE consumed_at IS NOT NULL", "challenges WHERE tries > 0"} {
		if n := count(t, db, `SELECT count(*) FROM `+table); n != 0 {
			t.Errorf("%s: got %d rows, want none", table, n)
		}
	}
	if _, err := db.Exec(t.Context(), `DROP TRIGGER spoil ON account_events`); err != nil {
		t.Fatal(err)
	}
	if _, err := s.VerifyCode(t.Context(), v, session.Session{}, ada, code); err != nil {
		t.Errorf("the code is lost: %v", err)
	}
}

// An attempt of a step-up locks the user's row and then the challenge. A sign-out in the other
// order would deadlock with it.
func TestSignOut_LocksTheUserBeforeTheChallenges(t *testing.T) {
	t.Parallel()
	s, db := newService(t, postgrestest.URL(t)+"&lock_timeout=60s&statement_timeout=60s")
	v := newVisitor("Firefox on Linux")
	in, err := s.VerifyCode(t.Context(), v, session.Session{}, ada, codeFor(t, s, v))
	if err != nil {
		t.Fatal(err)
	}
	pending, err := s.RequestCode(t.Context(), v, in.Session, ada, apps.Arrival{})
	if err != nil || pending.Code.Purpose != challenge.StepUp {
		t.Fatalf("got %+v (%v), want the challenge of a step-up", pending, err)
	}

	guess := postgrestest.Begin(t, db)
	lock := func(table, id, wait string) {
		t.Helper()
		_, err := guess.Exec(t.Context(),
			`SELECT FROM `+table+` WHERE id = $1 FOR NO KEY UPDATE `+wait,
			id)
		if err != nil {
			t.Fatal(err)
		}
	}
	lock("users", in.Session.User.ID, "")
	signedOut := make(chan error, 1)
	go func() { signedOut <- s.SignOut(t.Context(), v, in.Session.Token) }()
	awaitLock(t, db)
	lock("challenges", pending.Code.ID, "NOWAIT")
	if err := guess.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-signedOut; err != nil {
		t.Error(err)
	}
	if n := count(t, db, `SELECT count(*) FROM sessions`); n != 0 {
		t.Errorf("got %d sessions, want none", n)
	}
}
