package repo_test

import (
	"cmp"
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// attackCount is how many attacks there are: and so on.
const attackCount = 57

// attack is one entry of testdata/attacks.txt, or a fault of testdata/faults.txt.
type attack struct {
	id, gist string
	proofs   []proof // named there, besides those that name the attack
	reason   string  // why no test shows that the attack fails
	note     string  // what the tests leave open
}

// readAttacks reads entries of this form, indented lines in any number and order:
//
//	A-01 what is tried
//	    `package.Test`
//	    none: why there is no test
//	    note: what the tests leave open
func readAttacks(t *testing.T, text string) []attack {
	t.Helper()
	var list []attack
	for line := range strings.Lines(text) {
		content := strings.TrimSpace(line)
		if content == "" || content[0] == '#' {
			continue
		}
		if line[0] != ' ' {
			id, gist, _ := strings.Cut(content, " ")
			list = append(list, attack{id: id, gist: gist})
			continue
		}
		if len(list) == 0 {
			t.Fatalf("the list begins with %q", line)
		}
		last := &list[len(list)-1]
		kind, value, _ := strings.Cut(content, ": ")
		switch {
		case kind == "none":
			last.reason = value
		case kind == "note":
			last.note = value
		case content[0] == '`' && len(proofsIn(content)) == 1:
			last.proofs = append(last.proofs, proofsIn(content)...)
		default:
			t.Errorf("%s: %q is neither a test nor a reason", last.id, content)
		}
	}
	return list
}

//go:embed testdata/attacks.txt
var attacks string

// Every attack of the list has tests that show that it fails, or a reason, and never both; docs/security-tests.md says
// which.
func TestEvidenceOfAttacks(t *testing.T) {
	t.Parallel()
	found := gather(t)
	list := readAttacks(t, attacks)
	if len(list) != attackCount {
		t.Errorf("attacks.txt has %d entries, want %d", len(list), attackCount)
	}
	var page strings.Builder
	page.WriteString(attacksHead)
	known := map[string]bool{}
	var shown []proof
	for i, a := range list {
		if want := fmt.Sprintf("A-%02d", i+1); a.id != want {
			t.Errorf("entry %d of attacks.txt is %s, want %s", i+1, a.id, want)
		}
		known[a.id] = true
		found.wantKnown(t, a.id, a.proofs)
		a.proofs = found.allOf(a)
		switch {
		case len(a.proofs) == 0 && a.reason == "":
			t.Errorf("%s (%s): neither a test nor a reason", a.id, a.gist)
		case len(a.proofs) > 0 && a.reason != "":
			t.Errorf("%s (%s): there is a reason for no test, and %s", a.id, a.gist, a.proofs)
		}
		page.WriteString(a.row())
		shown = append(shown, a.proofs...)
	}
	page.WriteString(inProcessHead + found.inProcess(t, shown))
	for p, said := range found {
		for _, id := range said.attacks {
			if !known[id] {
				t.Errorf("%s names %s, which is not in attacks.txt", p, id)
			}
		}
	}
	wantPage(t, "security-tests.md", page.String())
}

const attacksHead = `# Attacks, and what shows that they fail

Made by ` + "`go test ./backend -run Evidence -update`" + ` from the tests that name an attack and from
` + "`backend/test/repo/testdata/attacks.txt`" + `; the same test fails when an attack has neither a test nor a reason. A test is named by its
package below ` + "`backend`" + ` or its file, and in quotes the row of its table.

The tests of ` + "`web` and `system`" + ` play the attack over HTTP or on the bare connection against a process of the built binary
on a real Postgres, races against two of them; those of ` + "`e2e`" + ` do so in a real browser. What stands below the table runs
in the test's own process. The tests of all other packages are about one package.

| id | attack | shown by |
| --- | --- | --- |
`

// allOf lists the tests of the tree for an attack, those that it names and those that name it, without the rows of a
// table whose test stands there anyway.
func (e evidence) allOf(a attack) []proof {
	proofs := map[proof]bool{}
	for _, p := range a.proofs {
		if _, ok := e[p]; ok {
			proofs[p] = true
		}
	}
	for p, said := range e {
		if slices.Contains(said.attacks, a.id) || slices.Contains(said.faults, a.id) {
			proofs[p] = true
		}
	}
	list := make([]proof, 0, len(proofs))
	for p := range proofs {
		if p.title == "" || !proofs[proof{test: p.test}] {
			list = append(list, p)
		}
	}
	slices.SortFunc(list, func(a, b proof) int {
		return cmp.Or(cmp.Compare(a.test, b.test), cmp.Compare(a.title, b.title))
	})
	return list
}

func (a attack) row() string {
	var cell []string
	for _, p := range a.proofs {
		cell = append(cell, p.String())
	}
	for _, text := range []string{a.reason, a.note} {
		if text != "" {
			cell = append(cell, text)
		}
	}
	return fmt.Sprintf("| %s | %s | %s |\n", a.id, a.gist, strings.Join(cell, "<br>"))
}

//go:embed testdata/in-process.txt
var inProcess string

const inProcessHead = `
## In the test's own process

These do not start the built binary, each for its reason:

`

// inProcess lists the tests of the packages that run the whole program, among those that show something, which start no
// process of it. testdata/in-process.txt must name exactly these, with a reason.
func (e evidence) inProcess(t *testing.T, shown []proof) string {
	t.Helper()
	want := map[string]bool{}
	for _, p := range shown {
		whole := strings.HasPrefix(p.test, "web.") || strings.HasPrefix(p.test, "system.")
		if whole && !e[proof{test: p.test}].process {
			want[p.test] = true
		}
	}
	var list strings.Builder
	for line := range strings.Lines(inProcess) {
		proofs := proofsIn(line)
		if len(proofs) == 0 {
			continue
		}
		name, reason, _ := strings.Cut(strings.TrimSpace(line), " ")
		if !want[proofs[0].test] || reason == "" {
			t.Errorf("in-process.txt has %s, which starts a process, shows no attack, or has no reason", name)
		}
		delete(want, proofs[0].test)
		fmt.Fprintf(&list, "- %s: %s.\n", name, reason)
	}
	for name := range want {
		t.Errorf("%s starts no process of the built binary, and in-process.txt does not say why", name)
	}
	return list.String()
}
