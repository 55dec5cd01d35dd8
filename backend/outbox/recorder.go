package outbox

import (
	"context"
	"sync"
	"time"

	"sana/backend/postgres"

	"github.com/jackc/pgx/v5"
)

const (
	recordEvery   = 50 * time.Millisecond // at most; outcomes are recorded together
	recordRetry   = 250 * time.Millisecond
	recordTimeout = 3 * time.Second
)

// recorder writes outcomes to the queue in batches. It keeps and retries outcomes that it cannot
// write, because a mail whose outcome is lost is sent twice. There are at most maxLeased.
type recorder struct {
	*Outbox
	release func(n int) // called after n outcomes were recorded
	added   chan struct{}

	mu      sync.Mutex
	pending []outcome
}

// add queues an outcome for the next record.
func (r *recorder) add(o outcome) {
	r.mu.Lock()
	r.pending = append(r.pending, o)
	r.mu.Unlock()
	select {
	case r.added <- struct{}{}:
	default:
	}
}

// run records outcomes until ctx ends, and the last ones within recordGrace after it.
func (r *recorder) run(ctx context.Context) {
	writing, cancel := extend(ctx, recordGrace)
	defer cancel()
	var took time.Duration // duration of the last record
	for ctx.Err() == nil {
		select {
		case <-r.added:
		case <-ctx.Done():
		}
		pause(ctx, max(recordEvery, cooldown(took)))
		began := time.Now()
		for !r.record(writing) && ctx.Err() == nil {
			pause(ctx, recordRetry)
		}
		took = time.Since(began)
	}
	for !r.record(writing) && writing.Err() == nil {
		pause(writing, recordRetry)
	}
	if n := len(r.take()); n > 0 {
		r.log.Warn("mail outcomes lost: mails may be sent twice", "mails", n)
	}
}

// record writes all pending outcomes. If it cannot, it keeps them and returns false.
func (r *recorder) record(ctx context.Context) bool {
	outcomes := r.take()
	if len(outcomes) == 0 {
		return true
	}
	ctx, cancel := context.WithTimeout(ctx, recordTimeout)
	defer cancel()
	if err := r.write(ctx, outcomes); err != nil {
		r.putBack(outcomes)
		if r.failing.allow(time.Now()) {
			r.log.WarnContext(ctx, "mail outcomes not recorded: retrying", "error", err)
		}
		return false
	}
	r.release(len(outcomes))
	return true
}

func (r *recorder) take() []outcome {
	r.mu.Lock()
	defer r.mu.Unlock()
	taken := r.pending
	r.pending = nil
	return taken
}

func (r *recorder) putBack(outcomes []outcome) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.pending = append(outcomes, r.pending...)
}

// write records outcomes in one statement. An outcome is ignored if its lease is not the newest
// one, or if the mail is done: an event of the provider may have completed it. The content of a
// mail that is done is deleted.
func (o *Outbox) write(ctx context.Context, outcomes []outcome) error {
	n := len(outcomes)
	refs, numbers, attempts := make([]string, n), make([]int16, n), make([]int16, n)
	states, reasons := make([]string, n), make([]string, n)
	done, waits := make([]bool, n), make([]float64, n)
	for i, result := range outcomes {
		refs[i] = result.mail.Ref
		numbers[i], attempts[i] = int16(result.mail.Number), int16(result.mail.Attempts)
		states[i], reasons[i] = string(result.state), string(result.reason)
		done[i], waits[i] = result.done, result.wait.Seconds()
	}
	_, err := o.db.Exec(ctx, `
		UPDATE mails AS m
		SET state = coalesce(nullif(o.state, ''), m.state),
		    reason = CASE
		        WHEN o.state <> 'sent' AND o.reason <> @none
		        THEN coalesce(nullif(o.reason, ''), m.reason)
		    END,
		    next_at = now() + make_interval(secs => o.wait),
		    done_at = CASE WHEN o.done THEN now() END,
		    content = CASE WHEN NOT o.done THEN m.content END
		FROM unnest(
		    @refs::uuid[],
		    @numbers::smallint[],
		    @attempts::smallint[],
		    @states::text[],
		    @reasons::text[],
		    @done::boolean[],
		    @waits::double precision[]
		) AS o (ref, number, attempts, state, reason, done, wait)
		WHERE m.ref = o.ref
		  AND m.number = o.number
		  AND m.attempts = o.attempts
		  AND m.done_at IS NULL`,
		pgx.NamedArgs{
			"none": string(noReason),
			"refs": refs, "numbers": numbers, "attempts": attempts,
			"states": states, "reasons": reasons, "done": done, "waits": waits,
		})
	return postgres.Error("record outcomes of mails", err)
}
