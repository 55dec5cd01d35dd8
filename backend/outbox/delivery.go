package outbox

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime/debug"
	"time"

	"sana/backend/mail"
	"sana/backend/observe/metrics"
)

const (
	maxBackoff = 30 * time.Second
	// A mail older than urgentFor has no valid code: it is not urgent.
	urgentFor     = 15 * time.Minute
	noticeBackoff = time.Hour
	// composeFor is the time in which a mail that cannot be composed is retried.
	composeFor = 24 * time.Hour
)

// backoff returns 1, 2, 4 … seconds, at most maxBackoff, with 20 % jitter.
func backoff(attempt int) time.Duration {
	return spread(min(time.Second<<min(attempt-1, 10), maxBackoff))
}

func spread(d time.Duration) time.Duration {
	return time.Duration(float64(d) * (0.8 + 0.4*rand.Float64()))
}

// outcome is the result of an attempt.
type outcome struct {
	mail   leased
	state  State  // "" keeps the state
	reason Reason // "" keeps the reason, noReason erases it; a sent mail has none
	wait   time.Duration
	done   bool // else the mail is due again after wait
}

// delivery is one attempt to send a mail.
type delivery struct {
	*Outbox
	mail leased
	log  *slog.Logger
}

// attempt tries to send a mail once. A panic counts as a failed attempt.
func (o *Outbox) attempt(ctx context.Context, m leased) (result outcome) {
	log := o.log.With("template", m.Template, "ref", m.Ref, "number", m.Number, "attempt",
		m.Attempts)
	d := delivery{Outbox: o, mail: m, log: log}
	ctx, span := o.options.Tracer.StartMail(ctx, m.Trace, m.Template)
	var err error
	defer func() {
		if cause := recover(); cause != nil {
			log.ErrorContext(ctx, "panic", "in", "mail",
				"panic", fmt.Sprint(cause), "stack", string(debug.Stack()))
			err = fmt.Errorf("panic: %v", cause)
			result = d.retry(ctx, err)
		}
		span.End(err)
	}()
	result, err = d.try(ctx)
	return result
}

// try composes and sends the mail. The error is the reason why it was not sent.
func (d delivery) try(ctx context.Context) (outcome, error) {
	composed, err := d.compose(ctx)
	if errors.Is(err, ErrObsolete) {
		d.log.InfoContext(ctx, "mail dropped: no longer needed")
		return outcome{mail: d.mail, state: Failed, done: true}, err
	}
	if err != nil {
		return d.retry(ctx, err), err
	}
	usefulUntil := time.Now().Add(composed.UsefulFor)

	if wait := d.brake.remaining(time.Now()); wait > 0 {
		return d.delayForProvider(ctx, wait, usefulUntil, errBraked), errBraked
	}
	if err := d.send(ctx, composed.Message, usefulUntil); err != nil {
		return d.failed(ctx, usefulUntil, err), err
	}
	d.brake.release()
	waited := d.mail.Age + time.Since(d.mail.since)
	d.options.Metrics.MailAttempted(d.mail.Template, metrics.Sent, waited)
	d.log.InfoContext(ctx, "mail sent", "waited_ms", waited.Milliseconds())
	return outcome{mail: d.mail, state: Sent, done: true}, nil
}

// compose returns ErrObsolete for a mail that is no longer needed.
func (d delivery) compose(ctx context.Context) (Composed, error) {
	composed, err := d.content(ctx)
	if err == nil && composed.UsefulFor <= 0 {
		return Composed{}, ErrObsolete
	}
	composed.Message.Ref = messageRef(d.mail.Ref, d.mail.Number)
	return composed, err
}

// content composes a mail with the function of its Handover, or else with its template.
func (d delivery) content(ctx context.Context) (Composed, error) {
	if d.mail.compose != nil {
		return d.mail.compose(ctx)
	}
	compose, known := d.templates[d.mail.Template]
	if !known {
		return Composed{}, fmt.Errorf("outbox: no template %q in this version", d.mail.Template)
	}
	return compose(ctx, d.mail.Mail)
}

// send sends the message to the provider, with usefulUntil as the deadline.
func (d delivery) send(ctx context.Context, m mail.Message, usefulUntil time.Time) error {
	ctx, cancel := context.WithDeadline(ctx, usefulUntil)
	defer cancel()
	if err := ctx.Err(); err != nil {
		return err
	}
	return d.sender.Send(ctx, m)
}

// failed returns the outcome of a failed attempt. Rejected credentials can be
// corrected while the mail is useful, so they do not fail it permanently.
func (d delivery) failed(ctx context.Context, usefulUntil time.Time, err error) outcome {
	switch {
	case errors.Is(err, mail.ErrCredentials):
		if d.refused.allow(time.Now()) {
			d.Outbox.log.ErrorContext(ctx,
				"mail provider rejected the credentials: check key and domain", "error", err)
		}
	case errors.Is(err, mail.ErrNoSuchMailbox):
		return d.failPermanently(ctx, NoSuchMailbox, err)
	case mail.IsPermanent(err):
		return d.failPermanently(ctx, Refused, err)
	}
	if throttled, ok := errors.AsType[*mail.Throttled](err); ok {
		wait := d.brake.engage(time.Now(), throttled.After)
		return d.delayForProvider(ctx, wait, usefulUntil, err)
	}
	if isInterrupted(ctx) {
		return d.interrupted(ctx)
	}
	return d.delay(ctx, slog.LevelWarn, d.backoff(), usefulUntil, err)
}

// backoff returns the delay of this mail after a failure.
func (d delivery) backoff() time.Duration {
	if d.mail.Age > urgentFor {
		return spread(noticeBackoff)
	}
	return backoff(d.mail.Attempts)
}

// delayForProvider delays a mail while the provider accepts none, with 10 % jitter.
func (d delivery) delayForProvider(
	ctx context.Context, wait time.Duration, usefulUntil time.Time, cause error,
) outcome {
	wait += time.Duration(rand.Float64() * float64(wait/10))
	return d.delay(ctx, slog.LevelInfo, wait, usefulUntil, cause)
}

// delay retries the mail after wait, unless it is obsolete by then.
func (d delivery) delay(
	ctx context.Context, level slog.Level, wait time.Duration, usefulUntil time.Time, cause error,
) outcome {
	if time.Now().Add(wait).After(usefulUntil) {
		return d.failPermanently(ctx, reasonFor(cause), cause)
	}
	d.options.Metrics.MailAttempted(d.mail.Template, metrics.Delayed, 0)
	d.log.Log(ctx, level, "mail delayed", "seconds", wait.Seconds(), "error", cause)
	return outcome{mail: d.mail, state: Delayed, reason: reasonFor(cause), wait: wait}
}

// reasonFor returns the reason of a temporary failure. A deferred recipient is no sign of an
// unavailable provider.
func reasonFor(cause error) Reason {
	if errors.Is(cause, mail.ErrDeferred) {
		return noReason
	}
	return ProviderUnavailable
}

// failPermanently returns the outcome of a mail that is not retried.
func (d delivery) failPermanently(ctx context.Context, reason Reason, cause error) outcome {
	d.options.Metrics.MailAttempted(d.mail.Template, metrics.Failed, 0)
	d.log.WarnContext(ctx, "mail delivery failed permanently", "reason", reason, "error", cause)
	return outcome{mail: d.mail, state: Failed, reason: reason, done: true}
}

// retry retries a mail after an error of Sana, for a day: in that time another instance or a later
// release may be able to compose it.
func (d delivery) retry(ctx context.Context, cause error) outcome {
	if isInterrupted(ctx) {
		return d.interrupted(ctx)
	}
	if d.mail.Age > composeFor {
		return d.failPermanently(ctx, "", cause)
	}
	wait := d.backoff()
	d.log.WarnContext(ctx, "mail attempt failed: retrying",
		"seconds", wait.Seconds(), "error", cause)
	return outcome{mail: d.mail, wait: wait}
}

// isInterrupted reports whether an attempt failed because the instance stops.
func isInterrupted(ctx context.Context) bool {
	return errors.Is(context.Cause(ctx), errInterrupted)
}

// interrupted makes the mail due again at once.
func (d delivery) interrupted(ctx context.Context) outcome {
	d.log.InfoContext(ctx, "mail interrupted: returned to the queue")
	return outcome{mail: d.mail}
}
