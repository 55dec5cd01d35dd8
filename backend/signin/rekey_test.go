package signin

import (
	"errors"
	"testing"

	"sana/backend/keyring"
	"sana/backend/postgres/postgrestest"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// foreign makes a challenge whose mail was queued so long ago, with a key that nobody here has.
func foreign(t *testing.T, db *pgxpool.Pool, queued string) row {
	t.Helper()
	r, err := queryRow(t.Context(), db, `
		INSERT INTO challenges (id, email, purpose, key_id, code_length, verifier, sent_at, expires_at)
		VALUES (gen_random_uuid(), 'ada@sana.example', 'sign_in', 'gone', 6, 'x', now() - @queued::interval, now() + interval '10 minutes')
		RETURNING `+columns,
		pgx.NamedArgs{"queued": queued})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestAMailWaitsForAnInstanceThatKnowsItsKeyBeforeItsCodeIsReplaced(t *testing.T) {
	t.Parallel()
	ring, err := keyring.Parse("here:c2FuYS10ZXN0LWtleS1zYW5hLXRlc3Qta2V5LXNhbmEhIQ==")
	if err != nil {
		t.Fatal(err)
	}
	s := &Service{db: postgrestest.Pool(t, postgrestest.URL(t)), keys: ring}
	replaced := func(id string) (key string, verified bool) {
		if err := s.db.QueryRow(t.Context(), `SELECT key_id, verifier IS NOT NULL FROM challenges WHERE id = $1`, id).Scan(&key, &verified); err != nil {
			t.Fatal(err)
		}
		return key, verified
	}

	fresh := foreign(t, s.db, "4 seconds")
	if _, err := s.keyFor(t.Context(), fresh); !errors.Is(err, errForeignKey) {
		t.Errorf("queued just now: got %v, want errForeignKey", err)
	}
	if key, verified := replaced(fresh.ID); key != "gone" || !verified {
		t.Errorf("queued just now: the challenge has the key %q and a verifier: %v", key, verified)
	}

	old := foreign(t, s.db, "5 seconds")
	if key, err := s.keyFor(t.Context(), old); err != nil || key.ID != "here" {
		t.Errorf("queued a while ago: got the key %q (%v), want ours", key.ID, err)
	}
	if key, verified := replaced(old.ID); key != "here" || verified {
		t.Errorf("queued a while ago: the challenge has the key %q and a verifier: %v", key, verified)
	}
	if _, err := s.keyFor(t.Context(), old); err == nil {
		t.Error("of two instances that replace a code, both mail theirs")
	}
}
