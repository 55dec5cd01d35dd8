// Command bench compares Sana with other session stores and proxies, on one machine together with
// its own load. npm run bench builds it and runs it with a Postgres and wrk; docs/benchmarks.md
// describes the measurements.
//
// With a first argument "serve" it is one of the compared servers.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

// options are the arguments of npm run bench.
type options struct {
	sana     string // path of the built binary
	database string // URL of a superuser, on a server that has no other clients
	settings string // the server's settings as text
	json     string // file for the figures besides the output, "" for none
	image    string // bytes of the container image, or why they are unknown
	gunicorn string // path, "" if it is missing
	missing  string // why there is no gunicorn
	// path of oauth2-proxy, beside which is oauth2-proxy-cookie; "" if it is missing
	oauth2 string
	nginx  string // path, "" if it is missing
	growth string // path of the program that measures growth, "" to omit it
	only   string // parts to run, separated by commas; "" for all
	quick  bool   // too short for meaningful figures
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintf(os.Stderr, "bench: %v\n", err)
		stop()
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) > 1 && args[0] == "serve" {
		return serve(ctx, args[1], args[2:])
	}
	var o options
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.StringVar(&o.sana, "sana", "", "path of bin/sana")
	flags.StringVar(&o.database, "database", "",
		"URL of a superuser, on a Postgres that has no other clients")
	flags.StringVar(&o.settings, "settings", "the server's defaults",
		"description of that Postgres' settings")
	flags.StringVar(&o.json, "json", "", "file for the figures")
	flags.StringVar(&o.image, "image", "not measured", "size of the container image")
	flags.StringVar(&o.gunicorn, "gunicorn", "", "path of gunicorn, with Flask")
	flags.StringVar(&o.missing, "no-gunicorn", "no path was given", "why there is no gunicorn")
	flags.StringVar(&o.oauth2, "oauth2-proxy", "", "path of oauth2-proxy")
	flags.StringVar(&o.nginx, "nginx", "", "path of nginx")
	flags.StringVar(&o.growth, "growth", "", "path of the program that measures growth")
	flags.StringVar(&o.only, "only", "", "parts to run: reads, start, gate, signins, "+
		"revocations, growth")
	flags.BoolVar(&o.quick, "quick", false, "a short run for development")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if o.sana == "" || o.database == "" {
		return errors.New("-sana and -database are required; npm run bench sets them")
	}
	b, err := newBench(ctx, o)
	if err != nil {
		return err
	}
	defer b.close()
	return b.run(ctx)
}

// part is one section of the table.
type part struct {
	name string
	run  func(context.Context, *bench) error
}

// run measures everything and prints it. If a part fails, because an answer was wrong or a mail was
// lost, it has no figures, and the run fails at the end.
func (b *bench) run(ctx context.Context) error {
	parts := []part{
		{"start", measureStart}, {"reads", measureReads}, {"gate", measureGate},
		{"signins", measureSignIns}, {"revocations", measureRevocations}, {"growth", measureGrowth},
	}
	var failed error
	for _, p := range parts {
		if b.only != "" && !strings.Contains(","+b.only+",", ","+p.name+",") {
			b.report.skip(p.name, "skipped by -only")
			continue
		}
		began := time.Now()
		if err := p.run(ctx, b); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			failed = errors.Join(failed, fmt.Errorf("%s: %w", p.name, err))
			b.report.skip(p.name, err.Error())
		}
		b.progress("%s: done in %.0f s", p.name, time.Since(began).Seconds())
	}
	b.printMethod(ctx)
	b.report.print(os.Stdout)
	if b.json != "" {
		failed = errors.Join(failed, b.report.writeJSON(b.json))
	}
	return failed
}
