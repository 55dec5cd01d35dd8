package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"sana/backend/fault"
	"sana/backend/postgres"
	"sana/backend/test/postgrestest"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// F-05: a connection that ended while it was idle fails no statement: it is replaced first.
func TestAConnectionThatHasEndedIsNotUsed(t *testing.T) {
	t.Parallel()
	url := postgrestest.EmptyURL(t)
	admin, pool := open(t, url), open(t, url)
	for round := range 20 {
		must(t, run(t.Context(), pool, "SELECT 1"))
		must(t, run(t.Context(), admin, `
			SELECT pg_terminate_backend(pid)
			FROM pg_stat_activity
			WHERE datname = current_database()
			  AND pid <> pg_backend_pid()
			  AND backend_type = 'client backend'`))
		postgrestest.Eventually(t, "the backend does not end", func() error {
			return one(t, admin,
				"SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND "+
					"backend_type = 'client backend'")
		})
		if err := run(t.Context(), pool, "SELECT 1"); err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
	}
}

// A pending read without a reader, which the driver leaves on a connection after a slow write, must
// not make the connection unusable.
func TestAReadThatWasLeftOnAConnectionKeepsNobodyWaiting(t *testing.T) {
	t.Parallel()
	pool := open(t, postgrestest.EmptyURL(t)+"&pool_max_conns=1")
	conn, err := pool.Acquire(t.Context())
	must(t, err)
	raw := conn.Conn().PgConn().Conn()
	left := make(chan error, 1)
	go func() {
		_, err := raw.Read(make([]byte, 1))
		left <- err
	}()
	conn.Release()
	acquired := make(chan *pgxpool.Conn)
	go func() {
		conn, err := pool.Acquire(t.Context())
		if err != nil {
			t.Error(err)
		}
		acquired <- conn
	}()
	select {
	case conn := <-acquired:
		_ = conn.Conn().PgConn().Conn().Close() // ends the read
		<-left
		conn.Release()
	case <-time.After(postgrestest.Deadline):
		t.Fatal("the connection is not given out")
	}
}

// F-06: a server that does not take writes any more is let go of, with all connections to it.
func TestAReadOnlyServerIsLetGo(t *testing.T) {
	t.Parallel()
	pool := table(t)
	first, err := pool.Acquire(t.Context())
	must(t, err)
	must(t, run(t.Context(), pool, "SELECT 1")) // a second one, idle from now on
	must(t, run(t.Context(), first, "SET default_transaction_read_only = on"))
	before := pool.Stat().NewConnsCount()
	if err := postgres.Error("write",
		run(t.Context(), first, "INSERT INTO t VALUES (1)")); !fault.Is(err, fault.Unavailable) {
		t.Errorf("got %v, want %s", err, fault.Unavailable)
	}
	first.Release()
	must(t, run(t.Context(), pool, "INSERT INTO t VALUES (1)"))
	if made := pool.Stat().NewConnsCount() - before; made != 1 {
		t.Errorf("%d new connections, want 1: the idle one was to the same server", made)
	}
	assertRows(t, pool, 1)
}

// F-11: what the database rolls back for the sake of others is run again, twice at the most, and
// done once.
func TestATransactionLostToOthersIsRunAgainAndDoneOnce(t *testing.T) {
	t.Parallel()
	for _, code := range []string{"40001", "40P01"} {
		for failures, want := range []struct {
			calls, rows int
			fault       fault.Code
		}{{1, 1, ""}, {2, 1, ""}, {3, 1, ""}, {3, 0, fault.Unavailable}} {
			t.Run(fmt.Sprint(code, " ", failures, " times"), func(t *testing.T) {
				t.Parallel()
				pool := table(t)
				calls := 0
				err := postgres.InTx(t.Context(), pool, func(tx pgx.Tx) error {
					calls++
					must(t, insert(t.Context())(tx))
					if calls <= failures {
						return postgres.Error("provoke",
							run(t.Context(), tx, "DO $$ BEGIN RAISE SQLSTATE '"+code+"'; END $$"))
					}
					return nil
				})
				if want.fault == "" && err != nil || want.fault != "" &&
					!fault.Is(err, want.fault) {
					t.Errorf("got %v, want %q", err, want.fault)
				}
				if calls != want.calls {
					t.Errorf("calls: got %d, want %d", calls, want.calls)
				}
				assertRows(t, pool, want.rows)
			})
		}
	}
}

func TestATransactionThatFailsForAnotherReasonIsNotRunAgain(t *testing.T) {
	t.Parallel()
	pool := table(t)
	ours := errors.New("ours")
	for name, failure := range map[string]func(tx pgx.Tx) error{
		"an error of ours":     func(pgx.Tx) error { return ours },
		"a wrong statement":    func(tx pgx.Tx) error { return failStatement(t.Context(), tx) },
		"a database that went": func(tx pgx.Tx) error { return goAway(t.Context(), tx) },
		"a context that ended": func(pgx.Tx) error { return context.Canceled },
	} {
		calls := 0
		_ = postgres.InTx(t.Context(), pool, func(tx pgx.Tx) error {
			calls++
			return failure(tx)
		})
		if calls != 1 {
			t.Errorf("calls with %s: got %d, want 1", name, calls)
		}
	}
}

// F-09: the connection that asks whether the database is there is one of its own, and the only one.
func TestAProbeHasOneConnectionWithItsLimits(t *testing.T) {
	t.Parallel()
	probe, err := postgres.OpenProbe(t.Context(),
		postgrestest.EmptyURL(t)+"&pool_max_conns=7&pool_min_conns=3")
	must(t, err)
	t.Cleanup(probe.Close)
	if got := probe.Config().MaxConns; got != 1 {
		t.Errorf("connections: got %d, want 1", got)
	}
	must(t, run(t.Context(), probe, "SELECT 1"))
}
