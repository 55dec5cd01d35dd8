package throttle

import (
	"context"

	"sana/backend/postgres"

	"github.com/jackc/pgx/v5"
)

// sweepBatch is how many rows one statement of the sweep looks at.
const sweepBatch = 1000

// Sweep deletes what no limit needs any more, in batches, and returns how many rows went. Two sweeps at once do not get
// into each other's way.
func (t *Throttle) Sweep(ctx context.Context) (deleted int, err error) {
	for after := []byte{}; after != nil; {
		var n int
		n, after, err = t.sweepPage(ctx, after)
		if deleted += n; err != nil {
			return deleted, err
		}
	}
	n, err := t.sweepService(ctx)
	return deleted + n, err
}

// sweepPage goes on along the primary key, because an index by age would cost every count more than the walk costs. It
// returns the last key of the page, nil after the last page. A row that is being counted on is left alone.
func (t *Throttle) sweepPage(ctx context.Context, after []byte) (deleted int, last []byte, err error) {
	err = t.db.QueryRow(ctx, `
		WITH page AS (
		    SELECT key, ends_at
		    FROM throttle
		    WHERE key > @after
		    ORDER BY key
		    LIMIT @batch
		), dead AS (
		    SELECT key
		    FROM throttle
		    WHERE key IN (SELECT key FROM page WHERE ends_at < now())
		      AND ends_at < now()
		    FOR UPDATE SKIP LOCKED
		), gone AS (
		    DELETE FROM throttle
		    USING dead
		    WHERE throttle.key = dead.key
		    RETURNING 1
		)
		SELECT (SELECT count(*) FROM gone), (SELECT key FROM page ORDER BY key OFFSET @batch - 1)`,
		pgx.NamedArgs{"after": after, "batch": sweepBatch}).Scan(&deleted, &last)
	return deleted, last, postgres.Error("throttle: sweep", err)
}

func (t *Throttle) sweepService(ctx context.Context) (int, error) {
	tag, err := t.db.Exec(ctx, `
		DELETE FROM throttle_service
		WHERE ctid IN (
		    SELECT ctid
		    FROM throttle_service
		    WHERE minute < now() - 2 * @window::interval
		    LIMIT @batch
		    FOR UPDATE SKIP LOCKED)`,
		pgx.NamedArgs{"window": serviceWindow, "batch": sweepBatch})
	return int(tag.RowsAffected()), postgres.Error("throttle: sweep service", err)
}
