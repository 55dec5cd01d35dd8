package outbox

import (
	"context"
	"time"

	"sana/backend/observe/metrics"
	"sana/backend/postgres"

	"github.com/jackc/pgx/v5"
)

const (
	// keepMails is the retention of the delivery status of a mail. No mail is retried for longer.
	keepMails = 48 * time.Hour
	// keepTokens is longer than the age at which their events are refused.
	keepTokens = eventAge + time.Hour
)

// Sweep deletes mails that were queued two days ago, in batches, and returns their number.
// Sweeps can run concurrently.
func (o *Outbox) Sweep(ctx context.Context) (deleted int, err error) {
	return postgres.DeleteBatches(ctx, o.db, "sweep mails", `
		WITH old AS MATERIALIZED (
		    SELECT ref, number
		    FROM mails
		    WHERE created_at < now() - @age::interval
		    ORDER BY created_at
		    LIMIT @batch
		    FOR UPDATE SKIP LOCKED
		)
		DELETE FROM mails AS m
		USING old
		WHERE m.ref = old.ref
		  AND m.number = old.number`, pgx.NamedArgs{"age": keepMails})
}

// SweepEventTokens is Sweep for the tokens of events that are refused because of their age.
func (o *Outbox) SweepEventTokens(ctx context.Context) (deleted int, err error) {
	return postgres.DeleteBatches(ctx, o.db, "sweep event tokens", `
		WITH old AS MATERIALIZED (
		    SELECT token
		    FROM event_tokens
		    WHERE seen_at < now() - @age::interval
		    ORDER BY seen_at
		    LIMIT @batch
		    FOR UPDATE SKIP LOCKED
		)
		DELETE FROM event_tokens AS t
		USING old
		WHERE t.token = old.token`, pgx.NamedArgs{"age": keepTokens})
}

// Waiting counts the mails of all instances that are not done, by state, including states without
// mails.
func (o *Outbox) Waiting(ctx context.Context) ([]metrics.Waiting, error) {
	rows, err := o.db.Query(ctx, `
		WITH found AS (
		    SELECT
		        state,
		        count(*) AS mails,
		        now() - min(created_at) AS oldest
		    FROM mails
		    WHERE done_at IS NULL
		    GROUP BY state
		)
		SELECT
		    state,
		    coalesce(mails, 0) AS mails,
		    coalesce(oldest, interval '0') AS oldest
		FROM unnest(ARRAY['queued', 'delayed']) AS state
		LEFT JOIN found USING (state)`)
	if err != nil {
		return nil, postgres.Error("read the mail queue", err)
	}
	waiting, err := pgx.CollectRows(rows, pgx.RowToStructByName[metrics.Waiting])
	return waiting, postgres.Error("read the mail queue", err)
}

// IsBusy reports whether more than most mails were queued in the last hour, by all instances.
func (o *Outbox) IsBusy(ctx context.Context, most int) (isBusy bool, err error) {
	err = o.db.QueryRow(ctx, `
		SELECT count(*) > @most
		FROM (
		    SELECT
		    FROM mails
		    WHERE created_at > now() - interval '1 hour'
		    LIMIT @most + 1
		) AS queued`,
		pgx.NamedArgs{"most": most}).Scan(&isBusy)
	return isBusy, postgres.Error("count mails", err)
}
