package repo_test

import (
	_ "embed"
	"fmt"
	"strings"
	"testing"
)

// faultCount is how many faults there are: F-01, F-02 and so on.
const faultCount = 33

//go:embed testdata/faults.txt
var faults string

// Every fault of the list has tests that show what is promised under it, or a reason, and never both; docs/faults.md says
// which.
func TestEvidenceOfFaults(t *testing.T) {
	t.Parallel()
	found := gather(t)
	list := readAttacks(t, faults)
	if len(list) != faultCount {
		t.Errorf("faults.txt has %d entries, want %d", len(list), faultCount)
	}
	var page strings.Builder
	page.WriteString(faultsHead)
	known := map[string]bool{}
	for i, f := range list {
		if want := fmt.Sprintf("F-%02d", i+1); f.id != want {
			t.Errorf("entry %d of faults.txt is %s, want %s", i+1, f.id, want)
		}
		known[f.id] = true
		found.wantKnown(t, f.id, f.proofs)
		f.proofs = found.allOf(f)
		if (len(f.proofs) == 0) == (f.reason == "") {
			t.Errorf("%s (%s): want either tests or a reason, got %s and %q", f.id, f.gist, f.proofs, f.reason)
		}
		page.WriteString(f.row())
	}
	for p, said := range found {
		for _, id := range said.faults {
			if !known[id] {
				t.Errorf("%s names %s, which is not in faults.txt", p, id)
			}
		}
	}
	wantPage(t, "faults.md", page.String())
}

const faultsHead = `# Faults, and what shows that Sana keeps its promises under them

Made by ` + "`go test ./backend -run Evidence -update`" + ` from the tests that name a fault and from
` + "`backend/test/repo/testdata/faults.txt`" + `; the same test fails when a fault has neither a test nor a reason. A test is named by its
package below ` + "`backend`" + `. Those of ` + "`chaos`" + ` have Postgres servers, an nginx and a Caddy of their own; npm run chaos runs their
long forms, and ten minutes of random faults.

| id | what happens, and what is promised | shown by |
| --- | --- | --- |
`
