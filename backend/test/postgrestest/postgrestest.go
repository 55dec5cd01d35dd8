// Package postgrestest gives each test a database that no other test uses at the same time, on the
// server of TEST_DATABASE_URL. The database of a failed test is kept; its address is in the test's
// log.
package postgrestest

import (
	"context"
	"crypto/rand"
	"strings"
	"testing"
	"time"

	"sana/backend/postgres"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	_ "github.com/jackc/pgx/v5/stdlib" // pgtestdb opens the driver "pgx"
)

// patience is the timeout for database operations that a test does not measure: a machine that runs
// many of them at once may be stalled for seconds.
const patience = 30 * time.Second

// URL returns the address of a database at the newest schema, with the development tables, for this
// test only.
func URL(t testing.TB) string {
	t.Helper()
	taken := takeSlot(t)
	t.Cleanup(func() { taken.giveBack(t) })
	address := urlOf(t, taken.name, false)
	t.Logf("database: %s", address)
	return address
}

// EmptyURL returns the address of an empty database.
func EmptyURL(t testing.TB) string {
	t.Helper()
	name := "sana_empty_" + strings.ToLower(rand.Text()[:12])
	withServer(t,
		func(ctx context.Context, conn *pgx.Conn) error { return createDatabase(ctx, conn, name) })
	t.Cleanup(func() {
		if !t.Failed() {
			withServer(t,
				func(ctx context.Context,
					conn *pgx.Conn) error {
					return dropDatabase(ctx, conn, name)
				})
		}
	})
	address := urlOf(t, name, false)
	t.Logf("database: %s", address)
	return address
}

// Open opens the application's own kind of pool on a database, with longer timeouts, except for a
// connect_timeout in the URL. The caller closes it.
func Open(t testing.TB, url string) *pgxpool.Pool {
	t.Helper()
	pool, err := postgres.Open(t.Context(), url, func(c *pgx.ConnConfig) {
		if !strings.Contains(url, "connect_timeout=") {
			c.ConnectTimeout = patience
		}
		for _, limit := range []string{"statement_timeout", "lock_timeout",
			"idle_in_transaction_session_timeout"} {
			c.RuntimeParams[limit] = patience.String()
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return pool
}

// Pool is Open for a pool that is closed when the test ends.
func Pool(t testing.TB, url string) *pgxpool.Pool {
	t.Helper()
	pool := Open(t, url)
	t.Cleanup(pool.Close)
	return pool
}

// AsSuperuser runs statements in a database as the server's superuser.
func AsSuperuser(t testing.TB, database, sql string) {
	t.Helper()
	conn := Superuser(t, database)
	if _, err := conn.Exec(context.Background(), sql); err != nil {
		t.Fatal(err)
	}
	_ = conn.Close(context.Background())
}

// Superuser returns the superuser's connection to a database, which is closed when the test ends.
func Superuser(t testing.TB, database string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(context.Background(), urlOf(t, database, true))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}
