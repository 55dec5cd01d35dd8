// Package diagnose runs lists of checks of a deployment and reports them. Package doctor looks from inside, with the
// configuration; package check looks from outside, as a browser would.
package diagnose

import (
	"context"
	"slices"
	"time"
)

// State is the outcome of a check.
type State string

// Warned is for what an operator should know and what keeps nothing from working, a check that could not run included.
const (
	Passed State = "ok"
	Warned State = "warn"
	Failed State = "fail"
)

// Result is what one check has found. Names are stable: programs may look for them.
type Result struct {
	Name   string `json:"name"`
	State  State  `json:"state"`
	Detail string `json:"detail"` // what was seen
	Hint   string `json:"hint"`   // what to do; empty where nothing is

	Stops bool `json:"-"` // checks that need this one do not run, although it did not fail
}

// OK is the result of a check that passed.
func OK(detail string) Result { return Result{State: Passed, Detail: detail} }

// Warn is the result of a check that keeps nothing from working.
func Warn(detail, hint string) Result { return Result{State: Warned, Detail: detail, Hint: hint} }

// Fail is the result of a check that failed.
func Fail(detail, hint string) Result { return Result{State: Failed, Detail: detail, Hint: hint} }

// Check is one line of a list. It runs unless one of what it needs, checks or variables, is broken.
type Check struct {
	Name   string
	Needs  []string
	Limit  time.Duration // how long it may take; 0 is UsualLimit
	Always bool          // it runs after an interruption too, because it puts things back
	Do     func(context.Context) Result
}

// UsualLimit is more than the longest that one question to a database or a provider takes.
const UsualLimit = 10 * time.Second

// maxText is how many bytes a detail or a hint may have.
const maxText = 400

// Report is what a list of checks has found. Its JSON is what --json prints.
type Report struct {
	OK     bool     `json:"ok"` // nothing failed
	Checks []Result `json:"checks"`
}

// Failures returns the names of the checks that failed, each once.
func (r Report) Failures() []string {
	var names []string
	for _, result := range r.Checks {
		if result.State == Failed && !slices.Contains(names, result.Name) {
			names = append(names, result.Name)
		}
	}
	return names
}

// Run runs the checks one after the other and tells each result as soon as it is there. broken are the variables that
// cannot be used. When ctx ends, what follows is reported as not run.
func Run(ctx context.Context, checks []Check, broken []string, tell func(Result)) Report {
	broken = slices.Clone(broken)
	report := Report{OK: true, Checks: []Result{}}
	for _, check := range checks {
		result, ran := check.perform(ctx, broken)
		result.Name = check.Name
		result.Detail, result.Hint = Printable(result.Detail, maxText), Printable(result.Hint, maxText)
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
			return Warn("not run: needs "+need, ""), false
		}
	}
	if c.Always {
		ctx = context.WithoutCancel(ctx)
	}
	if ctx.Err() != nil {
		return Warn("not run: interrupted", ""), false
	}
	limit := c.Limit
	if limit == 0 {
		limit = UsualLimit
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return c.Do(ctx), true
}
