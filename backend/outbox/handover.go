package outbox

import (
	"context"
	"time"

	"sana/backend/tracing"

	"github.com/jackc/pgx/v5"
)

// Handover is a place with this instance for one mail that is about to be queued. The statement that
// queues the mail takes its lease, and the mail is sent after the commit without being claimed. If the
// instance has no place, or ends, the mail waits in the queue like any other.
type Handover struct {
	outbox *Outbox
	worker *worker // nil if there is no place
	since  time.Time
}

// Handover takes a place if there is one. It is to be called before the transaction begins; Release
// must follow.
func (o *Outbox) Handover() *Handover {
	h := &Handover{outbox: o, since: time.Now()}
	o.mu.Lock()
	defer o.mu.Unlock()
	if w := o.worker; w != nil && w.leased.Load() < maxLeased {
		h.worker = w
		w.leased.Add(1)
		w.attempts.Add(1)
	}
	return h
}

// Args adds the values of columns attempts and next_at: @attempts, and @lease, to be added to now().
func (h *Handover) Args(into pgx.NamedArgs) {
	into["attempts"], into["lease"] = 0, time.Duration(0)
	if h.worker != nil {
		into["attempts"], into["lease"] = 1, leaseTime
	}
}

// Send begins to send the mail, composed by compose as by Template.Compose. It is to be called after
// the commit.
func (h *Handover) Send(ctx context.Context, m Mail, compose func(context.Context) (Composed, error)) {
	w := h.worker
	if w == nil {
		h.outbox.Wake()
		return
	}
	h.worker = nil
	m.Attempts = 1
	go func() {
		defer w.attempts.Done()
		w.send(leased{Mail: m, Trace: tracing.Traceparent(ctx), since: h.since, compose: compose})
	}()
}

// Release gives the place back if no mail was sent from it.
func (h *Handover) Release() {
	if w := h.worker; w != nil {
		h.worker = nil
		w.release(1)
		w.attempts.Done()
	}
}
