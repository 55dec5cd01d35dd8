package throttle

import (
	"context"
	"time"

	"sana/backend/postgres"

	"github.com/jackc/pgx/v5"
)

// sweepBatch is the maximum number of rows of one statement of the sweep.
const sweepBatch = 1000

// Sweep deletes the rows that no limit needs and returns their number: uses in batches, and the
// few rows of the whole service at once. Instances may call it concurrently.
func (t *Throttle) Sweep(ctx context.Context) (deleted int, err error) {
	for page := (&position{key: []byte{}}); page != nil; {
		var n int
		n, page, err = t.sweepPage(ctx, page)
		if deleted += n; err != nil {
			return deleted, err
		}
	}
	tag, err := t.db.Exec(ctx, `
		DELETE FROM service_attempts
		WHERE minute < now() - 2 * @window::interval`, pgx.NamedArgs{"window": serviceWindow})
	return deleted + int(tag.RowsAffected()), postgres.Error("sweep attempts of the service", err)
}

// position is a position in the index of uses. An empty key comes before every row.
type position struct {
	key []byte
	at  time.Time
}

// sweepUses deletes the expired rows of a page. It skips rows that another transaction has locked.
const sweepUses = `
	WITH page AS MATERIALIZED (
	    SELECT ctid AS place, key, at, ends_at
	    FROM uses
	    WHERE (key, at) > (@key::bytea, @at::timestamptz)
	    ORDER BY key, at
	    LIMIT @batch
	), expired AS MATERIALIZED (
	    SELECT ctid AS place
	    FROM uses
	    WHERE ctid = ANY(ARRAY(SELECT place FROM page WHERE ends_at < now()))
	    FOR UPDATE SKIP LOCKED
	), deleted AS (
	    DELETE FROM uses
	    WHERE ctid = ANY(ARRAY(SELECT place FROM expired))
	    RETURNING key
	)
	SELECT (SELECT count(*) FROM deleted), last.key, last.at
	FROM (VALUES (true)) AS always
	LEFT JOIN (SELECT key, at FROM page ORDER BY key, at OFFSET @batch - 1) AS last ON true`

// sweepPage deletes the expired rows of the page after a position, and returns the position of the
// next page, nil after the last one. It scans the index of the counts, because an index by expiry
// would cost more with each use than the scan.
func (t *Throttle) sweepPage(
	ctx context.Context, after *position,
) (deleted int, next *position, err error) {
	var key []byte
	var at *time.Time
	err = t.db.QueryRow(ctx, sweepUses,
		pgx.NamedArgs{"key": after.key, "at": after.at, "batch": sweepBatch}).Scan(&deleted, &key,
		&at)
	if at != nil {
		next = &position{key, *at}
	}
	return deleted, next, postgres.Error("sweep uses", err)
}
