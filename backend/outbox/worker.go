package outbox

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"sana/backend/postgres"

	"github.com/jackc/pgx/v5"
)

const (
	// maxLeased is the maximum number of mails that one instance leases. With a provider that takes
	// 200 ms for a mail these are 1,000 a second. The number of concurrent sends follows the
	// provider's latency.
	maxLeased = 300
	pollEvery = time.Second
	// Without a mail for idleAfter the queue is polled only every idlePollEvery: nearly all mails
	// are handed over or announced by Wake. Polls find the mails of crashed instances.
	idleAfter     = time.Minute
	idlePollEvery = 10 * time.Second
	claimEvery    = 50 * time.Millisecond // minimum; a claim takes all due mails
	// claimTimeout is longer than the server's statement_timeout: a claim that is
	// cancelled here could still be committed there, and its mails would wait for the end of their
	// leases.
	claimTimeout = 10 * time.Second

	// cooldownFactor times the duration of a statement is the pause before the next one of its
	// kind: a busy database gets fewer and larger statements. See cooldown.
	cooldownFactor = 4

	// attemptTimeout bounds one attempt. The lease is longer, so that an attempt's outcome is
	// recorded before another instance takes the mail.
	attemptTimeout = 15 * time.Second
	leaseTime      = 20 * time.Second

	// The parts of Options.StopTimeout.
	recordGrace    = time.Second            // for recording the last outcomes
	interruptGrace = 200 * time.Millisecond // for the sender to return after it was interrupted
)

// errInterrupted is the cause of a context that is cancelled by the end of Run.
var errInterrupted = errors.New("outbox: interrupted, the instance stops")

// worker is one call of Run.
type worker struct {
	*Outbox
	recorder *recorder
	sending  context.Context // of all attempts
	attempts sync.WaitGroup
	leased   atomic.Int64  // mails whose outcome is not recorded yet
	freed    chan struct{} // receives a value when leased has decreased
}

// leased is a mail with its lease.
type leased struct {
	Mail
	Trace   string                                  // of the request that queued it
	since   time.Time                               // when the lease began, or a moment earlier
	compose func(context.Context) (Composed, error) // of a Handover, else nil
}

// Run sends mails until ctx ends. Then it finishes the mails that are being sent, interrupts those
// that take too long, and records the outcomes (see Options.StopTimeout). An interrupted mail is
// due again at once. Run must not be called concurrently.
func (o *Outbox) Run(ctx context.Context) {
	finish := max(0, o.options.StopTimeout-recordGrace-interruptGrace)
	sending, interrupt := extend(ctx, finish)
	defer interrupt()

	w := &worker{Outbox: o, sending: sending, freed: make(chan struct{}, 1)}
	w.recorder = &recorder{Outbox: o, release: w.release, added: make(chan struct{}, 1)}
	recording, stop := context.WithCancel(context.WithoutCancel(ctx))
	var recorded sync.WaitGroup
	recorded.Go(func() { w.recorder.run(recording) })
	defer recorded.Wait()
	defer stop()

	o.setWorker(w)
	o.Wake() // for mails that were queued before
	w.claimUntil(ctx)
	o.setWorker(nil)
	w.finish()
}

// setWorker sets the worker for Handover, nil for none.
func (o *Outbox) setWorker(w *worker) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.worker = w
}

// extend returns a context that ends d after ctx, with errInterrupted as its cause.
func extend(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	longer, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	end := func() { cancel(errInterrupted) }
	release := context.AfterFunc(ctx, func() { time.AfterFunc(d, end) })
	return longer, func() {
		release()
		end()
	}
}

// claimUntil claims mails until ctx ends: after Wake, when a place is free and more mails may be
// due, and with each poll.
func (w *worker) claimUntil(ctx context.Context) {
	poll := time.NewTimer(pollEvery)
	defer poll.Stop()
	began, busy := time.Now(), time.Now() // the last claim, and the last sign of a mail
	more := false
	for {
		poll.Reset(time.Until(began.Add(pollAfter(time.Since(busy)))))
		select {
		case <-w.wake:
			busy = time.Now()
		case <-w.freed:
			busy = time.Now()
			if !more {
				continue
			}
		case <-poll.C:
		case <-ctx.Done():
		}
		if ctx.Err() != nil {
			return
		}

		began = time.Now()
		free := maxLeased - int(w.leased.Load())
		if free <= 0 {
			more = true
			continue
		}
		claimed := w.claim(ctx, free)
		if claimed > 0 {
			busy = time.Now()
		}
		more = claimed == free
		took := time.Since(began)
		pause(ctx, max(claimEvery-took, cooldown(took)))
	}
}

// pollAfter is the time between two polls if there was no sign of a mail for the given time.
func pollAfter(idle time.Duration) time.Duration {
	if idle < idleAfter {
		return pollEvery
	}
	return idlePollEvery
}

// claim leases at most limit mails, starts sending them and returns their number. The statement is
// not cancelled when ctx ends: its mails would stay leased.
func (w *worker) claim(ctx context.Context, limit int) int {
	claiming, cancel := context.WithTimeout(w.sending, claimTimeout)
	defer cancel()
	since := time.Now()
	mails, err := w.lease(claiming, limit)
	if err != nil {
		if ctx.Err() == nil && w.failing.allow(time.Now()) {
			w.log.WarnContext(ctx, "mails cannot be claimed: retrying", "error", err)
		}
		return 0
	}
	w.leased.Add(int64(len(mails)))
	for _, m := range mails {
		m.since = since
		w.attempts.Go(func() { w.send(m) })
	}
	return len(mails)
}

// lease leases the oldest due mails that no other instance is leasing. Attempts wrap around,
// because a smallint would overflow: they must only differ from one lease to the next. No mail
// waits for a day: a next_at further ahead was written before the database's clock was set back.
func (o *Outbox) lease(ctx context.Context, limit int) ([]leased, error) {
	rows, err := o.db.Query(ctx, `
		WITH due AS MATERIALIZED (
		    SELECT ref, number
		    FROM mails
		    WHERE done_at IS NULL
		      AND (next_at <= now() OR next_at > now() + interval '1 day')
		    ORDER BY created_at
		    LIMIT @limit
		    FOR NO KEY UPDATE SKIP LOCKED
		)
		UPDATE mails AS m
		SET attempts = m.attempts % 32000 + 1,
		    next_at = now() + @lease::interval
		FROM due
		WHERE m.ref = due.ref
		  AND m.number = due.number
		RETURNING
		    m.ref::text AS ref,
		    m.number,
		    m.template,
		    m.content,
		    m.created_at,
		    m.attempts,
		    m.trace,
		    now() - m.created_at AS age`,
		pgx.NamedArgs{"limit": limit, "lease": leaseTime})
	if err != nil {
		return nil, postgres.Error("claim mails", err)
	}
	mails, err := pgx.CollectRows(rows, pgx.RowToStructByName[leased])
	return mails, postgres.Error("claim mails", err)
}

// send attempts a mail and records the outcome.
func (w *worker) send(m leased) {
	ctx, cancel := context.WithDeadline(w.sending, m.since.Add(attemptTimeout))
	defer cancel()
	w.recorder.add(w.attempt(ctx, m))
}

// release frees the places of mails whose outcomes are recorded.
func (w *worker) release(n int) {
	w.leased.Add(-int64(n))
	select {
	case w.freed <- struct{}{}:
	default:
	}
}

// finish waits for the mails that are being sent. If the sender does not return after it was
// interrupted, its mails are left to their leases.
func (w *worker) finish() {
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		w.attempts.Wait()
	}()
	select {
	case <-finished:
		return
	case <-w.sending.Done():
	}
	select {
	case <-finished:
	case <-time.After(interruptGrace):
		w.log.Warn("mails abandoned at shutdown: the sender does not return")
	}
}

// cooldown returns the pause after a statement of this duration, at most pollEvery.
func cooldown(took time.Duration) time.Duration { return min(cooldownFactor*took, pollEvery) }

// pause waits for d, or until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
