package session

import (
	"context"
	"errors"
	"time"

	"sana/backend/postgres"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// sweepBatch is how many rows one statement of the sweep looks at.
const sweepBatch = 1000

// endingsAge is how long it is kept that a session has ended, for the other instances to hear.
const endingsAge = 5 * time.Minute

// Sweep removes sessions that have expired, keeping why, reasons that are too old to be told, and endings that everybody
// has heard, in batches. Any number
// of instances may sweep at once. It returns how many sessions went.
func (s *Shared) Sweep(ctx context.Context) (removed int, err error) {
	for after, more := "", true; more; {
		var n int
		n, after, more, err = s.sweepPage(ctx, after)
		if removed += n; err != nil {
			return removed, err
		}
	}
	return removed, errors.Join(s.sweepReasons(ctx), s.sweepEndings(ctx))
}

// sweepPage goes on along the primary key: an index by last use would take heap-only updates away from every touch. A row
// that is being touched is left alone. last is the last key of the page; more is false after the last page.
func (s *Shared) sweepPage(ctx context.Context, after string) (removed int, last string, more bool, err error) {
	err = s.db.QueryRow(ctx, `
		WITH page AS (
		    SELECT k
		    FROM sessions
		    WHERE k > @after
		    ORDER BY k
		    LIMIT @batch
		), dead AS (
		    SELECT k
		    FROM sessions
		    WHERE k IN (SELECT k FROM page)
		      AND NOT `+isLive+`
		    FOR UPDATE SKIP LOCKED
		), gone AS (
		    DELETE FROM sessions
		    USING dead
		    WHERE sessions.k = dead.k
		    RETURNING sessions.*
		), noted AS (
		    INSERT INTO ended_sessions (k, id, user_id, reason, ended_at)
		    SELECT k, id, user_id, `+expiredFor+`, `+expiredAt+`
		    FROM gone
		    WHERE user_id IS NOT NULL
		)
		SELECT (SELECT count(*) FROM gone), coalesce(max(k), ''), count(*) = @batch
		FROM page`,
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
