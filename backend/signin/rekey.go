package signin

import (
	"context"
	"errors"
	"time"

	"sana/backend/keyring"
	"sana/backend/postgres"

	"github.com/jackc/pgx/v5"
)

// rekeyAfter is how long a mail waits for an instance that knows its key: while a new one is rolled out there may be some.
const rekeyAfter = 5 * time.Second

var errForeignKey = errors.New("signin: the code's key is not in this instance's ring; another instance may have it")

// keyFor returns the key that a challenge's code is derived with. One that no instance has any more is replaced, and the
// code with it: nobody can derive the old one for a mail.
func (s *Service) keyFor(ctx context.Context, r row) (keyring.Key, error) {
	if key, ok := s.keys.Find(r.KeyID); ok {
		return key, nil
	}
	if r.Now.Sub(r.SentAt) < rekeyAfter {
		return keyring.Key{}, errForeignKey
	}
	return s.rekey(ctx, r)
}

// rekey gives a challenge the current key. The verifier of its old code goes: a challenge has one code.
func (s *Service) rekey(ctx context.Context, r row) (keyring.Key, error) {
	key := s.keys.Current()
	tag, err := s.db.Exec(ctx, `
		UPDATE challenges
		SET key_id = @key,
		    verifier = NULL
		WHERE id = @id
		  AND key_id = @old
		  AND consumed_at IS NULL`,
		pgx.NamedArgs{"id": r.ID, "key": key.ID, "old": r.KeyID})
	if err == nil && tag.RowsAffected() == 0 { // somebody else was first; the next try reads what he has set
		return keyring.Key{}, errors.New("signin: the challenge changed while its mail was written")
	}
	return key, postgres.Error("rekey challenge", err)
}
