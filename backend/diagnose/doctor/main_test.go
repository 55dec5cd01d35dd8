package doctor_test

import (
	"context"
	"strings"
	"testing"

	"sana/backend/diagnose"
	"sana/backend/test/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }

// results runs checks and returns what each came to.
func results(t *testing.T, checks []diagnose.Check, broken ...string) map[string]diagnose.Result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), harness.Deadline)
	defer cancel()
	all := map[string]diagnose.Result{}
	diagnose.Run(ctx, checks, broken, func(r diagnose.Result) { all[r.Name] = r })
	return all
}

// assert fails the test unless a check came to this, with these words in what it found, and where it is not ok in what to do.
func assert(t *testing.T, name string, got diagnose.Result, state diagnose.State, found, do string) {
	t.Helper()
	if got.State != state || !strings.Contains(got.Detail, found) || !strings.Contains(got.Hint, do) || (do == "") != (got.Hint == "") {
		t.Errorf("%s: got %+v\nwant %s, %q, %q", name, got, state, found, do)
	}
}
