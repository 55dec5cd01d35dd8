package signin

import (
	"testing"

	"sana/backend/postgres"
	"sana/backend/postgres/postgrestest"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// addChallenges makes n challenges that expire then, an SQL expression, and were used or not.
func addChallenges(t *testing.T, db *pgxpool.Pool, n int, then, consumed string) {
	t.Helper()
	_, err := db.Exec(t.Context(), `
		INSERT INTO challenges (id, email, purpose, key_id, code_length, expires_at, consumed_at)
		SELECT gen_random_uuid(), $2, 'sign_in', 'k', 6, `+then+`, `+consumed+`
		FROM generate_series(1, $1)`, n, then)
	if err != nil {
		t.Fatal(err)
	}
}

func countChallenges(t *testing.T, db *pgxpool.Pool) (n int) {
	t.Helper()
	if err := db.QueryRow(t.Context(), `SELECT count(*) FROM challenges`).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestTheSweepTakesChallengesThatExpiredADayAgoAndNothingElse(t *testing.T) {
	t.Parallel()
	db := postgrestest.Pool(t, postgrestest.URL(t))
	s := &Service{db: db}
	addChallenges(t, db, 2500, `now() - interval '24 hours 1 second'`, `NULL`)
	addChallenges(t, db, 1, `now() - interval '24 hours 1 second'`, `now() - interval '24 hours 5 minutes'`)
	kept := []string{`now() - interval '23 hours 59 minutes'`, `now() - interval '1 second'`, `now() + interval '10 minutes'`}
	for _, then := range kept {
		addChallenges(t, db, 1, then, `NULL`)
		addChallenges(t, db, 1, then, `now() - interval '23 hours 59 minutes'`)
	}

	deleted, err := s.Sweep(t.Context())
	if err != nil || deleted != 2501 {
		t.Errorf("the sweep took %d challenges (%v), want 2501", deleted, err)
	}
	if got, want := countChallenges(t, db), 2*len(kept); got != want {
		t.Errorf("%d challenges are left, want %d", got, want)
	}
	if deleted, err = s.Sweep(t.Context()); err != nil || deleted != 0 {
		t.Errorf("the next sweep took %d challenges (%v), want none", deleted, err)
	}
}

func TestASweepPassesByWhatAnotherOneIsAt(t *testing.T) {
	t.Parallel()
	db := postgrestest.Pool(t, postgrestest.URL(t))
	s := &Service{db: db}
	addChallenges(t, db, 10, `now() - interval '2 days'`, `NULL`)
	err := postgres.InTx(t.Context(), db, func(tx pgx.Tx) error {
		if _, err := tx.Exec(t.Context(), `DELETE FROM challenges WHERE id = (SELECT id FROM challenges LIMIT 1)`); err != nil {
			return err
		}
		deleted, err := s.Sweep(t.Context())
		if deleted != 9 {
			t.Errorf("the sweep took %d challenges beside another one, want 9", deleted)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestNoticesAreSweptAfterAWeekAndTokensAfterAnHour(t *testing.T) {
	t.Parallel()
	db := postgrestest.Pool(t, postgrestest.URL(t))
	s := &Service{db: db}
	for _, sql := range []string{
		`INSERT INTO notices (email, language, platform, ip, created_at)
		 SELECT 'ada@sana.example', 'en', '', '', now() - make_interval(hours => h) FROM generate_series(0, 335) AS h`,
		`INSERT INTO event_tokens (token, seen_at)
		 SELECT 'token ' || m, now() - make_interval(mins => m) FROM generate_series(0, 119) AS m`,
	} {
		if _, err := db.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	// What is exactly a week or an hour old by the insert's clock is older by the sweep's.
	if deleted, err := s.SweepNotices(t.Context()); err != nil || deleted != 168 {
		t.Errorf("the sweep took %d notices (%v), want 168", deleted, err)
	}
	if deleted, err := s.SweepEventTokens(t.Context()); err != nil || deleted != 60 {
		t.Errorf("the sweep took %d tokens (%v), want 60", deleted, err)
	}
}
