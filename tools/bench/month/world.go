package main

import (
	"context"
	"fmt"
	"log"
	"log/slog"
	"net/url"
	"strings"
	"time"

	"sana/backend/postgres"
	"sana/backend/session"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// world is one database with a clock of its own.
type world struct {
	name  string
	db    *pgxpool.Pool
	store *session.Shared
	now   time.Time
	slots []slot // places that are never empty: the session of one browser after the other
}

// slot is one browser: in each half of a day it is in use for ten minutes, which begin at its offset.
type slot struct {
	email  string
	token  string
	key    string
	offset int // minutes
	until  time.Time
	signs  bool // out at the end; else it is just not used any more
}

// hurryAutovacuum has the server look every second for what is to be vacuumed, and take no breaks while it does: the
// breaks would be minutes of the simulated time.
func hurryAutovacuum(ctx context.Context, server string) (restore func(), err error) {
	conn, err := pgx.Connect(ctx, server)
	if err != nil {
		return nil, err
	}
	defer conn.Close(ctx)
	for _, sql := range []string{
		`ALTER SYSTEM SET autovacuum_naptime = '1s'`, `ALTER SYSTEM SET autovacuum_vacuum_cost_delay = 0`, `SELECT pg_reload_conf()`,
	} {
		if _, err := conn.Exec(ctx, sql); err != nil {
			return nil, err
		}
	}
	return func() {
		ctx := context.Background()
		conn, err := pgx.Connect(ctx, server)
		if err != nil {
			log.Printf("autovacuum_naptime stays 1s: %v", err)
			return
		}
		defer conn.Close(ctx)
		for _, sql := range []string{
			`ALTER SYSTEM RESET autovacuum_naptime`, `ALTER SYSTEM RESET autovacuum_vacuum_cost_delay`, `SELECT pg_reload_conf()`,
		} {
			if _, err := conn.Exec(ctx, sql); err != nil {
				log.Printf("%s: %v", sql, err)
			}
		}
	}, nil
}

// open makes a database anew, with a clock that is there before Sana's tables, so that what they do by themselves goes
// by it too.
func open(ctx context.Context, server, name string, then []string) (*world, error) {
	u, err := url.Parse(server)
	if err != nil {
		return nil, err
	}
	name = "month_" + name
	u.Path = "/" + name
	conn, err := pgx.Connect(ctx, server)
	if err != nil {
		return nil, err
	}
	defer conn.Close(ctx)
	for _, sql := range []string{
		`DROP DATABASE IF EXISTS ` + name + ` WITH (FORCE)`,
		`CREATE DATABASE ` + name,
		`ALTER DATABASE ` + name + ` SET search_path = public, pg_catalog`,
		`ALTER DATABASE ` + name + ` SET synchronous_commit = off`,
	} {
		if _, err := conn.Exec(ctx, sql); err != nil {
			return nil, err
		}
	}
	w := &world{name: name, now: time.Now().UTC().Truncate(24 * time.Hour)}
	if w.db, err = pgxpool.New(ctx, u.String()); err != nil {
		return nil, err
	}
	if _, err := w.db.Exec(ctx, strings.ReplaceAll(clock, "START", w.now.Format(time.RFC3339))); err != nil {
		return nil, err
	}
	if _, err := postgres.Migrate(ctx, u.String()); err != nil {
		return nil, err
	}
	for _, sql := range then {
		if _, err := w.db.Exec(ctx, sql); err != nil {
			return nil, fmt.Errorf("%s: %w", sql, err)
		}
	}
	w.store, err = session.NewShared(ctx, w.db, limits, slog.New(slog.DiscardHandler), nil)
	return w, err
}

const clock = `
	CREATE TABLE public.simulated (now timestamptz NOT NULL) WITH (fillfactor = 10, autovacuum_vacuum_scale_factor = 0);
	INSERT INTO public.simulated VALUES ('START');
	CREATE FUNCTION public.now() RETURNS timestamptz LANGUAGE plpgsql STABLE PARALLEL SAFE
	AS $$ BEGIN RETURN (SELECT s.now FROM public.simulated AS s); END $$`

// limits are Sana's own.
var limits = session.Limits{Idle: 24 * time.Hour, MaxAge: 30 * 24 * time.Hour}

func (w *world) exec(ctx context.Context, sql string, args ...any) error {
	_, err := w.db.Exec(ctx, sql, args...)
	return err
}
