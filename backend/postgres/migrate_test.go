package postgres_test

import (
	"context"
	"database/sql"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"

	"sana/backend/fault"
	"sana/backend/postgres"
	"sana/backend/postgres/postgrestest"
	"sana/backend/sanatest"
	"sana/migrations"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"
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
	var list []int64
	for v := range int64(postgres.Head) {
		list = append(list, v+1)
	}
	return list
}

// assertApplied fails the test unless a migration applied these versions and left the schema at Head.
func assertApplied(t *testing.T, url string, want []int64) {
	t.Helper()
	got, err := postgres.Migrate(t.Context(), url)
	must(t, err)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("applied (-want +got):\n%s", diff)
	}
	assertWhole(t, postgrestest.Pool(t, url))
}

// assertWhole fails the test unless goose's, River's and the program's ideas of the newest schema are there.
func assertWhole(t *testing.T, pool *pgxpool.Pool) {
	t.Helper()
	version, err := postgres.Version(t.Context(), pool)
	must(t, err)
	if version != postgres.Head {
		t.Errorf("version: got %d, want %d", version, postgres.Head)
	}
	versions := river(t, pool).AllVersions()
	var newest int
	must(t, pool.QueryRow(t.Context(), "SELECT max(version) FROM river_migration").Scan(&newest))
	if want := versions[len(versions)-1].Version; newest != want {
		t.Errorf("River's version: got %d, want its newest, %d", newest, want)
	}
	must(t, postgres.CheckSchema(t.Context(), pool))
}

func river(t *testing.T, pool *pgxpool.Pool) *rivermigrate.Migrator[pgx.Tx] {
	t.Helper()
	migrator, err := rivermigrate.New(riverpgxv5.New(pool), nil)
	must(t, err)
	return migrator
}

func TestMigrateBringsAnEmptyDatabaseToHeadOnce(t *testing.T) {
	t.Parallel()
	url := postgrestest.EmptyURL(t)
	assertApplied(t, url, everyVersion())
	assertApplied(t, url, nil)
}

func TestHeadIsTheNewestFileUnlessRiverIsNewer(t *testing.T) {
	t.Parallel()
	const river = 2 // by migrations/embed.go
	newest := river
	files, err := fs.Glob(migrations.Schema, "*.sql")
	must(t, err)
	for _, name := range files {
		number, _, _ := strings.Cut(name, "_")
		version, err := strconv.Atoi(number)
		must(t, err)
		if version == river {
			t.Errorf("%s has the number of River's tables", name)
		}
		newest = max(newest, version)
	}
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

// partly makes version 1 and, unless upTo is nil, some of River's versions: what a migration leaves that is killed there.
func partly(t *testing.T, url string, upTo *rivermigrate.MigrateOpts) *pgxpool.Pool {
	t.Helper()
	pool := postgrestest.Pool(t, url)
	db := stdlib.OpenDBFromPool(pool)
	defer db.Close()
	provider, err := goose.NewProvider(goose.DialectPostgres, db, migrations.Schema)
	must(t, err)
	_, err = provider.UpTo(t.Context(), 1)
	must(t, err)
	if upTo != nil {
		_, err = river(t, pool).Migrate(t.Context(), rivermigrate.DirectionUp, upTo)
		must(t, err)
	}
	return pool
}

func TestMigrateGoesOnWhereAnotherStopped(t *testing.T) {
	t.Parallel()
	for name, upTo := range map[string]*rivermigrate.MigrateOpts{
		"between two versions":   nil,
		"after River's first":    {TargetVersion: 1},
		"between two of River's": {TargetVersion: 3},
		"after River's last":     {},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := postgrestest.EmptyURL(t)
			partly(t, url, upTo)
			assertApplied(t, url, everyVersion()[1:])
		})
	}
}

// block keeps the next migration of River waiting; the function it returns lets it go on.
func block(t *testing.T, pool *pgxpool.Pool) (release func()) {
	t.Helper()
	tx := begin(t, pool)
	must(t, run(t.Context(), tx, "SET LOCAL idle_in_transaction_session_timeout = 0"))
	must(t, run(t.Context(), tx, "LOCK TABLE river_migration"))
	return func() { must(t, tx.Rollback(t.Context())) }
}

// waitBlocked waits until a migration is in the middle of River's.
func waitBlocked(t *testing.T, pool *pgxpool.Pool) {
	t.Helper()
	sanatest.Eventually(t, "no migration waits", func() error {
		return one(t, pool, "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'river_migration'::regclass")
	})
}

func TestAMigrationThatIsKilledDoesNotKeepTheNextFromFinishing(t *testing.T) {
	t.Parallel()
	url := postgrestest.EmptyURL(t)
	pool := partly(t, url, &rivermigrate.MigrateOpts{TargetVersion: 3})
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
	assertApplied(t, url, everyVersion()[1:])
}

func TestAMigrationThatIsCancelledDoesNotKeepTheNextFromFinishing(t *testing.T) {
	t.Parallel()
	url := postgrestest.EmptyURL(t)
	pool := partly(t, url, &rivermigrate.MigrateOpts{TargetVersion: 3})
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
	for version, prepare := range []func(){func() {}, func() { partly(t, url, nil) }} {
		prepare()
		want := fmt.Sprintf("the database's schema is at version %d and this program needs %d; run: sana migrate", version, postgres.Head)
		if err := postgres.CheckSchema(t.Context(), pool); err == nil || err.Error() != want {
			t.Errorf("version %d: got %v, want %s", version, err, want)
		}
	}
	assertApplied(t, url, everyVersion()[1:])
	must(t, run(t.Context(), pool, fmt.Sprintf("INSERT INTO goose_db_version (version_id, is_applied) VALUES (%d, true)", postgres.Head+1)))
	must(t, postgres.CheckSchema(t.Context(), pool))
	if applied, err := postgres.Migrate(t.Context(), url); err != nil || len(applied) != 0 {
		t.Errorf("migrating a newer schema: applied %v, %v; want nothing", applied, err)
	}
}

func TestADatabaseThatIsAwayIsNoOldSchema(t *testing.T) {
	t.Parallel()
	if err := postgres.CheckSchema(t.Context(), postgrestest.Pool(t, refusing)); !fault.Is(err, fault.Unavailable) {
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
	rows, err := pool.Query(t.Context(), "SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'")
	must(t, err)
	list, err := pgx.CollectRows(rows, pgx.RowTo[string])
	must(t, err)
	return list
}

// F-23: whichever migration is killed when it has done all but commit, it has done nothing, and the next run finishes.
func TestAMigrationThatIsKilledAtItsEndIsDoneByTheNext(t *testing.T) {
	t.Parallel()
	for _, version := range everyVersion() {
		t.Run(strconv.FormatInt(version, 10), func(t *testing.T) {
			t.Parallel()
			url := postgrestest.EmptyURL(t)
			pool := upTo(t, url, version-1)
			// Versions are read and not written while this is held.
			tx := begin(t, pool)
			must(t, run(t.Context(), tx, "SET LOCAL idle_in_transaction_session_timeout = 0"))
			must(t, run(t.Context(), tx, "LOCK TABLE goose_db_version IN SHARE MODE"))
			process := exec.Command(os.Args[0])
			process.Env = append(os.Environ(), migrateVariable+"="+url)
			must(t, process.Start())
			sanatest.Eventually(t, "no migration waits", func() error {
				return one(t, pool, "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'goose_db_version'::regclass")
			})
			must(t, process.Process.Kill())
			if err := process.Wait(); err == nil {
				t.Error("the process ended before it was killed")
			}
			must(t, tx.Rollback(t.Context()))
			if err := postgres.CheckSchema(t.Context(), pool); err == nil {
				t.Error("the schema of a killed migration is taken for this program's")
			}
			assertApplied(t, url, everyVersion()[version-1:])
		})
	}
}

// upTo makes the schema of a version with what Migrate uses, and returns a pool on it.
func upTo(t *testing.T, url string, version int64) *pgxpool.Pool {
	t.Helper()
	pool := postgrestest.Pool(t, url)
	db := stdlib.OpenDBFromPool(pool)
	defer db.Close()
	migrateRiver := &goose.GoFunc{RunDB: func(ctx context.Context, _ *sql.DB) error {
		_, err := river(t, pool).Migrate(ctx, rivermigrate.DirectionUp, nil)
		return err
	}}
	provider, err := goose.NewProvider(goose.DialectPostgres, db, migrations.Schema, goose.WithGoMigrations(goose.NewGoMigration(2, migrateRiver, nil)))
	must(t, err)
	_, err = provider.GetDBVersion(t.Context()) // makes its table
	must(t, err)
	if version > 0 {
		_, err = provider.UpTo(t.Context(), version)
		must(t, err)
	}
	return pool
}
