package diagnose_test

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"sana/backend/diagnose"
)

// results runs checks and returns their results by name.
func results(t *testing.T, checks []diagnose.Check, broken ...string) map[string]diagnose.Result {
	t.Helper()
	all := map[string]diagnose.Result{}
	report := diagnose.Run(t.Context(), checks, broken, func(r diagnose.Result) { all[r.Name] = r })
	for _, r := range report.Checks {
		if all[r.Name] != r {
			t.Errorf("%s: told %+v, reported %+v", r.Name, all[r.Name], r)
		}
	}
	return all
}

// assert fails the test unless a check has this state, and this text in its detail.
func assert(t *testing.T, name string, got diagnose.Result, state diagnose.State, detail string) {
	t.Helper()
	if got.State != state || !strings.Contains(got.Detail, detail) {
		t.Errorf("%s: got %+v, want %s, %q", name, got, state, detail)
	}
}

func comesTo(r diagnose.Result) func(context.Context) diagnose.Result {
	return func(context.Context) diagnose.Result { return r }
}

func TestRun_SkipsChecksWithBrokenNeeds(t *testing.T) {
	t.Parallel()
	got := results(t, []diagnose.Check{
		{Name: "fine", Do: comesTo(diagnose.Result{State: diagnose.Passed})},
		{Name: "doubtful", Do: comesTo(diagnose.Result{State: diagnose.Warned})},
		{Name: "broken", Do: comesTo(diagnose.Result{State: diagnose.Failed})},
		{Name: "after both", Needs: []string{"fine", "doubtful"},
			Do: comesTo(diagnose.Result{State: diagnose.Passed})},
		{Name: "after the broken", Needs: []string{"fine", "broken"},
			Do: comesTo(diagnose.Result{State: diagnose.Passed})},
		{Name: "after that", Needs: []string{"after the broken"},
			Do: comesTo(diagnose.Result{State: diagnose.Passed})},
		{Name: "with a faulty variable", Needs: []string{"PORT"},
			Do: comesTo(diagnose.Result{State: diagnose.Passed})},
	}, "PORT")
	assert(t, "after both", got["after both"], diagnose.Passed, "")
	assert(t, "after the broken", got["after the broken"], diagnose.Skipped, "needs broken")
	assert(t, "after that", got["after that"], diagnose.Skipped, "needs after the broken")
	assert(t, "with a faulty variable", got["with a faulty variable"], diagnose.Skipped,
		"needs PORT")
}

func TestRun_EndsHangingChecksAtTheirLimit(t *testing.T) {
	t.Parallel()
	got := results(t, []diagnose.Check{
		{Name: "hangs", Limit: time.Millisecond, Do: func(ctx context.Context) diagnose.Result {
			<-ctx.Done()
			return diagnose.Result{State: diagnose.Failed, Detail: ctx.Err().Error()}
		}},
		{Name: "next", Do: comesTo(diagnose.Result{State: diagnose.Passed})},
	})
	assert(t, "hangs", got["hangs"], diagnose.Failed, context.DeadlineExceeded.Error())
	assert(t, "next", got["next"], diagnose.Passed, "")
}

func TestRun_ReportsChecksAfterInterruption(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	var got []diagnose.Result
	diagnose.Run(ctx, []diagnose.Check{
		{Name: "one",
			Do: func(context.Context) diagnose.Result {
				cancel()
				return diagnose.Result{State: diagnose.Passed}
			}},
		{Name: "two", Do: comesTo(diagnose.Result{State: diagnose.Passed})},
	}, nil, func(r diagnose.Result) { got = append(got, r) })
	if len(got) != 2 {
		t.Fatalf("got %d results, want 2", len(got))
	}
	assert(t, "two", got[1], diagnose.Skipped, "interrupted")
}

func TestWriteText_WrapsRemoteTextAt100Columns(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	diagnose.Run(t.Context(), []diagnose.Check{{Name: "schema", Do: comesTo(diagnose.Result{
		State:  diagnose.Failed,
		Detail: "one\nFAIL  two\x1b[2J " + strings.Repeat("many words ", 60),
		Hint:   strings.Repeat("what to do ", 12),
	})}}, nil, func(r diagnose.Result) {
		if err := diagnose.WriteText(&out, r); err != nil {
			t.Fatal(err)
		}
	})
	for i, line := range strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n") {
		if len([]rune(line)) > 100 || strings.ContainsRune(line, 0x1b) ||
			strings.HasPrefix(line, "FAIL") != (i == 0) {
			t.Errorf("got the line %q", line)
		}
	}
	if !strings.HasPrefix(out.String(), "FAIL  schema          one FAIL two [2J many words") ||
		!strings.Contains(out.String(), "\n                      -> what to do") {
		t.Errorf("got\n%s", &out)
	}
}
