package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"sana/backend/fault"
	"sana/backend/postgres"
	"sana/backend/test/postgrestest"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// refusing is an address without a listener: port 1 needs root and is unused.
const refusing = "postgres://sana:canary@127.0.0.1:1/sana?sslmode=disable"

func TestADatabaseThatIsAwayIsUnavailable(t *testing.T) {
	t.Parallel()
	for name, provoke := range map[string]func(*testing.T, *pgxpool.Pool) error{
		"connection refused": func(t *testing.T, _ *pgxpool.Pool) error {
			return run(t.Context(), open(t, refusing), "SELECT 1")
		},
		"statement timeout": inTx("SET LOCAL statement_timeout = '1ms'",
			"SELECT pg_sleep(60)"),
		"lock timeout":             lockTimeout,
		"read-only transaction":    inTx("SET TRANSACTION READ ONLY", "CREATE TABLE t ()"),
		"backend terminated":       terminated,
		"cut in a statement":       cut,
		"broken in a statement":    broken,
		"cut before it":            cutBefore,
		"cancelled in a statement": cancelled,
		"idle in transaction":      idleInTransaction,
		"serialization failure":    serializationFailure,
		"too many connections":     tooManyConnections,
		"deadline in a statement":  deadline,
		"deadline before it":       deadlineBefore,
		"server that says nothing": silentServer,
		"pool closed":              poolClosed,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cause := provoke(t, open(t, postgrestest.EmptyURL(t)))
			if cause == nil {
				t.Fatal("nothing was provoked")
			}
			err := postgres.Error("provoke", cause)
			if !fault.Is(err, fault.Unavailable) || !errors.Is(err, cause) {
				t.Errorf("got %v, want fault.Unavailable with its cause", err)
			}
			if !strings.HasPrefix(err.Error(), "unavailable: provoke: ") ||
				strings.Contains(fault.From(err).Message, cause.Error()) {
				t.Errorf(
					"log %q, message %q: want the operation in the one, the cause not in the other",
					err, fault.From(err).Message)
			}
		})
	}
}

func TestAStatementThatIsWrongIsInternal(t *testing.T) {
	t.Parallel()
	pool := open(t, postgrestest.URL(t))
	ctx := t.Context()
	for name, cause := range map[string]error{
		"syntax error":  run(ctx, pool, "SELEC 1"),
		"no such table": run(ctx, pool, "SELECT FROM missing"),
		"unique violation": run(ctx, pool,
			"INSERT INTO users (email) VALUES ('a@sana.example'), ('a@sana.example')"),
		"not-null violation": run(ctx, pool, "INSERT INTO users (email) VALUES (NULL)"),
		"division by zero":   run(ctx, pool, "SELECT 1/0"),
		"no rows":            pool.QueryRow(ctx, "SELECT 1 WHERE false").Scan(new(int)),
		"not of Postgres":    errors.New("something else"),
	} {
		if cause == nil {
			t.Errorf("%s: nothing was provoked", name)
			continue
		}
		err := postgres.Error("provoke", cause)
		if fault.Is(err, fault.Unavailable) || fault.From(err).Code != fault.Internal ||
			!errors.Is(err, cause) {
			t.Errorf("%s: got %v, want an internal error with its cause", name, err)
		}
		if err.Error() != "provoke: "+cause.Error() {
			t.Errorf("%s: got %q, want the operation before the cause", name, err)
		}
	}
}

func TestTheSQLSTATEDecides(t *testing.T) {
	t.Parallel()
	pool := open(t, postgrestest.EmptyURL(t))
	for want, codes := range map[fault.Code][]string{
		fault.Unavailable: {"08006", "25006", "25P03", "25P04", "40001", "40P01", "53100", "53200",
			"55P03", "57014", "57P01", "57P02", "57P03", "57P05"},
		fault.Internal: {"0A000", "22012", "23505", "25P02", "26000", "42501", "42P01", "55000",
			"57P04",
			"P0001", "XX000"},
	} {
		for _, code := range codes {
			err := postgres.Error("provoke",
				run(t.Context(), pool, "DO $$ BEGIN RAISE SQLSTATE '"+code+"'; END $$"))
			if err == nil || fault.From(err).Code != want {
				t.Errorf("SQLSTATE %s: got %v, want %s", code, err, want)
			}
		}
	}
}

func TestErrorLeavesFaultsAndNilAlone(t *testing.T) {
	t.Parallel()
	if err := postgres.Error("nothing", nil); err != nil {
		t.Errorf("nil became %v", err)
	}
	wrong := fmt.Errorf("signin: %w", fault.New(fault.WrongCode, "No."))
	if err := postgres.Error("check", wrong); err != wrong {
		t.Errorf("got %v, want the fault as it was", err)
	}
}

func run(ctx context.Context, db postgres.Querier, sql string) error {
	_, err := db.Exec(ctx, sql)
	return err
}

// inTx provokes with statements in one transaction; only the last one may fail.
func inTx(statements ...string) func(*testing.T, *pgxpool.Pool) error {
	return func(t *testing.T, pool *pgxpool.Pool) error {
		tx := begin(t, pool)
		for _, sql := range statements[:len(statements)-1] {
			must(t, run(t.Context(), tx, sql))
		}
		return run(t.Context(), tx, statements[len(statements)-1])
	}
}

func begin(t *testing.T, pool *pgxpool.Pool) pgx.Tx {
	t.Helper()
	return postgrestest.Begin(t, pool)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func lockTimeout(t *testing.T, pool *pgxpool.Pool) error {
	must(t, run(t.Context(), pool, "CREATE TABLE t ()"))
	must(t, run(t.Context(), begin(t, pool), "LOCK TABLE t"))
	return inTx("SET LOCAL lock_timeout = '1ms'", "LOCK TABLE t")(t, pool)
}

// duringSleep provokes with what is done while a statement is running in a transaction.
func duringSleep(
	t *testing.T, pool *pgxpool.Pool, do func(conn *pgconn.PgConn, cancel func()),
) error {
	tx := begin(t, pool)
	conn := tx.Conn().PgConn()
	must(t, run(t.Context(), tx, "SET LOCAL statement_timeout = 0"))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- tx.QueryRow(ctx, "SELECT pg_sleep(600)").Scan(nil) }()
	postgrestest.Eventually(t, "the backend does not sleep", func() error {
		return one(t, pool,
			"SELECT count(*) FROM pg_stat_activity WHERE pid = $1 AND wait_event = 'PgSleep'",
			conn.PID())
	})
	do(conn, cancel)
	return <-ended
}

func terminated(t *testing.T, pool *pgxpool.Pool) error {
	return duringSleep(t, pool, func(conn *pgconn.PgConn, _ func()) {
		must(t, one(t, pool, "SELECT pg_terminate_backend($1)::int", conn.PID()))
	})
}

func cancelled(t *testing.T, pool *pgxpool.Pool) error {
	return duringSleep(t, pool, func(_ *pgconn.PgConn, cancel func()) { cancel() })
}

// cut ends the connection as a proxy or a network does.
func cut(t *testing.T, pool *pgxpool.Pool) error {
	return duringSleep(t, pool,
		func(conn *pgconn.PgConn, _ func()) { must(t, conn.Conn().(*net.TCPConn).CloseRead()) })
}

// broken ends the connection with an error of the network.
func broken(t *testing.T, pool *pgxpool.Pool) error {
	return duringSleep(t, pool,
		func(conn *pgconn.PgConn, _ func()) { must(t, conn.Conn().Close()) })
}

func cutBefore(t *testing.T, pool *pgxpool.Pool) error {
	tx := begin(t, pool)
	must(t, tx.Conn().PgConn().Conn().(*net.TCPConn).CloseRead())
	// An answer that is there before it is read would still be read.
	return run(t.Context(), tx, "SELECT pg_sleep(2)")
}

// one returns an error unless the query selects the number 1.
func one(t *testing.T, pool *pgxpool.Pool, sql string, args ...any) error {
	var n int
	if err := pool.QueryRow(t.Context(), sql, args...).Scan(&n); err != nil {
		return err
	}
	if n != 1 {
		return fmt.Errorf("%s: got %d, want 1", sql, n)
	}
	return nil
}

func idleInTransaction(t *testing.T, pool *pgxpool.Pool) error {
	tx := begin(t, pool)
	must(t, run(t.Context(), tx, "SET LOCAL idle_in_transaction_session_timeout = '1ms'"))
	postgrestest.Eventually(t, "the idle transaction is not ended", func() error {
		return one(t, pool, "SELECT 1 + count(*) FROM pg_stat_activity WHERE pid = $1",
			tx.Conn().PgConn().PID())
	})
	return run(t.Context(), tx, "SELECT 1")
}

func serializationFailure(t *testing.T, pool *pgxpool.Pool) error {
	must(t, run(t.Context(), pool, "CREATE TABLE t AS SELECT 1 AS n"))
	tx := begin(t, pool)
	must(t, run(t.Context(), tx, "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
	must(t, run(t.Context(), tx, "SELECT FROM t"))
	must(t, run(t.Context(), pool, "UPDATE t SET n = 2"))
	return run(t.Context(), tx, "UPDATE t SET n = 3")
}

func tooManyConnections(t *testing.T, pool *pgxpool.Pool) error {
	must(t, run(t.Context(), pool,
		"DO $$ BEGIN EXECUTE format('ALTER DATABASE %I CONNECTION LIMIT 0', "+
			"current_database()); END $$"))
	return run(t.Context(), open(t, pool.Config().ConnString()), "SELECT 1")
}

func deadline(t *testing.T, pool *pgxpool.Pool) error {
	conn, err := pool.Acquire(t.Context())
	must(t, err)
	defer conn.Release()
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	return run(ctx, conn, "SELECT pg_sleep(60)")
}

func deadlineBefore(t *testing.T, pool *pgxpool.Pool) error {
	ctx, cancel := context.WithTimeout(t.Context(), 0)
	defer cancel()
	return run(ctx, pool, "SELECT 1")
}

// silentServer takes connections and never answers; the pool's own limit must end the wait.
func silentServer(t *testing.T, _ *pgxpool.Pool) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	ctx, cancel := context.WithTimeout(t.Context(), postgrestest.Deadline)
	defer cancel()
	pool := open(t, "postgres://sana@"+listener.Addr().String()+"/sana?sslmode=disable")
	err = run(ctx, pool, "SELECT 1")
	must(t, ctx.Err())
	return err
}

func poolClosed(t *testing.T, pool *pgxpool.Pool) error {
	pool.Close()
	return run(t.Context(), pool, "SELECT 1")
}
