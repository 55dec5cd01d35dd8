package throttle

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "rewrite the limits in docs/security/claims.md")

// docs/security/claims.md has the list between these lines.
const (
	securityPage = "../../docs/security/claims.md"
	listBegin    = "<!-- limits: made by npm run golden -- throttle -->\n"
	listEnd      = "<!-- /limits -->\n"
)

// ASVS 5.0, 2.1.3 and 6.1.1: the documented limits are those of the code.
func TestLimits_SecurityPageStatesTheLimitsOfTheCode(t *testing.T) {
	content, err := os.ReadFile(securityPage)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, begun := strings.Cut(string(content), listBegin)
	got, after, ended := strings.Cut(rest, listEnd)
	if !begun || !ended {
		t.Fatalf("claims.md has no place for the limits: %q and %q", listBegin, listEnd)
	}
	if got == list() {
		return
	}
	if !*update {
		t.Fatalf("claims.md has\n%s\nwant\n%s\nrun: npm run golden -- throttle", got,
			list())
	}
	page := before + listBegin + list() + listEnd + after
	if err := os.WriteFile(securityPage, []byte(page), 0o644); err != nil {
		t.Fatal(err)
	}
}

// list returns the limits in Markdown.
func list() string {
	var b strings.Builder
	item := func(name, value, note string) {
		if note != "" {
			value += "; " + note
		}
		fmt.Fprintf(&b, "- `%s`: %s\n", name, value)
	}
	item("code",
		fmt.Sprintf("6 to 8 digits (`CODE_LENGTH`), %s, once, %d tries", span(CodeLifetime),
			MaxTries),
		"410 `code_expired` or 429 `too_many_tries`")
	for _, l := range Limits() {
		var windows []string
		for _, w := range l.Windows {
			windows = append(windows, fmt.Sprintf("%d %s", w.Count, per(w.Per)))
		}
		item(l.Name, strings.Join(windows, ", "), l.Note)
	}
	item("wrong codes of the whole service",
		fmt.Sprintf("more than %d %s and more than 1 in %d attempts",
			serviceFloor, per(serviceWindow), serviceShare),
		fmt.Sprintf("new codes have %d digits", AttackLength))
	return b.String()
}

// per returns the window of a budget in words that follow its count.
func per(window time.Duration) string {
	switch window {
	case time.Minute:
		return "a minute"
	case time.Hour:
		return "an hour"
	case 24 * time.Hour:
		return "a day"
	case 365 * 24 * time.Hour:
		return "a year"
	default:
		return "in " + span(window)
	}
}

func span(d time.Duration) string { return fmt.Sprintf("%d min", d/time.Minute) }

// Two limits with one name would share their budgets.
func TestLimits_HaveUniqueNames(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, l := range Limits() {
		if seen[l.Name] || len(l.Windows) == 0 {
			t.Errorf("%q is duplicated or incomplete", l.Name)
		}
		seen[l.Name] = true
	}
}

// The documented limits by network are the default of the setting.
func TestLimits_ByNetworkAreTheDocumentedOnes(t *testing.T) {
	t.Parallel()
	th := openWith(t, nil, oldKey, production)
	for _, l := range []Limit{SentByNetwork, WrongByNetwork} {
		use := th.ByNetworks(l, []string{"192.0.2.1"})[0]
		if use.limit.Windows[0] != l.Windows[0] {
			t.Errorf("%s: got the window %v, want %v", l.Name, use.limit.Windows[0], l.Windows[0])
		}
	}
}

// The arithmetic behind the numbers: OWASP ASVS 5.0, 6.6.3, and NIST SP 800-63B-4, 3.2.2.
func TestLimits_KeepGuessingBelowOneInTwentyThousand(t *testing.T) {
	t.Parallel()
	const codes = 1e6
	day := float64(WrongByAddress.Windows[1].Count) / codes
	if day > 2e-5 {
		t.Errorf("the chance to guess a code within 24 hours is %g, want at most 2e-5", day)
	}
	inARow := float64(ConsecutiveWrong.Windows[0].Count) / codes
	if inARow > 5e-5 {
		t.Errorf("the chance to guess a code between two successes is %g, want at most 5e-5",
			inARow)
	}
}
