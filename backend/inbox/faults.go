package inbox

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"time"

	"sana/backend/mail"
	"sana/backend/postgres"

	"github.com/jackc/pgx/v5"
)

// Fault is what can go wrong with a mail.
type Fault string

// The faults.
const (
	None   Fault = "none"   // the mail arrives
	Fail   Fault = "fail"   // it is refused for good
	Delay  Fault = "delay"  // it is not taken for some seconds, however often it is tried
	Bounce Fault = "bounce" // it is accepted, and then bounces: no such mailbox
)

// Next is what is to become of the next mail, on whichever instance it is sent.
type Next struct {
	Fault   Fault `json:"fault"`
	Seconds int   `json:"seconds,omitempty"` // of a delay
}

// How long a delay can be: a code does not live longer.
const (
	defaultDelay = 20
	maxDelay     = 600
)

// ErrNoSuchFault is the error of a Next that cannot be played.
var ErrNoSuchFault = errors.New(
	`inbox: a fault is "fail", "delay", "bounce" or "none", and a delay has 1 to 600 seconds`)

// Play says what is to become of the next mail, instead of what was said before, and returns it,
// with its defaults. ErrNoSuchFault is returned as it is.
func (i *Inbox) Play(ctx context.Context, next Next) (Next, error) {
	if next.Fault == Delay && next.Seconds == 0 {
		next.Seconds = defaultDelay
	}
	var err error
	isOutside := next.Seconds < 1 || next.Seconds > maxDelay
	if next.Fault == Delay && isOutside || next.Fault != Delay && next.Seconds != 0 {
		return Next{}, ErrNoSuchFault
	}
	switch next.Fault {
	case None:
		_, err = i.db.Exec(ctx, `DELETE FROM dev_fault`)
	case Fail, Delay, Bounce:
		_, err = i.db.Exec(ctx, `
			INSERT INTO dev_fault (fault, seconds)
			VALUES (@fault, @seconds)
			ON CONFLICT (one) DO UPDATE
			SET fault = @fault,
			    seconds = @seconds`,
			pgx.NamedArgs{"fault": next.Fault, "seconds": next.Seconds})
	default:
		return Next{}, ErrNoSuchFault
	}
	return next, postgres.Error("play a fault", err)
}

// Next returns what is to become of the next mail.
func (i *Inbox) Next(ctx context.Context) (Next, error) {
	next := Next{Fault: None}
	err := i.db.QueryRow(ctx, `
		SELECT
			fault,
			seconds
		FROM dev_fault`).Scan(&next.Fault, &next.Seconds)
	if errors.Is(err, pgx.ErrNoRows) {
		return next, nil
	}
	return next, postgres.Error("read the fault", err)
}

// Run lets accepted mails arrive or bounce, and reports each event once, as a provider does, until
// ctx ends. Several instances may run it concurrently.
func (i *Inbox) Run(
	ctx context.Context, notify func(context.Context, mail.Event) error, log *slog.Logger,
) {
	tick := time.NewTicker(travel / 2)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if err := i.arrive(ctx, notify); err != nil && ctx.Err() == nil {
			log.WarnContext(ctx, "development inbox", "error", err)
		}
	}
}

// arrive is one round of Run.
func (i *Inbox) arrive(ctx context.Context, notify func(context.Context, mail.Event) error) error {
	rows, err := i.db.Query(ctx, `
		UPDATE dev_inbox
		SET state = CASE fault WHEN 'bounce' THEN 'failed' ELSE 'delivered' END,
		    due_at = NULL
		WHERE state = 'sent'
		  AND due_at <= now()
		RETURNING ref, state, now()`)
	if err != nil {
		return postgres.Error("deliver mail", err)
	}
	events, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (mail.Event, error) {
		var state State
		e := mail.Event{Fate: mail.Delivered, Token: rand.Text()}
		err := row.Scan(&e.Ref, &state, &e.At)
		if state == Failed {
			e.Fate = mail.NoSuchMailbox
		}
		e.SignedAt = e.At
		return e, err
	})
	if err != nil {
		return postgres.Error("deliver mail", err)
	}
	for _, e := range events {
		err = errors.Join(err, notify(ctx, e))
	}
	return err
}
