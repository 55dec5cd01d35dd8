package signin

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"time"

	"sana/backend/fault"
	"sana/backend/mail"
	"sana/backend/outbox"
	"sana/backend/postgres"

	"github.com/jackc/pgx/v5"
)

// What became of a challenge's newest mail is told by the outbox, until the provider has it, and by the provider's events,
// which come late, twice and in any order. A statement of the outbox never overwrites an event. Events have an order of
// their own, whatever the order in which they come: an end stands above a delay, the later above the earlier, a failure
// above a delivery of the same time. What is about an earlier mail of the challenge counts for nothing.

// noteDelivery keeps what became of the mail for the page that waits.
func (s *Service) noteDelivery(ctx context.Context, ref outbox.Ref, outcome outbox.Outcome) error {
	_, err := s.db.Exec(ctx, `
		UPDATE challenges
		SET delivery = @delivery,
		    delivery_reason = CASE WHEN @delivery = 'sent' THEN NULL ELSE coalesce(nullif(@reason, ''), delivery_reason) END
		WHERE id = @id
		  AND `+isNewest+`
		  AND delivery IN ('queued', 'delayed')
		  AND delivery_at IS NULL`,
		pgx.NamedArgs{
			"id": ref.ID, "number": ref.Number,
			"delivery": string(deliveryOf[outcome.State]), "reason": string(reasonOf[outcome.Reason]),
		})
	return postgres.Error("note delivery", err)
}

var (
	deliveryOf = map[outbox.State]Delivery{outbox.Sent: Sent, outbox.Delayed: Delayed, outbox.Failed: Failed}
	reasonOf   = map[outbox.Reason]DeliveryReason{
		outbox.NoSuchMailbox: NoSuchMailbox, outbox.Refused: Refused, outbox.ProviderAway: ProviderAway,
	}
)

// How far the time of an event's signature may be from the database's.
const (
	eventAge   = 15 * time.Minute
	eventAhead = time.Minute
)

// TakeEvent keeps what the provider tells about a mail. An event about a mail that is not ours, or not the challenge's newest
// any more, changes nothing. It returns fault.EventRefused for one that was signed too long ago or in the future, or
// whose token was there before.
func (s *Service) TakeEvent(ctx context.Context, event mail.Event) error {
	return postgres.InTx(ctx, s.db, func(tx pgx.Tx) error {
		if err := claimToken(ctx, tx, event); err != nil {
			return err
		}
		ref, ok := parseMailRef(event.Ref)
		end, known := ends[event.Fate]
		if !ok || !known {
			return nil
		}
		return noteEvent(ctx, tx, ref, end, event.At)
	})
}

// claimToken uses up the token of an event.
func claimToken(ctx context.Context, tx pgx.Tx, event mail.Event) error {
	tag, err := tx.Exec(ctx, `
		INSERT INTO event_tokens (token)
		SELECT @token
		WHERE @signed_at::timestamptz BETWEEN now() - @age::interval AND now() + @ahead::interval
		ON CONFLICT DO NOTHING`,
		pgx.NamedArgs{"token": event.Token, "signed_at": event.SignedAt, "age": eventAge, "ahead": eventAhead})
	if err == nil && tag.RowsAffected() == 0 {
		return fault.New(fault.EventRefused, "This event was signed too long ago or in the future, or it was here before.")
	}
	return postgres.Error("claim token", err)
}

// end is what an event leads to.
type end struct {
	delivery Delivery
	reason   DeliveryReason
}

// ends are those of the events that matter here.
var ends = map[mail.Fate]end{
	mail.Delivered:     {Delivered, ""},
	mail.Deferred:      {Delayed, ""},
	mail.NoSuchMailbox: {Failed, NoSuchMailbox},
	mail.Blocked:       {Failed, Blocked},
	mail.Rejected:      {Failed, Refused},
}

func noteEvent(ctx context.Context, tx pgx.Tx, ref outbox.Ref, to end, at time.Time) error {
	_, err := tx.Exec(ctx, `
		UPDATE challenges
		SET delivery = @delivery,
		    delivery_reason = nullif(@reason, ''),
		    delivery_at = @at
		WHERE id = @id
		  AND mails = @number
		  AND delivery <> 'held'
		  AND (@delivery IN ('delivered', 'failed'), @at::timestamptz, @delivery = 'failed')
		    > (delivery IN ('delivered', 'failed'), coalesce(delivery_at, '-infinity'), delivery = 'failed')`,
		pgx.NamedArgs{"id": ref.ID, "number": ref.Number, "delivery": string(to.delivery), "reason": string(to.reason), "at": at})
	return postgres.Error("note event", err)
}

// mailRef is what the provider calls a mail in its events.
func mailRef(ref outbox.Ref) string { return fmt.Sprintf("%s/%d", ref.ID, ref.Number) }

var mailRefPattern = regexp.MustCompile(`^([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})/([0-9]{1,9})$`)

// parseMailRef reports whether ref is one of mailRef's.
func parseMailRef(ref string) (outbox.Ref, bool) {
	found := mailRefPattern.FindStringSubmatch(ref)
	if found == nil {
		return outbox.Ref{}, false
	}
	number, err := strconv.Atoi(found[2])
	return outbox.Ref{ID: found[1], Number: number}, err == nil
}
