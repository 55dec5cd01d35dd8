package jobs

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"

	"sana/backend/postgres"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
)

// Enqueue has the batch queue a job, if the condition when holds: it is done if and only if the batch is committed.
//
// The row is the one that River's own Insert makes; that takes round trips, and notifies all instances in the caller's
// transaction: NOTIFY locks the whole database until its commit is on the disk. Here the instance that has queued a job tells
// itself, after the commit; another one finds it with its next poll.
//
// Further is an SQL expression for members of args that only the database knows, as a JSON object; "" for none.
func (q *Queue) Enqueue(b *postgres.Batch, when string, args river.JobArgs, further string) {
	further = cmp.Or(further, `'{}'`)
	content, _ := json.Marshal(args) // of texts and numbers: it cannot fail
	queued := false
	b.Queue(`
		INSERT INTO river_job (state, kind, queue, args, max_attempts, priority, metadata, tags, created_at, scheduled_at)
		SELECT 'available', @kind, @queue, @args::jsonb || `+further+`::jsonb, @attempts::smallint, 1, '{}', '{}', now(), now()
		WHERE `+when+`
		RETURNING true`,
		pgx.NamedArgs{"kind": args.Kind(), "queue": river.QueueDefault, "args": content, "attempts": maxAttempts},
	).QueryRow(func(row pgx.Row) error {
		err := row.Scan(&queued)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		return err
	})
	b.AfterCommit(func() {
		if queued {
			q.ear.wake()
		}
	})
}

// EnqueueTx queues a job: it is done if and only if tx commits.
func (q *Queue) EnqueueTx(ctx context.Context, tx pgx.Tx, args river.JobArgs) error {
	b := &postgres.Batch{}
	q.Enqueue(b, postgres.GoesOn, args, "")
	return postgres.Error("queue "+args.Kind(), b.SendTo(ctx, tx))
}

// driver is River's, without LISTEN and NOTIFY: River hears of new jobs through the ear alone, behind a pooler too.
type driver struct {
	*riverpgxv5.Driver
	ear ear
}

// SupportsListenNotify keeps River from notifying.
func (driver) SupportsListenNotify() bool { return false }

// SupportsListener has River ask for the ear.
func (driver) SupportsListener() bool { return true }

// GetListener returns the ear.
func (d driver) GetListener(*riverdriver.GetListenenerParams) riverdriver.Listener { return d.ear }

// ear is a listener that hears of the jobs which this process has queued. Any number of them at a time are one word.
type ear chan struct{}

func newEar() ear { return make(ear, 1) }

// wake has River look for jobs.
func (e ear) wake() {
	select {
	case e <- struct{}{}:
	default:
	}
}

// WaitForNotification implements riverdriver.Listener.
func (e ear) WaitForNotification(ctx context.Context) (*riverdriver.Notification, error) {
	select {
	case <-e:
		return &riverdriver.Notification{Topic: "river_insert", Payload: `{"queue": "` + river.QueueDefault + `"}`}, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Close implements riverdriver.Listener, as those below do: there is nothing to connect.
func (ear) Close(context.Context) error            { return nil }
func (ear) Connect(context.Context) error          { return nil }
func (ear) Listen(context.Context, string) error   { return nil }
func (ear) Ping(context.Context) error             { return nil }
func (ear) Schema() string                         { return "" }
func (ear) SetAfterConnectExec(string)             {}
func (ear) Unlisten(context.Context, string) error { return nil }
