package postgrestest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// GenericPlan returns the plan that a connection of the application's pool caches for a statement with
// named arguments.
func GenericPlan(t testing.TB, db *pgxpool.Pool, sql string) string {
	t.Helper()
	tx, err := db.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(t.Context()) }()
	positional, args, err := pgx.NamedArgs{}.RewriteQuery(t.Context(), nil, sql, nil)
	if err != nil {
		t.Fatal(err)
	}
	nulls := strings.TrimSuffix(strings.Repeat("NULL, ", len(args)), ", ")
	if _, err := tx.Exec(t.Context(), `PREPARE statement AS `+positional); err != nil {
		t.Fatal(err)
	}
	defer func() { _, _ = tx.Exec(t.Context(), `DEALLOCATE statement`) }()
	rows, err := tx.Query(t.Context(), fmt.Sprintf(`EXPLAIN EXECUTE statement (%s)`, nulls))
	if err != nil {
		t.Fatal(err)
	}
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(lines, "\n")
}
