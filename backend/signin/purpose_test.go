package signin

import (
	"errors"
	"testing"

	"sana/backend/fault"
	"sana/backend/postgres"
	"sana/backend/postgres/postgrestest"

	"github.com/jackc/pgx/v5"
)

// Whatever a session says that it waits for, a challenge takes no guess for another purpose than its own.
func TestAChallengeIsGoodForItsOwnPurposeOnly(t *testing.T) {
	t.Parallel()
	db := postgrestest.Pool(t, postgrestest.URL(t))
	s := &Service{db: db}
	addChallenges(t, db, 1, `now() + interval '10 minutes'`, `NULL`)
	var id string
	if err := db.QueryRow(t.Context(), `SELECT id::text FROM challenges`).Scan(&id); err != nil {
		t.Fatal(err)
	}
	for purpose, want := range map[Purpose]error{PurposeChangeEmail: errNotCounted, PurposeSignIn: nil} {
		err := postgres.InTx(t.Context(), db, func(tx pgx.Tx) error {
			_, err := countTry(t.Context(), tx, id, purpose)
			return err
		})
		if !errors.Is(err, want) {
			t.Errorf("%s: got %v, want %v", purpose, err, want)
		}
	}
	if err := s.explainRefusal(t.Context(), id, PurposeChangeEmail); !fault.Is(err, fault.NoPendingCode) {
		t.Errorf("the refusal: got %v, want no pending code", err)
	}
}
