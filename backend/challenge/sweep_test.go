package challenge

import (
	"testing"

	"sana/backend/postgres"
	"sana/backend/test/postgrestest"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// addMany inserts n challenges that were created then, an SQL expression, and were used at another,
// or not (NULL).
func addMany(t *testing.T, db *pgxpool.Pool, n int, then, consumed string) {
	t.Helper()
	_, err := db.Exec(t.Context(), `
		INSERT INTO challenges (
		    id, browser, email, purpose, key_id, code_kind, code_length, language, platform,
		    created_at, resend_at, expires_at, consumed_at, outcome, outcome_key_id)
		SELECT gen_random_uuid(), 'browser', 'ada@sana.example', 'sign_in', 'k', 'digits', 6, 'en',
		       '', `+then+`, now(), `+then+` + interval '10 minutes', c,
		       CASE WHEN c IS NOT NULL THEN 'signed_in' END, CASE WHEN c IS NOT NULL THEN 'k' END
		FROM generate_series(1, $1), (SELECT (`+consumed+`)::timestamptz AS c) AS used`, n)
	if err != nil {
		t.Fatal(err)
	}
}

func TestSweep_DeletesWhatIsADayOld(t *testing.T) {
	t.Parallel()
	db := postgrestest.Pool(t, postgrestest.URL(t))
	addMany(t, db, 2500, `now() - interval '24 hours 1 second'`, `NULL`)
	addMany(t, db, 1, `now() - interval '24 hours 1 second'`,
		`now() - interval '23 hours 55 minutes'`)
	kept := []string{
		`now() - interval '23 hours 59 minutes'`, `now() - interval '1 second'`, `now()`,
	}
	for _, then := range kept {
		addMany(t, db, 1, then, `NULL`)
		addMany(t, db, 1, then, `now() - interval '23 hours 59 minutes'`)
	}

	deleted, err := Sweep(t.Context(), db)
	if err != nil || deleted != 2501 {
		t.Errorf("the sweep deleted %d challenges (%v), want 2501", deleted, err)
	}
	var left int
	if err := db.QueryRow(t.Context(), `SELECT count(*) FROM challenges`).Scan(&left); err != nil ||
		left != 2*len(kept) {
		t.Errorf("%d challenges are left (%v), want %d", left, err, 2*len(kept))
	}
	if deleted, err = Sweep(t.Context(), db); err != nil || deleted != 0 {
		t.Errorf("the next sweep deleted %d challenges (%v), want none", deleted, err)
	}
}

func TestSweep_SkipsRowsThatAnotherSweepHasLocked(t *testing.T) {
	t.Parallel()
	url := postgrestest.URL(t)
	here, there := postgrestest.Pool(t, url), postgrestest.Pool(t, url)
	addMany(t, here, 10, `now() - interval '2 days'`, `NULL`)
	err := postgres.InTx(t.Context(), here, func(tx pgx.Tx) error {
		if _, err := tx.Exec(t.Context(),
			`DELETE FROM challenges WHERE id = (SELECT id FROM challenges LIMIT 1)`); err != nil {
			return err
		}
		deleted, err := Sweep(t.Context(), there)
		if deleted != 9 {
			t.Errorf("the sweep deleted %d challenges beside another one, want 9", deleted)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
