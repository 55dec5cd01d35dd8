package postgres_test

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"sana/backend/fault"
	"sana/backend/postgres"
	"sana/backend/test/postgrestest"
	"sana/migrations"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
)

// migrateVariable makes this test binary a process that migrates the database it names.
const migrateVariable = "SANA_TEST_MIGRATE"

func TestMain(m *testing.M) {
	if url := os.Getenv(migrateVariable); url != "" {
		if _, err := postgres.Migrate(context.Background(), url); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// everyVersion is what a migration of an empty database applies.
func everyVersion() []int64 {
	files, err := fs.Glob(migrations.Schema, "*.sql") // sorted by name
	if err != nil {
		panic(err)
	}
	var list []int64
	for _, name := range files {
		number, _, _ := strings.Cut(name, "_")
		version, err := strconv.ParseInt(number, 10, 64)
		if err != nil {
			panic(err)
		}
		list = append(list, version)
	}
	return list
}

// assertApplied fails the test unless a migration applied these versions and left the schema at
// Head.
func assertApplied(t *testing.T, url string, want []int64) {
	t.Helper()
	got, err := postgres.Migrate(t.Context(), url)
	must(t, err)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("applied (-want +got):\n%s", diff)
	}
	assertWhole(t, postgrestest.Pool(t, url))
}

// assertWhole fails the test unless the schema is the one that the program needs.
func assertWhole(t *testing.T, pool *pgxpool.Pool) {
	t.Helper()
	version, err := postgres.Version(t.Context(), pool)
	must(t, err)
	if version != postgres.Head {
		t.Errorf("version: got %d, want %d", version, postgres.Head)
	}
	must(t, postgres.CheckSchema(t.Context(), pool))
}

func TestMigrateBringsAnEmptyDatabaseToHeadOnce(t *testing.T) {
	t.Parallel()
	url := postgrestest.EmptyURL(t)
	assertApplied(t, url, everyVersion())
	assertApplied(t, url, nil)
}

func TestHead_IsTheNewestMigration(t *testing.T) {
	t.Parallel()
	newest := slices.Max(everyVersion())
	if newest != postgres.Head {
		t.Errorf("the newest migration is %d and Head is %d", newest, postgres.Head)
	}
}

func TestOfManyThatMigrateTogetherOneDoes(t *testing.T) {
	t.Parallel()
	url := postgrestest.EmptyURL(t)
	var applied [5][]int64
	var all sync.WaitGroup
	start := make(chan struct{})
	for i := range applied {
		all.Go(func() {
			<-start
			var err error
			if applied[i], err = postgres.Migrate(t.Context(), url); err != nil {
				t.Errorf("caller %d: %v", i, err)
			}
		})
	}
	close(start)
	all.Wait()
	var got []int64
	for _, versions := range applied {
		got = append(got, versions...)
	}
	if diff := cmp.Diff(everyVersion(), got); diff != "" {
		t.Errorf("applied by all together (-want +got):\n%s", diff)
	}
	assertWhole(t, postgrestest.Pool(t, url))
}

// block makes the next migration wait before it is recorded. The function it returns ends that.
func block(t *testing.T, pool *pgxpool.Pool) (release func()) {
	t.Helper()
	tx := begin(t, pool)
	must(t, run(t.Context(), tx, "SET LOCAL idle_in_transaction_session_timeout = 0"))
	// Versions can be read and not written while this lock is held.
	must(t, run(t.Context(), tx, "LOCK TABLE goose_db_version IN SHARE MODE"))
	return func() { must(t, tx.Rollback(t.Context())) }
}

// waitBlocked waits until a migration has done everything but record its version.
func waitBlocked(t *testing.T, pool *pgxpool.Pool) {
	t.Helper()
	postgrestest.Eventually(t, "no migration waits", func() error {
		return one(t, pool,
			"SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = "+
				"'goose_db_version'::regclass")
	})
}

// F-23: a migration that is killed before its commit has done nothing, and the next run finishes.
func TestMigrate_KilledRunIsFinishedByTheNext(t *testing.T) {
	t.Parallel()
	for _, version := range everyVersion() {
		t.Run(strconv.FormatInt(version, 10), func(t *testing.T) {
			t.Parallel()
			url := postgrestest.EmptyURL(t)
			pool := upTo(t, url, version-1)
			release := block(t, pool)
			process := exec.Command(os.Args[0])
			process.Env = append(os.Environ(), migrateVariable+"="+url)
			must(t, process.Start())
			waitBlocked(t, pool)
			must(t, process.Process.Kill())
			if err := process.Wait(); err == nil {
				t.Error("the process ended before it was killed")
			}
			release()
			if err := postgres.CheckSchema(t.Context(), pool); err == nil {
				t.Error("the schema of a killed migration is taken for this program's")
			}
			assertApplied(t, url,
				slices.DeleteFunc(everyVersion(), func(v int64) bool { return v < version }))
		})
	}
}

func TestMigrate_CancelledRunIsFinishedByTheNext(t *testing.T) {
	t.Parallel()
	url := postgrestest.EmptyURL(t)
	pool := upTo(t, url, 1)
	release := block(t, pool)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		_, err := postgres.Migrate(ctx, url)
		ended <- err
	}()
	waitBlocked(t, pool)
	cancel()
	if err := <-ended; err == nil {
		t.Error("a cancelled migration says that it is done")
	}
	release()
	assertApplied(t, url, everyVersion()[1:])
}

func TestCheckSchemaNamesTheCommandForAnOldSchemaAndTakesANewerOne(t *testing.T) {
	t.Parallel()
	url := postgrestest.EmptyURL(t)
	pool := postgrestest.Pool(t, url)
	for version, prepare := range []func(){func() {}, func() { upTo(t, url, 1) }} {
		prepare()
		want := fmt.Sprintf(
			"the database's schema is at version %d and this program needs %d; run: sana migrate",
			version, postgres.Head)
		if err := postgres.CheckSchema(t.Context(), pool); err == nil || err.Error() != want {
			t.Errorf("version %d: got %v, want %s", version, err, want)
		}
	}
	assertApplied(t, url, everyVersion()[1:])
	must(t, run(t.Context(), pool, fmt.Sprintf(
		"INSERT INTO goose_db_version (version_id, is_applied) VALUES (%d, true)",
		postgres.Head+1)))
	must(t, postgres.CheckSchema(t.Context(), pool))
	if applied, err := postgres.Migrate(t.Context(), url); err != nil || len(applied) != 0 {
		t.Errorf("migrating a newer schema: applied %v, %v; want nothing", applied, err)
	}
}

func TestADatabaseThatIsAwayIsNoOldSchema(t *testing.T) {
	t.Parallel()
	if err := postgres.CheckSchema(t.Context(), postgrestest.Pool(t, refusing)); !fault.Is(err,
		fault.Unavailable) {
		t.Errorf("CheckSchema: got %v, want fault.Unavailable", err)
	}
	if _, err := postgres.Migrate(t.Context(), refusing); !fault.Is(err, fault.Unavailable) {
		t.Errorf("Migrate: got %v, want fault.Unavailable", err)
	}
}

func TestOnlyDevelopmentHasTheInbox(t *testing.T) {
	t.Parallel()
	url := postgrestest.EmptyURL(t)
	pool := postgrestest.Pool(t, url)
	_, err := postgres.Migrate(t.Context(), url)
	must(t, err)
	before := tables(t, pool)
	for range 2 {
		must(t, postgres.MigrateDevelopment(t.Context(), url))
	}
	want := append(before, "goose_db_version_development", "dev_inbox", "dev_fault")
	less := func(a, b string) bool { return a < b }
	if diff := cmp.Diff(want, tables(t, pool), cmpopts.SortSlices(less)); diff != "" {
		t.Errorf("tables (-want +got):\n%s", diff)
	}
	assertApplied(t, url, nil)
}

func tables(t *testing.T, pool *pgxpool.Pool) []string {
	t.Helper()
	rows, err := pool.Query(t.Context(),
		"SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'")
	must(t, err)
	list, err := pgx.CollectRows(rows, pgx.RowTo[string])
	must(t, err)
	return list
}

// upTo makes the schema of a version with the files that Migrate uses. It returns a pool on it.
func upTo(t *testing.T, url string, version int64) *pgxpool.Pool {
	t.Helper()
	pool := postgrestest.Pool(t, url)
	db := stdlib.OpenDBFromPool(pool)
	defer db.Close()
	provider, err := goose.NewProvider(goose.DialectPostgres, db, migrations.Schema)
	must(t, err)
	_, err = provider.GetDBVersion(t.Context()) // makes its table
	must(t, err)
	if version > 0 {
		_, err = provider.UpTo(t.Context(), version)
		must(t, err)
	}
	return pool
}

// Requests for a table that a migration wants to lock wait behind it: it gives up soon, lets them
// pass and tries again.
func TestMigrate_TriesAgainAfterAShortWaitForALock(t *testing.T) {
	t.Parallel()
	url := postgrestest.EmptyURL(t)
	pool := postgrestest.Pool(t, url)
	blocker := postgrestest.Begin(t, pool)
	_, err := blocker.Exec(t.Context(), `CREATE TABLE users ()`)
	must(t, err)

	done := make(chan error, 1)
	go func() {
		_, err := postgres.Migrate(t.Context(), url)
		done <- err
	}()
	waits := func(want bool) func() error {
		return func() error {
			var got bool
			err := pool.QueryRow(t.Context(), `
				SELECT EXISTS (
					SELECT
					FROM pg_stat_activity
					WHERE datname = current_database()
					  AND application_name = 'sana migrate'
					  AND wait_event_type = 'Lock')`).Scan(&got)
			if err == nil && got != want {
				err = fmt.Errorf("the migration waits for a lock: %t", got)
			}
			return err
		}
	}
	postgrestest.Eventually(t, "no lock is waited for", waits(true))
	postgrestest.Eventually(t, "the wait does not end", waits(false))
	must(t, blocker.Rollback(t.Context()))
	must(t, <-done)
}
