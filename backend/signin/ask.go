package signin

import (
	"context"
	"time"

	"sana/backend/mail"
	"sana/backend/outbox"
	"sana/backend/postgres"
	"sana/backend/throttle"

	"github.com/jackc/pgx/v5"
)

// held is up in a transaction whose mail must not be sent: the address has got enough for now.
const held postgres.Flag = "mail_held"

// errHeld is ask's answer where a mail was wanted or nothing, and none may be sent until then.
type errHeld struct{ until time.Time }

// Error is for logs.
func (*errHeld) Error() string { return "signin: the address has got enough mail" }

// ask makes a challenge with the address, purpose, user and format of wanted, in one round trip. Each step happens only if
// the ones before it went well. Where the address has got enough mail, whenHeld happens: held.Raise or postgres.Stop.
func (s *Service) ask(ctx context.Context, client Client, wanted Challenge, browser Browser, whenHeld string) (Challenge, error) {
	var guessed *bool
	var leave leave
	var made *row
	err := postgres.InBatch(ctx, s.db, func(b *postgres.Batch) error {
		browser.Hold(b)
		guessed = s.stopIfGuessed(b, wanted.Email, wanted.CodeFormat)
		leave = s.allowSending(b, client, wanted.Email, whenHeld)
		made = s.begin(ctx, b, client, wanted, browser)
		return nil
	})
	switch {
	case err != nil:
		return Challenge{}, postgres.Error("ask for a code", err)
	case *guessed:
		wanted.CodeFormat = Format{Letters, throttle.LettersLength}
		return s.ask(ctx, client, wanted, browser, whenHeld)
	}
	heldUntil, err := s.refusal(ctx, leave)
	switch {
	case err != nil:
		return Challenge{}, err
	case made.ID != "":
		return made.challenge(), nil
	case !heldUntil.IsZero():
		return Challenge{}, &errHeld{heldUntil}
	default:
		return Challenge{}, ErrNotHeld
	}
}

// stopIfGuessed has the batch stop where a code could be guessed at that must not be: after too many wrong ones in a row
// nobody gets to guess again.
func (s *Service) stopIfGuessed(b *postgres.Batch, email string, format Format) (guessed *bool) {
	if format.Kind == Letters {
		return new(bool)
	}
	return s.throttle.StopIfReached(b, throttle.WrongInARow.Of(email))
}

// leave is what the limits say to one mail more.
type leave struct{ networks, own *throttle.Reservation }

// allowSending has the batch count a mail to an address. For a client whose networks ask too often it stops. Where the address
// has got enough mail, whenHeld happens and the caller answers as always, so that nobody learns anything about an address
// that he could not make so himself.
func (s *Service) allowSending(b *postgres.Batch, client Client, email, whenHeld string) leave {
	own := throttle.SentByAddress.Of(mailbox(email))
	if device := s.deviceID(client.Device, email); device != "" {
		own = throttle.SentByDevice.Of(email, device)
	}
	return leave{
		networks: s.throttle.Reserve(b, postgres.Stop, throttle.SentByNetwork.OfNetworks(client.Networks)...),
		own:      s.throttle.Reserve(b, whenHeld, own),
	}
}

// refusal returns what the limits have refused: to the network as an error, which the client is to hear, and to the address
// as a time until which it is held.
func (s *Service) refusal(ctx context.Context, l leave) (heldUntil time.Time, err error) {
	verdict, err := l.networks.Verdict(ctx)
	if err != nil {
		return time.Time{}, err
	}
	s.metrics.CodeAsked()
	if verdict.Refused != nil {
		s.metrics.Refused(verdict.Refused.Label())
		return time.Time{}, errNetwork("codes were asked for", verdict.Wait)
	}
	verdict, err = l.own.Verdict(ctx)
	if err == nil && verdict.Refused != nil {
		s.metrics.Refused(verdict.Refused.Label())
		heldUntil = verdict.Next
	}
	return heldUntil, err
}

// What a mail does to its challenge, after allowSending.
var (
	newMails    = `(CASE WHEN ` + held.IsUp() + ` THEN 0 ELSE 1 END)`
	newDelivery = `(CASE WHEN ` + held.IsUp() + ` THEN 'held' ELSE 'queued' END)`
	newResendAt = `(CASE WHEN ` + held.IsUp() + ` THEN ` + throttle.NextUse + `
	    ELSE greatest(` + throttle.NextUse + `, now() + @resend_after::interval) END)`
	mailGoes = postgres.GoesOn + ` AND ` + held.IsDown()
)

// begin has the batch make a challenge, have the browser wait for it, and queue its mail, if one may be sent. The row is there
// when the batch is done, empty where it was stopped.
func (s *Service) begin(ctx context.Context, b *postgres.Batch, client Client, wanted Challenge, browser Browser) (made *row) {
	key := s.keys.Current()
	wanted.ID = newUUID()
	var verifier []byte
	if secret := browser.Keep(b, wanted); secret != "" {
		verifier = verifierOf(secret, wanted.ID, deriveCode(key, wanted.ID, wanted.Purpose, wanted.CodeFormat))
	}
	made = queueRow(b, `
		INSERT INTO challenges (
		    id, email, purpose, user_id, key_id, code_kind, code_length, verifier, mails, delivery, language, platform, resend_at,
		    expires_at)
		SELECT
		    @id::uuid, @email, @purpose, nullif(@user::text, '')::uuid, @key, @kind, @length::smallint, @verifier::bytea,
		    `+newMails+`, `+newDelivery+`, @language, @platform, `+newResendAt+`, now() + @lifetime::interval
		WHERE `+postgres.GoesOn+`
		RETURNING `+columns,
		pgx.NamedArgs{
			"id": wanted.ID, "email": wanted.Email, "purpose": wanted.Purpose, "user": wanted.UserID,
			"key": key.ID, "kind": wanted.CodeFormat.Kind, "length": wanted.CodeFormat.Length, "verifier": verifier,
			"language": mail.MatchLanguage(client.AcceptLanguage), "platform": client.Platform,
			"resend_after": throttle.ResendAfter, "lifetime": throttle.CodeLifetime,
		})
	s.outbox.Enqueue(ctx, b, mailGoes, letterCode, outbox.Ref{ID: wanted.ID, Number: 1})
	return made
}
