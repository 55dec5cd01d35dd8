package postgrestest

import (
	"context"
	"fmt"
	"hash/fnv"
	"io/fs"
	"sync"
	"testing"

	"sana/backend/postgres"
	"sana/migrations"

	"github.com/jackc/pgx/v5"
)

// digest returns a digest of a whole schema, and of the planner's statistics about it.
func digest(ctx context.Context, conn *pgx.Conn) (sum string, err error) {
	err = conn.QueryRow(ctx, `
		SELECT md5(string_agg(line, E'\n' ORDER BY line))
		FROM (
			SELECT format('relation %s',
				to_jsonb(c)
				- '{relpages,relallvisible,relallfrozen,relfilenode}'::text[]
				- '{relfrozenxid,relminmxid,relhasindex,relhassubclass}'::text[]
				-- To truncate a table sets that of its indexes to another value than a new one has.
				- CASE WHEN relkind = 'i' THEN 'reltuples' ELSE '' END) AS line
			FROM pg_class AS c
			WHERE relnamespace = 'public'::regnamespace
			UNION ALL
			SELECT format('column %s', to_jsonb(a) - 'attstattarget')
			FROM pg_attribute AS a
			WHERE attrelid IN (SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace)
			UNION ALL
			SELECT format('function %s', to_jsonb(p)) FROM pg_proc AS p
			    WHERE pronamespace = 'public'::regnamespace
			UNION ALL
			SELECT format('trigger %s', to_jsonb(t)) FROM pg_trigger AS t
			UNION ALL
			SELECT format('constraint %s', to_jsonb(c)) FROM pg_constraint AS c
			    WHERE connamespace = 'public'::regnamespace
			UNION ALL
			SELECT format('index %s', to_jsonb(i) - 'indcheckxmin')
			FROM pg_index AS i
			WHERE indrelid IN (SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace)
			UNION ALL
			SELECT format('schema %s', to_jsonb(n)) FROM pg_namespace AS n
			    WHERE nspname !~ '^pg_(toast_)?temp_'
			UNION ALL
			SELECT format('extension %s', to_jsonb(e)) FROM pg_extension AS e
			UNION ALL
			SELECT format('publication %s', to_jsonb(p)) FROM pg_publication AS p
			UNION ALL
			SELECT format('setting %s', to_jsonb(s))
			FROM pg_db_role_setting AS s
			JOIN pg_database ON pg_database.oid = setdatabase
			WHERE datname = current_database()
			UNION ALL
			SELECT format('database %s', to_jsonb(d) - '{datfrozenxid,datminmxid}'::text[])
			FROM pg_database AS d
			WHERE datname = current_database()
			UNION ALL
			SELECT format('default %s', to_jsonb(d)) FROM pg_attrdef AS d
			UNION ALL
			SELECT format('migration %s', to_jsonb(g)) FROM goose_db_version AS g
			UNION ALL
			SELECT format('development migration %s', to_jsonb(g))
			FROM goose_db_version_development AS g
		) AS lines`).Scan(&sum)
	return sum, err
}

// rowsOf returns the rows of all tables that have any, except goose's own.
func rowsOf(ctx context.Context, conn *pgx.Conn) (map[string]string, error) {
	rows, err := conn.Query(ctx, `
		SELECT relname
		FROM pg_class
		WHERE relnamespace = 'public'::regnamespace
		  AND relkind = 'r'
		  AND relname NOT LIKE 'goose%'`)
	if err != nil {
		return nil, err
	}
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, err
	}
	found := map[string]string{}
	for _, table := range tables {
		var content *string
		if err := conn.QueryRow(ctx,
			fmt.Sprintf(`SELECT jsonb_agg(r)::text FROM %s AS r`, table)).Scan(
			&content); err != nil {
			return nil, err
		}
		if content != nil {
			found[table] = *content
		}
	}
	return found, nil
}

// schemaVersion identifies the migrations: other migrations use other slots.
var schemaVersion = func() func(t testing.TB) int32 {
	version := sync.OnceValues(func() (int32, error) {
		sum := fnv.New32a()
		fmt.Fprintln(sum, postgres.Head)
		for _, files := range []fs.FS{migrations.Schema, migrations.Development} {
			err := fs.WalkDir(files, ".", func(name string, entry fs.DirEntry, err error) error {
				if err != nil || entry.IsDir() {
					return err
				}
				content, err := fs.ReadFile(files, name)
				fmt.Fprintf(sum, "%s\n%s\n", name, content)
				return err
			})
			if err != nil {
				return 0, err
			}
		}
		return int32(sum.Sum32()), nil
	})
	return func(t testing.TB) int32 {
		t.Helper()
		found, err := version()
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
}()
