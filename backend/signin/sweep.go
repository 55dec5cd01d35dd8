package signin

import (
	"context"

	"sana/backend/postgres"

	"github.com/jackc/pgx/v5"
)

// sweepBatch is how many rows one statement of the sweep deletes.
const sweepBatch = 1000

// Sweep deletes challenges that expired a day ago, in batches, and returns how many. Two sweeps at once do not get into
// each other's way.
func (s *Service) Sweep(ctx context.Context) (deleted int, err error) {
	for n := sweepBatch; n == sweepBatch; deleted += n {
		tag, err := s.db.Exec(ctx, `
			DELETE FROM challenges
			WHERE id IN (
			    SELECT id
			    FROM challenges
			    WHERE expires_at < now() - interval '24 hours'
			    ORDER BY expires_at
			    LIMIT @batch
			    FOR UPDATE SKIP LOCKED)`,
			pgx.NamedArgs{"batch": sweepBatch})
		if err != nil {
			return deleted, postgres.Error("sweep challenges", err)
		}
		n = int(tag.RowsAffected())
	}
	return deleted, nil
}
