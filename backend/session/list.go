package session

import (
	"context"
	"encoding/json"
	"errors"
	"regexp"
	"time"

	"sana/backend/postgres"

	"github.com/jackc/pgx/v5"
)

// Listed is a session in the list of a user's.
type Listed struct {
	Session
	LastSeenAt time.Time // at most a minute and a quarter old for a session in use
}

// List returns the living sessions of a user (a UUID), the one used last first. They have no token.
func (s *Shared) List(ctx context.Context, userID string) ([]Listed, error) {
	rows, err := s.db.Query(ctx, `
		SELECT v, last_seen_at
		FROM sessions
		WHERE user_id = @user
		  AND `+isLive+`
		ORDER BY last_seen_at DESC, e DESC, k`,
		pgx.NamedArgs{"user": userID})
	if err != nil {
		return nil, postgres.Error("list sessions", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (Listed, error) {
		var value []byte
		var listed Listed
		if err := row.Scan(&value, &listed.LastSeenAt); err != nil {
			return Listed{}, err
		}
		return listed, json.Unmarshal(value, &listed.Session)
	})
	return list, postgres.Error("list sessions", err)
}

// Past is a session that has ended, as far as that is still known.
type Past struct {
	ID string // its public name
	Ended
}

// ListEnded returns what is known of the sessions of a user that have ended, the last first.
func (s *Shared) ListEnded(ctx context.Context, userID string) ([]Past, error) {
	rows, err := s.db.Query(ctx, `
		SELECT replace(id::text, '-', ''), reason, ended_at, ended_by
		FROM ended_sessions
		WHERE user_id = @user
		  AND ended_at > now() - @age::interval
		ORDER BY ended_at DESC, k`,
		pgx.NamedArgs{"user": userID, "age": reasonAge})
	if err != nil {
		return nil, postgres.Error("list ended sessions", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (p Past, err error) {
		return p, row.Scan(&p.ID, &p.Reason, &p.At, &p.By)
	})
	return list, postgres.Error("list ended sessions", err)
}

// idPattern is what newID makes.
var idPattern = regexp.MustCompile(`^[0-9a-f]{32}$`)

// Owner returns the user of a living session by its public id, "" where there is none.
func (s *Shared) Owner(ctx context.Context, id string) (userID string, err error) {
	if !idPattern.MatchString(id) {
		return "", nil
	}
	err = s.db.QueryRow(ctx, `
		SELECT user_id::text
		FROM sessions
		WHERE id = @id::uuid
		  AND user_id IS NOT NULL
		  AND `+isLive,
		pgx.NamedArgs{"id": id}).Scan(&userID)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", nil
	}
	return userID, postgres.Error("find session", err)
}

// EndOne ends a session of a user by its public id. It returns the session; found is false where there was none.
func (s *Shared) EndOne(ctx context.Context, tx pgx.Tx, userID, id string, why Ended) (ended Session, found bool, err error) {
	if !idPattern.MatchString(id) {
		return Session{}, false, nil
	}
	list, err := s.end(ctx, tx, `id = @id::uuid AND user_id = @user`, pgx.NamedArgs{"id": id, "user": userID}, why)
	if err != nil || len(list) == 0 {
		return Session{}, false, err
	}
	return list[0], true, nil
}

// EndOthers ends all sessions of a user but the one with the public id except, all of them if that is "". It returns them.
// Where tx holds the lock on the user's row, as whoever issues sessions for him does, it misses none.
func (s *Shared) EndOthers(ctx context.Context, tx pgx.Tx, userID, except string, why Ended) ([]Session, error) {
	return s.end(ctx, tx, `user_id = @user AND (@except = '' OR id IS DISTINCT FROM nullif(@except, '')::uuid)`,
		pgx.NamedArgs{"user": userID, "except": except}, why)
}

// EndAll ends all sessions of all users, in batches, each in a transaction that calls then with them. It returns how many
// there were.
func (s *Shared) EndAll(ctx context.Context, why Ended, then func(ctx context.Context, tx pgx.Tx, ended []Session) error) (n int, err error) {
	for batch := 1; batch > 0; n += batch {
		err := postgres.InTx(ctx, s.db, func(tx pgx.Tx) error {
			ended, err := s.end(ctx, tx, `k IN (SELECT k FROM sessions WHERE user_id IS NOT NULL AND `+isLive+` LIMIT @batch)`,
				pgx.NamedArgs{"batch": sweepBatch}, why)
			batch = len(ended)
			if err != nil {
				return err
			}
			return then(ctx, tx, ended)
		})
		if err != nil {
			return n, err
		}
	}
	return n, nil
}
