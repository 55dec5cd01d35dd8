package throttle

import (
	"testing"
	"time"

	"sana/backend/postgres"
	"sana/backend/test/postgrestest"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// insertUses inserts n uses of n keys.
func insertUses(t *testing.T, db *pgxpool.Pool, n int, endsIn time.Duration) {
	t.Helper()
	exec(t, db, `
		INSERT INTO uses (key, ends_at)
		SELECT sha256(n::text::bytea), now() + $2::interval
		FROM generate_series(1, $1::integer) AS n`, n, endsIn)
}

// A-42 and P-37: expired rows are deleted in batches, and no others.
func TestSweep_DeletesExpiredUsesOnly(t *testing.T) {
	t.Parallel()
	db := postgrestest.Pool(t, postgrestest.URL(t))
	th := open(t, db, oldKey)
	ada := WrongByAddress.Of("ada@sana.example")
	sweep := func(when string, want int) {
		t.Helper()
		deleted, err := th.Sweep(t.Context())
		if err != nil || deleted != want {
			t.Errorf("%s: the sweep deleted %d rows (%v), want %d", when, deleted, err, want)
		}
	}
	sweep("of an empty table", 0)
	insertUses(t, db, 2*sweepBatch+500, -time.Second)
	insertUses(t, db, 1500, time.Minute)
	wantCount(t, "granted before the sweep", granted(t, th, 20, ada), 10)
	sweep("first", 2*sweepBatch+500)
	wantCount(t, "granted after the sweep", granted(t, th, 20, ada), 0)
	wantCount(t, "rows after the sweep", rowsOfUses(t, db), 1510)
	pass(t, db, 2*time.Hour)
	sweep("two hours later, when uses still count against the limit of a day", 1500)
	pass(t, db, 22*time.Hour+time.Second)
	sweep("a day later", 10)
}

func TestSweep_SkipsRowsThatAreLocked(t *testing.T) {
	t.Parallel()
	db := postgrestest.Pool(t, postgrestest.URL(t))
	th := open(t, db, oldKey)
	insertUses(t, db, 10, -time.Second)
	err := postgres.InTx(t.Context(), db, func(tx pgx.Tx) error {
		_, err := tx.Exec(t.Context(), `
			DELETE FROM uses
			WHERE key = (SELECT min(key) FROM uses)`)
		if err != nil {
			return err
		}
		deleted, err := th.Sweep(t.Context())
		wantCount(t, "rows that were deleted beside another transaction", deleted, 9)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestSweep_DeletesOldCountsOfTheService(t *testing.T) {
	t.Parallel()
	db := postgrestest.Pool(t, postgrestest.URL(t))
	th := open(t, db, oldKey)
	exec(t, db, `
		INSERT INTO service_attempts (minute, attempts, wrong)
		SELECT now() - interval '90 minutes' - n * interval '1 minute', 1, 1
		FROM generate_series(1, 100) AS n`)
	deleted, err := th.Sweep(t.Context())
	if want := 100 - 29; err != nil || deleted < want || deleted > want+5 {
		t.Errorf("the sweep deleted %d rows (%v), want %d", deleted, err, want)
	}
}
