package throttle

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"sana/backend/postgres"
	"sana/backend/postgres/postgrestest"

	"github.com/jackc/pgx/v5"
)

func TestTheServiceIsUnderAttackWhileWrongCodesAreManyAndItIsLoggedOnce(t *testing.T) {
	t.Parallel()
	db := postgrestest.Pool(t, postgrestest.URL(t))
	th := open(t, db, oldKey)
	var log bytes.Buffer
	th.log = slog.New(slog.NewTextHandler(&log, nil))
	count := func(wrong, right int) {
		for range wrong {
			th.CountTry(false)
		}
		for range right {
			th.CountTry(true)
		}
		th.writeService(t.Context())
	}
	want := func(when string, want bool) {
		t.Helper()
		th.service.Store(&serviceState{th.Attacked(), time.Now().Add(-serviceFresh)})
		if got, err := th.UnderAttack(t.Context()); err != nil || got != want || th.Attacked() != want {
			t.Errorf("%s: under attack is %t (%v), want %t", when, got, err, want)
		}
	}
	count(50, 0)
	want("with fifty wrong codes", false)
	count(1, 0)
	want("with fifty-one", true)
	count(1, 0)
	want("with one more", true)
	count(0, 500)
	want("with fifty-two of 552 tries", false)
	count(10, 0)
	want("with sixty-two of 562 tries", true)
	if _, err := db.Exec(t.Context(), `UPDATE throttle_service SET minute = minute - interval '1 hour'`); err != nil {
		t.Fatal(err)
	}
	want("an hour later", false)
	if got := strings.Count(log.String(), "level=WARN"); got != 4 {
		t.Errorf("the log has %d warnings, want one for each of the four switches:\n%s", got, &log)
	}
}

func TestTriesThatCannotBeWrittenAreKeptAndTheLastOnesAreWrittenAtTheEnd(t *testing.T) {
	t.Parallel()
	db := postgrestest.Pool(t, postgrestest.URL(t))
	th := open(t, db, oldKey)
	th.CountTry(false)
	broken, cancel := context.WithCancel(t.Context())
	cancel()
	th.writeService(broken)
	th.CountTry(true)
	th.Run(broken) // ends at once
	var tries, wrong int
	if err := db.QueryRow(t.Context(), `SELECT sum(tries), sum(wrong) FROM throttle_service`).Scan(&tries, &wrong); err != nil {
		t.Fatal(err)
	}
	if tries != 2 || wrong != 1 {
		t.Errorf("%d tries were written, %d of them wrong, want 2 and 1", tries, wrong)
	}
}

// A-42 and P-37: rows go when no limit needs them, in batches, and living ones stay.
func TestTheSweepTakesWhatIsOverAndNothingElse(t *testing.T) {
	t.Parallel()
	db := postgrestest.Pool(t, postgrestest.URL(t))
	th := open(t, db, oldKey)
	_, err := db.Exec(t.Context(), `
		INSERT INTO throttle (key, events, ends_at)
		SELECT sha256(n::text::bytea), ARRAY[now()], now() - interval '1 second'
		FROM generate_series(1, 2500) AS n`)
	if err != nil {
		t.Fatal(err)
	}
	wantAllowed(t, "before", allowed(t, th, 20, WrongByAddress.Of("ada@sana.example")), 10)
	deleted, err := th.Sweep(t.Context())
	if err != nil || deleted != 2500 {
		t.Errorf("the sweep took %d rows (%v), want 2500", deleted, err)
	}
	wantAllowed(t, "after", allowed(t, th, 20, WrongByAddress.Of("ada@sana.example")), 0)
	pass(t, db, 24*time.Hour+time.Second)
	if deleted, err = th.Sweep(t.Context()); err != nil || deleted != 1 {
		t.Errorf("a day later the sweep took %d rows (%v), want 1", deleted, err)
	}
}

func TestASweepPassesByWhatAnotherOneIsAt(t *testing.T) {
	t.Parallel()
	db := postgrestest.Pool(t, postgrestest.URL(t))
	th := open(t, db, oldKey)
	_, err := db.Exec(t.Context(), `
		INSERT INTO throttle (key, events, ends_at)
		SELECT sha256(n::text::bytea), '{}', now() - interval '1 second'
		FROM generate_series(1, 10) AS n`)
	if err != nil {
		t.Fatal(err)
	}
	err = postgres.InTx(t.Context(), db, func(tx pgx.Tx) error {
		if _, err := tx.Exec(t.Context(), `DELETE FROM throttle WHERE key = (SELECT min(key) FROM throttle)`); err != nil {
			return err
		}
		deleted, err := th.Sweep(t.Context())
		if deleted != 9 {
			t.Errorf("the sweep took %d rows beside another one, want 9", deleted)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
