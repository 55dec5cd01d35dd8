package doctor

import (
	"context"
	"fmt"
	"strings"

	"sana/backend/diagnose"
)

// room is the number of connections that the server has for Sana.
type room struct {
	most     int // connections for roles without special privileges
	others   int // in use by other clients
	perRole  int // -1 for no limit
	database int // -1 for no limit
}

// wantedInstances is the number of instances that should fit: two, and two more during a rolling
// deployment.
const wantedInstances = 4

// besidePool is the number of connections of an instance outside of its pool: one for health
// checks, one to receive revocations.
const besidePool = 2

func (d Database) connections(ctx context.Context) diagnose.Result {
	pool := int(d.Pool.Config().MaxConns) + besidePool
	if d.Direct != nil {
		return diagnose.OK(
			fmt.Sprintf("up to %d an instance to the address of DATABASE_URL; a pooler decides "+
				"how many reach Postgres", pool))
	}
	var r room
	err := d.Pool.QueryRow(ctx, `
		SELECT
			current_setting('max_connections')::int
				- current_setting('superuser_reserved_connections')::int
				- coalesce(current_setting('reserved_connections', true)::int, 0),
			(SELECT count(*) FROM pg_stat_activity
				WHERE datid IS NOT NULL
				  AND NOT (usename IS NOT DISTINCT FROM current_user
				           AND application_name IN ('sana', 'sana migrate'))),
			(SELECT rolconnlimit FROM pg_roles WHERE rolname = current_user),
			(SELECT datconnlimit FROM pg_database WHERE datname = current_database())`).
		Scan(&r.most, &r.others, &r.perRole, &r.database)
	if err != nil {
		return unreachable(err, "DATABASE_URL")
	}
	return r.judge(pool)
}

// judge judges how many instances fit with each connections an instance.
func (r room) judge(each int) diagnose.Result {
	free := r.most - r.others
	for _, limit := range []int{r.perRole, r.database} {
		if limit >= 0 {
			free = min(free, limit)
		}
	}
	fit := max(free, 0) / each
	detail := fmt.Sprintf("up to %d an instance; Postgres has %d free, enough for %s", each,
		max(free, 0), diagnose.Counted(fit, "instance", "instances"))
	remedy := fmt.Sprintf("add pool_max_conns=%d to DATABASE_URL, raise max_connections, or put a "+
		"pooler in between", max(free/wantedInstances-besidePool, 1))
	switch {
	case fit < 1:
		return diagnose.Fail(detail, remedy)
	case fit < wantedInstances:
		return diagnose.Warn(detail+"; a rolling deployment of two runs four for a while", remedy)
	}
	return diagnose.OK(detail)
}

// pooler detects a pooler by the backend process id: a pooler invents one, because it distributes
// the statements over several connections.
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
				WHERE name IN ('statement_timeout', 'lock_timeout',
				               'idle_in_transaction_session_timeout')
				  AND setting = '0'
				ORDER BY name)`).Scan(&process, &unlimited)
	if err != nil {
		return unreachable(err, "DATABASE_URL")
	}
	return judgePooler(process != conn.Conn().PgConn().PID(), d.Direct != nil, unlimited)
}

func judgePooler(between, told bool, unlimited []string) diagnose.Result {
	switch {
	case between && !told:
		return diagnose.Warn("found; in transaction mode it breaks prepared statements",
			"set MIGRATE_DATABASE_URL to the address of the database itself")
	case between && len(unlimited) > 0:
		return diagnose.Warn("found, and the role has no "+strings.Join(unlimited, ", "),
			"ALTER ROLE … SET statement_timeout = '4s'; … lock_timeout = '4s'; … "+
				"idle_in_transaction_session_timeout = '10s'")
	case between:
		return diagnose.OK("found, and the role has the limits that cannot be set through it")
	}
	return diagnose.OK("none")
}
