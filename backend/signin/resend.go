package signin

import (
	"context"
	"errors"
	"time"

	"sana/backend/postgres"
	"sana/backend/throttle"

	"github.com/jackc/pgx/v5"
)

// lateResend is when a resend makes a new challenge: a mail should not arrive with a code that is about to expire.
const lateResend = 2 * time.Minute

// Resend sends a challenge's code again: the same one, or that of a new challenge when the old one cannot be used any
// more or hardly, for which the browser waits then. Before ResendAt it sends nothing and answers alike, and so it does when
// the address has got enough mail: then the mail is Held. It returns fault.NoPendingCode when there is no such challenge or
// its code was used, fault.TooManyRequests, and ErrNotHeld.
func (s *Service) Resend(ctx context.Context, client Client, pending Pending, browser Browser) (Challenge, error) {
	challenge, spent, err := s.sendAgain(ctx, client, pending)
	if err != nil || !spent {
		return challenge, err
	}
	digits, err := s.digits(ctx)
	if err != nil {
		return Challenge{}, err
	}
	challenge.CodeFormat = Format{Digits, digits}
	renewed, err := s.ask(ctx, client, challenge, browser, postgres.Stop)
	if full, ok := errors.AsType[*errHeld](err); ok {
		return s.hold(ctx, challenge.ID, full.until)
	}
	return renewed, err
}

// sendAgain sends the code of a challenge again, in one round trip. One that is spent it only returns: a mail with its code would
// be of no use.
func (s *Service) sendAgain(ctx context.Context, client Client, pending Pending) (_ Challenge, spent bool, err error) {
	var claim *claim
	var guessed *bool
	var leave leave
	var now *row
	err = postgres.InBatch(ctx, s.db, func(b *postgres.Batch) error {
		claim = claimResend(b, pending.ID)
		guessed = s.stopIfGuessed(b, pending.Email, pending.Format)
		leave = s.allowSending(b, client, pending.Email, held.Raise())
		resend(b, pending.ID)
		s.outbox.EnqueueNext(ctx, b, mailGoes, letterCode, pending.ID, mailNumber.Left())
		now = find(b, pending.ID)
		return nil
	})
	switch {
	case err != nil:
		return Challenge{}, false, postgres.Error("send a code again", err)
	case now.ID == "":
		return Challenge{}, false, errNonePending()
	case claim.tooEarly:
		return now.challenge(), false, nil
	case claim.spent || *guessed:
		return now.challenge(), true, nil
	}
	_, err = s.refusal(ctx, leave)
	return now.challenge(), false, err
}

// claim is whether the next mail for a challenge may be sent.
type claim struct{ tooEarly, spent bool }

// claimResend has the batch take the right to send the next mail for a challenge, or stop: of parallel callers one gets it.
func claimResend(b *postgres.Batch, id string) *claim {
	c := &claim{tooEarly: true}
	b.Queue(`
		WITH claimed AS MATERIALIZED (
		    SELECT tries >= @max_tries OR expires_at - now() < @late::interval AS spent
		    FROM challenges
		    WHERE id = @id
		      AND consumed_at IS NULL
		      AND `+resendAt+` <= now()
		    FOR UPDATE
		)
		SELECT spent, CASE WHEN spent IS NOT FALSE THEN `+postgres.Stop+` END
		FROM (VALUES (true)) AS always
		LEFT JOIN claimed ON true`,
		pgx.NamedArgs{"id": id, "max_tries": throttle.MaxTries, "late": lateResend}).QueryRow(func(answer pgx.Row) error {
		var spent *bool
		err := answer.Scan(&spent, nil)
		*c = claim{tooEarly: spent == nil, spent: spent != nil && *spent}
		return err
	})
	return c
}

// mailNumber is the number of a challenge's newest mail.
const mailNumber postgres.Note = "mail_number"

// resend has the batch note that the mail of a claimed challenge goes once more, if one may be sent, and when the next one may.
func resend(b *postgres.Batch, id string) {
	b.Queue(`
		UPDATE challenges
		SET mails = mails + `+newMails+`,
		    delivery = `+newDelivery+`,
		    delivery_reason = NULL,
		    delivery_at = NULL,
		    sent_at = CASE WHEN `+held.IsUp()+` THEN sent_at ELSE now() END,
		    resend_at = `+newResendAt+`
		WHERE id = @id
		  AND `+postgres.GoesOn+`
		RETURNING `+mailNumber.Leave(`mails`),
		pgx.NamedArgs{"id": id, "resend_after": throttle.ResendAfter})
}

// hold notes until when no mail for a challenge may be sent.
func (s *Service) hold(ctx context.Context, id string, until time.Time) (Challenge, error) {
	var now *row
	err := postgres.InBatch(ctx, s.db, func(b *postgres.Batch) error {
		b.Queue(`
			UPDATE challenges
			SET delivery = 'held',
			    delivery_reason = NULL,
			    delivery_at = NULL,
			    resend_at = @until
			WHERE id = @id`,
			pgx.NamedArgs{"id": id, "until": until})
		now = find(b, id)
		return nil
	})
	if err == nil && now.ID == "" {
		err = errNonePending()
	}
	return now.challenge(), postgres.Error("hold a mail", err)
}
