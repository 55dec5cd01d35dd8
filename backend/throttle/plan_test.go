package throttle

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"sana/backend/postgres"
	"sana/backend/test/postgrestest"

	"github.com/jackc/pgx/v5"
)

// Scans of the table in a plan: of any kind, and those that read only the rows of some keys, the
// rows of a page, or rows whose place is known.
var (
	anyScan = regexp.MustCompile(`Scan .*on uses`)
	scan    = regexp.MustCompile(
		`Scan (using uses_key_at )?on uses.*\n *((Index|Recheck) Cond: \(*(ROW\()?key|TID Cond: )`)
)

// P-35: a plan that was made while the table was empty must suit a full one.
func TestStatements_UseTheIndexOnEmptyAndFullTables(t *testing.T) {
	t.Parallel()
	url := postgrestest.URL(t)
	db := postgrestest.Pool(t, url)
	check := func(when string) {
		t.Helper()
		for name, sql := range map[string]postgres.SQL{
			"state":   `SELECT ` + State + ` FROM ` + StateSource,
			"grant":   grant,
			"succeed": succeed,
			"sweep":   sweepUses,
		} {
			plan := postgrestest.GenericPlan(t, db, string(sql))
			scans, all := scan.FindAllString(plan, -1), anyScan.FindAllString(plan, -1)
			if len(all) == 0 || len(scans) != len(all) {
				t.Errorf("%s, %s: the plan does not find uses by the index:\n%s", name, when, plan)
			}
		}
	}
	check("empty")
	exec(t, db, `
		INSERT INTO uses (key, at, ends_at)
		SELECT sha256((n % 5000)::text::bytea), now() - n * interval '1 second',
		       now() + interval '1 day'
		FROM generate_series(1, 50000) AS n`)
	exec(t, db, `VACUUM ANALYZE uses`)
	check("full")
}

// Counts are per use: a refused one writes nothing, so that an attack cannot fill the table.
func TestUses_NameNoSubjectAndGrowWithTheLimitOnly(t *testing.T) {
	t.Parallel()
	db := postgrestest.Pool(t, postgrestest.URL(t))
	th := open(t, db, oldKey)
	networks := []string{"2001:db8::/64", "2001:db8::/56", "2001:db8::/48"}
	uses := append(th.ByNetworks(WrongByNetwork, networks), WrongByAddress.Of("ada@sana.example"))
	for range 3 {
		granted(t, th, 50, uses...)
	}
	wantCount(t, "rows", rowsOfUses(t, db), 4*10)
	var text string
	err := db.QueryRow(t.Context(), `
		SELECT string_agg(u::text || encode(key, 'escape'), ' ')
		FROM uses AS u`).Scan(&text)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"ada", "sana.example", "2001:db8"} {
		if strings.Contains(text, name) {
			t.Errorf("the table contains %q: %s", name, text)
		}
	}
}

// BenchmarkCount locks, checks and counts the two budgets of a wrong code, of another address each
// time out of 100 000.
func BenchmarkCount(b *testing.B) {
	db := postgrestest.Pool(b, postgrestest.URL(b))
	th := open(b, db, oldKey)
	n := 0
	for b.Loop() {
		address := fmt.Sprintf("%d@sana.example", n%100_000)
		uses := []Use{WrongByAddress.Of(address), ConsecutiveWrong.Of(address)}
		if _, err := th.run(b.Context(), grant, pgx.NamedArgs{}, uses...); err != nil {
			b.Fatal(err)
		}
		n++
	}
}
