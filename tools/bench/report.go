package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

// ratio is a figure that is comparable between machines.
type ratio struct {
	key, of, against string
	target           string
}

var readRatios = []ratio{
	{"cached_vs_constant", sanaCached, fiberConstant, "0.65, better 0.75"},
	{"cached_vs_same_chain", sanaCached, sameChain, "0.90"},
	{"cached_vs_securecookie", sanaCached, secureCookie, "1.2"},
	{"cached_vs_fiber_storage", sanaCached, fiberStorage, "5"},
	{"cached_vs_scs", sanaCached, scsPgx, "6"},
	{"uncached_vs_fiber_storage", sanaUncached, fiberStorage, "1.1"},
}

// growthRatios are the ratios that package growth measures, with their targets.
var growthRatios = map[string]string{"cached_1e7_vs_1e4": "0.95", "uncached_1e7_vs_1e4": "0.75"}

// keys are the keys of the JSON; ratios have the prefix "ratios.". revocation_ms is an object of
// its own.
var keys = []string{"signins_per_s", "ready_ms", "rss_idle_mb", "rss_load_mb", "binary_mb"}

// report collects the measurements, and the reasons for missing ones.
type report struct {
	values map[string]float64 // by key of the JSON, with "ratios." and "revocation_ms." in front
	tables [][]string         // lines of each
	single []string           // rows of the last table, of figures without a comparison
}

// add adds a figure to the last table and, if it has a key, to the JSON.
func (r *report) add(what, key string, value float64, unit, target string) {
	r.set(key, value)
	r.single = append(r.single, cells(what, digits(value)+" "+unit, target))
}

// addText adds a text in place of a figure.
func (r *report) addText(what, text string) { r.single = append(r.single, cells(what, text, "")) }

func (r *report) set(key string, value float64) {
	if r.values == nil {
		r.values = map[string]float64{}
	}
	if key != "" {
		r.values[key] = value
	}
}

// skip records why a part has no figures.
func (r *report) skip(part, reason string) {
	r.addText(part, "NOT MEASURED: "+strings.Join(strings.Fields(reason), " "))
}

// begin begins a table, to which row adds rows.
func (r *report) begin(title string, columns ...string) {
	r.tables = append(r.tables, head(title, columns...))
}

func (r *report) row(values ...string) {
	last := len(r.tables) - 1
	r.tables[last] = append(r.tables[last], cells(values...))
}

func head(title string, columns ...string) []string {
	return []string{"", title, "", cells(columns...), "|" + strings.Repeat(" --- |", len(columns))}
}

func cells(values ...string) string { return "| " + strings.Join(values, " | ") + " |" }

// digits formats a value with three significant digits.
func digits(value float64) string {
	switch {
	case value >= 100:
		return fmt.Sprintf("%.0f", value)
	case value >= 10:
		return fmt.Sprintf("%.1f", value)
	default:
		return fmt.Sprintf("%.2f", value)
	}
}

func (r *report) print(to io.Writer) {
	for _, table := range append(r.tables,
		append(head("Figures by themselves", "what", "figure", "target"), r.single...)) {
		fmt.Fprintln(to, strings.Join(table, "\n"))
	}
}

// addReads adds the table of the reads and the ratios: each is the median of the rounds' ratios.
func (r *report) addReads(targets []target, rounds []map[string]reading) {
	over := func(name string, value func(reading) float64) float64 {
		var all []float64
		for _, round := range rounds {
			all = append(all, value(round[name]))
		}
		return median(all)
	}
	constant := over(fiberConstant, func(m reading) float64 { return m.perSecond() })
	r.begin("Reads: GET of the current user", "server", "reads/s", "of the constant", "p50 µs",
		"p99 µs", "CPU µs a read: server", "database")
	for _, t := range targets {
		speed := over(t.name, func(m reading) float64 { return m.perSecond() })
		r.row(t.name, fmt.Sprintf("%.0f", speed), digits(speed/constant),
			digits(over(t.name, func(m reading) float64 { return m.P50 })),
			digits(over(t.name, func(m reading) float64 { return m.P99 })),
			digits(over(t.name, func(m reading) float64 { return microseconds(m.server) })),
			digits(over(t.name, func(m reading) float64 { return microseconds(m.database) })))
	}
	r.begin("Ratios of reads, medians within a round", "ratio", "figure",
		"lowest to highest round", "by CPU", "at least")
	for _, ratio := range readRatios {
		var all, byCPU []float64
		for _, round := range rounds {
			of, against := round[ratio.of], round[ratio.against]
			all = append(all, of.perSecond()/against.perSecond())
			byCPU = append(byCPU,
				float64(against.server+against.database)/float64(of.server+of.database))
		}
		r.set("ratios."+ratio.key, median(all))
		r.row(ratio.key, digits(median(all)),
			digits(slices.Min(all))+" to "+digits(slices.Max(all)), digits(median(byCPU)),
			ratio.target)
	}
}

// writeJSON writes every key; missing measurements are null.
func (r *report) writeJSON(file string) error {
	value := func(key string) *float64 {
		if v, ok := r.values[key]; ok {
			return &v
		}
		return nil
	}
	ratios := map[string]*float64{}
	for _, ratio := range readRatios {
		ratios[ratio.key] = value("ratios." + ratio.key)
	}
	for key := range growthRatios {
		ratios[key] = value("ratios." + key)
	}
	revocation := map[string]*float64{}
	for _, key := range []string{"p50", "p99", "max"} {
		revocation[key] = value("revocation_ms." + key)
	}
	all := map[string]any{"ratios": ratios, "revocation_ms": revocation}
	for _, key := range keys {
		all[key] = value(key)
	}
	content, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(content, '\n'), 0o644)
}
