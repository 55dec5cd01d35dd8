package config_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"sana/backend/config"
)

var update = flag.Bool("update", false, "rewrite the list in docs/configuration.md")

// The list is between these lines of docs/configuration.md.
const (
	page      = "../../docs/configuration.md"
	listBegin = "<!-- configuration: made by npm run golden -- config -->\n"
	listEnd   = "<!-- /configuration -->\n"
)

func TestConfigurationPage_MatchesTheCode(t *testing.T) {
	content, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, begun := strings.Cut(string(content), listBegin)
	got, after, ended := strings.Cut(rest, listEnd)
	if !begun || !ended {
		t.Fatalf("configuration.md has no place for the list: %q and %q", listBegin, listEnd)
	}
	if got == list() {
		return
	}
	if !*update {
		t.Fatalf("configuration.md has\n%s\nwant\n%s\nrun: npm run golden -- config", got,
			list())
	}
	if err := os.WriteFile(page, []byte(before+listBegin+list()+listEnd+after), 0o644); err != nil {
		t.Fatal(err)
	}
}

// list returns the configuration in Markdown.
func list() string {
	var b strings.Builder
	escape := strings.NewReplacer("<", `\<`)
	for _, v := range config.Variables() {
		value := ""
		if v.Default != "" {
			value = " (`" + v.Default + "`)"
		}
		fmt.Fprintf(&b, "- `%s`%s: %s\n", v.Name, value, escape.Replace(v.Help))
	}
	return b.String()
}

func TestEveryVariableIsExplainedOnce(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, v := range config.Variables() {
		if v.Help == "" || v.Name == "" || seen[v.Name] {
			t.Errorf("variable %q is not explained, or listed twice", v.Name)
		}
		seen[v.Name] = true
	}
	for _, name := range []string{"APP_ENV", "DATABASE_URL", "MIGRATE_DATABASE_URL", "LOG_FORMAT"} {
		if !seen[name] {
			t.Errorf("%s is not listed", name)
		}
	}
}
