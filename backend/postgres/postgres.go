// Package postgres opens the pool, runs transactions, migrates, and tells a database that is away
// from a statement that is wrong.
package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"sana/backend/fault"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Querier is what a pool and a transaction have in common.
type Querier interface {
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// Open returns a pool on which nothing waits for ever: connecting, pinging, statements, locks and
// idle transactions all have a limit. It does not connect; the first use does. `pool_max_conns` in
// the URL sets the size, else it is 16; over all instances, these and one more of each for
// OpenProbe are to fit into the server's max_connections. further may change more of each
// connection. The caller closes the pool.
func Open(
	ctx context.Context, url string, further ...func(*pgx.ConnConfig),
) (*pgxpool.Pool, error) {
	return open(ctx, url, further, func(cfg *pgxpool.Config) {
		setDefaults(cfg.ConnConfig.RuntimeParams, map[string]string{
			// A request is answered within 5 seconds. Until shortly before that it waits for a
			// lock, which is longer than any migration holds one, and longer than Postgres takes to
			// recognise a deadlock.
			"statement_timeout":                   "4s",
			"lock_timeout":                        "4s",
			"idle_in_transaction_session_timeout": "10s",
			// Each connection plans a statement once: to plan most of ours takes longer than to
			// execute them. They find their few rows by an index; with these settings such a plan
			// is made while the tables are empty, too, and is as good when they have grown.
			// Compiling it would take longer still.
			"plan_cache_mode":  "force_generic_plan",
			"enable_seqscan":   "off",
			"enable_hashjoin":  "off",
			"enable_mergejoin": "off",
			"jit":              "off",
		})
	})
}

// OpenPooled is Open for a database behind a pooler in transaction mode, such as PgBouncer. There
// nothing can be set or prepared for longer than a transaction: no statement keeps a plan, and the
// limits of Open are the role's to have (ALTER ROLE … SET); those on this side hold.
func OpenPooled(
	ctx context.Context, url string, further ...func(*pgx.ConnConfig),
) (*pgxpool.Pool, error) {
	return open(ctx, url, further, func(cfg *pgxpool.Config) {
		cfg.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe
	})
}

func open(
	ctx context.Context, url string, further []func(*pgx.ConnConfig), change func(*pgxpool.Config),
) (*pgxpool.Pool, error) {
	cfg, err := parseURL(url)
	if err != nil {
		return nil, fmt.Errorf("postgres: %w", err)
	}
	setPoolDefaults(cfg, url)
	cfg.PingTimeout = time.Second
	setConnectTimeout(cfg.ConnConfig, 4*time.Second)
	setDefaults(cfg.ConnConfig.RuntimeParams, map[string]string{"application_name": "sana"})
	change(cfg)
	for _, more := range further {
		more(cfg.ConnConfig)
	}
	return openPool(ctx, cfg)
}

// setPoolDefaults sets what the URL does not.
func setPoolDefaults(cfg *pgxpool.Config, url string) {
	for setting, set := range map[string]func(){
		"pool_max_conns":                func() { cfg.MaxConns = 16 },
		"pool_max_conn_lifetime":        func() { cfg.MaxConnLifetime = 30 * time.Minute },
		"pool_max_conn_lifetime_jitter": func() { cfg.MaxConnLifetimeJitter = 5 * time.Minute },
		// Connections that a rush has left are soon given back: other instances may have none.
		"pool_max_conn_idle_time":  func() { cfg.MaxConnIdleTime = 15 * time.Second },
		"pool_health_check_period": func() { cfg.HealthCheckPeriod = 5 * time.Second },
	} {
		if !strings.Contains(url, setting+"=") {
			set()
		}
	}
}

// setConnectTimeout sets the time for connecting unless the URL has connect_timeout: a database
// that sleeps when idle may need longer to wake.
func setConnectTimeout(cfg *pgx.ConnConfig, timeout time.Duration) {
	if cfg.ConnectTimeout == 0 {
		cfg.ConnectTimeout = timeout
	}
}

// OpenProbe is Open with a single connection of its own for readiness probes, which must not wait
// if all other connections are in use.
func OpenProbe(ctx context.Context, url string) (*pgxpool.Pool, error) {
	return open(ctx, url, nil, func(cfg *pgxpool.Config) {
		cfg.MaxConns, cfg.MinConns, cfg.MinIdleConns = 1, 0, 0
		cfg.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe // behind a pooler too
	})
}

func setDefaults(params, defaults map[string]string) {
	for name, value := range defaults {
		if _, set := params[name]; !set {
			params[name] = value
		}
	}
}

// Error names the operation in err. A database that is away, overloaded or too slow becomes
// fault.Unavailable; a fault stays the fault it is; everything else is a defect of ours and stays
// an internal error. nil stays nil.
func Error(operation string, err error) error {
	if err == nil {
		return nil
	}
	if _, isFault := errors.AsType[*fault.Error](err); isFault {
		return err
	}
	err = fmt.Errorf("%s: %w", operation, err)
	if IsUnavailable(err) {
		return fault.StoreUnavailable(err)
	}
	return err
}

// ErrContended says that other transactions were faster whenever one was tried. Trying again later
// can help.
var ErrContended = errors.New("other transactions were faster in every round")

// IsUnavailable reports whether trying the same again later can help.
func IsUnavailable(err error) bool {
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) ||
		errors.Is(err, ErrContended) {
		return true
	}
	if _, connecting := errors.AsType[*pgconn.ConnectError](err); connecting {
		return true // whatever the server's reason for not letting us in
	}
	if answer, ok := errors.AsType[*pgconn.PgError](err); ok {
		return isUnavailableCode(answer.Code)
	}
	_, network := errors.AsType[net.Error](err)
	brokeOff := errors.Is(err, io.ErrUnexpectedEOF)
	closed := strings.Contains(err.Error(), "closed pool") // the pool has no other name for it
	return network || pgconn.SafeToRetry(err) || brokeOff || closed
}

// isUnavailableCode judges SQLSTATEs (PostgreSQL documentation, appendix A).
func isUnavailableCode(code string) bool {
	switch code {
	case readOnly,
		"25P03", "25P04", // transaction idle or open for too long
		"40001", "40P01", // serialization failure, deadlock
		"55P03",          // lock not available in time
		"57014",          // statement timeout
		"57P01", "57P02", // shut down, crashed
		"57P03", "57P05": // starting up, idle session ended
		return true
	}
	class := code[:min(2, len(code))]
	return class == "08" || class == "53" // connection exceptions, insufficient resources
}
