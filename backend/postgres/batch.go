package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Batch is a transaction that goes to the database whole, in one round trip: no lock in it waits for this program, not even
// when that has stopped. Go cannot look at one answer before it asks the next: what a statement must know of those before
// it, it reads in the database, or from a Flag. One that must not happen once the batch was stopped has GoesOn in its WHERE.
type Batch struct {
	pgx.Batch
	after []func()
}

// Flag is something that one statement of a transaction tells those after it. It is down when the transaction begins.
type Flag string

// Raise is the expression that raises the flag.
func (f Flag) Raise() string { return fmt.Sprintf(`set_config('sana.%s', 'up', true)`, f) }

// IsUp is the condition that the flag was raised.
func (f Flag) IsUp() string {
	return fmt.Sprintf(`(coalesce(current_setting('sana.%s', true), '') = 'up')`, f)
}

// IsDown is the condition that the flag was not raised.
func (f Flag) IsDown() string {
	return fmt.Sprintf(`(coalesce(current_setting('sana.%s', true), '') <> 'up')`, f)
}

// Note is a text that one statement of a transaction leaves for those after it.
type Note string

// Leave is the expression that leaves the value of another one.
func (n Note) Leave(expression string) string {
	return fmt.Sprintf(`set_config('sana.%s', (%s)::text, true)`, n, expression)
}

// Left is the expression for what was left, NULL where nothing was.
func (n Note) Left() string { return fmt.Sprintf(`nullif(current_setting('sana.%s', true), '')`, n) }

// stopped is the flag of a batch whose further statements are not to happen.
const stopped Flag = "stopped"

// What statements of a batch say: the expression that stops it, and the condition that it was not stopped.
var (
	Stop   = stopped.Raise()
	GoesOn = stopped.IsDown()
)

// AfterCommit has do called once the batch is committed.
func (b *Batch) AfterCommit(do func()) { b.after = append(b.after, do) }

// InBatch sends what queue queues as one transaction. Like InTx it begins anew, with an empty batch, when the database has
// rolled it back for the sake of others.
func InBatch(ctx context.Context, pool *pgxpool.Pool, queue func(b *Batch) error) error {
	return again(ctx, func() (after []func(), err error) {
		b := &Batch{}
		b.Queue(planOnce)
		if err := queue(b); err != nil {
			return nil, err
		}
		return b.after, pool.SendBatch(ctx, &b.Batch).Close()
	})
}

// planOnce has a connection plan each statement of a batch once: to plan them takes longer than to execute them. Each
// finds its few rows by an index; with these settings such a plan is made while the tables are empty, too, and is as
// good when they have grown.
const planOnce = `
	SELECT set_config('plan_cache_mode', 'force_generic_plan', true),
	       set_config('enable_seqscan', 'off', true),
	       set_config('enable_hashjoin', 'off', true),
	       set_config('enable_mergejoin', 'off', true)`

// SendTo sends the batch as part of tx. An empty one needs none.
func (b *Batch) SendTo(ctx context.Context, tx pgx.Tx) error {
	if b.Len() == 0 {
		return nil
	}
	if err := tx.SendBatch(ctx, &b.Batch).Close(); err != nil {
		return err
	}
	for _, do := range b.after {
		AfterCommit(tx, do)
	}
	return nil
}
