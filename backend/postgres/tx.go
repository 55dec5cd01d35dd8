package postgres

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// How often a transaction is tried that the database has rolled back because of others, and how
// long at the most before it is tried again.
const (
	txAttempts = 3
	txPause    = 50 * time.Millisecond
)

// InTx runs do in a transaction and commits when it returns nil; otherwise it rolls back and
// returns do's error. One that the database rolls back for the sake of others is run again: do may
// be called more than once, and what it leaves behind outside of tx must be as if it had been
// called last only.
func InTx(ctx context.Context, pool *pgxpool.Pool, do func(tx pgx.Tx) error) error {
	return again(ctx, func() (after []func(), err error) {
		err = pgx.BeginFunc(ctx, pool, func(inner pgx.Tx) error { return do(tx{inner, &after}) })
		return after, err
	})
}

// again tries a transaction until it is committed or its failure is its own, and then calls what is
// to come after it.
func again(ctx context.Context, try func() (after []func(), err error)) error {
	for attempt := 1; ; attempt++ {
		after, err := try()
		if err == nil {
			for _, then := range after {
				then()
			}
			return nil
		}
		if attempt == txAttempts || !lostToOthers(err) || !pause(ctx, rand.N(txPause)) {
			return Error("transaction", err)
		}
	}
}

// lostToOthers reports whether the database has rolled a transaction back that may well succeed
// when it is tried again: serialization failure, deadlock.
func lostToOthers(err error) bool {
	answer, ok := errors.AsType[*pgconn.PgError](err)
	return ok && (answer.Code == "40001" || answer.Code == "40P01")
}

// tx is a transaction of InTx, or a savepoint in it.
type tx struct {
	pgx.Tx
	after *[]func()
}

// Begin implements pgx.Tx.
func (t tx) Begin(ctx context.Context) (pgx.Tx, error) {
	inner, err := t.Tx.Begin(ctx)
	return tx{inner, t.after}, err
}

// AfterCommit has InTx call do once the transaction is committed, also when what t is a savepoint
// of is: do must do no harm if the savepoint was rolled back. In a transaction that is not InTx's,
// do is called at once.
func AfterCommit(t pgx.Tx, do func()) {
	if ours, ok := t.(tx); ok {
		*ours.after = append(*ours.after, do)
		return
	}
	do()
}
