package doctor_test

import (
	"context"
	"strings"
	"testing"

	"sana/backend/doctor"
	"sana/backend/sanatest"
)

func TestMain(m *testing.M) { sanatest.Main(m) }

// results runs checks and returns what each came to.
func results(t *testing.T, checks []doctor.Check, broken ...string) map[string]doctor.Result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), sanatest.Deadline)
	defer cancel()
	all := map[string]doctor.Result{}
	doctor.Run(ctx, checks, broken, func(r doctor.Result) { all[r.Name] = r })
	return all
}

// assert fails the test unless a check came to this, with these words in what it found, and where it is not ok in what to do.
func assert(t *testing.T, name string, got doctor.Result, state doctor.State, found, do string) {
	t.Helper()
	if got.State != state || !strings.Contains(got.Found, found) || !strings.Contains(got.Do, do) || (do == "") != (got.Do == "") {
		t.Errorf("%s: got %+v\nwant %s, %q, %q", name, got, state, found, do)
	}
}
