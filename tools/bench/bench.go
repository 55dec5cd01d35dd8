package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// lengths are the durations and numbers of the measurements.
type lengths struct {
	rounds       int           // of each comparison
	warm         time.Duration // before each measurement of reads
	read         time.Duration
	signIns      time.Duration // of each kind in a round
	signInRounds int
	revocations  int
	starts       int
	users        int // signed-in users in each store
	// users with an account; each signs in at most once, because an address gets one code a minute
	known int
}

var (
	fullLengths = lengths{
		rounds:       5,
		warm:         2 * time.Second,
		read:         6 * time.Second,
		signIns:      30 * time.Second,
		signInRounds: 3,
		revocations:  500,
		starts:       9,
		users:        10_000,
		known:        500_000,
	}
	quickLengths = lengths{
		rounds:       3,
		warm:         time.Second,
		read:         2 * time.Second,
		signIns:      5 * time.Second,
		signInRounds: 1,
		revocations:  100,
		starts:       3,
		users:        1000,
		known:        50_000,
	}
)

// bench is one run of the benchmark.
type bench struct {
	options
	lengths
	dir        string // for jars and logs, removed at the end unless something failed
	postmaster int    // of the database server
	report     report
	failed     bool
}

func newBench(ctx context.Context, o options) (*bench, error) {
	dir, err := os.MkdirTemp("", "sana-bench-")
	if err != nil {
		return nil, err
	}
	b := &bench{options: o, lengths: fullLengths, dir: dir}
	if o.quick {
		b.lengths = quickLengths
	}
	conn, err := pgx.Connect(ctx, o.database)
	if err != nil {
		return nil, err
	}
	defer conn.Close(ctx)
	if b.postmaster, err = postmasterOf(ctx, conn); err != nil {
		return nil, err
	}
	return b, nil
}

func (b *bench) close() {
	if !b.failed {
		_ = os.RemoveAll(b.dir)
	}
}

// path returns the path of a file of this run.
func (b *bench) path(name string) string { return filepath.Join(b.dir, name) }

// progress reports the progress of the run.
func (*bench) progress(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "%s  %s\n", time.Now().Format(time.TimeOnly),
		fmt.Sprintf(format, args...))
}

// newDatabase creates an empty database and returns its URL.
func (b *bench) newDatabase(ctx context.Context, name string) (string, error) {
	conn, err := pgx.Connect(ctx, b.database)
	if err != nil {
		return "", err
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx,
		"CREATE DATABASE "+pgx.Identifier{"bench_" + name}.Sanitize()); err != nil {
		return "", err
	}
	u, err := url.Parse(b.database)
	if err != nil {
		return "", errors.New("cannot parse the URL of the database")
	}
	u.Path = "/bench_" + name
	return u.String(), nil
}

// measureSizes measures the built files.
func (b *bench) measureSizes() error {
	info, err := os.Stat(b.sana)
	if err != nil {
		return err
	}
	b.report.add("binary", "binary_mb", float64(info.Size())/1e6, "MB", "at most 32")
	b.report.addText("container image", strings.TrimSpace(b.image))
	return nil
}

// settle waits until Postgres has written the changes of the last part, so that they do not slow
// down the next one.
func (b *bench) settle(ctx context.Context) error {
	conn, err := pgx.Connect(ctx, b.database)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, "CHECKPOINT")
	return err
}
