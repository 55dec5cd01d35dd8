package session

import (
	"context"
	"encoding/hex"
	"log/slog"
	"time"

	"sana/backend/postgres"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

const (
	askEvery   = 250 * time.Millisecond // for endings, when nothing hints at one
	askGap     = 5 * time.Millisecond   // at least from one question to the next, whatever hints there are
	askAgain   = 100 * time.Millisecond // after an answer that did not come
	maxAskFor  = time.Second            // see follower, as the next
	maxDrift   = time.Second
	maxEndings = 10_000 // in one answer; when there are more, everything is forgotten

	// endingsChannel is where the instance that has ended a session hints at it. A notification carries no news: whoever hears
	// none asks a little later.
	endingsChannel = "session_endings"
)

// follower asks the log of endings for what is new, over a connection of its own: a pool whose connections are all taken
// must not keep an instance from hearing. It is used by one goroutine.
type follower struct {
	cache  *cache
	config *pgx.ConnConfig
	listen bool          // for notifications; else it only asks
	askFor time.Duration // until an answer is given up, with its connection
	drift  time.Duration // by which clocks may go apart from one answer to the next
	log    *slog.Logger

	last   *answer // the newest; nil before the first one
	hinted bool    // a notification came after the newest question
	deaf   bool    // the last question was not answered, and the log says so
}

// answer is what the database said when it was asked for endings.
//
// What is new is what its snapshot shows and the last answer's did not. That is exact: a transaction is visible to a
// snapshot or it is not, and one that commits late is new in the answer after its commit, however long it had its number.
// It is enough to look at transactions from the last snapshot's xmin on, because all before had ended then.
//
// It is not true across a crash of the server: numbers of transactions that it had not written down yet are given again.
// Nor on another server, nor where the log was swept beyond the last answer. So an answer is Whole only if it comes from a
// server process that was already there at the last one, of the same server; behind a pooler it is not for us to see
// whether it is the same connection.
type answer struct {
	Snapshot string
	Server   time.Time // when the server was started
	Now      time.Time // by its clock
	Writable bool      // no standby: what is ended at the primary is heard there later
	Whole    bool      // nothing is missing since the last answer
	Endings  []string  // keys, "" for all sessions

	began time.Time // when it was asked for
}

// run asks until ctx ends.
func (f *follower) run(ctx context.Context) {
	for ctx.Err() == nil {
		if err := f.follow(ctx); err != nil && ctx.Err() == nil && !f.deaf {
			f.deaf = true
			f.log.WarnContext(ctx, "endings of sessions are not heard, every session is read from the database", "error", err)
		}
		wait(ctx, askAgain)
	}
}

// follow connects and asks until that fails or ctx ends.
func (f *follower) follow(ctx context.Context) error {
	conn, err := f.connect(ctx)
	if err != nil {
		return err
	}
	defer func() {
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), f.askFor)
		defer cancel()
		_ = conn.Close(last)
	}()
	for {
		if err := f.ask(ctx, conn); err != nil {
			return err
		}
		if err := f.await(ctx, conn); err != nil {
			return err
		}
	}
}

func (f *follower) connect(ctx context.Context) (*pgx.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, f.askFor)
	defer cancel()
	config := f.config.Copy()
	config.OnNotification = func(*pgconn.PgConn, *pgconn.Notification) { f.hinted = true }
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, postgres.Error("connect to hear of endings", err)
	}
	if f.listen {
		if _, err := conn.Exec(ctx, `LISTEN `+endingsChannel); err != nil {
			f.log.WarnContext(ctx, "LISTEN is not possible here, endings of sessions are asked for only", "error", err)
			f.listen = false
		}
	}
	return conn, nil
}

// ask asks once, and lets the cache have the proof.
func (f *follower) ask(ctx context.Context, conn postgres.Querier) error {
	ctx, cancel := context.WithTimeout(ctx, f.askFor)
	defer cancel()
	f.hinted = false
	next := answer{began: f.cache.now()}
	last, most := answer{Snapshot: "3:3:"}, 0 // the smallest snapshot that there is
	if f.last != nil {
		last, most = *f.last, maxEndings
	}
	rows, err := conn.Query(ctx, `
		SELECT pg_current_snapshot()::text AS snapshot,
		       pg_postmaster_start_time() AS server,
		       now() AS now,
		       NOT pg_is_in_recovery() AS writable,
		       coalesce(pg_postmaster_start_time() = @server
		           AND (SELECT backend_start < @now FROM pg_stat_get_activity(pg_backend_pid()))
		           AND (SELECT swept <= pg_snapshot_xmin(@last::text::pg_snapshot) FROM session_endings_swept), false) AS whole,
		       ARRAY(
		           SELECT coalesce(k, '')
		           FROM session_endings
		           WHERE tx >= pg_snapshot_xmin(@last::text::pg_snapshot)
		             AND NOT pg_visible_in_snapshot(tx, @last::text::pg_snapshot)
		           LIMIT @most) AS endings`,
		pgx.NamedArgs{"last": last.Snapshot, "server": last.Server, "now": last.Now, "most": most})
	if err == nil {
		began := next.began
		next, err = pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[answer])
		next.began = began
	}
	if err != nil {
		return postgres.Error("ask for endings of sessions", err)
	}
	f.take(ctx, next)
	return nil
}

// take forgets what has ended, and has the cache use its copies on the strength of the answer.
func (f *follower) take(ctx context.Context, next answer) {
	if !next.Writable {
		return
	}
	if f.deaf {
		f.deaf = false
		f.log.InfoContext(ctx, "endings of sessions are heard again")
	}
	keys, all := keysOf(next.Endings)
	afresh := f.last == nil || !next.Whole || all || len(next.Endings) == maxEndings || !next.isSteady(*f.last, f.drift)
	if !afresh {
		f.cache.forget(keys...)
	}
	f.last = &next
	f.cache.publish(next.began, afresh)
}

// isSteady reports whether three clocks agree on how long ago the last answer was: how long copies are good is counted by
// the first of them.
func (a answer) isSteady(last answer, drift time.Duration) bool {
	monotonic := a.began.Sub(last.began)
	wall := a.began.Round(0).Sub(last.began.Round(0))
	database := a.Now.Sub(last.Now)
	return (wall-monotonic).Abs() < drift && (database-monotonic).Abs() < drift
}

// keysOf reads keys as the table has them; what is no key of ours is nobody's session. all is true if every session is
// meant.
func keysOf(endings []string) (keys []key, all bool) {
	for _, text := range endings {
		var k key
		if text == "" {
			return nil, true
		}
		if n, err := hex.Decode(k[:], []byte(text[:min(len(text), 2*len(k))])); err == nil && n == len(k) {
			keys = append(keys, k)
		}
	}
	return keys, false
}

// await returns when the next question is due: after askEvery, or soon after a hint.
func (f *follower) await(ctx context.Context, conn *pgx.Conn) error {
	if !f.listen {
		wait(ctx, askEvery)
		return ctx.Err()
	}
	wait(ctx, askGap)
	if f.hinted {
		return ctx.Err()
	}
	pause, cancel := context.WithTimeout(ctx, askEvery)
	defer cancel()
	if err := conn.PgConn().WaitForNotification(pause); err != nil && (pause.Err() == nil || conn.IsClosed()) {
		return postgres.Error("wait for endings of sessions", err)
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

// hint tells the other instances that there is something to ask for. It comes after the commit, in a transaction of its
// own with nothing to write to disk: NOTIFY locks the whole database until its commit is done. Any number of endings
// meanwhile are one hint.
func (s *Shared) hint(ctx context.Context) {
	for {
		select {
		case <-s.hints:
		case <-ctx.Done():
			return
		}
		once, cancel := context.WithTimeout(ctx, maxAskFor)
		_, _ = s.db.Exec(once, `SELECT pg_notify($1, '')`, endingsChannel) // if it fails, the next question comes soon anyhow
		cancel()
	}
}
