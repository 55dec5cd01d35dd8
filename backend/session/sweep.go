package session

import (
	"context"
	"errors"
	"time"

	"sana/backend/postgres"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// sweepBatch is how many rows one statement of the sweep takes.
const sweepBatch = 1000

// endingsAge is how long it is kept that a session has ended, for the other instances to hear.
const endingsAge = 5 * time.Minute

// Sweep removes sessions that have expired, keeping why, reasons that are too old to be told, and endings that everybody
// has heard, in batches. Any number of instances may sweep at once. It returns how many sessions went.
func (s *Shared) Sweep(ctx context.Context) (removed int, err error) {
	for after, more := int64(0), true; more; {
		var n int
		n, after, more, err = s.sweepDue(ctx, after)
		if removed += n; err != nil {
			return removed, err
		}
	}
	return removed, errors.Join(s.sweepReasons(ctx), s.sweepEndings(ctx))
}

// sweepDue looks at sessions whose sweep_at has come, the earliest first. What has expired goes; what was used since is
// looked at again when it may have expired next: once in its idle timeout, where an index by last use would cost more with
// every touch. A row that is being touched is left for the next sweep. after is where the last batch ended: entries of
// what is gone stay in the index until a vacuum, and are not to be passed again and again.
func (s *Shared) sweepDue(ctx context.Context, after int64) (removed int, last int64, more bool, err error) {
	err = s.db.QueryRow(ctx, `
		WITH due AS (
		    SELECT k, sweep_at
		    FROM sessions
		    WHERE sweep_at >= @after
		      AND sweep_at <= floor(extract(epoch FROM now()))::bigint
		    ORDER BY sweep_at
		    LIMIT @batch
		    FOR UPDATE SKIP LOCKED
		), gone AS (
		    DELETE FROM sessions
		    USING due
		    WHERE sessions.k = due.k
		      AND NOT `+isLive+`
		    RETURNING sessions.k, sessions.id, user_id, e, idle_seconds, last_seen_at
		), noted AS (
		    INSERT INTO ended_sessions (k, id, user_id, reason, ended_at)
		    SELECT k, id, user_id, `+expiredFor+`, `+expiredAt+`
		    FROM gone
		    WHERE user_id IS NOT NULL
		), later AS (
		    UPDATE sessions
		    SET sweep_at = ceil(extract(epoch FROM `+expiredAt+`))::bigint
		    FROM due
		    WHERE sessions.k = due.k
		      AND `+isLive+`
		)
		SELECT (SELECT count(*) FROM gone), coalesce(max(sweep_at), @after), count(*) = @batch
		FROM due`,
		pgx.NamedArgs{"after": after, "batch": sweepBatch}).Scan(&removed, &last, &more)
	return removed, last, more, postgres.Error("sweep sessions", err)
}

func (s *Shared) sweepReasons(ctx context.Context) error {
	for n := int64(sweepBatch); n == sweepBatch; {
		tag, err := s.db.Exec(ctx, `
			DELETE FROM ended_sessions
			WHERE k IN (
			    SELECT k
			    FROM ended_sessions
			    WHERE ended_at < now() - @age::interval
			    ORDER BY ended_at
			    LIMIT @batch
			    FOR UPDATE SKIP LOCKED)`,
			pgx.NamedArgs{"age": reasonAge, "batch": sweepBatch})
		if err != nil {
			return postgres.Error("sweep reasons", err)
		}
		n = tag.RowsAffected()
	}
	return nil
}

// sweepEndings removes from the log of endings what had been there at the sweep before the last one. No clock decides what
// that is: it is what transactions wrote that had ended then. How far the log is swept is written down first, so that an
// instance that has not heard of what goes knows that it has missed something.
func (s *Shared) sweepEndings(ctx context.Context) error {
	_, err := s.db.Exec(ctx, `
		UPDATE session_endings_swept
		SET swept = next,
		    next = pg_snapshot_xmin(pg_current_snapshot()),
		    next_at = now()
		WHERE next_at < now() - @age::interval`,
		pgx.NamedArgs{"age": endingsAge})
	for n := int64(sweepBatch); err == nil && n == sweepBatch; {
		var tag pgconn.CommandTag
		tag, err = s.db.Exec(ctx, `
			DELETE FROM session_endings
			WHERE ctid IN (
			    SELECT ctid
			    FROM session_endings
			    WHERE tx < (SELECT swept FROM session_endings_swept)
			    LIMIT @batch
			    FOR UPDATE SKIP LOCKED)`,
			pgx.NamedArgs{"batch": sweepBatch})
		n = tag.RowsAffected()
	}
	return postgres.Error("sweep endings", err)
}
