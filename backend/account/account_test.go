package account_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"sana/backend/account"
	"sana/backend/fault"
	"sana/backend/postgres"
	"sana/backend/test/postgrestest"
	"sana/backend/visitor"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/text/unicode/norm"
)

// newService returns the service, its database, and the id of a user.
func newService(t *testing.T) (s *account.Service, db *pgxpool.Pool, ada string) {
	t.Helper()
	db = postgrestest.Pool(t, postgrestest.URL(t))
	err := db.QueryRow(t.Context(),
		`INSERT INTO users (email) VALUES ('ada@sana.example') RETURNING id::text`).Scan(&ada)
	if err != nil {
		t.Fatal(err)
	}
	return account.New(db), db, ada
}

// inTx runs do in a transaction.
func inTx(t *testing.T, db *pgxpool.Pool, do func(tx pgx.Tx) error) error {
	t.Helper()
	return postgres.InTx(t.Context(), db, do)
}

// record records n events, numbered from 0.
func record(t *testing.T, s *account.Service, db *pgxpool.Pool, userID string, n int) {
	t.Helper()
	entries := make([]account.Entry, n)
	for i := range entries {
		entries[i] = account.Entry{UserID: userID, Kind: account.SessionRevoked,
			Details: account.Details{Ended: fmt.Sprint(i)}}
	}
	by := visitor.Visitor{Platform: "Firefox on Linux", IP: "192.0.2.1"}
	if err := inTx(t, db,
		func(tx pgx.Tx) error { return s.Record(t.Context(), tx, by, entries...) }); err != nil {
		t.Fatal(err)
	}
}

// deleteAccount deletes an account as package auth does.
func deleteAccount(t *testing.T, s *account.Service, db *pgxpool.Pool, userID string) {
	t.Helper()
	err := inTx(t, db, func(tx pgx.Tx) error {
		if _, err := s.LockForDeletion(t.Context(), tx, userID); err != nil {
			return err
		}
		return s.Delete(t.Context(), tx, userID)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// age makes all events older, which only the owner of the table can.
func age(t *testing.T, db *pgxpool.Pool, by string) {
	t.Helper()
	for _, sql := range []string{
		`ALTER TABLE account_events DISABLE TRIGGER append_only`,
		`UPDATE account_events SET at = at - interval '` + by + `'`,
		`ALTER TABLE account_events ENABLE TRIGGER append_only`,
	} {
		if _, err := db.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
}

func count(t *testing.T, db *pgxpool.Pool) (n int) {
	t.Helper()
	if err := db.QueryRow(t.Context(), `SELECT count(*) FROM account_events`).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestEvents_CannotBeChangedOrDeleted(t *testing.T) {
	t.Parallel()
	s, db, ada := newService(t)
	record(t, s, db, ada, 2)
	age(t, db, "89 days 23 hours")
	for _, sql := range []string{
		`UPDATE account_events SET ip = ''`,
		`UPDATE account_events SET at = now() - interval '91 days'`,
		`DELETE FROM account_events`,
		`TRUNCATE account_events`,
		`TRUNCATE users CASCADE`,
	} {
		_, err := db.Exec(t.Context(), sql)
		if answer, ok := errors.AsType[*pgconn.PgError](err); !ok || answer.Code != "23001" {
			t.Errorf("%s: got %v, want it refused", sql, err)
		}
	}
	if n := count(t, db); n != 2 {
		t.Errorf("%d events are left, want 2", n)
	}
}

func TestEvents_AreDeletedAfter90DaysOrWithTheirAccount(t *testing.T) {
	t.Parallel()
	s, db, ada := newService(t)
	record(t, s, db, ada, 2500)
	age(t, db, "2 hours")
	record(t, s, db, ada, 3)
	age(t, db, "89 days 23 hours")

	if n, err := s.Sweep(t.Context()); n != 2500 || err != nil {
		t.Errorf("the sweep deleted %d events (%v), want 2500", n, err)
	}
	if n := count(t, db); n != 3 {
		t.Errorf("%d events are left, want 3", n)
	}

	deleteAccount(t, s, db, ada)
	if n := count(t, db); n != 0 {
		t.Errorf("%d events are left of a deleted account", n)
	}
}

func TestEvents_PagesAreNewestFirstAndDoNotOverlap(t *testing.T) {
	t.Parallel()
	s, db, ada := newService(t)
	record(t, s, db, ada, 120)
	var sizes []int
	last, before := 120, int64(0)
	for len(sizes) < 4 {
		events, err := s.Events(t.Context(), ada, before, 50)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range events {
			if last--; e.Details.Ended != fmt.Sprint(last) || e.Platform != "Firefox on Linux" ||
				e.IP != "192.0.2.1" || e.At.IsZero() {
				t.Fatalf("got %+v, want the event %d", e, last)
			}
			before = e.ID
		}
		sizes = append(sizes, len(events))
	}
	if fmt.Sprint(sizes) != "[50 50 20 0]" {
		t.Errorf("got pages of %v", sizes)
	}
}

// A change and its event are one statement or one transaction: if one fails, neither is stored.
func TestWhatHappensAndItsEventExistTogetherOrNotAtAll(t *testing.T) {
	t.Parallel()
	s, db, ada := newService(t)
	changeEmail := func(finally error) error {
		return inTx(t, db, func(tx pgx.Tx) error {
			owner, err := s.Lock(t.Context(), tx, ada)
			if err != nil {
				return err
			}
			return errors.Join(
				s.ChangeEmail(t.Context(), tx, owner, "grace@sana.example", visitor.Visitor{}),
				finally)
		})
	}

	if _, err := db.Exec(t.Context(), `ALTER TABLE account_events RENAME TO away`); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Rename(t.Context(), db, ada, "Ada", visitor.Visitor{}); err == nil {
		t.Error("a name was changed without an event")
	}
	if err := changeEmail(nil); err == nil {
		t.Error("an address was changed without an event")
	}
	if _, err := db.Exec(t.Context(), `ALTER TABLE away RENAME TO account_events`); err != nil {
		t.Fatal(err)
	}

	stop := errors.New("stop")
	if err := changeEmail(stop); !errors.Is(err, stop) {
		t.Errorf("got %v, want the error of the transaction", err)
	}
	found, err := s.Find(t.Context(), ada)
	if err != nil || found.Name != "" || found.Email != "ada@sana.example" || count(t, db) != 0 {
		t.Errorf("got %+v (%v) and %d events, want nothing changed", found, err, count(t, db))
	}

	if err := changeEmail(nil); err != nil {
		t.Fatal(err)
	}
	events, err := s.Events(t.Context(), ada, 0, 50)
	want := account.Details{OldEmail: "ada@sana.example", NewEmail: "grace@sana.example"}
	if err != nil || len(events) != 1 || events[0].Kind != account.EmailChanged ||
		events[0].Details != want {
		t.Errorf("got %+v (%v), want one event with both addresses", events, err)
	}
}

// Two accounts want one address at the same moment: the second one waits for the first and is
// refused.
func TestChangeEmail_GivesAnAddressToOneAccount(t *testing.T) {
	t.Parallel()
	url := postgrestest.URL(t)
	here, there := postgrestest.Pool(t, url), postgrestest.Pool(t, url)
	ids := make([]string, 2)
	for i := range ids {
		err := here.QueryRow(t.Context(),
			`INSERT INTO users (email) VALUES ($1) RETURNING id::text`,
			fmt.Sprintf("user%d@sana.example", i)).Scan(&ids[i])
		if err != nil {
			t.Fatal(err)
		}
	}
	change := func(db *pgxpool.Pool, id string, then func()) error {
		s := account.New(db)
		return inTx(t, db, func(tx pgx.Tx) error {
			owner, err := s.Lock(t.Context(), tx, id)
			if err != nil {
				return err
			}
			err = s.ChangeEmail(t.Context(), tx, owner, "both@sana.example", visitor.Visitor{})
			then()
			return err
		})
	}

	second := make(chan error, 1)
	first := change(here, ids[0], func() {
		go func() { second <- change(there, ids[1], func() {}) }()
		postgrestest.Eventually(t, "the second change does not wait",
			func() error { return waits(t, there) })
	})
	if err := <-second; first != nil || !errors.Is(err, account.ErrEmailTaken) {
		t.Errorf("got %v and %v, want nil and ErrEmailTaken", first, err)
	}
	if found, err := account.New(here).Find(t.Context(), ids[1]); err != nil ||
		found.Email != "user1@sana.example" {
		t.Errorf("got %+v (%v), want the second account unchanged", found, err)
	}
	if n := count(t, here); n != 1 {
		t.Errorf("%d events, want 1", n)
	}
}

// waits is an error unless a statement of this database waits for a lock.
func waits(t *testing.T, db *pgxpool.Pool) error {
	t.Helper()
	var waiting int
	err := db.QueryRow(t.Context(), `
		SELECT count(*)
		FROM pg_stat_activity
		WHERE datname = current_database()
		  AND wait_event_type = 'Lock'`).Scan(&waiting)
	if err == nil && waiting != 1 {
		err = fmt.Errorf("%d statements wait", waiting)
	}
	return err
}

func TestService_DeletedAccountIsNotSignedIn(t *testing.T) {
	t.Parallel()
	s, db, ada := newService(t)
	deleteAccount(t, s, db, ada)
	_, find := s.Find(t.Context(), ada)
	_, rename := s.Rename(t.Context(), db, ada, "Ada", visitor.Visitor{})
	lock := inTx(t, db, func(tx pgx.Tx) error {
		_, err := s.Lock(t.Context(), tx, ada)
		return err
	})
	deletion := inTx(t, db, func(tx pgx.Tx) error {
		_, err := s.LockForDeletion(t.Context(), tx, ada)
		return err
	})
	for what, err := range map[string]error{"find": find, "rename": rename, "lock": lock,
		"lock for deletion": deletion} {
		if !fault.Is(err, fault.NotSignedIn) || fault.From(err).SignedOut == nil ||
			fault.From(err).SignedOut.Reason != "account_deleted" {
			t.Errorf("%s: got %v, want not signed in because the account was deleted", what, err)
		}
	}

	record(t, s, db, ada, 1) // as a sign-out does, whose session outlived the account
	if n := count(t, db); n != 0 {
		t.Errorf("%d events of an account that is gone", n)
	}
}

func TestFindByAddress_AcceptsEverySpellingOfAnAddress(t *testing.T) {
	t.Parallel()
	s, _, ada := newService(t)
	for _, address := range []string{"ada@sana.example", " Ada@SANA.Example "} {
		if found, err := s.FindByAddress(t.Context(), address); found.ID != ada || err != nil {
			t.Errorf("%q: got %+v (%v), want the id %q", address, found, err, ada)
		}
	}
	for address, want := range map[string]fault.Code{
		"ada+tag@sana.example": fault.NotFound, "grace@sana.example": fault.NotFound,
		"ada": fault.InvalidEmail,
	} {
		if _, err := s.FindByAddress(t.Context(), address); !fault.Is(err, want) {
			t.Errorf("%q: got %v, want %s", address, err, want)
		}
	}
}

func TestParseName_AcceptsPlainTextOf100Characters(t *testing.T) {
	t.Parallel()
	// joined by invisible characters, which names of other scripts have too
	family := "👩\u200d👩\u200d👧"
	for input, want := range map[string]string{
		"": "", "  \t\n ": "", " Ada  Lovelace\u00a0": "Ada  Lovelace", "<b>Ada</b>": "<b>Ada</b>",
		"Zoe\u0308": "Zoë", family: family, strings.Repeat("ä", 100): strings.Repeat("ä", 100),
		" " + strings.Repeat("a\u0308", 100) + " ": strings.Repeat("ä", 100),
	} {
		if got, err := account.ParseName(input); got != want || err != nil {
			t.Errorf("%q: got %q (%v), want %q", input, got, err, want)
		}
	}
	for _, input := range []string{
		strings.Repeat("a", 101), strings.Repeat("👩", 101), "Ada\nLovelace", "Ada\x00", "A\x1bda",
		"Ada\u0085L", "Ada\u2028L",
		"\u3164", "\u2800", " \u115f\u1160\uffa0\u200d ", "\ufeff",
		"Ada \u202eecalevoL", "\u2066Ada", "Ada\xff",
	} {
		if got, err := account.ParseName(input); !fault.Is(err, fault.InvalidName) {
			t.Errorf("%q: got %q (%v), want it refused", input, got, err)
		}
	}
}

func FuzzParseName_ResultIsStable(f *testing.F) {
	for _, seed := range []string{"", "Ada", " Zoe\u0308 ", "\u1100\u1161\u11a8", "Ada\u202e",
		"\xff",
		strings.Repeat("ﷺ", 100)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, input string) {
		name, err := account.ParseName(input)
		if err != nil {
			return
		}
		again, err := account.ParseName(name)
		if again != name || err != nil || !norm.NFC.IsNormalString(name) ||
			len([]rune(name)) > 100 ||
			strings.ContainsAny(name, "\x00\r\n\x1b\u202e") {
			t.Errorf("%q becomes %q and that %q (%v)", input, name, again, err)
		}
	})
}
