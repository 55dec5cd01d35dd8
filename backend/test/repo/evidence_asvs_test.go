package repo_test

import (
	_ "embed"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

//go:embed testdata/asvs-5.0-levels.txt
var asvsLevels string

// asvsHolds are the possible states of a requirement, in the order of the summary.
var asvsHolds = []string{"yes", "partly", "not yet", "no", "operator", "n/a"}

// asvsRow is one row of docs/security/asvs.md.
type asvsRow struct{ id, level, gist, holds, how, shown string }

// noTest begins the reason why a row has no test.
const noTest = "no test: "

// check fails the test unless the row is complete: it quotes existing tests, or says why there is
// none. A row that does not apply says why.
func (r asvsRow) check(t *testing.T, found evidence) {
	t.Helper()
	if !slices.Contains(asvsHolds, r.holds) || r.gist == "" || r.how == "" {
		t.Errorf("%s: incomplete, or holds neither %s", r.id, strings.Join(asvsHolds, ", "))
	}
	proofs := proofsIn(r.shown)
	found.wantKnown(t, r.id, proofs)
	reason := strings.HasPrefix(r.shown, noTest) && len(r.shown) > len(noTest)
	switch {
	case r.holds == "n/a" && r.shown != "–":
		t.Errorf("%s does not apply and is shown by %q", r.id, r.shown)
	case r.holds != "n/a" && len(proofs) == 0 && !reason:
		t.Errorf("%s: neither a test nor a reason for none", r.id)
	case len(proofs) > 0 && reason:
		t.Errorf("%s: tests and a reason for none", r.id)
	}
}

// Every requirement of the levels 1 and 2 has one row, in order and with its level, whose tests
// exist.
func TestEvidenceOfASVS(t *testing.T) {
	t.Parallel()
	content, err := os.ReadFile("../../../docs/security/asvs.md")
	if err != nil {
		t.Fatal(err)
	}
	page := string(content)
	found, want := gather(t), readLevels(t)
	counts := map[string]int{}
	var got []string
	for _, r := range asvsRows(page) {
		got = append(got, r.id+" of level "+r.level)
		counts[r.holds+" "+r.level]++
		r.check(t, found)
	}
	if !slices.Equal(got, want) {
		t.Errorf("%d rows for %d requirements; missing or not in order: %v; too many: %v", len(got),
			len(want), without(want, got), without(got, want))
	}
	wantPage(t, "asvs.md", summaryMarks.ReplaceAllLiteralString(page, summary(counts)))
}

// readLevels lists the requirements of the levels 1 and 2, "1.2.3 of level 1".
func readLevels(t *testing.T) []string {
	t.Helper()
	var list []string
	total := 0
	for line := range strings.Lines(asvsLevels) {
		section, levels, ok := strings.Cut(strings.TrimSpace(line), ": ")
		if line[0] == '#' || !ok {
			continue
		}
		for i, level := range strings.Fields(levels) {
			total++
			if level != "3" {
				list = append(list, section+"."+strconv.Itoa(i+1)+" of level "+level)
			}
		}
	}
	if total != 345 || len(list) != 253 {
		t.Fatalf("ASVS 5.0.0 has 345 requirements, 253 of them of the levels 1 and 2; the list has %d "+
			"and %d", total, len(list))
	}
	return list
}

var asvsLine = regexp.MustCompile(`(?m)^\| ([0-9]+\.[0-9]+\.[0-9]+) \|.*\|$`)

func asvsRows(page string) []asvsRow {
	var rows []asvsRow
	for _, line := range asvsLine.FindAllString(page, -1) {
		cells := strings.Split(strings.Trim(line, "| "), " | ")
		cells = append(cells, "", "", "", "", "")
		rows = append(rows, asvsRow{cells[0], cells[1], cells[2], cells[3], cells[4], cells[5]})
	}
	return rows
}

func without(list, others []string) []string {
	return slices.DeleteFunc(slices.Clone(list),
		func(s string) bool { return slices.Contains(others, s) })
}

const (
	summaryBegin = "<!-- summary: made by npm run golden -->\n"
	summaryEnd   = "<!-- /summary -->"
)

var summaryMarks = regexp.MustCompile("(?s)" + summaryBegin + ".*" + summaryEnd)

func summary(counts map[string]int) string {
	var b strings.Builder
	b.WriteString(summaryBegin + "| holds | level 1 | level 2 |\n| --- | --- | --- |\n")
	for _, holds := range asvsHolds {
		fmt.Fprintf(&b, "| %s | %d | %d |\n", holds, counts[holds+" 1"], counts[holds+" 2"])
	}
	return b.String() + summaryEnd
}
