package signin

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"sana/backend/fault"
	"sana/backend/postgres"
	"sana/backend/throttle"

	"github.com/jackc/pgx/v5"
)

// sending is the leave to send a mail, or to wait.
type sending struct {
	delivery Delivery  // Queued, or Held when nothing may be sent
	resendAt time.Time // when a mail may be sent again
}

// mails is how many it allows.
func (s sending) mails() int {
	if s.delivery == Held {
		return 0
	}
	return 1
}

// allowSending counts a mail to an address. A client whose networks ask too often gets fault.TooManyRequests; an address
// that has got enough mail gets no more for now, and the caller answers as always, so that nobody learns anything about
// an address that he could not make so himself.
func (s *Service) allowSending(ctx context.Context, tx pgx.Tx, client Client, email string) (sending, error) {
	verdict, err := s.throttle.Reserve(ctx, tx, throttle.SentByNetwork.OfNetworks(client.Networks)...)
	if err != nil {
		return sending{}, err
	}
	if verdict.Refused != nil {
		return sending{}, errNetwork("codes were asked for", verdict.Wait)
	}
	own := throttle.SentByAddress.Of(mailbox(email))
	if device := s.deviceID(client.Device, email); device != "" {
		own = throttle.SentByDevice.Of(email, device)
	}
	verdict, err = s.throttle.Reserve(ctx, tx, own)
	if err != nil {
		return sending{}, err
	}
	now := verdict.Next.Add(-verdict.Wait)
	if verdict.Refused != nil {
		return sending{Held, verdict.Next}, nil
	}
	return sending{Queued, now.Add(max(verdict.Wait, throttle.ResendAfter))}, nil
}

// format is what the next code for an address looks like: after too many wrong ones in a row nobody gets to guess again.
func (s *Service) format(ctx context.Context, tx pgx.Tx, email string, digits int) (Format, error) {
	tooMany, err := s.throttle.Reached(ctx, tx, throttle.WrongInARow.Of(email))
	if tooMany {
		return Format{Letters, throttle.LettersLength}, err
	}
	return Format{Digits, digits}, err
}

// digits is the length of new codes of digits.
func (s *Service) digits(ctx context.Context) (int, error) {
	attacked, err := s.throttle.UnderAttack(ctx)
	if attacked {
		return max(s.codeLength, throttle.AttackLength), err
	}
	return s.codeLength, err
}

// try is a guess that was counted and may be compared.
type try struct {
	challenge Challenge
	keyID     string
	verifier  []byte         // see verifierOf
	device    string         // "" unless the browser is known with the address
	networks  []throttle.Use // what a right code gets back
}

// reserveTry counts a guess as a wrong one, on the challenge and in every budget that it falls under, and commits that
// before anything is compared. When a budget is used up nothing is counted, not on the challenge either.
func (s *Service) reserveTry(ctx context.Context, client Client, id string, purpose Purpose) (try, error) {
	var t try
	var r row
	err := postgres.InTx(ctx, s.db, func(tx pgx.Tx) (err error) {
		if r, err = countTry(ctx, tx, id, purpose); err != nil {
			return err
		}
		t.challenge, t.keyID, t.verifier = r.challenge(), r.KeyID, r.Verifier
		t.device = s.deviceID(client.Device, r.Email)
		t.networks = throttle.WrongByNetwork.OfNetworks(client.Networks)
		verdict, err := s.throttle.Reserve(ctx, tx, append(t.ownBudgets(), t.networks...)...)
		if err != nil {
			return err
		}
		if verdict.Refused != nil {
			return errTooManyWrong(verdict)
		}
		return s.throttle.CountTry(ctx, tx)
	})
	if errors.Is(err, errNotCounted) {
		return try{}, s.explainRefusal(ctx, id, purpose)
	}
	if err != nil {
		return try{}, err
	}
	return t, nil
}

// ownBudgets are those by address. A code that cannot be guessed needs none.
func (t try) ownBudgets() []throttle.Use {
	email := t.challenge.Email
	switch {
	case t.challenge.CodeFormat.Kind == Letters:
		return nil
	case t.device != "":
		return []throttle.Use{throttle.WrongInARow.Of(email), throttle.WrongByDevice.Of(email, t.device)}
	default:
		return []throttle.Use{throttle.WrongInARow.Of(email), throttle.WrongByAddress.Of(email)}
	}
}

// settle is what a right code does to the budgets.
func (s *Service) settle(ctx context.Context, tx pgx.Tx, t try) error {
	email := t.challenge.Email
	reset := []throttle.Use{throttle.WrongInARow.Of(email), throttle.WrongByAddress.Of(email)}
	if t.device != "" {
		reset = append(reset, throttle.WrongByDevice.Of(email, t.device))
	}
	if err := s.throttle.Settle(ctx, tx, t.networks, reset); err != nil {
		return err
	}
	return s.throttle.CountRight(ctx, tx)
}

func errTooManyWrong(v throttle.Verdict) error {
	switch v.Refused.Name {
	case throttle.WrongInARow.Name:
		return fault.New(fault.CodeExpired,
			"There were too many wrong codes for this address, so this one is not taken any more. Ask for a new one; it will be longer.")
	case throttle.WrongByNetwork.Name:
		return errNetwork("wrong codes came", v.Wait)
	default:
		err := fault.New(fault.TooManyWrongCodes, fmt.Sprintf(
			"There were too many wrong codes for this address. Try again in %s; by then you may need a new code.", inWords(v.Wait)))
		err.RetryAfter = v.Wait
		return err
	}
}

func errNetwork(what string, wait time.Duration) error {
	err := fault.New(fault.TooManyRequests, fmt.Sprintf("Too many %s from your network. Try again in %s.", what, inWords(wait)))
	err.RetryAfter = wait
	return err
}

// inWords rounds up, so that whoever waits so long has waited enough.
func inWords(d time.Duration) string {
	count := func(n float64, unit string) string {
		if n == 1 {
			return "1 " + unit
		}
		return fmt.Sprintf("%.0f %ss", n, unit)
	}
	if minutes := math.Ceil(d.Minutes()); minutes < 60 {
		return count(max(1, minutes), "minute")
	}
	return count(math.Ceil(d.Hours()), "hour")
}
