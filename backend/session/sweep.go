package session

import (
	"context"
	"errors"
	"time"

	"sana/backend/postgres"

	"github.com/jackc/pgx/v5"
)

// sweepBatch is the maximum number of rows of one statement of the sweep.
const sweepBatch = 1000

// revocationAge is the minimum retention of entries of the revocation log.
const revocationAge = 5 * time.Minute

// Sweep deletes, in batches, expired sessions, storing the reason, and old reasons, replaced tokens
// and entries of the revocation log. Any number of instances may sweep at once. It returns the
// number of deleted sessions.
func (s *Shared) Sweep(ctx context.Context) (removed int, err error) {
	for after, more := int64(0), true; more; {
		var n int
		n, after, more, err = s.sweepDue(ctx, after)
		if removed += n; err != nil {
			return removed, err
		}
	}
	return removed, errors.Join(
		s.clampFuture(ctx), s.sweepReasons(ctx), s.sweepReplaced(ctx), s.sweepLog(ctx))
}

// clampFuture shortens the timeouts of sessions that were created or used before the database's
// clock was set back, as if that had happened now. A new sweep_at is never further ahead than the
// idle timeout.
func (s *Shared) clampFuture(ctx context.Context) error {
	return s.repeat(ctx, "clamp session timeouts", `
		UPDATE sessions
		SET last_used_at = now(),
		    e = least(e, floor(extract(epoch FROM now() + @max_age::interval))::bigint),
		    sweep_at = floor(extract(epoch FROM now()))::bigint + @idle::integer
		WHERE k IN (
		    SELECT k
		    FROM sessions
		    WHERE sweep_at > extract(epoch FROM now())::bigint + @idle::integer + 60
		      AND last_used_at > now() + interval '1 minute'
		    ORDER BY sweep_at DESC
		    LIMIT @batch
		    FOR UPDATE SKIP LOCKED)`)
}

// sweepDue checks sessions whose sweep_at has passed, the earliest first. It deletes the expired
// ones. Those that were used since get a new sweep_at: the next moment at which they may expire. So
// each session is checked once per idle timeout, while an index on its last use would cost more
// with every touch. Rows that are locked, because they are being touched, are left to the next
// sweep.
//
// after is the sweep_at at which the previous batch ended: index entries of deleted rows stay until
// a vacuum and must not be read by every batch.
func (s *Shared) sweepDue(
	ctx context.Context, after int64,
) (removed int, last int64, more bool, err error) {
	err = s.db.QueryRow(ctx, `
		WITH due AS (
		    SELECT k, sweep_at
		    FROM sessions
		    WHERE sweep_at >= @after
		      AND sweep_at <= floor(extract(epoch FROM now()))::bigint
		    ORDER BY sweep_at
		    LIMIT @batch
		    FOR UPDATE SKIP LOCKED
		), deleted AS (
		    DELETE FROM sessions
		    USING due
		    WHERE sessions.k = due.k
		      AND NOT `+isLive+`
		    RETURNING sessions.k, sessions.id, user_id, e, idle_seconds, last_used_at
		), reasons AS (
		    INSERT INTO ended_sessions (k, id, user_id, reason, ended_at)
		    SELECT k, id, user_id, `+expiredFor+`, `+expiredAt+`
		    FROM deleted
		), erased AS (
		    `+string(EraseReplaced)+`
		), postponed AS (
		    UPDATE sessions
		    SET sweep_at = ceil(extract(epoch FROM `+expiredAt+`))::bigint
		    FROM due
		    WHERE sessions.k = due.k
		      AND `+isLive+`
		)
		SELECT (SELECT count(*) FROM deleted), coalesce(max(sweep_at), @after), count(*) = @batch
		FROM due`,
		pgx.NamedArgs{"after": after, "batch": sweepBatch}).Scan(&removed, &last, &more)
	return removed, last, more, postgres.Error("sweep sessions", err)
}

func (s *Shared) sweepReasons(ctx context.Context) error {
	return s.repeat(ctx, "sweep ended sessions", `
		DELETE FROM ended_sessions
		WHERE k IN (
		    SELECT k
		    FROM ended_sessions
		    WHERE ended_at < now() - @age::interval
		    ORDER BY ended_at
		    LIMIT @batch
		    FOR UPDATE SKIP LOCKED)`)
}

// sweepReplaced keeps a token of a valid session whose new token was not presented yet: it is still
// valid.
func (s *Shared) sweepReplaced(ctx context.Context) error {
	return s.repeat(ctx, "sweep replaced tokens", `
		DELETE FROM replaced_tokens
		WHERE k IN (
		    SELECT k
		    FROM replaced_tokens AS replaced
		    WHERE replaced_at < now() - @age::interval
		      AND (presented_at IS NOT NULL
		           OR NOT EXISTS (SELECT FROM sessions WHERE sessions.id = replaced.id))
		    ORDER BY replaced_at
		    LIMIT @batch
		    FOR UPDATE SKIP LOCKED)`)
}

// sweepLog deletes the entries of the revocation log that existed two sweeps ago: those of
// transactions that had ended at that time. No clock is compared. The mark up to which the log is
// swept is moved first, so that an instance that has not read these entries detects that it missed
// some.
func (s *Shared) sweepLog(ctx context.Context) error {
	_, err := s.db.Exec(ctx, `
		UPDATE session_revocations_swept
		SET swept = next,
		    next = pg_snapshot_xmin(pg_current_snapshot()),
		    next_at = now()
		WHERE next_at < now() - @age::interval
		   OR next_at > now() + interval '1 minute'`,
		pgx.NamedArgs{"age": revocationAge})
	if err != nil {
		return postgres.Error("sweep revocation log", err)
	}
	return s.repeat(ctx, "sweep revocation log", `
		DELETE FROM session_revocations
		WHERE ctid IN (
		    SELECT ctid
		    FROM session_revocations
		    WHERE tx < (SELECT swept FROM session_revocations_swept)
		    LIMIT @batch
		    FOR UPDATE SKIP LOCKED)`)
}

// repeat repeats a statement that changes at most @batch rows until it finds fewer. @age is
// reasonAge; @idle, in seconds, and @max_age are the timeouts.
func (s *Shared) repeat(ctx context.Context, operation, sql string) error {
	args := pgx.NamedArgs{
		"batch": sweepBatch, "age": reasonAge,
		"idle": int(s.limits.Idle.Seconds()), "max_age": s.limits.MaxAge,
	}
	for n := int64(sweepBatch); n == sweepBatch; {
		tag, err := s.db.Exec(ctx, sql, args)
		if err != nil {
			return postgres.Error(operation, err)
		}
		n = tag.RowsAffected()
	}
	return nil
}
