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

	"github.com/jackc/pgx/v5"
)

const (
	sendTimeout = 15 * time.Second // for one try, above the sender's own limit
	maxBackoff  = 30 * time.Second
)

// ErrObsolete is what Compose returns for a letter that nobody needs any more: it is dropped.
var ErrObsolete = errors.New("outbox: letter is obsolete")

// State is how a letter ended.
type State string

// The ends of a letter.
const (
	Sent   State = "sent"   // the sender accepted it
	Failed State = "failed" // it was given up
)

// Composed is a letter written out.
type Composed struct {
	Message   mail.Message
	UsefulFor time.Duration // after that it must not be sent any more
}

// Letter says how a kind of letter is written and who wants to know what became of it. Both may be called more than
// once for the same reference, on any instance.
type Letter struct {
	Compose func(ctx context.Context, ref string) (Composed, error)
	Note    func(ctx context.Context, ref string, state State) error
}

// Outbox writes and sends the letters that wait in the queue.
type Outbox struct {
	queue   *jobs.Queue
	sender  mail.Sender
	letters map[string]Letter
	log     *slog.Logger
}

// New returns an outbox on a queue. Handle every kind of letter before the queue starts.
func New(queue *jobs.Queue, sender mail.Sender, log *slog.Logger) *Outbox {
	o := &Outbox{queue: queue, sender: sender, letters: map[string]Letter{}, log: log}
	jobs.Handle(queue, jobs.Work[job]{Timeout: sendTimeout, Backoff: backoff, Do: o.send})
	return o
}

// Handle registers a kind of letter.
func (o *Outbox) Handle(name string, letter Letter) { o.letters[name] = letter }

// EnqueueTx queues a letter: it is sent if and only if tx commits.
func (o *Outbox) EnqueueTx(ctx context.Context, tx pgx.Tx, letter, ref string) error {
	return o.queue.EnqueueTx(ctx, tx, job{Letter: letter, Ref: ref})
}

// job is what the queue holds.
type job struct {
	Letter string `json:"letter"`
	Ref    string `json:"ref"`
}

// Kind is the queue's name for letters.
func (job) Kind() string { return "mail" }

// backoff is 1, 2, 4 … seconds, up to maxBackoff, give or take a fifth.
func backoff(attempt int) time.Duration {
	exact := min(time.Second<<min(attempt-1, 10), maxBackoff)
	return time.Duration(float64(exact) * (0.8 + 0.4*rand.Float64()))
}

// send sends a letter once, or says why not.
func (o *Outbox) send(ctx context.Context, j *jobs.Job[job]) error {
	args := j.Args
	letter, known := o.letters[args.Letter]
	if !known {
		return fmt.Errorf("outbox: this version does not know the letter %q", args.Letter)
	}
	composed, err := letter.Compose(ctx, args.Ref)
	if errors.Is(err, ErrObsolete) {
		o.log.InfoContext(ctx, "mail dropped, nobody needs it any more", "letter", args.Letter, "ref", args.Ref, "attempt", j.Attempt)
		return o.end(ctx, letter, j, err)
	}
	if err != nil {
		return err
	}
	err = o.sender.Send(ctx, composed.Message)
	if err == nil {
		o.log.InfoContext(ctx, "mail sent", "letter", args.Letter, "ref", args.Ref, "attempt", j.Attempt, "waited_ms", time.Since(j.CreatedAt).Milliseconds())
		o.note(ctx, letter, args, Sent)
		return nil
	}
	if mail.IsPermanent(err) || backoff(j.Attempt) > composed.UsefulFor {
		o.log.ErrorContext(ctx, "mail given up", "letter", args.Letter, "ref", args.Ref, "attempt", j.Attempt, "error", err)
		return o.end(ctx, letter, j, err)
	}
	o.log.WarnContext(ctx, "mail not sent, will be tried again", "letter", args.Letter, "ref", args.Ref, "attempt", j.Attempt, "error", err)
	if throttled, ok := errors.AsType[*mail.Throttled](err); ok && throttled.After > 0 {
		return jobs.Snooze(throttled.After)
	}
	return err
}

// end ends a letter that was not sent.
func (o *Outbox) end(ctx context.Context, letter Letter, j *jobs.Job[job], cause error) error {
	o.note(ctx, letter, j.Args, Failed)
	return jobs.Cancel(cause)
}

// note tells what became of a letter. When that fails the letter must not be sent again for it.
func (o *Outbox) note(ctx context.Context, letter Letter, args job, state State) {
	if err := letter.Note(ctx, args.Ref, state); err != nil {
		o.log.WarnContext(ctx, "state of mail not noted", "letter", args.Letter, "ref", args.Ref, "state", state, "error", err)
	}
}
