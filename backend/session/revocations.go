package session

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"sana/backend/postgres"

	"github.com/jackc/pgx/v5"
)

const (
	pollInterval = 250 * time.Millisecond
	retryAfter   = 100 * time.Millisecond // a failed poll
	idleAfter    = time.Minute            // without a read of a session, polling stops
	pollTimeout  = time.Second
	maxDrift     = time.Second // see isSteady
	// maxRevocations is the maximum of one poll. If there are more, everything is evicted.
	maxRevocations = 10_000
)

// PollTime is the time in which instances poll a committed change of sessions, unless the database
// is slow.
const PollTime = pollInterval + 50*time.Millisecond

// revocationListener polls the revocation log and grants the cache its leases. It has its own
// connection, so that a busy pool does not delay it. One goroutine uses it.
type revocationListener struct {
	cache   *cache
	config  *pgx.ConnConfig
	timeout time.Duration // of a poll; after it the connection is closed
	drift   time.Duration // see isSteady
	log     *slog.Logger

	last         *pollResult // nil before the first one
	disconnected bool        // the last poll failed, and that was logged
	readAt       time.Time   // when a read of a session was last detected
}

func newRevocationListener(
	c *cache, config *pgx.ConnConfig, log *slog.Logger,
) *revocationListener {
	return &revocationListener{
		cache: c, config: config, timeout: pollTimeout, drift: maxDrift, log: log,
	}
}

// pollResult is the result of a poll.
//
// It has the revocations that its snapshot shows and the snapshot of the last result did not show.
// That is exact: a transaction is visible to a snapshot or it is not. A transaction that commits
// late is in the first result after its commit, independent of its id. Only transactions from the
// last snapshot's xmin on are compared, because all earlier ones had ended by then.
//
// Transaction ids cannot be compared across a crash of the server, which assigns ids again that it
// had not written yet, nor with another server, nor if the log was swept beyond the last result. So
// a result is Complete only if its backend had started before the last result, on the same server,
// and the log still has all entries since. It may be another backend: behind a pooler the two
// cannot be distinguished.
type pollResult struct {
	Snapshot    string
	Server      time.Time // when the server was started
	Now         time.Time // by the server's clock
	Writable    bool      // false for a standby, which receives revocations later
	Complete    bool      // nothing is missing since the last result
	Revocations []string  // keys; "" for all sessions

	sent time.Time // when the poll was sent
}

// run polls until ctx ends. While no session is read it has no connection and no lease, so that a
// database can suspend when idle; the next read uses the database and restarts polling.
func (l *revocationListener) run(ctx context.Context) {
	for ctx.Err() == nil {
		err := l.follow(ctx)
		if err == nil {
			select {
			case <-l.cache.noLease:
			case <-ctx.Done():
			}
			continue
		}
		if ctx.Err() == nil && !l.disconnected {
			l.disconnected = true
			l.log.WarnContext(ctx, "session cache disabled: revocations cannot be followed",
				"error", err)
		}
		wait(ctx, retryAfter)
	}
}

// follow connects and polls until that fails or ctx ends. It returns nil when no session was read
// for a while.
func (l *revocationListener) follow(ctx context.Context) error {
	conn, err := l.connect(ctx)
	if err != nil {
		return err
	}
	defer func() {
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), l.timeout)
		defer cancel()
		_ = conn.Close(last)
	}()

	for {
		if err := l.poll(ctx, conn); err != nil {
			return err
		}
		if l.isIdle() {
			return nil
		}
		wait(ctx, pollInterval)
	}
}

func (l *revocationListener) isIdle() bool {
	now := l.cache.now()
	if l.cache.wasRead.Swap(false) || l.readAt.IsZero() {
		l.readAt = now
	}
	return now.Sub(l.readAt) >= idleAfter
}

func (l *revocationListener) connect(ctx context.Context) (*pgx.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, l.timeout)
	defer cancel()
	conn, err := pgx.ConnectConfig(ctx, l.config)
	return conn, postgres.Error("connect to follow session revocations", err)
}

// poll queries the revocation log once and applies the result.
func (l *revocationListener) poll(ctx context.Context, conn postgres.Querier) error {
	ctx, cancel := context.WithTimeout(ctx, l.timeout)
	defer cancel()
	last, most := pollResult{Snapshot: "3:3:"}, 0 // the smallest possible snapshot
	if l.last != nil {
		last, most = *l.last, maxRevocations
	}

	sent := l.cache.now()
	rows, err := conn.Query(ctx, `
		SELECT pg_current_snapshot()::text AS snapshot,
		       pg_postmaster_start_time() AS server,
		       now() AS now,
		       NOT pg_is_in_recovery() AS writable,
		       coalesce(pg_postmaster_start_time() = @server
		           AND (SELECT backend_start < @now
		                FROM pg_stat_get_activity(pg_backend_pid()))
		           AND (SELECT swept <= pg_snapshot_xmin(@last::text::pg_snapshot)
		                FROM session_revocations_swept), false) AS complete,
		       ARRAY(
		           SELECT coalesce(k, '')
		           FROM session_revocations
		           WHERE tx >= pg_snapshot_xmin(@last::text::pg_snapshot)
		             AND NOT pg_visible_in_snapshot(tx, @last::text::pg_snapshot)
		           LIMIT @most) AS revocations`,
		pgx.NamedArgs{"last": last.Snapshot, "server": last.Server, "now": last.Now, "most": most})
	if err != nil {
		return postgres.Error("poll session revocations", err)
	}
	next, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[pollResult])
	if err != nil {
		return postgres.Error("poll session revocations", err)
	}
	next.sent = sent
	l.apply(ctx, next)
	return nil
}

// apply evicts the sessions that were revoked, and then grants the lease.
func (l *revocationListener) apply(ctx context.Context, next pollResult) {
	if !next.Writable {
		return
	}
	if l.disconnected {
		l.disconnected = false
		l.log.InfoContext(ctx, "session cache enabled again")
	}

	reset := l.last == nil || !next.Complete || slices.Contains(next.Revocations, "") ||
		len(next.Revocations) == maxRevocations || !next.isSteady(*l.last, l.drift)
	if !reset {
		l.cache.evict(parseKeys(next.Revocations)...)
	}
	l.last = &next
	l.cache.grant(next.sent, reset)
}

// isSteady reports whether three clocks agree, within drift, on the time since the last result.
// The timeouts of cached sessions are the database's, counted by the monotonic clock.
func (a pollResult) isSteady(last pollResult, drift time.Duration) bool {
	monotonic := a.sent.Sub(last.sent)
	wall := a.sent.Round(0).Sub(last.sent.Round(0))
	database := a.Now.Sub(last.Now)
	return (wall-monotonic).Abs() < drift && (database-monotonic).Abs() < drift
}

func wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
