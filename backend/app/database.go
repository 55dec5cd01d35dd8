package app

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"sana/backend/config"
	"sana/backend/observe/tracing"
	"sana/backend/postgres"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	databaseTimeout = 30 * time.Second       // of a start, with a database that is not up yet
	databaseRetry   = 500 * time.Millisecond // between two tries, on average
)

// openDatabase returns the pool of a database that is ready for this version, and one connection
// beside it that asks whether the database is there.
func openDatabase(
	ctx context.Context, cfg config.Config, o Options, tracer *tracing.Tracer, log *slog.Logger,
) (db, probe *pgxpool.Pool, err error) {
	if db, err = OpenPool(ctx, cfg, tracer); err != nil {
		return nil, nil, err
	}
	if probe, err = postgres.OpenProbe(ctx, cfg.DatabaseURL.Reveal()); err != nil {
		db.Close()
		return nil, nil, err
	}
	err = awaitDatabase(ctx, log, "DATABASE_URL", func() error {
		return tryDatabase(ctx, cfg, o, db, probe, log)
	})
	if err != nil {
		db.Close()
		probe.Close()
		return nil, nil, err
	}
	return db, probe, nil
}

// OpenPool returns a pool of the database of DATABASE_URL, through its pooler if it has one. It
// does not connect yet.
func OpenPool(
	ctx context.Context, cfg config.Config, tracer *tracing.Tracer,
) (*pgxpool.Pool, error) {
	traced := func(c *pgx.ConnConfig) { c.Tracer = tracer.Statements() }
	if cfg.IsPooled() {
		return postgres.OpenPooled(ctx, cfg.DatabaseURL.Reveal(), traced)
	}
	return postgres.Open(ctx, cfg.DatabaseURL.Reveal(), traced)
}

// OpenDirect returns a pool of the database of MIGRATE_DATABASE_URL, which no pooler is in front
// of. It does not connect yet.
func OpenDirect(ctx context.Context, cfg config.Config) (*pgxpool.Pool, error) {
	return postgres.Open(ctx, cfg.MigrateDatabaseURL.Reveal())
}

// Migrate brings the schema of the database at address to this version and returns the migrations
// that it applied. It waits for a database that is starting, and logs that.
func Migrate(
	ctx context.Context, address config.Secret, log *slog.Logger,
) (applied []int64, err error) {
	err = awaitDatabase(ctx, log, "MIGRATE_DATABASE_URL, else DATABASE_URL,", func() error {
		applied, err = postgres.Migrate(ctx, address.Reveal())
		return err
	})
	return applied, err
}

// awaitDatabase calls do until it succeeds, or fails for a reason that does not pass: not while the
// database that variable names is starting, or has all its connections taken by instances that
// start together with this one. It waits for databaseTimeout at most.
func awaitDatabase(ctx context.Context, log *slog.Logger, variable string, do func() error) error {
	waiting, cancel := context.WithTimeout(ctx, databaseTimeout)
	defer cancel()
	for warned := false; ; warned = true {
		err := do()
		if err == nil {
			return nil
		}
		diagnosis := postgres.Diagnose(err, variable)
		failure := fmt.Errorf("connect to database: %s; %s", diagnosis.Cause, diagnosis.Hint)
		switch {
		case diagnosis.IsPermanent:
			return failure
		case !postgres.IsUnavailable(err):
			return err
		case !warned:
			log.Warn("database unavailable: retrying", "timeout", databaseTimeout, "error", err)
		}
		select {
		case <-time.After(databaseRetry/2 + rand.N(databaseRetry)): // not all instances at once
		case <-waiting.Done():
			return failure
		}
	}
}

// tryDatabase migrates the database, or refuses a schema that is too old. It leaves both pools with
// a connection: the probe looks at the schema while the other one connects.
func tryDatabase(
	ctx context.Context, cfg config.Config, o Options, db, probe *pgxpool.Pool, log *slog.Logger,
) error {
	connected := make(chan error, 1)
	go func() { connected <- db.Ping(ctx) }()
	err := migrateIfRequested(ctx, cfg, o, log)
	if err == nil {
		err = postgres.CheckSchema(ctx, probe)
	}
	return cmp.Or(<-connected, err)
}

func migrateIfRequested(ctx context.Context, cfg config.Config, o Options, log *slog.Logger) error {
	development := cfg.Env == config.Development
	if development || o.Migrate {
		applied, err := postgres.Migrate(ctx, cfg.MigrateDatabaseURL.Reveal())
		if err != nil {
			return err
		}
		if len(applied) > 0 {
			log.Info("schema migrated", "versions", applied)
		}
	}
	if development {
		return postgres.MigrateDevelopment(ctx, cfg.MigrateDatabaseURL.Reveal())
	}
	return nil
}
