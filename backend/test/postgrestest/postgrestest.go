// Package postgrestest gives each test a database of its own on the server that TEST_DATABASE_URL names, cloned from a
// template that is migrated once. A database whose test failed is kept; its address is in the test's log.
package postgrestest

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"testing"
	"time"

	"sana/backend/postgres"
	"sana/migrations"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	_ "github.com/jackc/pgx/v5/stdlib" // pgtestdb opens the driver "pgx"
	"github.com/peterldowns/pgtestdb"
)

// patience is what a test has with the database, where that is not what it is about: a machine that runs many of them at once
// may stand still for seconds.
const patience = 30 * time.Second

// URL returns the address of a fresh database at the newest schema, with the development tables.
func URL(t testing.TB) string {
	t.Helper()
	return create(t, migrator{})
}

// EmptyURL returns the address of a fresh database with nothing in it.
func EmptyURL(t testing.TB) string {
	t.Helper()
	return create(t, pgtestdb.NoopMigrator{})
}

// Open returns the application's own kind of pool on a database, with more patience. The caller closes it.
func Open(t testing.TB, url string) *pgxpool.Pool {
	t.Helper()
	pool, err := postgres.Open(t.Context(), url, func(c *pgx.ConnConfig) {
		c.ConnectTimeout = patience
		for _, limit := range []string{"statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"} {
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

func create(t testing.TB, m pgtestdb.Migrator) string {
	t.Helper()
	server, err := url.Parse(os.Getenv("TEST_DATABASE_URL"))
	if err != nil || server.Host == "" {
		t.Fatal("TEST_DATABASE_URL must name a Postgres server for tests, as its superuser; npm test brings one")
	}
	password, _ := server.User.Password()
	return pgtestdb.Custom(t, pgtestdb.Config{
		DriverName: "pgx",
		Host:       server.Hostname(),
		Port:       server.Port(),
		User:       server.User.Username(),
		Password:   password,
		Database:   "postgres",
		Options:    server.RawQuery,
		// Tests kill processes, whose connections the server notices only later.
		ForceTerminateConnections: true,
	}, m).URL()
}

type migrator struct{}

// Hash names the template: another schema, another template.
func (migrator) Hash() (string, error) {
	sum := sha256.New()
	fmt.Fprintln(sum, postgres.Head)
	for _, files := range []fs.FS{migrations.Schema, migrations.Development} {
		err := fs.WalkDir(files, ".", func(name string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			content, err := fs.ReadFile(files, name)
			fmt.Fprintf(sum, "%s\n%s\n", name, content)
			return err
		})
		if err != nil {
			return "", err
		}
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// Migrate makes the template.
func (migrator) Migrate(ctx context.Context, _ *sql.DB, conf pgtestdb.Config) error {
	if _, err := postgres.Migrate(ctx, conf.URL()); err != nil {
		return err
	}
	return postgres.MigrateDevelopment(ctx, conf.URL())
}
