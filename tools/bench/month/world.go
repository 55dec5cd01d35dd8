package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"log"
	"log/slog"
	"net/url"
	"strings"
	"time"

	"sana/backend/account"
	"sana/backend/auth"
	"sana/backend/keyring"
	"sana/backend/outbox"
	"sana/backend/postgres"
	"sana/backend/session"
	"sana/backend/throttle"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// world is one database with a clock of its own, and Sana's code on it.
type world struct {
	db     *pgxpool.Pool
	keys   keyring.Ring
	store  *session.Shared
	limits *throttle.Throttle
	outbox *outbox.Outbox
	auth   *auth.Service
	now    time.Time
	slots  []slot
}

// hurryAutovacuum makes autovacuum run every second and without pauses, which would take minutes
// of the simulated time.
func hurryAutovacuum(ctx context.Context, server string) (restore func(), err error) {
	conn, err := pgx.Connect(ctx, server)
	if err != nil {
		return nil, err
	}
	defer conn.Close(ctx)
	for _, sql := range []string{
		`ALTER SYSTEM SET autovacuum_naptime = '1s'`,
		`ALTER SYSTEM SET autovacuum_vacuum_cost_delay = 0`,
		`SELECT pg_reload_conf()`,
	} {
		if _, err := conn.Exec(ctx, sql); err != nil {
			return nil, err
		}
	}
	return func() {
		ctx := context.Background()
		conn, err := pgx.Connect(ctx, server)
		if err != nil {
			log.Printf("reset autovacuum_naptime, which is 1s: %v", err)
			return
		}
		defer conn.Close(ctx)
		for _, sql := range []string{
			`ALTER SYSTEM RESET autovacuum_naptime`,
			`ALTER SYSTEM RESET autovacuum_vacuum_cost_delay`,
			`SELECT pg_reload_conf()`,
		} {
			if _, err := conn.Exec(ctx, sql); err != nil {
				log.Printf("%s: %v", sql, err)
			}
		}
	}, nil
}

// open creates a database. Its clock is created before Sana's tables, so that their defaults, views
// and triggers use it too.
func open(ctx context.Context, server, name string, changes []string) (*world, error) {
	database, err := create(ctx, server, "month_"+name)
	if err != nil {
		return nil, err
	}
	w := &world{now: time.Now().UTC().Truncate(24 * time.Hour)}
	if w.db, err = postgres.Open(ctx, database); err != nil {
		return nil, err
	}
	start := w.now.Format(time.RFC3339)
	if _, err := w.db.Exec(ctx, strings.ReplaceAll(clock, "START", start)); err != nil {
		return nil, err
	}
	if _, err := postgres.Migrate(ctx, database); err != nil {
		return nil, err
	}
	for _, sql := range changes {
		if _, err := w.db.Exec(ctx, sql); err != nil {
			return nil, fmt.Errorf("%s: %w", sql, err)
		}
	}
	return w, w.assemble(ctx)
}

// create creates an empty database, in place of one of an earlier run, and returns its URL.
func create(ctx context.Context, server, name string) (string, error) {
	u, err := url.Parse(server)
	if err != nil {
		return "", err
	}
	conn, err := pgx.Connect(ctx, server)
	if err != nil {
		return "", err
	}
	defer conn.Close(ctx)
	for _, sql := range []string{
		`DROP DATABASE IF EXISTS ` + name + ` WITH (FORCE)`,
		`CREATE DATABASE ` + name,
		`ALTER DATABASE ` + name + ` SET search_path = public, pg_catalog`,
		`ALTER DATABASE ` + name + ` SET synchronous_commit = off`,
	} {
		if _, err := conn.Exec(ctx, sql); err != nil {
			return "", err
		}
	}

	// A busy machine may be slower than Sana's own limits allow.
	settings := u.Query()
	settings.Set("statement_timeout", "60s")
	settings.Set("lock_timeout", "60s")
	u.Path, u.RawQuery = "/"+name, settings.Encode()
	return u.String(), nil
}

// assemble creates the parts of Sana that the users need. Nothing runs in the background, and mails
// are not sent.
func (w *world) assemble(ctx context.Context) error {
	quiet := slog.New(slog.DiscardHandler)
	secret := make([]byte, 32)
	rand.Read(secret)
	var err error
	if w.keys, err = keyring.Parse(
		"month:" + base64.StdEncoding.EncodeToString(secret)); err != nil {
		return err
	}
	if w.store, err = session.NewShared(ctx, w.db, limits, quiet, nil); err != nil {
		return err
	}
	hourly := throttle.NetworkLimits{Sent: 60, Wrong: 60}
	w.limits = throttle.New(w.db, w.keys, throttle.Options{Networks: hourly}, quiet)
	w.outbox = outbox.New(w.db, nil, outbox.Options{Log: quiet})
	w.auth = auth.New(auth.Parts{
		DB: w.db, Keys: w.keys, Limits: w.limits, Outbox: w.outbox,
		Accounts: account.New(w.db), Shared: w.store,
	}, auth.Settings{CodeLength: 6, SignUp: auth.SignUp{Open: true}})
	return nil
}

const clock = `
	CREATE TABLE public.simulated (now timestamptz NOT NULL)
	    WITH (fillfactor = 10, autovacuum_vacuum_scale_factor = 0);
	INSERT INTO public.simulated VALUES ('START');
	CREATE FUNCTION public.now() RETURNS timestamptz LANGUAGE plpgsql STABLE PARALLEL SAFE
	AS $$ BEGIN RETURN (SELECT s.now FROM public.simulated AS s); END $$`

// limits are Sana's own.
var limits = session.Limits{Idle: 24 * time.Hour, MaxAge: 30 * 24 * time.Hour}
