package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
)

// disk is the space that sessions use, in bytes for each.
type disk struct {
	Sessions int                `json:"sessions"`
	Table    float64            `json:"table"`
	Indexes  map[string]float64 `json:"indexes"`
	Total    float64            `json:"total"`
}

func (d *database) disk(ctx context.Context) (disk, error) {
	size := disk{Sessions: d.n, Indexes: map[string]float64{}}
	err := d.db.QueryRow(ctx, `
		SELECT pg_table_size('sessions')::float8 / n, pg_total_relation_size('sessions')::float8 / n
		FROM (SELECT count(*) AS n FROM sessions) AS counted`).Scan(&size.Table, &size.Total)
	if err != nil {
		return disk{}, err
	}
	rows, err := d.db.Query(ctx, `
		SELECT indexrelid::regclass::text,
		    pg_relation_size(indexrelid)::float8 / (SELECT count(*) FROM sessions)
		FROM pg_index
		WHERE indrelid = 'sessions'::regclass`)
	if err != nil {
		return disk{}, err
	}
	var name string
	var bytes float64
	_, err = pgx.ForEachRow(rows, []any{&name, &bytes}, func() error {
		size.Indexes[name] = bytes
		return nil
	})
	return size, err
}

func printDisk(sizes []disk) {
	var names []string
	for name := range sizes[0].Indexes {
		names = append(names, name)
	}
	slices.Sort(names)
	fmt.Printf("\nbytes on disk for each session\n| sessions | table |")
	for _, name := range names {
		fmt.Printf(" %s |", name)
	}
	fmt.Println(" all |")
	for _, s := range sizes {
		fmt.Printf("| %d | %.0f |", s.Sessions, s.Table)
		for _, name := range names {
			fmt.Printf(" %.0f |", s.Indexes[name])
		}
		fmt.Printf(" %.0f |\n", s.Total)
	}
}

// shown are the server settings that affect the measurements.
var shown = []string{
	"server_version", "shared_buffers", "max_wal_size", "checkpoint_timeout", "wal_compression",
	"synchronous_commit", "fsync",
	"full_page_writes", "random_page_cost", "effective_cache_size", "work_mem", "max_connections",
	"jit", "autovacuum_naptime",
}

func settings(ctx context.Context, url string) (map[string]string, error) {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return nil, err
	}
	defer conn.Close(ctx)
	list := map[string]string{}
	for _, name := range shown {
		var value string
		if err := conn.QueryRow(ctx, `SELECT current_setting($1)`, name).Scan(&value); err != nil {
			return nil, err
		}
		list[name] = value
	}
	return list, nil
}

func printSettings(list map[string]string) {
	for _, name := range shown {
		fmt.Printf("%s=%s ", name, list[name])
	}
	fmt.Println()
}
