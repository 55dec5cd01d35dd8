package apps

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const example = `
groups:
  staff: ["@example.org"]
  ops: [ada@example.org, Lin@example.org]
apps:
  wiki:    {name: Wiki, hosts: [wiki.example.org], allow: [group:staff]}
  grafana: {name: Grafana, hosts: [grafana.example.net, "*.preview.example.net"],
    allow: [group:ops], fresh: 12h, access_keys: true}
  trial:   {name: Trial, hosts: [bücher.example.com], allow: [guest@other.example],
    until: 2027-01-31}
  open:    {name: Open, hosts: [open.example.org], allow: [group:everyone]}
`

var production = Options{PublicHost: "sana.example.org"}

var day = time.Date(2027, 1, 31, 12, 0, 0, 0, time.UTC)

func mustParse(t testing.TB, text string, o Options) *Set {
	t.Helper()
	set, err := Parse([]byte(text), o)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func TestSet_FindsAppsByHost(t *testing.T) {
	t.Parallel()
	set := mustParse(t, example, production)
	for header, want := range map[string]string{
		"wiki.example.org":             "wiki",
		"WIKI.example.org":             "wiki",
		"wiki.example.org.":            "",
		"wiki.example.org:443":         "",
		"wiki.example.org:8443":        "",
		"x.wiki.example.org":           "",
		"example.org":                  "",
		"grafana.example.net":          "grafana",
		"a.preview.example.net":        "grafana",
		"a_b-1.preview.example.net":    "grafana",
		"preview.example.net":          "",
		".preview.example.net":         "",
		"*.preview.example.net":        "",
		"a.b.preview.example.net":      "",
		"-.preview.example.net":        "",
		"xn--bcher-kva.example.com":    "trial",
		"bücher.example.com":           "",
		"wiki.example.org/":            "",
		"wiki.example.org@evil":        "",
		"wiki.example.org evil":        "",
		"wiki.example.org\x00":         "",
		"wiki.example.org, wiki":       "",
		"":                             "",
		strings.Repeat("a", 300):       "",
		"sana.example.org":             "",
		"open.example.org":             "open",
		"grafana.example.net.evil.org": "",
	} {
		got := ""
		if host, ok := NormalizeHost([]byte(header)); ok {
			if app, ok := set.FindHost(host); ok {
				got = app.ID
			}
		}
		if got != want {
			t.Errorf("%q is a host of %q, want %q", header, got, want)
		}
	}
}

func TestApp_AllowsListedUsers(t *testing.T) {
	t.Parallel()
	set := mustParse(t, example, production)
	for email, want := range map[string][]string{
		"ada@example.org":       {"wiki", "grafana", "open"},
		"lin@example.org":       {"wiki", "grafana", "open"},
		"bob@example.org":       {"wiki", "open"},
		"bob@sub.example.org":   {"open"},
		"example.org@evil.test": {"open"},
		"guest@other.example":   {"trial", "open"},
		"":                      nil,
		"no address":            nil,
	} {
		var got []string
		for _, app := range set.For(email, day) {
			got = append(got, app.ID)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("apps of %q (-want +got):\n%s", email, diff)
		}
	}
}

func TestApp_UntilIsTheWholeDayInUTC(t *testing.T) {
	t.Parallel()
	set := mustParse(t, example, production)
	trial, _ := set.Find("trial")
	for at, want := range map[string]bool{"2027-01-31T23:59:59Z": true,
		"2027-02-01T00:00:00Z": false} {
		now, err := time.Parse(time.RFC3339, at)
		if err != nil {
			t.Fatal(err)
		}
		if got := trial.Allows("guest@other.example", now); got != want {
			t.Errorf("at %s: %v, want %v", at, got, want)
		}
	}
}

func TestSet_GroupsAreNeverEmpty(t *testing.T) {
	t.Parallel()
	set := mustParse(t, example, production)
	for email, want := range map[string]string{
		"ada@example.org": "ops,staff", "bob@example.org": "staff",
		"guest@other.example": "everyone",
	} {
		if got := strings.Join(set.Groups(email), ","); got != want {
			t.Errorf("groups of %s: %s, want %s", email, got, want)
		}
	}
	none := (*Current)(nil).Load()
	if got := none.Groups("ada@example.org"); len(got) != 1 || got[0] != "everyone" {
		t.Errorf("groups without a file: %v, want everyone", got)
	}
}

// All faults of a file are reported together.
func TestParse_ReportsEveryMistakeWithItsLine(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("testdata/mistakes.yaml")
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile("testdata/mistakes.txt")
	if err != nil {
		t.Fatal(err)
	}
	_, err = Parse(text, production)
	if err == nil {
		t.Fatal("the file was accepted")
	}
	if diff := cmp.Diff(string(want), err.Error()+"\n"); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestParse_RefusesMalformedFiles(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                        "line 1: the file is empty; it needs the key apps",
		"# nothing":               "line 1: the file is empty; it needs the key apps",
		"groups: {}":              "line 1: the key apps is missing",
		"- apps":                  "line 1: the file must be a mapping",
		"apps: {}\n---\napps: {}": "line 2: a second document begins; a file has one",
		"apps: [":                 "line 1: did not find expected node content",
		"apps: &a {}":             "line 1: apps uses an anchor; write the value out",
		"x: &a {}\napps: *a": "line 1: the file has the unknown key \"x\"; known are groups, " +
			"apps\nline 2: apps uses an anchor; write the value out",
		"apps: {}\napps: {}":         "line 2: the file has \"apps\" twice",
		strings.Repeat("#", 1<<20+1): "the file is larger than 1048576 bytes",
		"apps:\n  <<: {wiki: {}}": "line 2: app \"<<\" must have an id of a to z, 0 to 9 and -, " +
			"at most 40 characters",
		"apps: {? [a] : {name: a}}\n": "line 1: a key of apps is not a plain word",
	} {
		_, err := Parse([]byte(text), production)
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%.40q: got %v, want %s", text, err, want)
		}
	}
}

func TestParse_PortsAndShortNamesAreForDevelopment(t *testing.T) {
	t.Parallel()
	const text = `apps: {a: {name: A, allow: ["@example.org"],
  hosts: ["wiki.localhost:8080", "*.b.localhost:8080", lone]}}`
	if _, err := Parse([]byte(text), production); err == nil {
		t.Error("accepted in production")
	}
	set := mustParse(t, text, Options{PublicHost: "localhost:3000", Development: true})
	for _, host := range []string{"wiki.localhost:8080", "x.b.localhost:8080", "lone"} {
		if _, ok := set.FindHost(host); !ok {
			t.Errorf("%s is not found", host)
		}
	}
	if _, ok := set.FindHost("wiki.localhost"); ok {
		t.Error("wiki.localhost without its port is found")
	}
}

func TestParse_AcceptsAnEmptyListOfApps(t *testing.T) {
	t.Parallel()
	if set := mustParse(t, "apps: {}", production); len(set.List()) != 0 {
		t.Error("it has apps")
	}
}

// A time in the future voids nothing: a new cookie would be void again.
func TestApp_SinceVoidsOlderCookiesFromThatTime(t *testing.T) {
	t.Parallel()
	const file = `apps: {a: {name: A, hosts: [a.example.org], allow: [group:everyone],
  since: 2027-01-31}}`
	app, _ := mustParse(t, file, production).Find("a")
	since := time.Date(2027, 1, 31, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		issued, now time.Time
		want        bool
	}{
		{since.Add(-time.Second), since, true},
		{since, since, false},
		{since.Add(-time.Hour), since.Add(-time.Second), false},
	} {
		if got := app.IsVoid(c.issued, c.now); got != c.want {
			t.Errorf("issued at %s, at %s: %v, want %v", c.issued, c.now, got, c.want)
		}
	}
}
