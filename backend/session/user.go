package session

import (
	"context"

	"sana/backend/postgres"

	"github.com/jackc/pgx/v5"
)

// SetEmail changes the address in a session of a user, for all its tokens, as part of tx. It
// returns ErrNone if the user has no valid session with this public id.
func (s *Shared) SetEmail(ctx context.Context, tx pgx.Tx, userID, id, email string) error {
	if !idPattern.MatchString(id) {
		return ErrNone
	}
	found, err := s.setUser(ctx, tx, "email", email, `id = @id::uuid AND user_id = @user`,
		pgx.NamedArgs{"id": id, "user": userID})
	if err == nil && !found {
		return ErrNone
	}
	return err
}

// SetName changes the name of a user in all their valid sessions, for all tokens, as part of tx.
func (s *Shared) SetName(ctx context.Context, tx pgx.Tx, userID, name string) error {
	_, err := s.setUser(ctx, tx, "name", name, `user_id = @user`, pgx.NamedArgs{"user": userID})
	return err
}

// setUser sets a field of the user in the valid sessions of a condition, for all their tokens. It
// reports whether there are any.
func (s *Shared) setUser(
	ctx context.Context, tx pgx.Tx, field, value, condition string, args pgx.NamedArgs,
) (found bool, err error) {
	const changed = `convert_to(jsonb_set(convert_from(v, 'UTF8')::jsonb,
		ARRAY['user', @field], to_jsonb(@value::text))::text, 'UTF8')`
	args["field"], args["value"] = field, value
	var keys []string
	err = tx.QueryRow(ctx, `
		WITH current AS (
		    UPDATE sessions
		    SET v = `+changed+`
		    WHERE `+condition+`
		      AND `+isLive+`
		    RETURNING k, id
		), replaced AS (
		    UPDATE replaced_tokens
		    SET v = `+changed+`
		    WHERE id IN (SELECT id FROM current)
		)
		SELECT array_agg(k)
		FROM current`, args).Scan(&keys)
	s.evictAfterCommit(tx, keys)
	return len(keys) > 0, postgres.Error("change user of sessions", err)
}
