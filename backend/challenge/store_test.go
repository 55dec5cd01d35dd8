package challenge

import (
	"slices"
	"testing"
	"time"

	"sana/backend/postgres"
	"sana/backend/test/postgrestest"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// wantLeft fails the test unless exactly these challenges exist.
func wantLeft(t *testing.T, db *pgxpool.Pool, ids ...string) {
	t.Helper()
	rows, err := db.Query(t.Context(), `SELECT id::text FROM challenges`)
	if err != nil {
		t.Fatal(err)
	}
	left, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(left)
	slices.Sort(ids)
	if !slices.Equal(left, ids) {
		t.Errorf("got the challenges %v, want %v", left, ids)
	}
}

// A verification locks the challenge before the user, a deletion the user before the challenge.
func TestDropOfUser_DoesNotWaitForAVerification(t *testing.T) {
	t.Parallel()
	url := postgrestest.URL(t)
	here, there := postgrestest.Pool(t, url), postgrestest.Pool(t, url)
	verified := add(t, here, sample{})
	add(t, here, sample{email: grace, purpose: ChangeEmail, session: noSession})
	err := postgres.InTx(t.Context(), here, func(tx pgx.Tx) error {
		if _, err := tx.Exec(t.Context(), `UPDATE challenges SET tries = 1 WHERE id = $1`,
			verified); err != nil {
			return err
		}
		return postgres.InTx(t.Context(), there, func(other pgx.Tx) error {
			return DropOfUser(t.Context(), other, someUser, ada)
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	wantLeft(t, here, verified)
}

func TestWithdrawAll_EndsOpenAndRepeatableCodes(t *testing.T) {
	t.Parallel()
	db := postgrestest.Pool(t, postgrestest.URL(t))
	open := []string{
		add(t, db, sample{}),
		add(t, db, sample{browser: others, email: grace}),
		add(t, db, sample{purpose: ChangeEmail, session: noSession}),
		add(t, db, sample{tries: 5}),
	}
	used := add(t, db, sample{consumed: time.Second})
	justInTime := add(t, db, sample{consumed: 100 * time.Second, expires: -99 * time.Second})
	kept := add(t, db, sample{consumed: time.Hour, expires: -50 * time.Minute})
	expired := add(t, db, sample{expires: -time.Hour})

	if n, err := InvalidateAll(t.Context(), db); n != len(open) || err != nil {
		t.Errorf("got %d (%v), want %d", n, err, len(open))
	}
	for _, id := range append(open, used, justInTime, kept, expired) {
		if c, err := ByID(t.Context(), db, id); err != nil || c.Refusal() == nil {
			t.Errorf("after the withdrawal %+v takes guesses (%v)", c, err)
		}
	}
	if n, err := InvalidateAll(t.Context(), db); n != 0 || err != nil {
		t.Errorf("the second time: got %d (%v), want 0", n, err)
	}
}

func TestList_ShowsWhatIsStoredNewestFirst(t *testing.T) {
	t.Parallel()
	db := postgrestest.Pool(t, postgrestest.URL(t))
	oldest := add(t, db, sample{created: time.Hour, expires: -50 * time.Minute, tries: 5})
	changing := add(t, db,
		sample{created: time.Minute, email: grace, purpose: ChangeEmail, session: noSession})
	used := add(t, db, sample{browser: others, consumed: time.Second, tries: 5})
	add(t, db, sample{email: grace})
	_, err := db.Exec(t.Context(), `
		INSERT INTO mails (ref, number, template, state, reason)
		VALUES ($1, 1, 'sign_in_code', 'delivered', NULL),
		       ($1, 2, 'sign_in_code', 'failed', 'blocked')`,
		oldest)
	if err != nil {
		t.Fatal(err)
	}

	list, err := List(t.Context(), db, someUser, ada)
	if err != nil || len(list) != 3 {
		t.Fatalf("got %+v (%v), want three codes", list, err)
	}
	for i, want := range []string{used, changing, oldest} {
		if list[i].Ref != want {
			t.Errorf("the code %d is %s, want %s", i, list[i].Ref, want)
		}
	}
	if u := list[0]; u.UsedAt == nil || u.IsLocked() || u.Mails != 0 || u.Delivery != "queued" {
		t.Errorf("got the used one %+v", u)
	}
	if o := list[2]; !o.Expired || !o.IsLocked() || o.Mails != 2 || o.Delivery != "failed" ||
		o.Reason != "blocked" || o.UsedAt != nil {
		t.Errorf("got the oldest %+v", o)
	}

	list, err = List(t.Context(), db, "", ada)
	if err != nil || len(list) != 2 {
		t.Errorf("without a user: got %+v (%v), want two codes", list, err)
	}
}
