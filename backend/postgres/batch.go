package postgres

import (
	"context"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// SQL is a fragment of a statement that one package offers to another: a condition, a list of
// columns, a common table expression. It is always a constant, never made of input.
type SQL string

// Batch is a transaction that is sent to the database in one round trip: no lock in it waits for
// this process, not even if the process is stopped. A statement that depends on an earlier one
// reads what that one wrote.
type Batch struct {
	pgx.Batch
	after []func()
}

// AfterCommit calls do once the batch is committed.
func (b *Batch) AfterCommit(do func()) { b.after = append(b.after, do) }

// InBatch sends the statements that queue adds as one transaction. Like InTx it retries, with an
// empty batch, after a deadlock or a serialization failure.
func InBatch(ctx context.Context, pool *pgxpool.Pool, queue func(b *Batch) error) error {
	return again(ctx, func() (after []func(), err error) {
		b := &Batch{}
		if err := queue(b); err != nil {
			return nil, err
		}
		return b.after, pool.SendBatch(ctx, &b.Batch).Close()
	})
}

// Queue adds a statement with its arguments: pgx.NamedArgs, or none.
func (b *Batch) Queue(sql string, args ...any) *pgx.QueuedQuery {
	if len(args) == 1 {
		if named, ok := args[0].(pgx.NamedArgs); ok {
			sql, args = Positional(sql, named)
		}
	}
	return b.Batch.Queue(sql, args...)
}

// known caches the statements that were queued, with $1 for the first name, and the names in their
// order: pgx would parse the whole text each time, which is a tenth of what a sign-in costs.
var known sync.Map

type statement struct {
	sql   string
	names []string
}

// Positional returns a constant statement with $1, $2 … in place of its names, and their values in
// this order. It parses each statement once.
func Positional(sql string, args pgx.NamedArgs) (string, []any) {
	found, ok := known.Load(sql)
	if !ok {
		found, _ = known.LoadOrStore(sql, newStatement(sql, args))
	}
	s := found.(statement)
	values := make([]any, len(s.names))
	for i, name := range s.names {
		values[i] = args[name]
	}
	return s.sql, values
}

// newStatement has pgx put the names themselves where their values go.
func newStatement(sql string, args pgx.NamedArgs) statement {
	names := pgx.NamedArgs{}
	for name := range args {
		names[name] = name
	}
	rewritten, order, err := names.RewriteQuery(context.Background(), nil, sql, nil)
	if err != nil {
		panic("postgres: " + err.Error()) // it never returns one
	}
	s := statement{rewritten, make([]string, len(order))}
	for i, name := range order {
		s.names[i], _ = name.(string) // what is not among the arguments is NULL, as ever
	}
	return s
}

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

// deleteBatch is the maximum number of rows that one statement of DeleteBatches deletes.
const deleteBatch = 1000

// DeleteBatches repeats a statement that deletes at most @batch rows until it deletes fewer, and
// returns the number of all deleted rows. It adds @batch to args.
func DeleteBatches(
	ctx context.Context, db Querier, operation string, sql SQL, args pgx.NamedArgs,
) (deleted int, err error) {
	args["batch"] = deleteBatch
	for n := deleteBatch; n == deleteBatch; deleted += n {
		tag, err := db.Exec(ctx, string(sql), args)
		if err != nil {
			return deleted, Error(operation, err)
		}
		n = int(tag.RowsAffected())
	}
	return deleted, nil
}
