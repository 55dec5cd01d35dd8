package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"sana/backend/fault"
	"sana/backend/postgres"
	"sana/backend/test/postgrestest"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// show returns a setting as a connection of the pool has it.
func show(t *testing.T, pool *pgxpool.Pool, name string) string {
	t.Helper()
	var value string
	must(t, pool.QueryRow(t.Context(), "SELECT current_setting($1)", name).Scan(&value))
	return value
}

// open is postgrestest.Pool with production's limits.
func open(t *testing.T, url string) *pgxpool.Pool {
	t.Helper()
	pool, err := postgres.Open(t.Context(), url)
	must(t, err)
	t.Cleanup(pool.Close)
	return pool
}

func TestEveryConnectionHasItsLimits(t *testing.T) {
	t.Parallel()
	pool := open(t, postgrestest.EmptyURL(t))
	for name, want := range map[string]string{
		"application_name":                    "sana",
		"statement_timeout":                   "4s",
		"lock_timeout":                        "4s",
		"idle_in_transaction_session_timeout": "10s",
		"plan_cache_mode":                     "force_generic_plan",
		"enable_seqscan":                      "off",
	} {
		if got := show(t, pool, name); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	if got := pool.Config().MaxConns; got != 16 {
		t.Errorf("size of the pool: got %d, want 16", got)
	}
}

func TestTheAddressCanSetOtherLimits(t *testing.T) {
	t.Parallel()
	pool := open(t,
		postgrestest.EmptyURL(t)+"&pool_max_conns=3&statement_timeout=7s&application_name=other")
	for name, want := range map[string]string{"statement_timeout": "7s",
		"application_name": "other",
		"lock_timeout":     "4s"} {
		if got := show(t, pool, name); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	if got := pool.Config().MaxConns; got != 3 {
		t.Errorf("size of the pool: got %d, want 3", got)
	}
}

// A database that sleeps when idle may need ten seconds to wake.
func TestOpen_KeepsWhatTheURLSays(t *testing.T) {
	t.Parallel()
	const url = "postgres://sana@127.0.0.1:1/sana?connect_timeout=10&pool_max_conn_lifetime=1h" +
		"&pool_max_conn_lifetime_jitter=1m&pool_max_conn_idle_time=2m&pool_health_check_period=9s"
	pool := open(t, url)
	cfg := pool.Config()
	for name, got := range map[string][2]time.Duration{
		"connect_timeout":               {cfg.ConnConfig.ConnectTimeout, 10 * time.Second},
		"pool_max_conn_lifetime":        {cfg.MaxConnLifetime, time.Hour},
		"pool_max_conn_lifetime_jitter": {cfg.MaxConnLifetimeJitter, time.Minute},
		"pool_max_conn_idle_time":       {cfg.MaxConnIdleTime, 2 * time.Minute},
		"pool_health_check_period":      {cfg.HealthCheckPeriod, 9 * time.Second},
	} {
		if got[0] != got[1] {
			t.Errorf("%s: got %s, want %s", name, got[0], got[1])
		}
	}
	if got := open(t,
		"postgres://127.0.0.1:1/sana").Config().ConnConfig.ConnectTimeout; got != 4*time.Second {
		t.Errorf("connect_timeout by default: got %s, want 4s", got)
	}
}

func TestOpen_SaysWhichSettingOfTheURLIsWrong(t *testing.T) {
	t.Parallel()
	for setting, want := range map[string]string{
		"sslmode=bogus":      "sslmode is invalid",
		"pool_max_conns=x":   "pool_max_conns",
		"connect_timeout=-x": "connect_timeout",
	} {
		_, err := postgres.Open(t.Context(), "postgres://sana:canary@db.example/sana?"+setting)
		if err == nil || !strings.Contains(err.Error(), want) ||
			strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: got %v, want an error that says %s", setting, err, want)
		}
	}
}

func TestAnAddressThatCannotBeReadIsNotQuoted(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]func(context.Context, string) error{
		"Open": func(ctx context.Context, url string) error {
			_,
				err := postgres.Open(ctx, url)
			return err
		},
		"Migrate": func(ctx context.Context, url string) error {
			_,
				err := postgres.Migrate(ctx, url)
			return err
		},
		"MigrateDevelopment": postgres.MigrateDevelopment,
	} {
		err := open(t.Context(), "postgres://sana:canary@%zz/sana")
		if err == nil || strings.Contains(err.Error(), "canary") ||
			!strings.Contains(err.Error(),
				"it looks like postgres://user:password@host:5432/name") {
			t.Errorf("%s: got %v, want what an address looks like", name, err)
		}
	}
}

// table returns a pool on a database with an empty table t.
func table(t *testing.T) *pgxpool.Pool {
	t.Helper()
	pool := open(t, postgrestest.EmptyURL(t))
	must(t, run(t.Context(), pool, "CREATE TABLE t (n int UNIQUE DEFERRABLE INITIALLY DEFERRED)"))
	return pool
}

// assertRows fails the test unless t has so many rows and every connection is back in the pool.
func assertRows(t *testing.T, pool *pgxpool.Pool, want int) {
	t.Helper()
	// a broken one is given back in the background
	postgrestest.Eventually(t, "a connection stays in use", func() error {
		if got := pool.Stat().AcquiredConns(); got != 0 {
			return fmt.Errorf("got %d in use, want 0", got)
		}
		return nil
	})
	var got int
	must(t, pool.QueryRow(t.Context(), "SELECT count(*) FROM t").Scan(&got))
	if got != want {
		t.Errorf("rows: got %d, want %d", got, want)
	}
}

func insert(ctx context.Context) func(pgx.Tx) error {
	return func(tx pgx.Tx) error { return run(ctx, tx, "INSERT INTO t VALUES (1)") }
}

func TestInTxCommitsWhenNothingFails(t *testing.T) {
	t.Parallel()
	pool := table(t)
	must(t, postgres.InTx(t.Context(), pool, insert(t.Context())))
	assertRows(t, pool, 1)
}

func TestInTxRollsBackAndReturnsTheError(t *testing.T) {
	t.Parallel()
	pool := table(t)
	ours := errors.New("ours")
	for name, failure := range map[string]error{"error": ours,
		"fault": fault.Wrap(fault.WrongCode, "No.", ours)} {
		err := postgres.InTx(t.Context(), pool, func(tx pgx.Tx) error {
			must(t, insert(t.Context())(tx))
			return failure
		})
		if !errors.Is(err, failure) {
			t.Errorf("%s: got %v, want %v", name, err, failure)
		}
		assertRows(t, pool, 0)
	}
}

func TestInTxRollsBackOnPanic(t *testing.T) {
	t.Parallel()
	pool := table(t)
	func() {
		defer func() {
			if got := recover(); got != "ours" {
				t.Errorf("panic: got %v, want it to pass", got)
			}
		}()
		_ = postgres.InTx(t.Context(), pool, func(tx pgx.Tx) error {
			must(t, insert(t.Context())(tx))
			panic("ours")
		})
	}()
	assertRows(t, pool, 0)
}

func TestInTxNeverReportsALostTransactionAsCommitted(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		lose func(context.Context, pgx.Tx) error // returns nil, as if nothing had happened
		want fault.Code
	}{
		"a failed statement is ignored": {failStatement, fault.Internal},
		"the commit finds a double": {
			func(ctx context.Context, tx pgx.Tx) error { return insert(ctx)(tx) }, fault.Internal},
		"the database goes away before it": {goAway, fault.Unavailable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pool := table(t)
			err := postgres.InTx(t.Context(), pool, func(tx pgx.Tx) error {
				must(t, insert(t.Context())(tx))
				return test.lose(t.Context(), tx)
			})
			if err == nil || fault.From(err).Code != test.want {
				t.Errorf("got %v, want %s", err, test.want)
			}
			assertRows(t, pool, 0)
		})
	}
}

func TestInTxEndsWithItsContext(t *testing.T) {
	t.Parallel()
	pool := table(t)
	ctx, cancel := context.WithCancel(t.Context())
	err := postgres.InTx(ctx, pool, func(tx pgx.Tx) error {
		defer cancel()
		return insert(ctx)(tx)
	})
	if !fault.Is(err, fault.Unavailable) {
		t.Errorf("got %v, want %s", err, fault.Unavailable)
	}
	assertRows(t, pool, 0)
}

func failStatement(ctx context.Context, tx pgx.Tx) error {
	if run(ctx, tx, "SELECT 1/0") == nil {
		return errors.New("nothing was provoked")
	}
	return nil
}

// goAway ends the transaction's own backend.
func goAway(ctx context.Context, tx pgx.Tx) error {
	if run(ctx, tx, "SELECT pg_terminate_backend(pg_backend_pid())") == nil {
		return errors.New("nothing was provoked")
	}
	return nil
}
