package session

import (
	"context"
	"errors"
	"fmt"
	"math"

	"sana/backend/postgres"

	storage "github.com/gofiber/storage/postgres/v3"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// sessionsView is the view that the storage package reads. See migrations/00002_sessions.sql.
const sessionsView = "live_sessions"

// openStorage opens the storage package (v3.6.1) on our pool.
//
// The package takes its table from schema "public" unless the name has a schema, and ignores the
// pool's search_path. If it does not find the table in information_schema, it creates one and would
// then read that empty table. So it gets the view's qualified name, and only after findView has run
// the same query: then it runs no DDL.
//
// Its own sweep, which uses this machine's clock, is disabled by an interval that never elapses.
// The package panics on errors.
func openStorage(ctx context.Context, db *pgxpool.Pool) (kv *storage.Storage, err error) {
	view, err := findView(ctx, db)
	if err != nil {
		return nil, err
	}

	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("session: open storage: %v", cause)
		}
	}()
	config := storage.Config{DB: db, Table: view, GCInterval: math.MaxInt64}
	return storage.NewWithContext(ctx, config), nil
}

// findView returns the qualified name of sessionsView as the pool's search_path resolves it.
func findView(ctx context.Context, db postgres.Querier) (string, error) {
	var schema string
	var visible bool
	err := db.QueryRow(ctx, `
		SELECT nspname,
		       EXISTS (SELECT
		               FROM information_schema.tables
		               WHERE table_schema = nspname
		                 AND table_name = relname)
		FROM pg_class
		JOIN pg_namespace ON pg_namespace.oid = relnamespace
		WHERE pg_class.oid = to_regclass($1)`, sessionsView).Scan(&schema, &visible)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return "", fmt.Errorf("session: open storage: view %s not found in the search_path; "+
			"run sana migrate with the same DATABASE_URL", sessionsView)
	case err != nil:
		return "", postgres.Error("find view "+sessionsView, err)
	case !visible:
		return "", fmt.Errorf("session: open storage: no privilege on view %s.%s",
			schema, sessionsView)
	}
	return schema + "." + sessionsView, nil
}
