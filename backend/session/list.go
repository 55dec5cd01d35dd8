package session

import (
	"context"
	"encoding/json"
	"regexp"
	"time"

	"sana/backend/postgres"

	"github.com/jackc/pgx/v5"
	"github.com/mileusna/useragent"
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

// EndOne ends a session by its public id, on every instance at once: only one of the user, if userID is not "". It
// reports whether there was one.
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

// Platform is what a user agent tells: browser and system, each "" where it does not.
type Platform struct{ Browser, System string }

// PlatformOf reads a user agent, which may be anything. The names in it are the browser's own: a stranger can make them up.
func PlatformOf(userAgent string) Platform {
	parsed := useragent.Parse(printable(userAgent, 256))
	if parsed.IsUnknown() { // then its name is whatever the client wrote
		return Platform{}
	}
	return Platform{Browser: parsed.Name, System: parsed.OS}
}

// String is "Firefox on Linux", or as much of it as is known.
func (p Platform) String() string {
	if p.Browser == "" || p.System == "" {
		return p.Browser + p.System
	}
	return p.Browser + " on " + p.System
}
