// Package outbox sends mail durably: a letter is queued in the caller's transaction, some instance sends it, and it is
// tried again while it is useful. The queue holds the letter's name and a reference, never an address, a text or a code.
package outbox

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"sana/backend/jobs"
	"sana/backend/mail"
	"sana/backend/metrics"
	"sana/backend/postgres"
	"sana/backend/tracing"

	"github.com/jackc/pgx/v5"
)

const (
	sendTimeout = 15 * time.Second // for one try, above the sender's own limit
	maxBackoff  = 30 * time.Second
	// From this attempt on a letter is none with a code, which would have expired: it has time.
	patientFrom    = 30
	patientBackoff = time.Hour
)

// ErrObsolete is what Compose returns for a letter that nobody needs any more: it is dropped.
var ErrObsolete = errors.New("outbox: letter is obsolete")

// State is what became of a letter.
type State string

// The states of a letter.
const (
	Sent    State = "sent"    // the sender accepted it
	Delayed State = "delayed" // it could not be sent and will be tried again
	Failed  State = "failed"  // it was given up
)

// Reason says why a letter was not sent.
type Reason string

// The reasons. One that was dropped because nobody needs it any more has none.
const (
	Refused       Reason = "refused"         // the provider does not take this letter, now or ever
	NoSuchMailbox Reason = "no_such_mailbox" // nobody has this address
	ProviderAway  Reason = "provider_away"   // the provider does not answer, or takes no letter of ours
)

// Outcome is what became of a letter, and why where it was not sent.
type Outcome struct {
	State  State
	Reason Reason
}

// Ref names a letter of its kind.
type Ref struct {
	ID     string // what it is about
	Number int    // which one about that, counted from 1; 0 for a letter that the release before this one queued
}

// Composed is a letter written out.
type Composed struct {
	Message   mail.Message
	UsefulFor time.Duration // after that it must not be sent any more
}

// Letter says how a kind of letter is written and who wants to know what became of it, nil for nobody. Both may be called
// more than once for the same reference, on any instance.
type Letter struct {
	Compose func(ctx context.Context, ref Ref) (Composed, error)
	Note    func(ctx context.Context, ref Ref, outcome Outcome) error
}

// Outbox writes and sends the letters that wait in the queue.
type Outbox struct {
	queue   *jobs.Queue
	sender  mail.Sender
	letters map[string]Letter
	brake   brake
	alarm   alarm
	log     *slog.Logger
	metrics *metrics.Metrics
	tracer  *tracing.Tracer
}

// Options say who is told what the outbox does.
type Options struct {
	Log     *slog.Logger
	Metrics *metrics.Metrics
	Tracer  *tracing.Tracer
}

// New returns an outbox on a queue. Handle every kind of letter before the queue starts.
func New(queue *jobs.Queue, sender mail.Sender, o Options) *Outbox {
	box := &Outbox{queue: queue, sender: sender, letters: map[string]Letter{}, log: o.Log, metrics: o.Metrics, tracer: o.Tracer}
	jobs.Handle(queue, jobs.Work[job]{Timeout: sendTimeout, Backoff: backoff, Do: box.work})
	return box
}

// Handle registers a kind of letter.
func (o *Outbox) Handle(name string, letter Letter) { o.letters[name] = letter }

// Enqueue has the batch queue a letter, if the condition when holds: it is sent if and only if the batch is committed.
func (o *Outbox) Enqueue(ctx context.Context, b *postgres.Batch, when, letter string, ref Ref) {
	o.queue.Enqueue(b, when, jobOf(ctx, letter, ref), "")
}

// EnqueueNext is Enqueue for a letter whose number only the database knows: the value of an SQL expression.
func (o *Outbox) EnqueueNext(ctx context.Context, b *postgres.Batch, when, letter, id, number string) {
	o.queue.Enqueue(b, when, jobOf(ctx, letter, Ref{ID: id}), `jsonb_build_object('number', (`+number+`)::integer)`)
}

// EnqueueTx queues a letter: it is sent if and only if tx commits.
func (o *Outbox) EnqueueTx(ctx context.Context, tx pgx.Tx, letter string, ref Ref) error {
	return o.queue.EnqueueTx(ctx, tx, jobOf(ctx, letter, ref))
}

// job is what the queue holds. The release before this one reads letter and ref.
type job struct {
	Letter string `json:"letter"`
	Ref    string `json:"ref"`
	Number int    `json:"number,omitempty"`
	Trace  string `json:"trace,omitempty"` // of the request that wanted it; see tracing.Traceparent
}

func jobOf(ctx context.Context, letter string, ref Ref) job {
	return job{Letter: letter, Ref: ref.ID, Number: ref.Number, Trace: tracing.Traceparent(ctx)}
}

// Kind is the queue's name for letters.
func (job) Kind() string { return "mail" }

// backoff is 1, 2, 4 … seconds, up to maxBackoff and much later to patientBackoff, give or take a fifth.
func backoff(attempt int) time.Duration {
	exact := min(time.Second<<min(attempt-1, 10), maxBackoff)
	if attempt >= patientFrom {
		exact = patientBackoff
	}
	return time.Duration(float64(exact) * (0.8 + 0.4*rand.Float64()))
}

// delivery is one try to send a letter.
type delivery struct {
	*Outbox
	letter Letter
	job    *jobs.Job[job]
	log    *slog.Logger
}

// work does one job.
func (o *Outbox) work(ctx context.Context, j *jobs.Job[job]) error {
	letter, known := o.letters[j.Args.Letter]
	if !known {
		return fmt.Errorf("outbox: this version does not know the letter %q", j.Args.Letter)
	}
	log := o.log.With("letter", j.Args.Letter, "ref", j.Args.Ref, "number", j.Args.Number, "attempt", j.Attempt)
	ctx, span := o.tracer.StartMail(ctx, j.Args.Trace, j.Args.Letter)
	err := delivery{Outbox: o, letter: letter, job: j, log: log}.try(ctx)
	span.End(err)
	return err
}

func (d delivery) ref() Ref { return Ref{ID: d.job.Args.Ref, Number: d.job.Args.Number} }

// try sends the letter once, or says why not.
func (d delivery) try(ctx context.Context) error {
	composed, err := d.letter.Compose(ctx, d.ref())
	if errors.Is(err, ErrObsolete) {
		d.log.InfoContext(ctx, "mail dropped, nobody needs it any more")
		return d.end(ctx, "", err)
	}
	if err != nil {
		return err
	}
	if wait := d.brake.left(time.Now()); wait > 0 {
		return d.waitFor(ctx, wait, composed, errHeldBack)
	}
	if err = d.send(ctx, composed); err == nil {
		d.brake.release()
		waited := time.Since(d.job.CreatedAt)
		d.metrics.MailTried(d.job.Args.Letter, metrics.Sent, waited)
		d.log.InfoContext(ctx, "mail sent", "waited_ms", waited.Milliseconds())
		d.note(ctx, Outcome{State: Sent})
		return nil
	}
	return d.failed(ctx, composed, err)
}

// send gives up when the letter is of no use any more.
func (d delivery) send(ctx context.Context, composed Composed) error {
	ctx, cancel := context.WithTimeout(ctx, composed.UsefulFor)
	defer cancel()
	return d.sender.Send(ctx, composed.Message)
}

// failed decides what becomes of a letter that was not sent. Credentials that are refused can be mended while the letter is
// of use, so that it is tried again.
func (d delivery) failed(ctx context.Context, composed Composed, err error) error {
	switch {
	case errors.Is(err, mail.ErrCredentials):
		if d.alarm.rings(time.Now()) {
			d.Outbox.log.ErrorContext(ctx, "the mail provider refuses our credentials, no mail is sent; check the key and the domain", "error", err)
		}
	case errors.Is(err, mail.ErrNoSuchMailbox):
		return d.giveUp(ctx, NoSuchMailbox, err)
	case mail.IsPermanent(err):
		return d.giveUp(ctx, Refused, err)
	}
	if throttled, ok := errors.AsType[*mail.Throttled](err); ok {
		return d.waitFor(ctx, d.brake.pull(time.Now(), throttled.After), composed, err)
	}
	if backoff(d.job.Attempt) > composed.UsefulFor {
		return d.giveUp(ctx, ProviderAway, err)
	}
	d.log.WarnContext(ctx, "mail not sent, will be tried again", "error", err)
	d.delayed(ctx)
	return err
}

// delayed tells that the letter is to be tried again.
func (d delivery) delayed(ctx context.Context) {
	d.metrics.MailTried(d.job.Args.Letter, metrics.Delayed, 0)
	d.note(ctx, Outcome{Delayed, ProviderAway})
}

// waitFor tries the letter again after a while, give or take what spreads those that wait, unless that is too late.
func (d delivery) waitFor(ctx context.Context, wait time.Duration, composed Composed, cause error) error {
	wait += time.Duration(rand.Float64() * float64(wait/10))
	if wait > composed.UsefulFor {
		return d.giveUp(ctx, ProviderAway, cause)
	}
	d.log.InfoContext(ctx, "mail waits", "seconds", wait.Seconds(), "error", cause)
	d.delayed(ctx)
	return jobs.Snooze(wait)
}

func (d delivery) giveUp(ctx context.Context, reason Reason, cause error) error {
	d.metrics.MailTried(d.job.Args.Letter, metrics.Failed, 0)
	d.log.WarnContext(ctx, "mail given up", "reason", reason, "error", cause)
	return d.end(ctx, reason, cause)
}

// end ends a letter that was not sent.
func (d delivery) end(ctx context.Context, reason Reason, cause error) error {
	d.note(ctx, Outcome{Failed, reason})
	return jobs.Cancel(cause)
}

// note tells what became of a letter. When that fails the letter must not be sent again for it.
func (d delivery) note(ctx context.Context, outcome Outcome) {
	if d.letter.Note == nil {
		return
	}
	if err := d.letter.Note(ctx, d.ref(), outcome); err != nil {
		d.log.WarnContext(ctx, "state of mail not noted", "state", outcome.State, "error", err)
	}
}
