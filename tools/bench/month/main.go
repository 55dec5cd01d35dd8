// Month simulates a month of sessions on Sana's tables in minutes, and prints the sizes of tables
// and indexes.
//
//	go run ./month -postgres URL -sessions 10000 -days 30 -json month.json
//
// URL is that of a superuser of a server that has no other clients: its autovacuum runs every
// second, which is the shortest interval. If a month takes ten real minutes, that is every 72
// simulated minutes. Vacuum therefore runs later than in production, where figures are at least
// as good.
//
// The same month is simulated on three databases: with Postgres' own settings, with Sana's, and
// with Sana's and an index on last_used_at, which Sana does not have. Users sign in and out by the
// use cases of package auth, and Sana's own code deletes expired rows. Its clock is the database's,
// where now() is a function that returns the simulated time. Only the statements that record uses
// and send mails are duplicated in statements.go, because Sana runs them by the real clock.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/sync/errgroup"
)

type options struct {
	postgres string
	sessions int
	days     int
	json     string
}

const resetAutovacuum = `
	RESET (autovacuum_vacuum_scale_factor, autovacuum_analyze_scale_factor)`

// variants are the compared settings.
var variants = []struct {
	name string
	sql  []string // after the migration
}{
	{"postgres", []string{
		`ALTER TABLE sessions` + resetAutovacuum,
		`ALTER TABLE ended_sessions` + resetAutovacuum,
		`ALTER TABLE challenges` + resetAutovacuum,
		`ALTER TABLE mails` + resetAutovacuum,
		`ALTER TABLE uses` + resetAutovacuum,
	}},
	{"sana", nil},
	{"indexed", []string{`CREATE INDEX ON sessions (last_used_at)`}},
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var o options
	flag.StringVar(&o.postgres, "postgres", "", "URL of a superuser of the server")
	flag.IntVar(&o.sessions, "sessions", 10_000, "number of sessions at any time")
	flag.IntVar(&o.days, "days", 30, "simulated days")
	flag.StringVar(&o.json, "json", "", "file to write the results to")
	flag.Parse()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "month:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) error {
	restore, err := hurryAutovacuum(ctx, o.postgres)
	if err != nil {
		return err
	}
	defer restore()
	results := make([]result, len(variants))
	group, ctx := errgroup.WithContext(ctx)
	for n, v := range variants {
		group.Go(func() (err error) {
			results[n], err = o.simulate(ctx, v.name, v.sql)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	show(o, results)
	if o.json == "" {
		return nil
	}
	text, err := json.MarshalIndent(results, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(o.json, append(text, '\n'), 0o644)
}
