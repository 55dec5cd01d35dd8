package doctor

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"sana/backend/diagnose"
	"sana/backend/postgres"

	"github.com/jackc/pgx/v5/pgxpool"
)

// oldestPostgres is the oldest supported release, as server_version_num.
const oldestPostgres = 15_00_00

// Database has the inputs of the database checks.
type Database struct {
	Pool        *pgxpool.Pool // opened as the program opens it; nil if DATABASE_URL is invalid
	Direct      *pgxpool.Pool // of MIGRATE_DATABASE_URL; nil if that is the same address
	CookieStore bool          // sessions then expire by this machine's clock
	Now         func() time.Time
}

// Checks returns the checks of the database.
func (d Database) Checks() []diagnose.Check {
	needs := []string{"database"}
	return []diagnose.Check{
		{Name: "database", Needs: []string{"DATABASE_URL"}, Do: d.reachable},
		{Name: "database-tls", Needs: needs, Do: d.encrypted},
		{Name: "primary", Needs: needs, Do: d.primary},
		{Name: "schema", Needs: needs, Do: d.schema},
		{Name: "rights", Needs: []string{"database", "schema"}, Do: d.rights},
		{
			Name:  "migrate-rights",
			Needs: []string{"database", "MIGRATE_DATABASE_URL"},
			Do:    d.migrateRights,
		},
		{Name: "clock", Needs: needs, Do: d.clock},
		{Name: "connections", Needs: needs, Do: d.connections},
		{Name: "pooler", Needs: needs, Do: d.pooler},
	}
}

func (d Database) reachable(ctx context.Context) diagnose.Result {
	var number int
	var version, name, role string
	err := d.Pool.QueryRow(ctx, `
		SELECT
			current_setting('server_version_num')::int,
			split_part(current_setting('server_version'), ' ', 1),
			current_database(),
			current_user`).Scan(&number, &version, &name, &role)
	if err != nil {
		return unreachable(err, "DATABASE_URL")
	}
	to := d.Pool.Config().ConnConfig
	detail := fmt.Sprintf("PostgreSQL %s at %s, database %s as %s", version,
		net.JoinHostPort(to.Host, fmt.Sprint(to.Port)), name, role)
	if number < oldestPostgres {
		return diagnose.Fail(detail, "upgrade Postgres to 15 or newer")
	}
	return diagnose.OK(detail)
}

// unreachable returns the result for a connection error.
func unreachable(err error, variable string) diagnose.Result {
	d := postgres.Diagnose(err, variable)
	return diagnose.Fail(d.Cause, d.Hint)
}

func (d Database) encrypted(ctx context.Context) diagnose.Result {
	conn, err := d.Pool.Acquire(ctx)
	if err != nil {
		return unreachable(err, "DATABASE_URL")
	}
	defer conn.Release()
	wire := conn.Conn().PgConn().Conn()
	settings := conn.Conn().Config().TLSConfig
	if over, is := wire.(*tls.Conn); is {
		state := over.ConnectionState()
		checked := settings != nil &&
			(!settings.InsecureSkipVerify || settings.VerifyPeerCertificate != nil)
		return judgeTLS(wire.RemoteAddr(), &state, checked)
	}
	return judgeTLS(wire.RemoteAddr(), nil, false)
}

// judgeTLS judges whether a connection is safe for its destination; state is nil without TLS.
func judgeTLS(to net.Addr, state *tls.ConnectionState, checked bool) diagnose.Result {
	private := isPrivate(to)
	switch {
	case state != nil && checked:
		return diagnose.OK(tls.VersionName(state.Version) + ", and the certificate is verified")
	case state != nil && private:
		return diagnose.OK(
			tls.VersionName(state.Version) +
				" on a private network; the certificate is not verified")
	case state != nil:
		return diagnose.Warn(
			tls.VersionName(state.Version)+
				" to a public address, and the certificate is not verified: an attacker on the "+
				"network path can pose as the database",
			"set sslmode=verify-full in DATABASE_URL, with sslrootcert if the provider has its "+
				"own certificate authority")
	case private:
		return diagnose.OK("without TLS, on this machine or a private network")
	}
	return diagnose.Warn("without TLS to a public address: an attacker on the network path can "+
		"read users' addresses", "set sslmode=verify-full in DATABASE_URL")
}

func isPrivate(to net.Addr) bool {
	pair, err := netip.ParseAddrPort(to.String())
	if err != nil {
		return true // a socket of this machine
	}
	ip := pair.Addr().Unmap()
	return ip.IsLoopback() || ip.IsPrivate() || ip.IsLinkLocalUnicast() || cgnat.Contains(ip)
}

// cgnat is the shared address space (RFC 6598), which some platforms use for private networks.
var cgnat = netip.MustParsePrefix("100.64.0.0/10")

func (d Database) primary(ctx context.Context) diagnose.Result {
	var standby, readOnly, synchronous bool
	var replicas int
	err := d.Pool.QueryRow(ctx, `
		SELECT
			pg_is_in_recovery(),
			current_setting('transaction_read_only')::bool,
			(SELECT count(*) FROM pg_stat_replication),
			current_setting('synchronous_standby_names') <> ''
				AND current_setting('synchronous_commit') NOT IN ('off', 'local')`).
		Scan(&standby, &readOnly, &replicas, &synchronous)
	switch {
	case err != nil:
		return unreachable(err, "DATABASE_URL")
	case standby:
		return diagnose.Fail("this is a standby: it is read-only",
			"name all hosts in DATABASE_URL and add target_session_attrs=read-write")
	case readOnly:
		return diagnose.Fail("transactions are read-only here",
			"reset default_transaction_read_only of the server, the database or the role")
	}
	switch {
	case replicas > 0 && !synchronous:
		return diagnose.Warn(
			"accepts writes, but commits do not wait for a replica: a failover can restore "+
				"revoked sessions and lose sign-ins",
			"set synchronous_standby_names and leave synchronous_commit on, or see "+
				"docs/operations.md about failover")
	case replicas > 0:
		return diagnose.OK("accepts writes, and each commit waits for a replica")
	}
	return diagnose.OK("accepts writes")
}

func (d Database) schema(ctx context.Context) diagnose.Result {
	version, err := postgres.Version(ctx, d.Pool)
	switch {
	case errors.Is(err, postgres.ErrUnreleased):
		return diagnose.Fail(
			"created by an unreleased version of Sana; its data cannot be migrated",
			"use an empty database, and run: sana migrate")
	case err != nil:
		return diagnose.Fail("the version cannot be read: "+err.Error(),
			"let the role read goose_db_version")
	case version < postgres.Head:
		return diagnose.Fail(
			fmt.Sprintf("at version %d, and this program needs %d", version, postgres.Head),
			"run: sana migrate")
	case version > postgres.Head:
		return diagnose.OK(
			fmt.Sprintf("at version %d, ahead of this program's %d: a newer release has "+
				"migrated, and this one still works", version, postgres.Head))
	}
	return diagnose.OK(fmt.Sprintf("at version %d, the newest", version))
}

// Limits of the skew of this machine's clock. Limits and sessions in Postgres use the database's
// clock. Sealed sessions, the timestamps in Mailgun's signatures and the retries of mails use this
// machine's.
const (
	skewToMention = 2 * time.Second
	skewToFail    = 2 * time.Minute
)

func (d Database) clock(ctx context.Context) diagnose.Result {
	best := time.Duration(-1)
	var skew time.Duration
	for range 3 { // the fastest answer is the most exact one
		var at time.Time
		before := d.Now()
		if err := d.Pool.QueryRow(ctx, `SELECT clock_timestamp()`).Scan(&at); err != nil {
			return unreachable(err, "DATABASE_URL")
		}
		if took := d.Now().Sub(before); best < 0 || took < best {
			best, skew = took, before.Add(took/2).Sub(at)
		}
	}
	return judgeClock(skew, d.CookieStore)
}

func judgeClock(skew time.Duration, cookieStore bool) diagnose.Result {
	direction := "ahead of"
	if skew < 0 {
		direction = "behind"
	}
	detail := fmt.Sprintf("this machine's clock is %s %s the database's",
		skew.Abs().Round(time.Millisecond), direction)
	switch {
	case skew.Abs() <= skewToMention:
		return diagnose.OK(detail)
	case cookieStore && skew.Abs() > skewToFail:
		return diagnose.Fail(detail+", and with SESSION_STORE=cookie sessions expire by it",
			"let NTP set the clocks of all machines")
	}
	return diagnose.Warn(detail, "let NTP set the clocks of both machines")
}
