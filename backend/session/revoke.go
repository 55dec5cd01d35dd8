package session

import (
	"context"
	"errors"

	"sana/backend/postgres"

	"github.com/jackc/pgx/v5"
)

// revokeBatch is the maximum number of sessions that RevokeBatch revokes.
const revokeBatch = 1000

// Revoke revokes a session of a user by its public id, as part of tx. All tokens of the session
// become invalid. found is false if the user has no valid session with this id.
func (s *Shared) Revoke(
	ctx context.Context, tx pgx.Tx, userID, id string, why Ended,
) (revoked Session, found bool, err error) {
	if !idPattern.MatchString(id) {
		return Session{}, false, nil
	}
	list, err := s.revoke(ctx, tx, `id = @id::uuid AND user_id = @user`,
		pgx.NamedArgs{"id": id, "user": userID}, why)
	if err != nil || len(list) == 0 {
		return Session{}, false, err
	}
	return list[0], true, nil
}

// RevokeOthers revokes all sessions of a user, as part of tx, except the one with the public id
// exceptID; "" excepts none. It returns them. If tx holds the lock on the user's
// row, as a sign-in does, it also finds sessions that are being created.
func (s *Shared) RevokeOthers(
	ctx context.Context, tx pgx.Tx, userID, exceptID string, why Ended,
) ([]Session, error) {
	return s.revoke(ctx, tx,
		`user_id = @user AND (@except = '' OR id IS DISTINCT FROM nullif(@except, '')::uuid)`,
		pgx.NamedArgs{"user": userID, "except": exceptID}, why)
}

// RevokeBatch revokes some sessions of all users, as part of tx, and returns them. To revoke all,
// the caller repeats it, each time in a new transaction, until it returns none. That last call
// makes every instance empty its cache, including sessions whose rows were removed without a
// trigger, for example by a restore.
func (s *Shared) RevokeBatch(ctx context.Context, tx pgx.Tx, why Ended) ([]Session, error) {
	list, err := s.revoke(ctx, tx,
		`k IN (SELECT k FROM sessions WHERE `+isLive+` LIMIT @batch)`,
		pgx.NamedArgs{"batch": revokeBatch}, why)
	if err != nil || len(list) > 0 {
		return list, err
	}

	_, err = tx.Exec(ctx, `INSERT INTO session_revocations (k) VALUES (NULL)`)
	return nil, postgres.Error("revoke all sessions", err)
}

// revoke deletes the valid sessions of a condition and stores the reason, in one statement.
func (s *Shared) revoke(
	ctx context.Context, tx pgx.Tx, condition string, args pgx.NamedArgs, why Ended,
) ([]Session, error) {
	args["reason"], args["by"] = why.Reason, why.By
	var keys []string
	var values [][]byte
	err := tx.QueryRow(ctx, `
		WITH deleted AS (
		    DELETE FROM sessions
		    WHERE `+condition+`
		      AND `+isLive+`
		    RETURNING k, id, user_id, v
		), reasons AS (
		    INSERT INTO ended_sessions (k, id, user_id, reason, ended_by)
		    SELECT k, id, user_id, @reason, @by
		    FROM deleted
		), erased AS (
		    `+string(EraseReplaced)+`
		)
		SELECT array_agg(k ORDER BY k),
		       array_agg(v ORDER BY k)
		FROM deleted`, args).Scan(&keys, &values)
	if err != nil {
		return nil, postgres.Error("revoke session", err)
	}

	s.evictAfterCommit(tx, keys)
	var list []Session
	for _, value := range values {
		session, err := decode(value)
		if err != nil {
			return nil, err
		}
		list = append(list, session)
	}
	return list, nil
}

// FindByToken returns the public id and the user of the valid session to which a token belongs: its
// current token or a replaced one of any age. A replaced token can always revoke its session. Both
// are "" if there is no such session.
func (s *Shared) FindByToken(
	ctx context.Context, db postgres.Querier, token string,
) (id, userID string, err error) {
	k, ok := Key(token)
	if !ok {
		return "", "", nil
	}
	err = db.QueryRow(ctx, `
		SELECT replace(id::text, '-', ''), user_id::text
		FROM sessions
		WHERE id IN (
		    SELECT id FROM sessions WHERE k = @key
		    UNION ALL
		    SELECT id FROM replaced_tokens WHERE k = @key)
		  AND `+isLive, pgx.NamedArgs{"key": k}).Scan(&id, &userID)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", "", nil
	}
	return id, userID, postgres.Error("find session by token", err)
}
