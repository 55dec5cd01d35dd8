package main

import (
	"context"
	"time"

	"sana/backend/session"

	"github.com/jackc/pgx/v5"
)

// touchInterval is the interval at which the use of a session is recorded: a minute, less a second
// because the clock advances by whole minutes.
const touchInterval = time.Minute - time.Second

// touchLive is as in backend/session/use.go.
const touchLive = `
	UPDATE sessions
	SET last_used_at = now()
	WHERE id = ANY(@ids::uuid[])
	  AND last_used_at < now() - least(@interval::interval,
	      make_interval(secs => idle_seconds / 4.0))
	  AND ` + string(session.IsLive)

// leaseMails is as in backend/outbox/worker.go, except for the returned columns.
const leaseMails = `
	WITH due AS MATERIALIZED (
	    SELECT ref, number
	    FROM mails
	    WHERE done_at IS NULL
	      AND next_at <= now()
	    ORDER BY created_at
	    LIMIT @limit
	    FOR NO KEY UPDATE SKIP LOCKED
	)
	UPDATE mails AS m
	SET attempts = m.attempts % 32000 + 1,
	    next_at = now() + @lease::interval
	FROM due
	WHERE m.ref = due.ref
	  AND m.number = due.number
	RETURNING m.ref::text AS ref, m.number, m.attempts`

// recordSent is as in backend/outbox/recorder.go, for mails that were sent at the first attempt.
const recordSent = `
	UPDATE mails AS m
	SET state = 'sent',
	    reason = NULL,
	    next_at = now(),
	    done_at = now(),
	    content = NULL
	FROM unnest(@refs::uuid[], @numbers::smallint[], @attempts::smallint[])
	    AS o (ref, number, attempts)
	WHERE m.ref = o.ref
	  AND m.number = o.number
	  AND m.attempts = o.attempts
	  AND m.done_at IS NULL`

// sendMails leases the mails that are due and records that they were sent.
func (w *world) sendMails(ctx context.Context) error {
	rows, err := w.db.Query(ctx, leaseMails, pgx.NamedArgs{"limit": 300, "lease": 20 * time.Second})
	if err != nil {
		return err
	}
	var refs []string
	var numbers, attempts []int16
	var ref string
	var number, attempt int16
	_, err = pgx.ForEachRow(rows, []any{&ref, &number, &attempt}, func() error {
		refs, numbers, attempts = append(refs, ref), append(numbers, number),
			append(attempts, attempt)
		return nil
	})
	if err != nil || len(refs) == 0 {
		return err
	}
	_, err = w.db.Exec(ctx, recordSent,
		pgx.NamedArgs{"refs": refs, "numbers": numbers, "attempts": attempts})
	return err
}
