package config_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"sana/backend/config"
)

var update = flag.Bool("update", false, "rewrite the table in docs/configuration.md")

// The table is between these lines of docs/configuration.md.
const (
	page       = "../../docs/configuration.md"
	tableBegin = "<!-- configuration: made by go test ./backend/config -update -->\n"
	tableEnd   = "<!-- /configuration -->\n"
)

func TestConfigurationPage_MatchesTheCode(t *testing.T) {
	content, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, begun := strings.Cut(string(content), tableBegin)
	got, after, ended := strings.Cut(rest, tableEnd)
	if !begun || !ended {
		t.Fatalf("configuration.md has no place for the table: %q and %q", tableBegin, tableEnd)
	}
	if got == table() {
		return
	}
	if !*update {
		t.Fatalf("configuration.md has\n%s\nwant\n%s\nrun: go test ./backend/config -update", got,
			table())
	}
	if err := os.WriteFile(page, []byte(before+tableBegin+table()+tableEnd+after), 0o644); err != nil {
		t.Fatal(err)
	}
}

// table returns the configuration in Markdown.
func table() string {
	var b strings.Builder
	b.WriteString("| variable | default | meaning |\n| --- | --- | --- |\n")
	escape := strings.NewReplacer("|", `\|`, "<", `\<`)
	for _, v := range config.Variables() {
		value := ""
		if v.Default != "" {
			value = "`" + v.Default + "`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", v.Name, value, escape.Replace(v.Help))
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
