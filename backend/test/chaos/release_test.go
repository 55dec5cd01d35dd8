package chaos

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sana/backend/postgres"
	"sana/backend/test/harness"

	"github.com/jackc/pgx/v5"
)

var record = flag.Bool("record", false,
	"write what this release needs of the schema into testdata, for the tests of the next one")

// release is the recorded use of the schema by a release: testdata/release-N.json, N the schema's
// version.
type release struct {
	Statements []string          `json:"statements"` // that it sends, with parameters
	Columns    map[string]column `json:"columns"`    // of all tables and views, by "table.column"
}

type column struct {
	Type     string `json:"type"`
	Nullable bool   `json:"nullable"`
	Optional bool   `json:"optional"` // a row may be inserted without it
}

// F-20: the previous release works on the new schema, during the rollout and after a rollback:
// every statement that it sends can be prepared, and no column that it uses has been dropped,
// changed its type or become mandatory.
func TestPreviousRelease_WorksOnThisSchema(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	now := columns(t, w)
	files, err := filepath.Glob("testdata/release-*.json")
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		wantNoReleaseYet(t, "testdata/release-N.json")
		return
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".json"), func(t *testing.T) {
			var old release
			content, err := os.ReadFile(file)
			if err == nil {
				err = json.Unmarshal(content, &old)
			}
			if err != nil {
				t.Fatal(err)
			}
			old.canSend(t, w)
			old.canUse(t, now)
			t.Logf("%d statements, %d columns", len(old.Statements), len(old.Columns))
		})
	}
}

// canSend fails the test unless every statement of the release can be prepared.
func (r release) canSend(t *testing.T, w *harness.World) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), w.DatabaseURL)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	for i, sql := range r.Statements {
		if _, err := conn.Prepare(t.Context(), fmt.Sprint("old", i), sql); err != nil {
			t.Errorf("the release sends this, which fails now: %v\n%s", err, sql)
		}
	}
}

// canUse fails the test unless now has the release's columns, and its other columns are optional.
func (r release) canUse(t *testing.T, now map[string]column) {
	t.Helper()
	tables := map[string]bool{}
	for name, before := range r.Columns {
		table, _, _ := strings.Cut(name, ".")
		tables[table] = true
		after, exists := now[name]
		switch {
		case !exists:
			t.Errorf("%s has gone", name)
		case after.Type != before.Type:
			t.Errorf("%s was %s and is %s", name, before.Type, after.Type)
		case before.Nullable && !after.Nullable || before.Optional && !after.Optional:
			t.Errorf("%s has become obligatory", name)
		}
	}
	for name, after := range now {
		table, _, _ := strings.Cut(name, ".")
		if _, known := r.Columns[name]; !known && tables[table] && !after.Optional {
			t.Errorf("%s is new in a table of the release, which cannot insert into it any more",
				name)
		}
	}
}

// columns describes the schema of a world, without the parts of development and of a library's
// migrations.
func columns(t *testing.T, w *harness.World) map[string]column {
	t.Helper()
	rows, err := w.DB.Query(t.Context(), `
		SELECT table_name || '.' || column_name,
		       data_type,
		       is_nullable = 'YES',
		       is_nullable = 'YES' OR column_default IS NOT NULL OR is_generated = 'ALWAYS'
		           OR is_identity = 'YES'
		FROM information_schema.columns
		WHERE table_schema = 'public'
		  AND table_name NOT LIKE 'goose%'
		  AND table_name NOT LIKE 'dev\_%'`)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]column{}
	var name string
	var c column
	_, err = pgx.ForEachRow(rows, []any{&name, &c.Type, &c.Nullable, &c.Optional}, func() error {
		all[name] = c
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// With -record the test records the release: it uses the whole program and writes its use of the
// schema. Run it for each release: go test ./backend/test/chaos -run TestRelease_IsRecorded
// -record
func TestRelease_IsRecorded(t *testing.T) {
	if !*record {
		t.Skip("only with -record")
	}
	s := newServer(t, "logging_collector=on", "log_destination=jsonlog", "log_filename=statements",
		"log_statement=all", "log_line_prefix=")
	w := s.world()
	w.Run(t).Kill(t) // migrates, which is no statement of a release
	// of the programs; the test's own statements have another name
	w.DatabaseURL += "&application_name=" + recorded
	newReleaseWalk(t, w).everything()
	content, err := os.ReadFile(filepath.Join(s.data, "log", "statements.json"))
	if err != nil {
		t.Fatal(err)
	}
	list := release{Statements: statementsIn(t, content), Columns: columns(t, w)}
	var pretty bytes.Buffer
	encoder := json.NewEncoder(&pretty)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(list); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(fmt.Sprintf("testdata/release-%d.json", postgres.Head), pretty.Bytes(),
		0o644); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d statements", len(list.Statements))
}

// recorded is the name under which the programs of a recording connect.
const recorded = "recorded"

var logged = regexp.MustCompile(
	`(?s)^(?:execute [^:]+|statement): (\s*(?:SELECT|INSERT|UPDATE|DELETE|WITH)\b.*)$`)

// statementsIn lists the statements that the program has sent, each once.
func statementsIn(t *testing.T, log []byte) []string {
	t.Helper()
	all := map[string]bool{}
	lines := bufio.NewScanner(bytes.NewReader(log))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var line struct {
			Application string `json:"application_name"`
			Message     string `json:"message"`
		}
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			continue // the last one may be truncated
		}
		if match := logged.FindStringSubmatch(line.Message); match != nil &&
			line.Application == recorded {
			all[strings.TrimSpace(match[1])] = true
		}
	}
	return slices.Sorted(maps.Keys(all))
}
