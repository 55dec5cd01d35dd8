package session

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"sana/backend/postgres"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

const (
	pollInterval = 250 * time.Millisecond // without a notification
	pollGap      = 5 * time.Millisecond   // between two polls, however many notifications arrive
	retryAfter   = 100 * time.Millisecond // a failed poll
	idleAfter    = time.Minute            // without a read of a session, polling stops
	pollTimeout  = time.Second
	maxDrift     = time.Second // see isSteady
	// maxRevocations is the maximum of one poll. If there are more, everything is evicted.
	maxRevocations = 10_000

	// revocationsChannel is notified by an instance that has revoked a session. The notification
	// has no payload; an instance that misses it polls a little later.
	revocationsChannel = "session_revocations"
)

// revocationListener polls the revocation log and grants the cache its leases. It has its own
// connection, so that a busy pool does not delay it. One goroutine uses it.
type revocationListener struct {
	cache   *cache
	config  *pgx.ConnConfig
	listen  bool          // LISTEN for notifications; otherwise it only polls
	timeout time.Duration // of a poll; after it the connection is closed
	idle    time.Duration // see run
	drift   time.Duration // see isSteady
	log     *slog.Logger

	last         *pollResult // nil before the first one
	notified     bool        // since the last poll was sent
	disconnected bool        // the last poll failed, and that was logged
	readAt       time.Time   // when a read of a session was last detected
}

func newRevocationListener(
	c *cache, config *pgx.ConnConfig, listen bool, log *slog.Logger,
) *revocationListener {
	return &revocationListener{
		cache: c, config: config, listen: listen, timeout: pollTimeout, idle: idleAfter,
		drift: maxDrift, log: log,
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
		if err := l.await(ctx, conn); err != nil {
			return err
		}
	}
}

func (l *revocationListener) isIdle() bool {
	now := l.cache.now()
	if l.cache.wasRead.Swap(false) || l.readAt.IsZero() {
		l.readAt = now
	}
	return now.Sub(l.readAt) >= l.idle
}

func (l *revocationListener) connect(ctx context.Context) (*pgx.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, l.timeout)
	defer cancel()
	config := l.config.Copy()
	config.OnNotification = func(*pgconn.PgConn, *pgconn.Notification) { l.notified = true }
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, postgres.Error("connect to follow session revocations", err)
	}
	if l.listen {
		if _, err := conn.Exec(ctx, `LISTEN `+revocationsChannel); err != nil {
			l.log.WarnContext(ctx, "LISTEN failed: session revocations are only polled",
				"error", err)
			l.listen = false
		}
	}
	return conn, nil
}

// poll queries the revocation log once and applies the result.
func (l *revocationListener) poll(ctx context.Context, conn postgres.Querier) error {
	ctx, cancel := context.WithTimeout(ctx, l.timeout)
	defer cancel()
	l.notified = false
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

// await returns when the next poll is due: after pollInterval, or soon after a notification.
func (l *revocationListener) await(ctx context.Context, conn *pgx.Conn) error {
	if !l.listen {
		wait(ctx, pollInterval)
		return ctx.Err()
	}
	wait(ctx, pollGap)
	if l.notified {
		return ctx.Err()
	}

	pause, cancel := context.WithTimeout(ctx, pollInterval)
	defer cancel()
	err := conn.PgConn().WaitForNotification(pause)
	if err != nil && (pause.Err() == nil || conn.IsClosed()) {
		return postgres.Error("wait for session revocations", err)
	}
	return ctx.Err()
}

func wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// notify sends the notifications that Announce requests, until ctx ends. Each has its own
// transaction, after the commit of the revocation, which writes nothing to disk: NOTIFY locks the
// whole database until its commit is done. Requests that arrive meanwhile are merged.
func (s *Shared) notify(ctx context.Context) {
	for {
		select {
		case <-s.announcements:
		case <-ctx.Done():
			return
		}
		once, cancel := context.WithTimeout(ctx, pollTimeout)
		// An error is ignored: other instances poll anyway.
		_, _ = s.db.Exec(once, `SELECT pg_notify($1, '')`, revocationsChannel)
		cancel()
	}
}
