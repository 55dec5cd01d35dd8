package session

import (
	"context"
	"encoding/json"
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

// idPattern is what newID makes.
var idPattern = regexp.MustCompile(`^[0-9a-f]{32}$`)

// EndOne ends a session by its public id: only one of the user, if userID is not "". It reports whether there was one.
func (s *Shared) EndOne(ctx context.Context, userID, id string, why Ended) (bool, error) {
	if !idPattern.MatchString(id) {
		return false, nil
	}
	n, err := s.end(ctx, `id = @id::uuid AND (@user = '' OR user_id::text = @user)`, pgx.NamedArgs{"id": id, "user": userID}, why)
	return n > 0, err
}

// EndOthers ends all sessions of a user but the one with the public id except, all of them if that is "". It returns how
// many there were.
func (s *Shared) EndOthers(ctx context.Context, userID, except string, why Ended) (int, error) {
	return s.end(ctx, `user_id = @user AND (@except = '' OR id IS DISTINCT FROM nullif(@except, '')::uuid)`,
		pgx.NamedArgs{"user": userID, "except": except}, why)
}
