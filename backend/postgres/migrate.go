package postgres

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"sana/migrations"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

// Head is the version of the schema that this program needs. A newer one is fine: every migration
// leaves the schema usable by the previous release.
const Head = 9

const (
	schemaTable      = "goose_db_version"
	developmentTable = "goose_db_version_development"
)

// ErrUnreleased is returned for a database that a version before 0.1.0 has made.
var ErrUnreleased = errors.New("this database was created by an unreleased version of Sana; " +
	"its data cannot be migrated: use an empty database; in development, delete the folder .data")

// Migrate brings the schema to Head. Any number of instances may call it together: one migrates,
// the others wait. It needs a direct connection (no pooler in transaction mode): the lock belongs
// to the connection. It returns the versions it applied; none when the schema was at Head already.
// It changes nothing and returns ErrUnreleased if the database is not one of this schema's history.
func Migrate(ctx context.Context, url string) ([]int64, error) {
	pool, err := migrationPool(ctx, url)
	if err != nil {
		return nil, err
	}
	defer pool.Close()
	version, err := Version(ctx, pool)
	if err != nil || version >= Head {
		return nil, err
	}
	return up(ctx, pool, migrations.Schema, schemaTable)
}

// MigrateDevelopment makes the tables that only development has, under the same lock.
func MigrateDevelopment(ctx context.Context, url string) error {
	pool, err := migrationPool(ctx, url)
	if err != nil {
		return err
	}
	defer pool.Close()
	dir, err := fs.Sub(migrations.Development, "development")
	if err != nil {
		return err
	}
	_, err = up(ctx, pool, dir, developmentTable)
	return err
}

// Version is the schema's version: 0 for an empty database. It returns ErrUnreleased for a schema
// from before the first release, which numbered other migrations alike: in each of them a challenge
// had no browser.
func Version(ctx context.Context, db Querier) (int64, error) {
	var exists, isUnreleased bool
	// One scan: to_regclass sees a table that another instance has committed since the statement
	// began, and the rows of pg_attribute are as they were at its beginning.
	err := db.QueryRow(ctx, `
		SELECT to_regclass($1) IS NOT NULL, count(*) > 0
		    AND count(*) FILTER (WHERE attname = 'browser') = 0
		FROM pg_attribute
		WHERE attrelid = to_regclass('challenges')`, schemaTable).Scan(&exists, &isUnreleased)
	switch {
	case err != nil:
		return 0, Error("read schema version", err)
	case isUnreleased:
		return 0, ErrUnreleased
	case !exists:
		return 0, nil
	}
	var version int64
	err = db.QueryRow(ctx,
		`SELECT coalesce(max(version_id), 0) FROM `+schemaTable+` WHERE is_applied`).Scan(&version)
	return version, Error("read schema version", err)
}

// CheckSchema returns an error with the command to run when the schema is older than Head, and
// ErrUnreleased.
func CheckSchema(ctx context.Context, db Querier) error {
	version, err := Version(ctx, db)
	if err != nil {
		return err
	}
	if version < Head {
		return fmt.Errorf(
			"the database's schema is at version %d and this program needs %d; run: sana migrate",
			version, Head)
	}
	return nil
}

// CheckWritable returns an error if the database is a standby, or read-only for the role. Unlike a
// question whether it is, the statement fails as a write would, so that the connection is let go.
func CheckWritable(ctx context.Context, db Querier) error {
	_, err := db.Exec(ctx, `
		SELECT
		FROM periodic
		LIMIT 0
		FOR UPDATE`)
	return Error("try whether the database takes writes", err)
}

func up(ctx context.Context, pool *pgxpool.Pool, dir fs.FS, table string) ([]int64, error) {
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 300),
		lock.WithUnlockTimeout(1, 30))
	if err != nil {
		return nil, err
	}
	db := stdlib.OpenDBFromPool(pool)
	defer db.Close()
	provider, err := goose.NewProvider(goose.DialectPostgres, db, dir,
		goose.WithSessionLocker(locker), goose.WithTableName(table),
		goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return nil, err
	}
	var applied []int64
	for attempt := 1; ; attempt++ {
		results, err := provider.Up(ctx)
		if partial, isPartial := errors.AsType[*goose.PartialError](err); isPartial {
			results = partial.Applied
		}
		for _, r := range results {
			applied = append(applied, r.Source.Version)
		}
		if err == nil {
			return applied, nil
		}
		answer, ok := errors.AsType[*pgconn.PgError](err)
		if !ok || answer.Code != lockNotAvailable || attempt == lockAttempts ||
			!pause(ctx, lockPause) {
			return applied, fmt.Errorf("migrate: %w", err)
		}
	}
}

// A migration waits for a lock only shortly, because every request for the same table waits behind
// it. Then it lets the others pass and tries again.
const (
	lockTimeout      = "500ms"
	lockPause        = time.Second
	lockAttempts     = 60
	lockNotAvailable = "55P03"
)

// migrationPool has no statement timeout, because a migration may take long.
func migrationPool(ctx context.Context, url string) (*pgxpool.Pool, error) {
	cfg, err := parseURL(url)
	if err != nil {
		return nil, fmt.Errorf("migrate: %w", err)
	}
	cfg.MaxConns = 4
	setConnectTimeout(cfg.ConnConfig, 5*time.Second)
	setDefaults(cfg.ConnConfig.RuntimeParams,
		map[string]string{"application_name": "sana migrate", "lock_timeout": lockTimeout})
	return pgxpool.NewWithConfig(ctx, cfg)
}
