package doctor

import (
	"context"
	"fmt"
	"strings"

	"sana/backend/diagnose"
	"sana/backend/postgres"

	"github.com/jackc/pgx/v5"
)

// rights checks the privileges on every table and view except goose_db_version: Sana's schema is
// its own. The sequences of identity columns need no privileges.
func (d Database) rights(ctx context.Context) diagnose.Result {
	rows, err := d.Pool.Query(ctx, `
		WITH ours AS (
			SELECT oid, relname, relkind
			FROM pg_class
			WHERE relnamespace = (SELECT relnamespace FROM pg_class
			    WHERE oid = to_regclass('goose_db_version'))
			  AND relkind IN ('r', 'p', 'v')
			  AND relname NOT LIKE 'goose_db_version%'
		),
		wanted AS (
			SELECT
				relname,
				privilege,
				has_table_privilege(oid, privilege) AS granted
			FROM ours, unnest(CASE relkind
				WHEN 'v' THEN ARRAY['SELECT']
				ELSE ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']
			END) AS privilege
		)
		SELECT relname || ' (' || string_agg(privilege, ', ' ORDER BY privilege) || ')'
		FROM wanted
		WHERE NOT granted
		GROUP BY relname
		ORDER BY relname`)
	if err != nil {
		return unreachable(err, "DATABASE_URL")
	}
	missing, err := pgx.CollectRows(rows, pgx.RowTo[string])
	switch {
	case err != nil:
		return unreachable(err, "DATABASE_URL")
	case len(missing) > 0:
		return diagnose.Fail("the role may not use "+strings.Join(missing, ", "),
			"as the owner of the tables: GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN "+
				"SCHEMA … TO the role")
	}
	return diagnose.OK("the role may read and write every table")
}

// migrator is the role that migrates, and its privileges.
type migrator struct {
	role   string
	create bool   // may create tables
	own    bool   // is the owner of the existing tables, or may act as the owner
	server int64  // start time of the server
	oid    uint32 // object id of the database
}

func readMigrator(ctx context.Context, db postgres.Querier) (m migrator, err error) {
	err = db.QueryRow(ctx, `
		SELECT
			current_user,
			coalesce(has_schema_privilege(current_schema(), 'CREATE'), false),
			coalesce((SELECT pg_has_role(relowner, 'USAGE') FROM pg_class
			    WHERE oid = to_regclass('goose_db_version')), true),
			extract(epoch FROM pg_postmaster_start_time())::bigint,
			(SELECT oid FROM pg_database WHERE datname = current_database())`).
		Scan(&m.role, &m.create, &m.own, &m.server, &m.oid)
	return m, err
}

// migrateRights checks the role of sana migrate: MIGRATE_DATABASE_URL, else DATABASE_URL.
func (d Database) migrateRights(ctx context.Context) diagnose.Result {
	here, err := readMigrator(ctx, d.Pool)
	if err != nil {
		return unreachable(err, "DATABASE_URL")
	}
	who := here
	if d.Direct != nil {
		if who, err = readMigrator(ctx, d.Direct); err != nil {
			return unreachable(err, "MIGRATE_DATABASE_URL")
		}
		if who.server != here.server || who.oid != here.oid {
			return diagnose.Fail("MIGRATE_DATABASE_URL names another database than DATABASE_URL",
				"set both to the same server and the same database")
		}
	}
	const remedy = "run sana migrate with MIGRATE_DATABASE_URL as the owner of the tables"
	switch {
	case !who.own:
		return diagnose.Warn(
			fmt.Sprintf("%s does not own the tables: sana migrate as this role fails at the "+
				"next migration", who.role), remedy)
	case !who.create:
		return diagnose.Warn(
			fmt.Sprintf("%s may not create tables: sana migrate as this role fails", who.role),
			remedy+", or: GRANT CREATE ON SCHEMA … TO "+who.role)
	}
	return diagnose.OK(fmt.Sprintf("%s may migrate", who.role))
}
