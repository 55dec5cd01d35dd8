package session

import (
	"context"
	"errors"
	"regexp"
	"time"

	"sana/backend/postgres"

	"github.com/jackc/pgx/v5"
)

// idPattern matches what NewID returns.
var idPattern = regexp.MustCompile(`^[0-9a-f]{32}$`)

// Listed is a session in a list of sessions.
type Listed struct {
	Session
	LastUsedAt time.Time // at most 75 seconds old for a session in use
	Apps       []string  // ids of the apps that it has opened, in alphabetical order
}

// List returns the valid sessions of a user, the one used last first. They have no Token.
func (s *Shared) List(ctx context.Context, userID string) ([]Listed, error) {
	rows, err := s.db.Query(ctx, `
		SELECT v, last_used_at,
		       ARRAY(SELECT app FROM session_apps WHERE session_id = sessions.id ORDER BY app)
		FROM sessions
		WHERE user_id = @user
		  AND `+isLive+`
		ORDER BY last_used_at DESC, e DESC, k`,
		pgx.NamedArgs{"user": userID})
	if err != nil {
		return nil, postgres.Error("list sessions", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (listed Listed, err error) {
		var value []byte
		if err := row.Scan(&value, &listed.LastUsedAt, &listed.Apps); err != nil {
			return Listed{}, err
		}
		listed.Session, err = decode(value)
		return listed, err
	})
	return list, postgres.Error("list sessions", err)
}

// EndedSession is a session that expired or was revoked.
type EndedSession struct {
	ID string // its public id
	Ended
}

// ListEnded returns the sessions of a user that expired or were revoked in the last seven days, the
// newest end first.
func (s *Shared) ListEnded(ctx context.Context, userID string) ([]EndedSession, error) {
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
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (p EndedSession, err error) {
		return p, row.Scan(&p.ID, &p.Reason, &p.At, &p.By)
	})
	return list, postgres.Error("list ended sessions", err)
}

// Owner returns the user of a valid session by its public id, "" if there is no such session.
func (s *Shared) Owner(ctx context.Context, id string) (userID string, err error) {
	if !idPattern.MatchString(id) {
		return "", nil
	}
	err = s.db.QueryRow(ctx, `
		SELECT user_id::text
		FROM sessions
		WHERE id = @id::uuid
		  AND `+isLive,
		pgx.NamedArgs{"id": id}).Scan(&userID)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", nil
	}
	return userID, postgres.Error("find owner of session", err)
}
