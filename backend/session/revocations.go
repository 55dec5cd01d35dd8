package session

import (
	"context"
	"log/slog"
	"time"

	"sana/backend/postgres"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

const (
	pollInterval = 250 * time.Millisecond // without a notification
	pollGap      = 5 * time.Millisecond   // between two polls, however many notifications arrive
	retryAfter   = 100 * time.Millisecond // a failed poll
	idleAfter    = time.Minute            // without a read of a session the log is not polled
	pollTimeout  = time.Second
	maxDrift     = time.Second // see isSteady
	// maxRevocations is how many an answer can hold. If there are more, everything is evicted.
	maxRevocations = 10_000

	// revocationsChannel is notified by an instance that has revoked a session. The notification
	// says nothing: an instance that misses it polls a little later.
	revocationsChannel = "session_revocations"
)

// revocationListener polls the revocation log and grants the cache its leases. It has a connection
// of its own, so that a busy pool does not delay it. One goroutine uses it.
type revocationListener struct {
	cache   *cache
	config  *pgx.ConnConfig
	listen  bool          // for notifications; otherwise it only polls
	timeout time.Duration // of a poll; after it the connection is closed
	idle    time.Duration // see run
	drift   time.Duration // see isSteady
	log     *slog.Logger

	last         *logAnswer // nil before the first one
	notified     bool       // since the last poll was sent
	disconnected bool       // the last poll failed, and that was logged
	readAt       time.Time  // when it was last seen that a session had been read
}

func newRevocationListener(
	c *cache, config *pgx.ConnConfig, listen bool, log *slog.Logger,
) *revocationListener {
	return &revocationListener{
		cache: c, config: config, listen: listen, timeout: pollTimeout, idle: idleAfter,
		drift: maxDrift, log: log,
	}
}

// logAnswer is the answer to a poll.
//
// It has the revocations that its snapshot shows and the snapshot of the last answer did not show.
// That is exact: a transaction is visible to a snapshot or it is not. One that commits late is in
// the first answer after its commit, however early it got its number. Only transactions from the
// last snapshot's xmin on are looked at, because all earlier ones had ended by then.
//
// Numbers of transactions say nothing across a crash of the server, which assigns those again that
// it had not written yet. Nor do they on another server, or if the log was swept beyond the last
// answer. So an answer is Whole only if the backend that gave it had started before the last
// answer, on the same server, and the log still has all entries since. The backend need not be the
// same one: behind a pooler that cannot be seen.
type logAnswer struct {
	Snapshot    string
	Server      time.Time // when the server was started
	Now         time.Time // by the server's clock
	Writable    bool      // false for a standby, which gets revocations later
	Complete    bool      // nothing is missing since the last answer
	Revocations []string  // keys; "" for all sessions

	sent time.Time // when the poll was sent
}

// run polls until ctx ends. While no session is read it has no connection and no lease, so that a
// database that suspends when idle can; the next read goes to the database and starts polling
// again.
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

// poll asks for revocations once and applies the answer.
func (l *revocationListener) poll(ctx context.Context, conn postgres.Querier) error {
	ctx, cancel := context.WithTimeout(ctx, l.timeout)
	defer cancel()
	l.notified = false
	last, most := logAnswer{Snapshot: "3:3:"}, 0 // the smallest snapshot that there is
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
	next, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[logAnswer])
	if err != nil {
		return postgres.Error("poll session revocations", err)
	}
	next.sent = sent
	l.apply(ctx, next)
	return nil
}

// apply evicts the sessions that were revoked, and then grants the lease.
func (l *revocationListener) apply(ctx context.Context, next logAnswer) {
	if !next.Writable {
		return
	}
	if l.disconnected {
		l.disconnected = false
		l.log.InfoContext(ctx, "session cache enabled again")
	}

	keys, all := keysOf(next.Revocations)
	reset := l.last == nil || !next.Complete || all || len(next.Revocations) == maxRevocations ||
		!next.isSteady(*l.last, l.drift)
	if !reset {
		l.cache.evict(0, keys...)
	}
	l.last = &next
	l.cache.grant(next.sent, reset)
}

// isSteady reports whether three clocks agree, within drift, on how long ago the last answer was.
// The timeouts of cached sessions are the database's, counted by the monotonic clock.
func (a logAnswer) isSteady(last logAnswer, drift time.Duration) bool {
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

// notify sends what Announce asks for, until ctx ends. A notification has a transaction of its
// own, after the commit of the revocation, with nothing to write to disk: NOTIFY locks the whole
// database until its commit is done. Announcements that arrive meanwhile are sent as one.
func (s *Shared) notify(ctx context.Context) {
	for {
		select {
		case <-s.announcements:
		case <-ctx.Done():
			return
		}
		once, cancel := context.WithTimeout(ctx, pollTimeout)
		_, _ = s.db.Exec(once, `SELECT pg_notify($1, '')`, revocationsChannel) // polls come anyway
		cancel()
	}
}
