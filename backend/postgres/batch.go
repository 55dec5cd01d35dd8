package postgres

import (
	"context"
	"fmt"
	"sync"

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
		if err := queue(b); err != nil {
			return nil, err
		}
		return b.after, pool.SendBatch(ctx, &b.Batch).Close()
	})
}

// Queue queues a statement with its arguments: pgx.NamedArgs, or none.
func (b *Batch) Queue(sql string, args ...any) *pgx.QueuedQuery {
	if named, ok := soleNamed(args); ok {
		sql, args = positional(sql, named)
	}
	return b.Batch.Queue(sql, args...)
}

func soleNamed(args []any) (pgx.NamedArgs, bool) {
	if len(args) != 1 {
		return nil, false
	}
	named, ok := args[0].(pgx.NamedArgs)
	return named, ok
}

// known are the statements that have been queued, with $1 for the first name, and the names in their order: pgx would read
// the whole text each time, which is a tenth of what a sign-in costs here.
var known sync.Map

type statement struct {
	sql   string
	names []string
}

func positional(sql string, args pgx.NamedArgs) (string, []any) {
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
