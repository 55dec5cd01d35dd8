// Growth measures the reads, the sweep and the disk space of Sana as the number of sessions grows.
//
//	go run ./growth -postgres URL -sana ../../bin/sana -sizes 1e4,1e5,1e6,1e7 -json growth.json
//
// URL is that of a superuser of a server that has no other clients. Each size gets its own
// database, filled with the same kind of rows; all of them exist at once, and each round measures
// them one after the other. wrk generates the load.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

type options struct {
	postgres string
	sana     string
	sizes    []int
	kinds    []kind
	rounds   int
	length   time.Duration
	expired  int
	touches  time.Duration
	json     string
	keep     bool
}

// report is the output of -json. Ratios compare medians of the largest size with the smallest.
type report struct {
	Settings map[string]string  `json:"settings"`
	Ratios   map[string]float64 `json:"ratios"`
	Disk     []disk             `json:"disk"`
	Reads    []reads            `json:"reads"`
	Sweeps   []sweepResult      `json:"sweeps"`
	Touches  []touches          `json:"touches"`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, parse()); err != nil {
		fmt.Fprintln(os.Stderr, "growth:", err)
		os.Exit(1)
	}
}

func parse() options {
	var o options
	var sizes, names string
	flag.StringVar(&o.postgres, "postgres", "", "URL of a superuser of the server")
	flag.StringVar(&o.sana, "sana", "../../bin/sana", "the built program")
	flag.StringVar(&sizes, "sizes", "1e4,1e6", "numbers of sessions, smallest first")
	flag.StringVar(&names, "reads", strings.Join(kindNames(), ","), "kinds of reads")
	flag.IntVar(&o.rounds, "rounds", 3, "rounds of each kind of reads at each size")
	flag.DurationVar(&o.length, "length", 15*time.Second,
		"duration of a round; an instance records uses of sessions every 15 seconds")
	flag.IntVar(&o.expired, "expired", 1_000_000,
		"expired sessions that are deleted during reads, 0 for none")
	flag.DurationVar(&o.touches, "touches", 10*time.Second,
		"duration of recording uses at each size, 0 to skip it")
	flag.StringVar(&o.json, "json", "", "file to write the results to")
	flag.BoolVar(&o.keep, "keep", false, "keep the databases for the next run")
	flag.Parse()
	for text := range strings.SplitSeq(sizes, ",") {
		n, err := strconv.ParseFloat(text, 64)
		if err != nil {
			fmt.Fprintf(os.Stderr, "growth: -sizes: %q is not a number\n", text)
			os.Exit(2)
		}
		o.sizes = append(o.sizes, int(n))
	}
	for _, k := range kinds {
		if slices.Contains(strings.Split(names, ","), k.name) {
			o.kinds = append(o.kinds, k)
		}
	}
	return o
}

func run(ctx context.Context, o options) error {
	var result report
	var err error
	if result.Settings, err = settings(ctx, o.postgres); err != nil {
		return err
	}
	printSettings(result.Settings)
	var databases []*database
	for _, n := range o.sizes {
		d, err := openDatabase(ctx, o.postgres, n)
		if err != nil {
			return err
		}
		if !o.keep {
			defer d.drop(o.postgres)
		}
		defer d.db.Close()
		databases = append(databases, d)
		size, err := d.disk(ctx)
		if err != nil {
			return err
		}
		result.Disk = append(result.Disk, size)
	}
	printDisk(result.Disk)
	if result.Reads, err = readAll(ctx, o, databases); err != nil {
		return err
	}
	printReads(result.Reads)
	result.Ratios = ratios(result.Reads)
	if o.expired > 0 {
		if result.Sweeps, err = sweepAll(ctx, o, databases[len(databases)-1]); err != nil {
			return err
		}
		printSweeps(result.Sweeps)
	}
	if o.touches > 0 {
		for _, d := range databases {
			t, err := d.touches(ctx, o.touches)
			if err != nil {
				return err
			}
			result.Touches = append(result.Touches, t)
		}
		printTouches(result.Touches)
	}
	return write(o.json, result)
}

func write(file string, result report) error {
	text, err := json.MarshalIndent(result, "", "  ")
	if err != nil || file == "" {
		return err
	}
	return os.WriteFile(file, append(text, '\n'), 0o644)
}
