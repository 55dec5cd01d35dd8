// Package doctor looks at a deployment of Sana from inside: with its configuration, at what the program depends on. Its
// sister is package check, which looks from outside and knows nothing.
package doctor

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// State is what a check came to.
type State string

// Warn is what an operator should know and what keeps nothing from working, a check that could not run included.
const (
	OK   State = "ok"
	Warn State = "warn"
	Fail State = "fail"
)

// Result is the outcome of one check. Names are stable: programs may look for them.
type Result struct {
	Name  string `json:"name"`
	State State  `json:"state"`
	Found string `json:"found"` // what was seen
	Do    string `json:"do"`    // what to do; empty where nothing is

	stops bool // what needs this check cannot run either, although it did not fail
}

func ok(found string) Result       { return Result{State: OK, Found: found} }
func warn(found, do string) Result { return Result{State: Warn, Found: found, Do: do} }
func fail(found, do string) Result { return Result{State: Fail, Found: found, Do: do} }

// Check is one line of the list. It runs unless one of what it needs, checks or variables, is broken.
type Check struct {
	Name  string
	Needs []string
	Limit time.Duration // how long it may take; zero is usualLimit
	Do    func(context.Context) Result
}

// usualLimit is more than the longest that one of the program's own questions takes.
const usualLimit = 10 * time.Second

// Run runs the checks one after the other and reports each as soon as it is done. broken are the variables that cannot be
// used. When ctx ends, what follows is reported as not run.
func Run(ctx context.Context, checks []Check, broken []string, report func(Result)) {
	broken = slices.Clone(broken)
	for _, c := range checks {
		result, ran := c.perform(ctx, broken)
		if result.Name = c.Name; !ran || result.State == Fail || result.stops {
			broken = append(broken, c.Name)
		}
		result.Found, result.Do = printable(result.Found), printable(result.Do)
		report(result)
	}
}

func (c Check) perform(ctx context.Context, broken []string) (result Result, ran bool) {
	for _, need := range c.Needs {
		if slices.Contains(broken, need) {
			return warn("not run: needs "+need, ""), false
		}
	}
	if ctx.Err() != nil {
		return warn("not run: interrupted", ""), false
	}
	limit := c.Limit
	if limit == 0 {
		limit = usualLimit
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return c.Do(ctx), true
}

// words are the states as they stand at the beginning of a line; what needs somebody stands out.
var words = map[State]string{OK: "ok", Warn: "warn", Fail: "FAIL"}

// width is how many columns a line of text may have.
const width = 100

// WriteText writes a result in lines of at most width columns: what was found, and behind an arrow what to do.
func WriteText(w io.Writer, r Result) error {
	var text strings.Builder
	fmt.Fprintf(&text, "%-4s  %-14s  ", words[r.State], r.Name)
	indent := text.Len()
	writeWrapped(&text, r.Found, indent)
	if r.Do != "" {
		fmt.Fprintf(&text, "%*s-> ", indent, "")
		writeWrapped(&text, r.Do, indent+len("-> "))
	}
	_, err := io.WriteString(w, text.String())
	return err
}

// writeWrapped goes on at column indent of a line, and begins further lines there.
func writeWrapped(text *strings.Builder, content string, indent int) {
	column := indent
	for i, word := range strings.Fields(content) {
		switch {
		case i == 0:
		case column+1+utf8.RuneCountInString(word) > width:
			fmt.Fprintf(text, "\n%*s", indent, "")
			column = indent
		default:
			text.WriteByte(' ')
			column++
		}
		text.WriteString(word)
		column += utf8.RuneCountInString(word)
	}
	text.WriteByte('\n')
}

// printable makes a line of what others sent: without control characters, and not too long.
func printable(s string) string {
	const most = 400
	s = strings.Join(strings.Fields(strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, s)), " ")
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}

// counted is a number with its noun: 1 proxy, 2 proxies.
func counted(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
