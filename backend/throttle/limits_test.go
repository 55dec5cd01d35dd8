package throttle

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "rewrite the limits in SECURITY.md")

// The table stands between these lines of SECURITY.md.
const (
	securityPage = "../../SECURITY.md"
	tableBegin   = "<!-- limits: made by go test ./backend/throttle -update -->\n"
	tableEnd     = "<!-- /limits -->\n"
)

// ASVS 5.0, 2.1.3 and 6.1.1: what is documented is what holds.
func TestSECURITYHasTheLimitsAsTheyAre(t *testing.T) {
	content, err := os.ReadFile(securityPage)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, begun := strings.Cut(string(content), tableBegin)
	got, after, ended := strings.Cut(rest, tableEnd)
	if !begun || !ended {
		t.Fatalf("SECURITY.md has no place for the limits: %q and %q", tableBegin, tableEnd)
	}
	if got == table() {
		return
	}
	if !*update {
		t.Fatalf("SECURITY.md has\n%s\nwant\n%s\nrun: go test ./backend/throttle -update", got, table())
	}
	if err := os.WriteFile(securityPage, []byte(before+tableBegin+table()+tableEnd+after), 0o644); err != nil {
		t.Fatal(err)
	}
}

// table is the limits in Markdown.
func table() string {
	var b strings.Builder
	line := func(what, value, key, reached string) {
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", what, value, key, reached)
	}
	line("what", "limit", "counted by", "when reached")
	line("---", "---", "---", "---")
	line("code", fmt.Sprintf("6 to 8 digits (`CODE_LENGTH`), %s, once, %d tries", span(CodeLifetime), MaxTries), "code", "410 `code_expired` or 429 `too_many_tries`; a new one can be had")
	for _, l := range Limits() {
		var windows []string
		for _, w := range l.Windows {
			windows = append(windows, fmt.Sprintf("%d in %s", w.Count, span(w.Per)))
		}
		line(l.Name, strings.Join(windows, ", "), l.Key, l.Reached)
	}
	line("wrong codes of the whole service",
		fmt.Sprintf("%d in %s and 1 in %d tries", serviceFloor, span(serviceWindow), serviceShare), "everybody",
		fmt.Sprintf("new codes have %d digits, and the log says so once", AttackLength))
	return b.String()
}

func span(d time.Duration) string {
	switch {
	case d%(365*24*time.Hour) == 0:
		return fmt.Sprintf("%d days", d/(24*time.Hour))
	case d%time.Hour == 0:
		return fmt.Sprintf("%d h", d/time.Hour)
	default:
		return fmt.Sprintf("%d min", d/time.Minute)
	}
}

// Two limits with one name would share their rows.
func TestEveryLimitHasANameOfItsOwn(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, l := range Limits() {
		if seen[l.Name] || len(l.Windows) == 0 || l.Key == "" || l.Reached == "" {
			t.Errorf("%q is there twice, or says too little", l.Name)
		}
		seen[l.Name] = true
	}
}

// The arithmetic behind the numbers: OWASP ASVS 5.0, 6.6.3, and NIST SP 800-63B-4, 3.2.2.
func TestTheLimitsKeepGuessingUnderOneInTwentyThousand(t *testing.T) {
	t.Parallel()
	const codes = 1e6
	day := float64(WrongByAddress.Windows[1].Count) / codes
	if day > 2e-5 {
		t.Errorf("the chance of a guesser in 24 hours is %g, want at most 2e-5", day)
	}
	inARow := float64(WrongInARow.Windows[0].Count) / codes
	if inARow > 5e-5 {
		t.Errorf("the chance of a guesser between two successes is %g, want at most 5e-5", inARow)
	}
}
