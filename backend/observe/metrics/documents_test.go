package metrics

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"go.yaml.in/yaml/v3"
)

var update = flag.Bool("update", false, "rewrite the list in docs/metrics.md")

// The list is between these lines of the document.
const (
	document  = "../../../docs/metrics.md"
	listBegin = "<!-- metrics: made by npm run golden -- metrics -->\n"
	listEnd   = "<!-- /metrics -->\n"
)

// described is a metric as it describes itself.
type described struct{ name, help, labels string }

var description = regexp.MustCompile(
	`^Desc\{fqName: "([^"]+)", help: "([^"]+)",.* variableLabels: \{([^}]*)\}\}$`)

// all are the metrics of ours, by name.
func all(t *testing.T) map[string]described {
	t.Helper()
	m := New("test")
	m.Watch(Watched{})
	found := map[string]described{}
	for _, collector := range m.ours {
		descriptions := make(chan *prometheus.Desc, 64)
		collector.Describe(descriptions)
		close(descriptions)
		for d := range descriptions {
			parts := description.FindStringSubmatch(d.String())
			if parts == nil {
				t.Fatalf("not understood: %s", d)
			}
			found[parts[1]] = described{parts[1], parts[2], parts[3]}
		}
	}
	return found
}

func TestTheDocumentHasTheMetricsAsTheyAre(t *testing.T) {
	var want strings.Builder
	metrics := all(t)
	for _, name := range slices.Sorted(maps.Keys(metrics)) {
		fmt.Fprintf(&want, "- `%s`%s %s\n", name, withLabels(metrics[name].labels),
			metrics[name].help)
	}
	content, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, begun := strings.Cut(string(content), listBegin)
	got, after, ended := strings.Cut(rest, listEnd)
	if !begun || !ended {
		t.Fatalf("%s has no place for the list", document)
	}
	if got == want.String() {
		return
	}
	if !*update {
		t.Fatalf("%s has\n%s\nwant\n%s\nrun: npm run golden -- metrics", document,
			got, want.String())
	}
	if err := os.WriteFile(document, []byte(before+listBegin+want.String()+listEnd+after),
		0o644); err != nil {
		t.Fatal(err)
	}
}

// withLabels returns the labels of a metric as they follow its name.
func withLabels(labels string) string {
	if labels == "" {
		return ":"
	}
	return " by " + strings.ReplaceAll(labels, ",", ", ") + ":"
}

// Prometheus' conventions: a prefix, base units in the plural at the end, _total for counts and
// only for them.
func TestNamesFollowPrometheusConventions(t *testing.T) {
	t.Parallel()
	form := regexp.MustCompile(`^sana_[a-z]+(_[a-z]+)*$`)
	for name, d := range all(t) {
		if !form.MatchString(name) || !strings.HasSuffix(d.help, ".") {
			t.Errorf("%s, %q: want a name in snake case and a sentence", name, d.help)
		}
		for _, unit := range []string{"_ms", "_minutes", "_count", "_kb"} {
			if strings.Contains(name+"_", unit+"_") {
				t.Errorf("%s: want seconds, bytes, and no suffix that histograms have", name)
			}
		}
	}
}

// expressions are the queries of the alerts and of the dashboard, by where they stand.
func expressions(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	var alerts struct {
		Groups []struct {
			Rules []struct{ Alert, Expr string }
		}
	}
	var dashboard struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
		Templating struct {
			List []struct{ Name, Query string }
		}
	}
	read := func(path string, into any, parse func([]byte, any) error) {
		content, err := os.ReadFile(path)
		if err == nil {
			err = parse(content, into)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	read("../../../ops/prometheus/alerts.yaml", &alerts, yaml.Unmarshal)
	read("../../../ops/grafana/sana.json", &dashboard, json.Unmarshal)
	for _, group := range alerts.Groups {
		for _, rule := range group.Rules {
			found["alert "+rule.Alert] = rule.Expr
		}
	}
	for _, panel := range dashboard.Panels {
		for i, target := range panel.Targets {
			found[fmt.Sprintf("panel %s, %d", panel.Title, i)] = target.Expr
		}
	}
	for _, variable := range dashboard.Templating.List {
		found["variable "+variable.Name] = variable.Query
	}
	return found
}

func TestAlertsAndDashboardNameMetricsThatExist(t *testing.T) {
	t.Parallel()
	known, shown := all(t), map[string]bool{}
	series := regexp.MustCompile(`\bsana_[a-z_]+`)
	for place, expression := range expressions(t) {
		for _, name := range series.FindAllString(expression, -1) {
			for _, suffix := range []string{"_bucket", "_sum", "_count"} {
				name = strings.TrimSuffix(name, suffix)
			}
			if _, is := known[name]; !is {
				t.Errorf("%s asks for %s, which is no metric", place, name)
			}
			if strings.HasPrefix(place, "panel") {
				shown[name] = true
			}
		}
	}
	for name := range known {
		if !shown[name] {
			t.Errorf("the dashboard does not show %s", name)
		}
	}
}

// absent() is silent while one of several instances still answers.
func TestAlerts_NameTheInstanceThatIsDown(t *testing.T) {
	t.Parallel()
	got := expressions(t)["alert SanaInstanceDown"]
	if !strings.HasPrefix(got, "up == 0 and on (job, instance)") ||
		!strings.Contains(got, "sana_build_info") {
		t.Errorf("got %q, want an alert per instance", got)
	}
}

// A request is counted on the way that is to cost nothing.
func TestCountingARequestOrASessionAllocatesNothing(t *testing.T) {
	m := New("test")
	route := m.Route("GET", "/")
	route.Answered(200, 1)
	if n := testing.AllocsPerRun(100, func() {
		route.Answered(200, 1)
		m.SessionRead(Store)
	}); n != 0 {
		t.Errorf("got %v allocations, want none", n)
	}
	(*Metrics)(nil).Route("GET", "/").Answered(200, 1)
	(*Metrics)(nil).SessionRead(Cache)
}
