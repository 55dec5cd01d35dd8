package outbox

import (
	"context"
	"time"

	"sana/backend/fault"
	"sana/backend/mail"
	"sana/backend/postgres"

	"github.com/jackc/pgx/v5"
)

// The provider's events arrive late, more than once and in any order. Their precedence does not
// depend on the arrival: a final event replaces a delay, a later event an earlier one, and a
// failure a delivery of the same time. The outbox never overwrites the status of an event: a mail
// with an event is done.

// The allowed differences between the time of an event's signature and the database's time. Mailgun
// signs an event once and repeats it for eight hours.
const (
	eventAge   = 9 * time.Hour
	eventAhead = 5 * time.Minute
)

// status is the status of a mail in an event.
type status struct {
	state  State
	reason Reason
}

// statuses maps the events that change a mail.
var statuses = map[mail.Fate]status{
	mail.Delivered:     {Delivered, ""},
	mail.Deferred:      {Delayed, ""},
	mail.NoSuchMailbox: {Failed, NoSuchMailbox},
	mail.Blocked:       {Failed, Blocked},
	mail.Rejected:      {Failed, Refused},
}

// TakeEvent records an event of the provider. An event about an unknown mail changes nothing.
// TakeEvent returns fault.EventRefused for an event that was signed too long ago or in the future,
// or whose token was used before.
func (o *Outbox) TakeEvent(ctx context.Context, event mail.Event) error {
	return postgres.InTx(ctx, o.db, func(tx pgx.Tx) error {
		if err := claimToken(ctx, tx, event); err != nil {
			return err
		}
		ref, number, ok := parseMessageRef(event.Ref)
		to, known := statuses[event.Fate]
		if !ok || !known {
			return nil
		}
		return recordEvent(ctx, tx, ref, number, to, event.At)
	})
}

// claimToken consumes the token of an event.
func claimToken(ctx context.Context, tx pgx.Tx, event mail.Event) error {
	tag, err := tx.Exec(ctx, `
		INSERT INTO event_tokens (token)
		SELECT @token
		WHERE @signed_at::timestamptz BETWEEN now() - @age::interval AND now() + @ahead::interval
		ON CONFLICT DO NOTHING`,
		pgx.NamedArgs{
			"token": event.Token, "signed_at": event.SignedAt,
			"age": eventAge, "ahead": eventAhead,
		})
	if err == nil && tag.RowsAffected() == 0 {
		return fault.New(fault.EventRefused,
			"This event was signed too long ago or in the future, or it was here before.")
	}
	return postgres.Error("claim token", err)
}

// recordEvent changes the mail unless an event with a higher precedence was recorded before.
func recordEvent(
	ctx context.Context, tx pgx.Tx, ref string, number int16, to status, at time.Time,
) error {
	_, err := tx.Exec(ctx, `
		UPDATE mails
		SET state = @state,
		    reason = nullif(@reason, ''),
		    event_at = @at,
		    done_at = coalesce(done_at, now()),
		    content = NULL
		WHERE ref = @ref
		  AND number = @number
		  AND (@state IN ('delivered', 'failed'), @at::timestamptz, @state = 'failed')
		    > (state IN ('delivered', 'failed'), coalesce(event_at, '-infinity'),
		       state = 'failed')`,
		pgx.NamedArgs{
			"ref": ref, "number": number,
			"state": string(to.state), "reason": string(to.reason), "at": at,
		})
	return postgres.Error("record event", err)
}
