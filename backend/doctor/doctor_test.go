package doctor_test

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"sana/backend/doctor"
	"sana/backend/sanatest"
)

func comesTo(r doctor.Result) func(context.Context) doctor.Result {
	return func(context.Context) doctor.Result { return r }
}

func TestACheckRunsUnlessWhatItNeedsIsBroken(t *testing.T) {
	t.Parallel()
	got := results(t, []doctor.Check{
		{Name: "fine", Do: comesTo(doctor.Result{State: doctor.OK})},
		{Name: "doubtful", Do: comesTo(doctor.Result{State: doctor.Warn})},
		{Name: "broken", Do: comesTo(doctor.Result{State: doctor.Fail})},
		{Name: "after both", Needs: []string{"fine", "doubtful"}, Do: comesTo(doctor.Result{State: doctor.OK})},
		{Name: "after the broken", Needs: []string{"fine", "broken"}, Do: comesTo(doctor.Result{State: doctor.OK})},
		{Name: "after that", Needs: []string{"after the broken"}, Do: comesTo(doctor.Result{State: doctor.OK})},
		{Name: "with a faulty variable", Needs: []string{"PORT"}, Do: comesTo(doctor.Result{State: doctor.OK})},
	}, "PORT")
	assert(t, "after both", got["after both"], doctor.OK, "", "")
	assert(t, "after the broken", got["after the broken"], doctor.Warn, "not run: needs broken", "")
	assert(t, "after that", got["after that"], doctor.Warn, "not run: needs after the broken", "")
	assert(t, "with a faulty variable", got["with a faulty variable"], doctor.Warn, "not run: needs PORT", "")
}

func TestACheckThatHangsEndsAtItsOwnLimitAndTheNextOneRuns(t *testing.T) {
	t.Parallel()
	got := results(t, []doctor.Check{
		{Name: "hangs", Limit: time.Millisecond, Do: func(ctx context.Context) doctor.Result {
			<-ctx.Done()
			return doctor.Result{State: doctor.Fail, Found: ctx.Err().Error()}
		}},
		{Name: "next", Do: comesTo(doctor.Result{State: doctor.OK})},
	})
	assert(t, "hangs", got["hangs"], doctor.Fail, context.DeadlineExceeded.Error(), "")
	assert(t, "next", got["next"], doctor.OK, "", "")
}

func TestAnInterruptedRunSaysWhatDidNotRun(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	var got []doctor.Result
	doctor.Run(ctx, []doctor.Check{
		{Name: "one", Do: func(context.Context) doctor.Result { cancel(); return doctor.Result{State: doctor.OK} }},
		{Name: "two", Do: comesTo(doctor.Result{State: doctor.OK})},
	}, nil, func(r doctor.Result) { got = append(got, r) })
	sanatest.WantEqual(t, "results", len(got), 2)
	assert(t, "two", got[1], doctor.Warn, "not run: interrupted", "")
}

func TestWhatOthersSaidStaysOnItsLinesOfAHundredColumns(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	doctor.Run(t.Context(), []doctor.Check{{Name: "schema", Do: comesTo(doctor.Result{
		State: doctor.Fail, Found: "one\nFAIL  two\x1b[2J " + strings.Repeat("many words ", 60), Do: strings.Repeat("what to do ", 12),
	})}}, nil, func(r doctor.Result) {
		if err := doctor.WriteText(&out, r); err != nil {
			t.Fatal(err)
		}
	})
	for i, line := range strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n") {
		if len([]rune(line)) > 100 || strings.ContainsRune(line, 0x1b) || strings.HasPrefix(line, "FAIL") != (i == 0) {
			t.Errorf("got the line %q", line)
		}
	}
	if !strings.HasPrefix(out.String(), "FAIL  schema          one FAIL two [2J many words") || !strings.Contains(out.String(), "\n                      -> what to do") {
		t.Errorf("got\n%s", &out)
	}
}
