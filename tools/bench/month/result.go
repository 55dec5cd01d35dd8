package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
)

// tables are the tables whose rows are updated and deleted.
var tables = []string{
	"sessions", "challenges", "mails", "uses", "ended_sessions", "session_revocations", "users",
}

// result is the state of the tables, day by day.
type result struct {
	Variant string             `json:"variant"`
	Days    []map[string]state `json:"days"` // by table
}

type state struct {
	Rows        int     `json:"rows"`
	TableBytes  int64   `json:"table_bytes"`
	IndexBytes  int64   `json:"index_bytes"`
	Updates     int64   `json:"updates"`
	HOT         float64 `json:"hot"` // share of the updates
	Dead        int64   `json:"dead"`
	Autovacuums int64   `json:"autovacuums"`
}

// measure adds the state of all tables to r.
func (w *world) measure(ctx context.Context, r *result, day int) error {
	states := map[string]state{}
	for _, table := range tables {
		rows, err := w.db.Query(ctx, `
			SELECT (SELECT count(*)::integer FROM `+table+`) AS rows,
			       pg_table_size(relid) AS table_bytes,
			       pg_indexes_size(relid) AS index_bytes,
			       n_tup_upd AS updates,
			       coalesce(n_tup_hot_upd::float8 / nullif(n_tup_upd, 0), 0) AS hot,
			       n_dead_tup AS dead,
			       autovacuum_count AS autovacuums
			FROM pg_stat_user_tables
			WHERE relname = $1`, table)
		if err != nil {
			return err
		}
		if states[table], err = pgx.CollectExactlyOneRow(rows,
			pgx.RowToStructByName[state]); err != nil {
			return fmt.Errorf("%s on day %d: %w", table, day, err)
		}
	}
	r.Days = append(r.Days, states)
	return nil
}

// show prints the sizes of tables and indexes on some days, and the kinds of updates of the month.
func show(o options, results []result) {
	days := slices.Compact([]int{0, 1, o.days / 3, 2 * o.days / 3, o.days})
	fmt.Printf("\n%d sessions, %d days; kB of table + indexes at the end of days %v\n", o.sessions,
		o.days, days)
	fmt.Println("| table | settings | rows | kB at these days | updates | HOT | autovacuums |")
	for _, table := range tables {
		for _, r := range results {
			end := r.Days[o.days][table]
			var sizes string
			for _, day := range days {
				s := r.Days[day][table]
				sizes += fmt.Sprintf(" %d+%d", s.TableBytes>>10, s.IndexBytes>>10)
			}
			fmt.Printf("| %s | %s | %d |%s | %d | %.1f %% | %d |\n", table, r.Variant, end.Rows,
				sizes, end.Updates, 100*end.HOT, end.Autovacuums)
		}
	}
}
