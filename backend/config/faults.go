package config

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"time"

	"sana/backend/keyring"

	"github.com/caarlos0/env/v11"
)

// faultList gathers faults, one a line. Each variable has one at most: what follows from the first
// would only confuse.
type faultList struct {
	variables []string
	list      []error
}

// when adds a fault of a variable if it is wrong; the text continues after the variable's name.
func (f *faultList) when(wrong bool, variable, format string, args ...any) {
	if wrong && !slices.Contains(f.variables, variable) {
		f.variables = append(f.variables, variable)
		f.list = append(f.list, fmt.Errorf(variable+" "+format, args...))
	}
}

func (f *faultList) oneOf(variable, value string, allowed ...string) {
	f.when(!slices.Contains(allowed, value), variable, "is %q; it must be %s", value,
		strings.Join(allowed, " or "))
}

// maxCount bounds what is counted in an hour.
const maxCount = 1_000_000

func (f *faultList) atLeastOne(variable string, value int) {
	f.when(value < 1 || value > maxCount, variable, "is %d; it must be 1 to %d", value, maxCount)
}

func (f *faultList) err() error { return errors.Join(f.list...) }

// read fills target, a pointer to a struct with these fields, from values, into which it puts the
// content of each NAME_FILE under NAME.
func (f *faultList) read(target any, fields []reflect.StructField, values map[string]string) {
	for _, field := range fields {
		if field.Type == reflect.TypeFor[Secret]() {
			f.readSecretFile(field.Tag.Get("env"), values)
		}
	}
	for _, field := range fields {
		name := field.Tag.Get("env")
		f.when(isQuoted(values[name]), name,
			"is in quotes, which docker's --env-file keeps; take them away")
	}
	all, _ := errors.AsType[env.AggregateError](
		env.ParseWithOptions(target, env.Options{Environment: values}))
	for _, err := range all.Errors {
		parse, _ := errors.AsType[env.ParseError](err)
		i := slices.IndexFunc(fields,
			func(field reflect.StructField) bool { return field.Name == parse.Name })
		if i < 0 { // a mistake in the struct
			f.list = append(f.list, err)
			continue
		}
		f.when(true, fields[i].Tag.Get("env"), "cannot be read as %s: %s", kindInWords(parse.Type),
			fields[i].Tag.Get("help"))
	}
}

func (f *faultList) readSecretFile(name string, values map[string]string) {
	path := values[name+"_FILE"]
	if path == "" {
		return
	}
	content, err := os.ReadFile(path)
	f.when(values[name] != "", name, "and %s_FILE are both set; keep one", name)
	f.when(err != nil, name, "cannot be read from %s_FILE: %v", name, err)
	f.when(values["APP_ENV"] != Development && keyring.ReadableBy(path, 0o004), name,
		"is in %s, which every user of the machine can read; run: chmod 600 %[1]s, or mount it "+
			"with defaultMode: 0400 (Kubernetes), mode: 0400 (Docker)", path)
	values[name] = strings.TrimSpace(string(content))
}

// minMisspelt is the length from which a name that nearly is ours is taken for a misspelt one.
const minMisspelt = 8

// misspelt adds a fault for each variable whose name is one letter away from one of ours, or has
// two letters swapped: without it the default would be used silently.
func (f *faultList) misspelt(fields []reflect.StructField, values map[string]string) {
	var known []string
	for _, field := range fields {
		name := field.Tag.Get("env")
		known = append(known, name)
		if field.Type == reflect.TypeFor[Secret]() {
			known = append(known, name+"_FILE")
		}
	}
	for _, given := range slices.Sorted(maps.Keys(values)) {
		if len(given) < minMisspelt || slices.Contains(known, given) {
			continue
		}
		if i := slices.IndexFunc(known,
			func(name string) bool { return isNearly(given, name) }); i >= 0 {
			f.when(true, given, "is no variable of Sana; it looks like %s misspelt", known[i])
		}
	}
}

// isNearly reports whether one letter was added, left out, replaced or swapped with its neighbour.
func isNearly(given, name string) bool {
	i := 0
	for i < min(len(given), len(name)) && given[i] == name[i] {
		i++
	}
	a, b := given[i:], name[i:]
	switch len(a) - len(b) {
	case 1:
		return a[1:] == b
	case -1:
		return a == b[1:]
	case 0:
		return len(a) > 0 &&
			(a[1:] == b[1:] || len(a) > 1 && a[0] == b[1] && a[1] == b[0] && a[2:] == b[2:])
	}
	return false
}

func isQuoted(value string) bool {
	const quotes = "'\"`"
	return len(value) > 1 && strings.ContainsRune(quotes, rune(value[0])) &&
		value[0] == value[len(value)-1]
}

func kindInWords(t reflect.Type) string {
	switch {
	case t == reflect.TypeFor[time.Duration]():
		return "a duration such as 90s, 15m or 24h"
	case t == reflect.TypeFor[slog.Level]():
		return "a log level"
	case t.Kind() == reflect.Uint8 || t.Kind() == reflect.Uint16:
		return fmt.Sprintf("a number from 0 to %d", 1<<t.Bits()-1)
	default:
		return "a whole number"
	}
}
