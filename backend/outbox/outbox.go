// Package outbox sends mail durably, on River: a letter is queued in the caller's transaction, some instance's worker
// sends it, and it is tried again while it is useful. The queue holds the letter's name and a reference, never an
// address, a text or a code.
package outbox

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"sana/backend/mail"
	"sana/backend/postgres"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
)

const (
	workers     = 50               // mails that one instance sends at a time
	sendTimeout = 15 * time.Second // for one try, above the sender's own limit
	// rescueAfter is when a mail that a killed instance was sending is tried again.
	rescueAfter = 30 * time.Second
	maxAttempts = 50 // the end of a letter's use comes first
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

// Outbox is the queue and its worker.
type Outbox struct {
	client  *river.Client[pgx.Tx]
	sender  mail.Sender
	letters map[string]Letter
	log     *slog.Logger
}

// New returns an outbox on a migrated database. Handle every kind of letter, then Start.
func New(db *pgxpool.Pool, sender mail.Sender, log *slog.Logger) (*Outbox, error) {
	o := &Outbox{sender: sender, letters: map[string]Letter{}, log: log}
	registered := river.NewWorkers()
	river.AddWorker(registered, &worker{outbox: o})
	client, err := river.NewClient(riverpgxv5.New(db), &river.Config{
		Queues:               map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: workers}},
		Workers:              registered,
		Logger:               log,
		JobTimeout:           sendTimeout,
		RescueStuckJobsAfter: rescueAfter,
		MaxAttempts:          maxAttempts,
	})
	if err != nil {
		return nil, fmt.Errorf("outbox: %w", err)
	}
	o.client = client
	return o, nil
}

// Handle registers a kind of letter, before Start.
func (o *Outbox) Handle(name string, letter Letter) { o.letters[name] = letter }

// EnqueueTx queues a letter: it is sent if and only if tx commits.
func (o *Outbox) EnqueueTx(ctx context.Context, tx pgx.Tx, letter, ref string) error {
	_, err := o.client.InsertTx(ctx, tx, job{Letter: letter, Ref: ref}, nil)
	return postgres.Error("queue mail", err)
}

// Start begins to send.
func (o *Outbox) Start(ctx context.Context) error {
	if err := o.client.Start(ctx); err != nil {
		return fmt.Errorf("outbox: start: %w", err)
	}
	return nil
}

// Stop takes no new letters and waits for those being sent; when ctx ends, it interrupts them, and they go back into
// the queue.
func (o *Outbox) Stop(ctx context.Context) error {
	err := o.client.Stop(ctx)
	if err == nil {
		return nil
	}
	hard, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	return o.client.StopAndCancel(hard)
}

// job is what the queue holds.
type job struct {
	Letter string `json:"letter"`
	Ref    string `json:"ref"`
}

// Kind is River's name for the job.
func (job) Kind() string { return "mail" }

type worker struct {
	river.WorkerDefaults[job]
	outbox *Outbox
}

// NextRetry waits 1, 2, 4 … seconds, up to maxBackoff, give or take a fifth.
func (w *worker) NextRetry(j *river.Job[job]) time.Time {
	backoff := min(time.Second<<min(j.Attempt-1, 10), maxBackoff)
	return time.Now().Add(time.Duration(float64(backoff) * (0.8 + 0.4*rand.Float64())))
}

// Work sends a letter once, or says why not.
func (w *worker) Work(ctx context.Context, j *river.Job[job]) error {
	o, args := w.outbox, j.Args
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
	if mail.IsPermanent(err) || time.Until(w.NextRetry(j)) > composed.UsefulFor {
		o.log.ErrorContext(ctx, "mail given up", "letter", args.Letter, "ref", args.Ref, "attempt", j.Attempt, "error", err)
		return o.end(ctx, letter, j, err)
	}
	o.log.WarnContext(ctx, "mail not sent, will be tried again", "letter", args.Letter, "ref", args.Ref, "attempt", j.Attempt, "error", err)
	if throttled, ok := errors.AsType[*mail.Throttled](err); ok && throttled.After > 0 {
		return river.JobSnooze(throttled.After)
	}
	return err
}

// end ends a letter that was not sent.
func (o *Outbox) end(ctx context.Context, letter Letter, j *river.Job[job], cause error) error {
	o.note(ctx, letter, j.Args, Failed)
	return river.JobCancel(cause)
}

// note tells what became of a letter. When that fails the letter must not be sent again for it.
func (o *Outbox) note(ctx context.Context, letter Letter, args job, state State) {
	if err := letter.Note(ctx, args.Ref, state); err != nil {
		o.log.WarnContext(ctx, "state of mail not noted", "letter", args.Letter, "ref", args.Ref, "state", state, "error", err)
	}
}
