// Package diagnose runs lists of checks of a deployment and reports them. Package doctor examines a
// deployment from inside, with its configuration; package check from outside, as a browser would.
package diagnose

import (
	"cmp"
	"context"
	"slices"
	"time"
)

// State is the outcome of a check.
type State string

// Warned is for facts that an operator should know and that break nothing, Skipped for checks that
// could not run.
const (
	Passed  State = "ok"
	Warned  State = "warn"
	Failed  State = "fail"
	Skipped State = "skip"
)

// Result is the result of a check. Names are stable: programs may depend on them.
type Result struct {
	Name   string `json:"name"`
	State  State  `json:"state"`
	Detail string `json:"detail"` // observed fact
	Hint   string `json:"hint"`   // remedy; empty if none is needed

	Stops bool `json:"-"` // dependent checks do not run, although this one did not fail
}

// OK is the result of a check that passed.
func OK(detail string) Result { return Result{State: Passed, Detail: detail} }

// Warn is the result of a check that found something, but nothing broken.
func Warn(detail, hint string) Result { return Result{State: Warned, Detail: detail, Hint: hint} }

// Fail is the result of a check that failed.
func Fail(detail, hint string) Result { return Result{State: Failed, Detail: detail, Hint: hint} }

// skip is the result of a check that did not run.
func skip(reason string) Result { return Result{State: Skipped, Detail: reason} }

// Check is one check of a list. It runs unless one of its needs, a check or a variable, is broken.
type Check struct {
	Name   string
	Needs  []string
	Limit  time.Duration // time limit; 0 means UsualLimit
	Always bool          // it also runs after an interruption, because it cleans up
	Do     func(context.Context) Result
}

// UsualLimit is longer than one request to a database or a provider may take.
const UsualLimit = 10 * time.Second

// maxText is the maximum length of a detail or a hint in bytes.
const maxText = 400

// Report is the result of a list of checks. --json prints it as JSON.
type Report struct {
	OK     bool     `json:"ok"` // nothing failed
	Checks []Result `json:"checks"`
}

// Failures returns the names of the failed checks, each once.
func (r Report) Failures() []string {
	var names []string
	for _, result := range r.Checks {
		if result.State == Failed && !slices.Contains(names, result.Name) {
			names = append(names, result.Name)
		}
	}
	return names
}

// Run runs the checks one after the other and calls tell with each result as soon as it is known.
// broken are the variables with invalid values. When ctx ends, the remaining checks are skipped.
func Run(ctx context.Context, checks []Check, broken []string, tell func(Result)) Report {
	broken = slices.Clone(broken)
	report := Report{OK: true, Checks: []Result{}}
	for _, check := range checks {
		result, ran := check.perform(ctx, broken)
		result.Name = check.Name
		result.Detail = Printable(result.Detail, maxText)
		result.Hint = Printable(result.Hint, maxText)
		if !ran || result.State == Failed || result.Stops {
			broken = append(broken, check.Name)
		}
		if result.State == Failed {
			report.OK = false
		}
		report.Checks = append(report.Checks, result)
		tell(result)
	}
	return report
}

func (c Check) perform(ctx context.Context, broken []string) (result Result, ran bool) {
	for _, need := range c.Needs {
		if slices.Contains(broken, need) {
			return skip("needs " + need), false
		}
	}
	if c.Always {
		ctx = context.WithoutCancel(ctx)
	}
	if ctx.Err() != nil {
		return skip("interrupted"), false
	}
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(c.Limit, UsualLimit))
	defer cancel()
	return c.Do(ctx), true
}
