package postgres

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime/debug"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	turnTimeout = 5 * time.Second // for the statement that takes a turn
	turnRetry   = time.Second     // after such a statement has failed
	turnSpread  = time.Second     // instances ask so far apart, or a tenth of a period
)

// Turns does periodic work: in each period one of all instances does it. An instance takes its turn
// by moving the work's row of table periodic to the current period. Periods are those of the
// database's clock in UTC: with 10 minutes, they begin at :00, :10 and so on.
type Turns struct {
	db    *pgxpool.Pool
	log   *slog.Logger
	works []*work
}

// work is what is done once in each period.
type work struct {
	name    string
	every   time.Duration
	timeout time.Duration
	do      func(context.Context) error
	due     time.Time // the zero time: at once
}

// NewTurns returns Turns without work.
func NewTurns(db *pgxpool.Pool, log *slog.Logger) *Turns {
	return &Turns{db: db, log: log}
}

// Add adds work, which has the same name on all instances. A period is at least a second. Run needs
// one work at least; Add must be called before it.
//
// A run that fails, is stopped or loses its instance is not repeated: the work is done again in its
// next period. A run that takes longer than its period can overlap with the next one on another
// instance.
func (t *Turns) Add(name string, every, timeout time.Duration, do func(context.Context) error) {
	t.works = append(t.works, &work{name: name, every: every, timeout: timeout, do: do})
}

// Run does the work of this instance's turns, one after another, until ctx ends. The current period
// counts too, if no instance has taken it. While the database is unavailable Run tries again.
func (t *Turns) Run(ctx context.Context) {
	failing := false
	for {
		w := slices.MinFunc(t.works, func(a, b *work) int { return a.due.Compare(b.due) })
		if !pause(ctx, time.Until(w.due)) {
			return
		}

		taken, wait, err := t.take(ctx, w)
		if err != nil {
			t.logFailure(ctx, failing, err)
			failing = true
			pause(ctx, turnRetry)
			continue
		}
		failing = false

		w.due = time.Now().Add(wait + rand.N(min(turnSpread, w.every/10)))
		if taken {
			t.do(ctx, w)
		}
	}
}

// logFailure logs the first one of several failures to take a turn.
func (t *Turns) logFailure(ctx context.Context, again bool, err error) {
	if !again && ctx.Err() == nil {
		t.log.WarnContext(ctx, "periodic work not scheduled: turn cannot be claimed", "error", err)
	}
}

// take moves the work's row to the current period. It returns whether the turn is this instance's,
// and how long it is until the next period. A row that is further ahead than one period was written
// before the database's clock was set back.
func (t *Turns) take(ctx context.Context, w *work) (taken bool, wait time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, turnTimeout)
	defer cancel()
	err = t.db.QueryRow(ctx, `
		WITH turn AS (
		    SELECT date_bin(@every::interval, now(), timestamptz 'epoch') AS period
		), taken AS (
		    INSERT INTO periodic (name, period)
		    SELECT @name::text, period
		    FROM turn
		    ON CONFLICT (name) DO UPDATE
		    SET period = excluded.period
		    WHERE periodic.period < excluded.period
		       OR periodic.period > excluded.period + @every::interval
		    RETURNING name
		)
		SELECT
		    EXISTS (SELECT FROM taken),
		    period + @every::interval - now()
		FROM turn`,
		pgx.NamedArgs{"name": w.name, "every": w.every}).Scan(&taken, &wait)
	return taken, wait, Error("take turn", err)
}

// do does the work once. A panic must not end the process.
func (t *Turns) do(ctx context.Context, w *work) {
	working, cancel := context.WithTimeout(ctx, w.timeout)
	defer cancel()
	defer func() {
		if cause := recover(); cause != nil {
			t.log.ErrorContext(ctx, "panic", "in", w.name,
				"panic", fmt.Sprint(cause), "stack", string(debug.Stack()))
		}
	}()
	if err := w.do(working); err != nil && ctx.Err() == nil {
		t.log.WarnContext(ctx, "periodic work failed: retrying in its next period",
			"name", w.name, "error", err)
	}
}

// pause waits for d. It returns false if ctx has ended.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
	return ctx.Err() == nil
}
