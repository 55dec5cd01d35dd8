package doctor

import (
	"context"
	"fmt"
	"strings"

	"sana/backend/diagnose"
	"sana/backend/postgres"

	"github.com/jackc/pgx/v5"
)

// rights checks every table and view beside goose_db_version: Sana's schema is Sana's own. The
// sequences behind identity columns need no right of their own.
func (d Database) rights(ctx context.Context) diagnose.Result {
	rows, err := d.Pool.Query(ctx, `
		WITH ours AS (
			SELECT oid, relname, relkind
			FROM pg_class
			WHERE relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = to_regclass('goose_db_version'))
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
			"as the owner of the tables: GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA … TO the role")
	}
	return diagnose.OK("the role may read and write every table")
}

// migrator is who migrates, and whether it can.
type migrator struct {
	role   string
	create bool   // may make tables
	own    bool   // is, or may act as, the owner of the tables that there are
	server int64  // when it was started
	oid    uint32 // of the database
}

func readMigrator(ctx context.Context, db postgres.Querier) (m migrator, err error) {
	err = db.QueryRow(ctx, `
		SELECT
			current_user,
			coalesce(has_schema_privilege(current_schema(), 'CREATE'), false),
			coalesce((SELECT pg_has_role(relowner, 'USAGE') FROM pg_class WHERE oid = to_regclass('goose_db_version')), true),
			extract(epoch FROM pg_postmaster_start_time())::bigint,
			(SELECT oid FROM pg_database WHERE datname = current_database())`).
		Scan(&m.role, &m.create, &m.own, &m.server, &m.oid)
	return m, err
}

// migrateRights looks at who runs sana migrate: MIGRATE_DATABASE_URL, else DATABASE_URL.
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
			return diagnose.Fail("MIGRATE_DATABASE_URL leads to another database than DATABASE_URL", "let both name the same server and the same database")
		}
	}
	const remedy = "run sana migrate with MIGRATE_DATABASE_URL as the owner of the tables"
	switch {
	case !who.own:
		return diagnose.Warn(fmt.Sprintf("%s does not own the tables, so that sana migrate as this role fails at the next change", who.role), remedy)
	case !who.create:
		return diagnose.Warn(fmt.Sprintf("%s may not make tables, so that sana migrate as this role fails", who.role),
			remedy+", or: GRANT CREATE ON SCHEMA … TO "+who.role)
	}
	return diagnose.OK(fmt.Sprintf("%s may migrate", who.role))
}

// room is what the server has for us.
type room struct {
	most     int // connections that a role without special rights may have
	others   int // taken by other clients
	perRole  int // -1 for no limit
	database int // -1 for no limit
}

// wantedInstances is how many should fit: two, and on a deploy two more beside them.
const wantedInstances = 4

// besidePool is how many connections an instance has besides its pool: one for health checks, one
// to receive revocations.
const besidePool = 2

func (d Database) connections(ctx context.Context) diagnose.Result {
	pool := int(d.Pool.Config().MaxConns) + besidePool
	if d.Direct != nil {
		return diagnose.OK(fmt.Sprintf("up to %d of an instance, at the address of DATABASE_URL; how many reach Postgres is a pooler's to say", pool))
	}
	var r room
	err := d.Pool.QueryRow(ctx, `
		SELECT
			current_setting('max_connections')::int
				- current_setting('superuser_reserved_connections')::int
				- coalesce(current_setting('reserved_connections', true)::int, 0),
			(SELECT count(*) FROM pg_stat_activity
				WHERE datid IS NOT NULL AND NOT (usename IS NOT DISTINCT FROM current_user AND application_name IN ('sana', 'sana migrate'))),
			(SELECT rolconnlimit FROM pg_roles WHERE rolname = current_user),
			(SELECT datconnlimit FROM pg_database WHERE datname = current_database())`).
		Scan(&r.most, &r.others, &r.perRole, &r.database)
	if err != nil {
		return unreachable(err, "DATABASE_URL")
	}
	return r.judge(pool)
}

// judge says how many instances fit that have so many connections each.
func (r room) judge(each int) diagnose.Result {
	free := r.most - r.others
	for _, limit := range []int{r.perRole, r.database} {
		if limit >= 0 {
			free = min(free, limit)
		}
	}
	fit := max(free, 0) / each
	found := fmt.Sprintf("up to %d of an instance; Postgres has %d for us, enough for %s", each, max(free, 0), diagnose.Counted(fit, "instance", "instances"))
	remedy := fmt.Sprintf("add pool_max_conns=%d to DATABASE_URL, raise max_connections, or put a pooler in between", max(free/wantedInstances-besidePool, 1))
	switch {
	case fit < 1:
		return diagnose.Fail(found, remedy)
	case fit < wantedInstances:
		return diagnose.Warn(found+"; a deploy of two runs four for a while", remedy)
	}
	return diagnose.OK(found)
}

// pooler knows one by the process that the connection claims to have: a pooler makes the number up, because it hands
// the statements to one after the other.
func (d Database) pooler(ctx context.Context) diagnose.Result {
	conn, err := d.Pool.Acquire(ctx)
	if err != nil {
		return unreachable(err, "DATABASE_URL")
	}
	defer conn.Release()
	var process uint32
	var unlimited []string
	err = conn.QueryRow(ctx, `
		SELECT
			pg_backend_pid()::bigint,
			ARRAY(SELECT name FROM pg_settings
				WHERE name IN ('statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout') AND setting = '0'
				ORDER BY name)`).Scan(&process, &unlimited)
	if err != nil {
		return unreachable(err, "DATABASE_URL")
	}
	return judgePooler(process != conn.Conn().PgConn().PID(), d.Direct != nil, unlimited)
}

func judgePooler(between, told bool, unlimited []string) diagnose.Result {
	switch {
	case between && !told:
		return diagnose.Warn("one stands in between; in transaction mode it breaks prepared statements and LISTEN", "set MIGRATE_DATABASE_URL to the address of the database itself")
	case between && len(unlimited) > 0:
		return diagnose.Warn("one stands in between, and the role has no "+strings.Join(unlimited, ", "),
			"ALTER ROLE … SET statement_timeout = '4s'; … lock_timeout = '4s'; … idle_in_transaction_session_timeout = '10s'")
	case between:
		return diagnose.OK("one stands in between, and the role has the limits that cannot be set through it")
	case told:
		return diagnose.OK("none in between; since MIGRATE_DATABASE_URL is another address, revocations are polled all the same")
	}
	return diagnose.OK("none in between")
}
