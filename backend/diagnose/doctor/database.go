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

// oldestPostgres is the oldest release that Sana is made for, as server_version_num.
const oldestPostgres = 15_00_00

// Database is what the checks of the database need.
type Database struct {
	Pool        *pgxpool.Pool // as the program opens it; nil when DATABASE_URL cannot be used
	Direct      *pgxpool.Pool // of MIGRATE_DATABASE_URL; nil when that is the same address
	CookieStore bool          // then sessions end by this machine's clock
	Now         func() time.Time
}

// Checks are those of the database.
func (d Database) Checks() []diagnose.Check {
	needs := []string{"database"}
	return []diagnose.Check{
		{Name: "database", Needs: []string{"DATABASE_URL"}, Do: d.reachable},
		{Name: "database-tls", Needs: needs, Do: d.encrypted},
		{Name: "primary", Needs: needs, Do: d.primary},
		{Name: "schema", Needs: needs, Do: d.schema},
		{Name: "rights", Needs: []string{"database", "schema"}, Do: d.rights},
		{Name: "migrate-rights", Needs: []string{"database", "MIGRATE_DATABASE_URL"}, Do: d.migrateRights},
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
	found := fmt.Sprintf("PostgreSQL %s at %s, database %s as %s", version, net.JoinHostPort(to.Host, fmt.Sprint(to.Port)), name, role)
	if number < oldestPostgres {
		return diagnose.Fail(found, "upgrade Postgres to 15 or newer")
	}
	return diagnose.OK(found)
}

// unreachable says why there was no answer.
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
		checked := settings != nil && (!settings.InsecureSkipVerify || settings.VerifyPeerCertificate != nil)
		return judgeTLS(wire.RemoteAddr(), &state, checked)
	}
	return judgeTLS(wire.RemoteAddr(), nil, false)
}

// judgeTLS says whether a connection is safe where it goes; state is nil without TLS.
func judgeTLS(to net.Addr, state *tls.ConnectionState, checked bool) diagnose.Result {
	private := isPrivate(to)
	switch {
	case state != nil && checked:
		return diagnose.OK(tls.VersionName(state.Version) + ", and the certificate is checked")
	case state != nil && private:
		return diagnose.OK(tls.VersionName(state.Version) + " on a private network; the certificate is not checked")
	case state != nil:
		return diagnose.Warn(tls.VersionName(state.Version)+" to a public address, and the certificate is not checked: anybody on the way can pose as the database",
			"set sslmode=verify-full in DATABASE_URL, with sslrootcert where the authority is the provider's own")
	case private:
		return diagnose.OK("without TLS, on this machine or a private network")
	}
	return diagnose.Warn("without TLS to a public address: addresses of people can be read on the way", "set sslmode=verify-full in DATABASE_URL")
}

func isPrivate(to net.Addr) bool {
	pair, err := netip.ParseAddrPort(to.String())
	if err != nil {
		return true // a socket of this machine
	}
	ip := pair.Addr().Unmap()
	return ip.IsLoopback() || ip.IsPrivate() || ip.IsLinkLocalUnicast() || cgnat.Contains(ip)
}

// cgnat is the shared address space (RFC 6598), which some platforms use for their private networks.
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
		return diagnose.Fail("this is a standby: it can be read only", "name all hosts in DATABASE_URL and add target_session_attrs=read-write")
	case readOnly:
		return diagnose.Fail("transactions are read-only here", "take default_transaction_read_only off the server, the database or the role")
	}
	switch {
	case replicas > 0 && !synchronous:
		return diagnose.Warn("takes writes, but no commit waits for a replica: a failover can bring back sessions that were revoked, and lose sign-ins",
			"set synchronous_standby_names and leave synchronous_commit on, or know what docs/operations.md says about failover")
	case replicas > 0:
		return diagnose.OK("takes writes, and a replica has each of them before it is answered")
	}
	return diagnose.OK("takes writes")
}

func (d Database) schema(ctx context.Context) diagnose.Result {
	version, err := postgres.Version(ctx, d.Pool)
	switch {
	case errors.Is(err, postgres.ErrUnreleased):
		return diagnose.Fail("made by an unreleased version of Sana, whose data cannot be taken over",
			"use an empty database, and run: sana migrate")
	case err != nil:
		return diagnose.Fail("the version cannot be read: "+err.Error(), "let the role read goose_db_version")
	case version < postgres.Head:
		return diagnose.Fail(fmt.Sprintf("at version %d, and this program needs %d", version, postgres.Head), "run: sana migrate")
	case version > postgres.Head:
		return diagnose.OK(fmt.Sprintf("at version %d, ahead of this program's %d: a newer release has migrated, and this one may go on", version, postgres.Head))
	}
	return diagnose.OK(fmt.Sprintf("at version %d, the newest", version))
}

// How far this machine's clock may be off. Limits and sessions in Postgres go by the database's; what goes by this
// machine's are sealed sessions, the time in Mailgun's signatures and when a failed mail is tried again.
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
	found := fmt.Sprintf("this machine's clock is %s %s the database's", skew.Abs().Round(time.Millisecond), direction)
	switch {
	case skew.Abs() <= skewToMention:
		return diagnose.OK(found)
	case cookieStore && skew.Abs() > skewToFail:
		return diagnose.Fail(found+", and with SESSION_STORE=cookie sessions end by it", "let NTP set the clocks of all machines")
	}
	return diagnose.Warn(found, "let NTP set the clocks of both machines")
}
