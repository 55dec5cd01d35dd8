package signin

import (
	"testing"

	"sana/backend/fault"
	"sana/backend/postgres"
	"sana/backend/postgres/postgrestest"
)

// Whatever a session says that it waits for, a challenge takes no guess for another purpose than its own.
func TestAChallengeIsGoodForItsOwnPurposeOnly(t *testing.T) {
	t.Parallel()
	db := postgrestest.Pool(t, postgrestest.URL(t))
	s := &Service{db: db}
	addChallenges(t, db, 1, `now() + interval '10 minutes'`, `NULL`)
	var id, email string
	if err := db.QueryRow(t.Context(), `SELECT id::text, email FROM challenges`).Scan(&id, &email); err != nil {
		t.Fatal(err)
	}
	for purpose, want := range map[Purpose]int{PurposeChangeEmail: 0, PurposeSignIn: 1} {
		pending := Pending{ID: id, Email: email, Format: Format{Digits, 6}}
		var counted *row
		err := postgres.InBatch(t.Context(), db, func(b *postgres.Batch) error {
			stopUnlessOpen(b, pending, purpose)
			counted = countTry(b, id)
			return nil
		})
		if err != nil || counted.Tries != want {
			t.Errorf("%s: %d tries were counted (%v), want %d", purpose, counted.Tries, err, want)
		}
	}
	if err := s.explainRefusal(t.Context(), id, PurposeChangeEmail); !fault.Is(err, fault.NoPendingCode) {
		t.Errorf("the refusal: got %v, want no pending code", err)
	}
}
