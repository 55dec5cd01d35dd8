package outbox

import (
	"context"
	"time"

	"sana/backend/observe/tracing"

	"github.com/jackc/pgx/v5"
)

// Handover reserves one of this instance's places for a mail that is about to be queued. The
// statement that queues the mail also leases it, so that it is sent right after the commit without
// a claim. If no place is free, the mail is queued without a lease and claimed like any other.
//
// If the instance is killed after the commit, or does not receive its result, the mail is sent by
// another instance when its lease of 20 seconds expires. A Handover is not safe for concurrent use.
type Handover struct {
	outbox *Outbox
	worker *worker // nil if no place is reserved
	since  time.Time
	trace  string
}

// Handover reserves a place. It must be called before the transaction begins, and be followed by
// Release.
func (o *Outbox) Handover(ctx context.Context) *Handover {
	h := &Handover{outbox: o, since: time.Now(), trace: tracing.Traceparent(ctx)}
	o.mu.Lock()
	defer o.mu.Unlock()
	if w := o.worker; w != nil && w.leased.Load() < maxLeased {
		h.worker = w
		w.leased.Add(1)
		w.attempts.Add(1)
	}
	return h
}

// Args adds the values of the columns trace, @trace, and attempts, @attempts, and the difference
// between next_at and now(), @lease.
func (h *Handover) Args(into pgx.NamedArgs) {
	into["trace"], into["attempts"], into["lease"] = h.trace, 0, time.Duration(0)
	if h.worker != nil {
		into["attempts"], into["lease"] = 1, leaseTime
	}
}

// Send starts sending the mail. It must be called after the commit. compose has the contract of
// Compose and is called at most once.
func (h *Handover) Send(m Mail, compose func(context.Context) (Composed, error)) {
	w := h.worker
	if w == nil {
		h.outbox.Wake()
		return
	}
	h.worker = nil
	m.Attempts = 1
	mail := leased{Mail: m, Trace: h.trace, since: h.since, compose: compose}
	go func() {
		defer w.attempts.Done()
		w.send(mail)
	}()
}

// Release frees the place if no mail was sent.
func (h *Handover) Release() {
	if w := h.worker; w != nil {
		h.worker = nil
		w.release(1)
		w.attempts.Done()
	}
}
