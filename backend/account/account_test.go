package account_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"sana/backend/account"
	"sana/backend/fault"
	"sana/backend/postgres/postgrestest"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/text/unicode/norm"
)

// newService returns the service, its database, and the id of a user.
func newService(t *testing.T) (s *account.Service, db *pgxpool.Pool, ada string) {
	t.Helper()
	db = postgrestest.Pool(t, postgrestest.URL(t))
	err := db.QueryRow(t.Context(), `INSERT INTO users (email) VALUES ('ada@sana.example') RETURNING id::text`).Scan(&ada)
	if err != nil {
		t.Fatal(err)
	}
	return account.New(db), db, ada
}

// write writes down n events.
func write(t *testing.T, s *account.Service, userID string, n int) {
	t.Helper()
	err := s.Record(t.Context(), userID, account.Actor{Platform: "Firefox on Linux", IP: "192.0.2.1"}, func(context.Context, pgx.Tx) ([]account.Entry, error) {
		entries := make([]account.Entry, n)
		for i := range entries {
			entries[i] = account.Entry{Kind: account.SessionEnded, Details: account.Details{Ended: fmt.Sprint(i)}}
		}
		return entries, nil
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

func TestWhatHappenedCannotBeChangedOrTakenBackByTheProgram(t *testing.T) {
	t.Parallel()
	s, db, ada := newService(t)
	write(t, s, ada, 2)
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

func TestEventsGoAfterNinetyDaysOrWithTheirAccount(t *testing.T) {
	t.Parallel()
	s, db, ada := newService(t)
	write(t, s, ada, 2500)
	age(t, db, "90 days 1 minute")
	write(t, s, ada, 3)
	if n, err := s.Sweep(t.Context()); n != 2500 || err != nil {
		t.Errorf("the sweep took %d (%v), want 2500", n, err)
	}
	err := s.Delete(t.Context(), ada, func(_ context.Context, _ pgx.Tx, email string) error {
		if email != "ada@sana.example" {
			t.Errorf("got the address %q", email)
		}
		return nil
	})
	if n := count(t, db); n != 0 || err != nil {
		t.Errorf("%d events are left of a deleted account (%v)", n, err)
	}
}

func TestEventsComeInPagesTheNewestFirstAndEachOnce(t *testing.T) {
	t.Parallel()
	s, _, ada := newService(t)
	write(t, s, ada, 120)
	var sizes []int
	last, before := 120, int64(0)
	for {
		events, next, err := s.Events(t.Context(), ada, before)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range events {
			if last--; e.Details.Ended != fmt.Sprint(last) || e.By.Platform != "Firefox on Linux" || e.By.IP != "192.0.2.1" || e.At.IsZero() {
				t.Fatalf("got %+v, want the event %d", e, last)
			}
		}
		sizes = append(sizes, len(events))
		if before = next; next == 0 {
			break
		}
	}
	if fmt.Sprint(sizes) != "[50 50 20]" {
		t.Errorf("got pages of %v", sizes)
	}
}

// Whatever stops the one undoes the other.
func TestWhatHappensAndItsEventExistTogetherOrNotAtAll(t *testing.T) {
	t.Parallel()
	s, db, ada := newService(t)
	if _, err := db.Exec(t.Context(), `ALTER TABLE account_events RENAME TO away`); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Rename(t.Context(), ada, "Ada", account.Actor{}); err == nil {
		t.Error("a name was changed without an event")
	}
	if _, err := db.Exec(t.Context(), `ALTER TABLE away RENAME TO account_events`); err != nil {
		t.Fatal(err)
	}
	stop := errors.New("stop")
	err := s.Record(t.Context(), ada, account.Actor{}, func(context.Context, pgx.Tx) ([]account.Entry, error) {
		return []account.Entry{{Kind: account.SignedOut}}, stop
	})
	if found, _ := s.Find(t.Context(), ada); !errors.Is(err, stop) || found.Name != "" || count(t, db) != 0 {
		t.Errorf("got %v, the name %q and %d events, want nothing changed", err, found.Name, count(t, db))
	}
}

func TestOnADeletedAccountNothingHappensAnyMore(t *testing.T) {
	t.Parallel()
	s, db, ada := newService(t)
	nothing := func(context.Context, pgx.Tx, string) error { return nil }
	if err := s.Delete(t.Context(), ada, nothing); err != nil {
		t.Fatal(err)
	}
	_, find := s.Find(t.Context(), ada)
	_, rename := s.Rename(t.Context(), ada, "Ada", account.Actor{})
	for what, err := range map[string]error{
		"find": find, "rename": rename, "delete": s.Delete(t.Context(), ada, nothing),
		"record": s.Record(t.Context(), ada, account.Actor{}, func(context.Context, pgx.Tx) ([]account.Entry, error) {
			t.Error("something was done")
			return nil, nil
		}),
		"export": s.Export(t.Context(), ada, account.Actor{}, func(context.Context, pgx.Tx, account.Copy) error {
			t.Error("something was exported")
			return nil
		}),
	} {
		if !fault.Is(err, fault.NotSignedIn) || fault.From(err).SignedOut == nil || fault.From(err).SignedOut.Reason != "account_deleted" {
			t.Errorf("%s: got %v, want not signed in because the account was deleted", what, err)
		}
	}
	if n := count(t, db); n != 0 {
		t.Errorf("%d events", n)
	}
}

func TestANameIsPlainTextOfAHundredCharacters(t *testing.T) {
	t.Parallel()
	family := "👩\u200d👩\u200d👧" // joined by invisible characters, which names of other scripts have too
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
		strings.Repeat("a", 101), strings.Repeat("👩", 101), "Ada\nLovelace", "Ada\x00", "A\x1bda", "Ada\u0085L", "Ada\u2028L",
		"Ada \u202eecalevoL", "\u2066Ada", "Ada\xff",
	} {
		if got, err := account.ParseName(input); !fault.Is(err, fault.InvalidName) {
			t.Errorf("%q: got %q (%v), want it refused", input, got, err)
		}
	}
}

func FuzzAParsedNameIsItself(f *testing.F) {
	for _, seed := range []string{"", "Ada", " Zoe\u0308 ", "\u1100\u1161\u11a8", "Ada\u202e", "\xff", strings.Repeat("ﷺ", 100)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, input string) {
		name, err := account.ParseName(input)
		if err != nil {
			return
		}
		again, err := account.ParseName(name)
		if again != name || err != nil || !norm.NFC.IsNormalString(name) || len([]rune(name)) > 100 || strings.ContainsAny(name, "\x00\r\n\x1b\u202e") {
			t.Errorf("%q becomes %q and that %q (%v)", input, name, again, err)
		}
	})
}
