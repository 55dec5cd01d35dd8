package signin

import (
	"context"
	"time"

	"sana/backend/postgres"

	"github.com/jackc/pgx/v5"
)

// sweepBatch is how many rows one statement of a sweep deletes.
const sweepBatch = 1000

// Sweep deletes challenges that expired a day ago, in batches, and returns how many. Two sweeps at once do not get into
// each other's way.
func (s *Service) Sweep(ctx context.Context) (deleted int, err error) {
	return s.sweep(ctx, "challenges", "id", "expires_at", 24*time.Hour)
}

// SweepNotices is Sweep for what mails about events say, a week later.
func (s *Service) SweepNotices(ctx context.Context) (deleted int, err error) {
	return s.sweep(ctx, "notices", "id", "created_at", 7*24*time.Hour)
}

// SweepEventTokens is Sweep for the tokens of events that would be refused for their age alone.
func (s *Service) SweepEventTokens(ctx context.Context) (deleted int, err error) {
	return s.sweep(ctx, "event_tokens", "token", "seen_at", time.Hour)
}

// sweep deletes the rows of a table whose time, in the column at, is that long ago.
func (s *Service) sweep(ctx context.Context, table, key, at string, age time.Duration) (deleted int, err error) {
	for n := sweepBatch; n == sweepBatch; deleted += n {
		tag, err := s.db.Exec(ctx, `
			DELETE FROM `+table+`
			WHERE `+key+` IN (
			    SELECT `+key+`
			    FROM `+table+`
			    WHERE `+at+` < now() - @age::interval
			    ORDER BY `+at+`
			    LIMIT @batch
			    FOR UPDATE SKIP LOCKED)`,
			pgx.NamedArgs{"batch": sweepBatch, "age": age})
		if err != nil {
			return deleted, postgres.Error("sweep "+table, err)
		}
		n = int(tag.RowsAffected())
	}
	return deleted, nil
}
