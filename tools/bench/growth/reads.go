package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"slices"
	"time"
)

// kind is a kind of reads.
type kind struct {
	name        string
	cache       string // SESSION_CACHE
	count       int    // number of sessions that are read
	first, step int    // numbers of the sessions that are used
	description string
}

var kinds = []kind{
	{"cached", "on", 10_000, 1, 1, "SESSION_CACHE=on, 10,000 of the sessions in use"},
	{
		"uncached",
		"off",
		maxTokens,
		1,
		2,
		"SESSION_CACHE=off, all sessions equally often; no use is recorded",
	},
	{"uncached_in_use", "off", 10_000, 1, 1, "SESSION_CACHE=off, 10,000 of the sessions in use"},
	{
		"uncached_and_written",
		"off",
		maxTokens,
		2,
		2,
		"SESSION_CACHE=off, all sessions equally often; every use is recorded",
	},
}

func kindNames() (names []string) {
	for _, k := range kinds {
		names = append(names, k.name)
	}
	return names
}

// reads are the rounds of one kind at one size.
type reads struct {
	Kind     string `json:"kind"`
	Sessions int    `json:"sessions"`
	Rounds   []load `json:"rounds"`
}

// median returns the median of the reads per second.
func (r reads) median() float64 {
	var list []float64
	for _, l := range r.Rounds {
		list = append(list, l.PerSecond)
	}
	slices.Sort(list)
	return list[len(list)/2]
}

// cpu returns the median of the processor time of Sana and Postgres together for one read, in
// microseconds. Other work on the machine reduces the number of reads, but hardly changes this
// value.
func (r reads) cpu() float64 {
	var list []float64
	for _, l := range r.Rounds {
		list = append(list, l.Sana+l.Postgres)
	}
	slices.Sort(list)
	return list[len(list)/2]
}

// warmUp is long enough to read 10,000 sessions once.
const warmUp = 3 * time.Second

// readAll measures every kind and size once in each round, so that other work on the machine
// affects all of them.
func readAll(ctx context.Context, o options, databases []*database) ([]reads, error) {
	var list []reads
	for range o.kinds {
		for _, d := range databases {
			list = append(list, reads{Sessions: d.n})
		}
	}
	for round := range o.rounds {
		for k, kind := range o.kinds {
			for j, d := range databases {
				l, err := o.readOnce(ctx, kind, d)
				if err != nil {
					return nil, fmt.Errorf("%s reads of %d sessions: %w", kind.name, d.n, err)
				}
				log.Printf("round %d, %s, %d sessions: %+v", round+1, kind.name, d.n, l)
				r := &list[k*len(databases)+j]
				r.Kind, r.Rounds = kind.name, append(r.Rounds, l)
			}
		}
	}
	return list, nil
}

func (o options) readOnce(ctx context.Context, k kind, d *database) (load, error) {
	tokens, err := d.tokens(k.count, k.first, k.step)
	if err != nil {
		return load{}, err
	}
	defer os.Remove(tokens)
	i, err := o.start(ctx, d, k.cache)
	if err != nil {
		return load{}, err
	}
	if _, err = i.read(ctx, tokens, warmUp); err != nil {
		return load{}, err
	}
	l, err := i.measure(ctx, d, tokens, o.length)
	if stopped := i.stop(); err == nil {
		err = stopped
	}
	return l, err
}

// measure is read with the processor time that it uses.
func (i *instance) measure(
	ctx context.Context, d *database, tokens string, length time.Duration,
) (load, error) {
	before, err := i.cpu(ctx, d)
	if err != nil {
		return load{}, err
	}
	l, err := i.read(ctx, tokens, length)
	if err != nil {
		return load{}, err
	}
	after, err := i.cpu(ctx, d)
	count := l.PerSecond * length.Seconds()
	l.Sana = float64((after.sana - before.sana).Microseconds()) / count
	l.Postgres = float64((after.postgres - before.postgres).Microseconds()) / count
	return l, err
}

// ratios returns the ratios of the largest size to the smallest.
func ratios(list []reads) map[string]float64 {
	smallest, largest := map[string]reads{}, map[string]reads{}
	for _, r := range list {
		if s, known := smallest[r.Kind]; !known || r.Sessions < s.Sessions {
			smallest[r.Kind] = r
		}
		if r.Sessions >= largest[r.Kind].Sessions {
			largest[r.Kind] = r
		}
	}
	result := map[string]float64{}
	for kind, s := range smallest {
		l := largest[kind]
		name := fmt.Sprintf("%s_%s_vs_%s", kind, short(l.Sessions), short(s.Sessions))
		result[name] = l.median() / s.median()
		result[name+"_by_cpu"] = s.cpu() / l.cpu()
	}
	return result
}

// short formats a power of ten as 1e4.
func short(n int) string {
	zeros := 0
	for ; n >= 10 && n%10 == 0; n /= 10 {
		zeros++
	}
	return fmt.Sprintf("%de%d", n, zeros)
}

func printReads(list []reads) {
	fmt.Printf("\nreads a second, wrk with %d connections beside it, medians\n| sessions | "+
		"reads | a second | rounds | p99, ms | CPU of Sana + Postgres, us | failed |\n",
		connections)
	for _, r := range list {
		var rounds, p99, cpu []string
		failed := 0
		for _, l := range r.Rounds {
			rounds = append(rounds, fmt.Sprintf("%.0f", l.PerSecond))
			p99 = append(p99, fmt.Sprintf("%.1f", l.P99))
			cpu = append(cpu, fmt.Sprintf("%.0f+%.0f", l.Sana, l.Postgres))
			failed += l.Failed
		}
		fmt.Printf("| %d | %s | %.0f | %v | %v | %v | %d |\n", r.Sessions, r.Kind, r.median(),
			rounds, p99, cpu, failed)
	}
	for _, k := range kinds {
		fmt.Printf("%s: %s\n", k.name, k.description)
	}
	for name, ratio := range ratios(list) {
		fmt.Printf("%s %.2f\n", name, ratio)
	}
}
