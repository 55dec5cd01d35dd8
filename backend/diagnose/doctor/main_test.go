package doctor_test

import (
	"context"
	"strings"
	"testing"

	"sana/backend/diagnose"
	"sana/backend/test/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }

// results runs checks and returns their results by name.
func results(t *testing.T, checks []diagnose.Check, broken ...string) map[string]diagnose.Result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), harness.Deadline)
	defer cancel()
	all := map[string]diagnose.Result{}
	diagnose.Run(ctx, checks, broken, func(r diagnose.Result) { all[r.Name] = r })
	return all
}

// assert fails the test unless a check has this state, this text in its detail, and, if it is not
// ok, this text in its hint.
func assert(
	t *testing.T, name string, got diagnose.Result, state diagnose.State, detail, hint string,
) {
	t.Helper()
	if got.State != state || !strings.Contains(got.Detail, detail) ||
		!strings.Contains(got.Hint, hint) || (hint == "") != (got.Hint == "") {
		t.Errorf("%s: got %+v\nwant %s, %q, %q", name, got, state, detail, hint)
	}
}
