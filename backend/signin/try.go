package signin

import (
	"context"
	"crypto/subtle"
	"errors"

	"sana/backend/postgres"
	"sana/backend/throttle"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// try is a guess that was counted and may be compared.
type try struct {
	challenge Challenge
	keyID     string
	verifier  []byte         // see verifierOf
	device    string         // "" unless the browser is known with the address
	networks  []throttle.Use // what a right code gets back
}

// prove counts a guess, and returns it where the code is right. Nothing else has happened then.
func (s *Service) prove(ctx context.Context, client Client, guess Guess, purpose Purpose) (try, error) {
	code, err := cleanCode(guess.Code, guess.Pending.Format)
	if err != nil {
		return try{}, err
	}
	t, err := s.reserveTry(ctx, client, guess.Pending, purpose)
	if err != nil {
		return try{}, err
	}
	right, err := s.isRight(t, code, guess.Secret)
	s.throttle.CountTry(right)
	if err != nil {
		return try{}, err
	}
	s.metrics.CodeTried(right)
	if !right {
		return try{}, errWrong(t.challenge.TriesLeft)
	}
	return t, nil
}

// reserveTry counts a guess as a wrong one, on the challenge and in every budget that it falls under, in one round trip, and
// that is committed before anything is compared. When a budget is used up nothing is counted, not on the challenge either.
func (s *Service) reserveTry(ctx context.Context, client Client, pending Pending, purpose Purpose) (try, error) {
	if err := s.throttle.CanCount(); err != nil {
		return try{}, err
	}
	device := s.deviceID(client.Device, pending.Email)
	networks := throttle.WrongByNetwork.OfNetworks(client.Networks)
	var open *bool
	var budgets *throttle.Reservation
	var counted *row
	err := postgres.InBatch(ctx, s.db, func(b *postgres.Batch) error {
		open = stopUnlessOpen(b, pending, purpose)
		budgets = s.throttle.Reserve(b, postgres.Stop, append(ownBudgets(pending, device), networks...)...)
		counted = countTry(b, pending.ID)
		return nil
	})
	switch {
	case err != nil:
		return try{}, postgres.Error("count try", err)
	case !*open:
		return try{}, s.explainRefusal(ctx, pending.ID, purpose)
	case counted.ID != "":
		return try{counted.challenge(), counted.KeyID, counted.Verifier, device, networks}, nil
	}
	verdict, err := budgets.Verdict(ctx)
	switch {
	case err != nil:
		return try{}, err
	case verdict.Refused == nil:
		return try{}, errors.New("signin: a try was neither counted nor refused")
	}
	s.metrics.Refused(verdict.Refused.Label())
	return try{}, errTooManyWrong(verdict)
}

// ownBudgets are those by address. A code that cannot be guessed needs none.
func ownBudgets(pending Pending, device string) []throttle.Use {
	email := pending.Email
	switch {
	case pending.Format.Kind == Letters:
		return nil
	case device != "":
		return []throttle.Use{throttle.WrongInARow.Of(email), throttle.WrongByDevice.Of(email, device)}
	default:
		return []throttle.Use{throttle.WrongInARow.Of(email), throttle.WrongByAddress.Of(email)}
	}
}

// stopUnlessOpen has the batch stop unless the challenge takes a try; that it does so lasts until the batch is done. A browser
// that does not know it as it is knows another one.
func stopUnlessOpen(b *postgres.Batch, pending Pending, purpose Purpose) (open *bool) {
	open = new(bool)
	b.Queue(`
		WITH open AS MATERIALIZED (
		    SELECT id
		    FROM challenges
		    WHERE id = @id
		      AND email = @email
		      AND purpose = @purpose
		      AND (code_kind = @letters) = @is_letters
		      AND tries < @max_tries
		      AND consumed_at IS NULL
		      AND expires_at > now()
		    FOR UPDATE
		)
		SELECT `+postgres.Stop+`
		WHERE NOT EXISTS (SELECT FROM open)`,
		pgx.NamedArgs{
			"id": pending.ID, "email": pending.Email, "purpose": purpose, "letters": Letters,
			"is_letters": pending.Format.Kind == Letters, "max_tries": throttle.MaxTries,
		}).Exec(func(tag pgconn.CommandTag) error {
		*open = tag.RowsAffected() == 0
		return nil
	})
	return open
}

// countTry has the batch count a try at a challenge that is open.
func countTry(b *postgres.Batch, id string) *row {
	return queueRow(b, `
		UPDATE challenges
		SET tries = tries + 1
		WHERE id = @id
		  AND `+postgres.GoesOn+`
		RETURNING `+columns,
		pgx.NamedArgs{"id": id})
}

// isRight compares in constant time. Where the key of the code has gone, the browser's secret stands in for it; without
// either the code is void, fault.CodeExpired.
func (s *Service) isRight(t try, code, secret string) (bool, error) {
	if key, ok := s.keys.Find(t.keyID); ok {
		want := deriveCode(key, t.challenge.ID, t.challenge.Purpose, t.challenge.CodeFormat)
		return subtle.ConstantTimeCompare([]byte(code), []byte(want)) == 1, nil
	}
	if t.verifier == nil {
		return false, errExpired()
	}
	return subtle.ConstantTimeCompare(verifierOf(secret, t.challenge.ID, code), t.verifier) == 1, nil
}

// spent is up in a transaction that has spent a code.
const spent postgres.Flag = "code_spent"

// spend has the batch spend the code of a challenge, which exactly one caller does, or stop.
func spend(b *postgres.Batch, id string) (done *bool) {
	done = new(bool)
	b.Queue(`
		WITH consumed AS (
		    UPDATE challenges
		    SET consumed_at = now()
		    WHERE id = @id
		      AND consumed_at IS NULL
		    RETURNING id
		)
		SELECT consumed.id IS NOT NULL,
		       CASE WHEN consumed.id IS NULL THEN `+postgres.Stop+` ELSE `+spent.Raise()+` END
		FROM (VALUES (true)) AS always
		LEFT JOIN consumed ON true`,
		pgx.NamedArgs{"id": id}).QueryRow(func(answer pgx.Row) error { return answer.Scan(done, nil) })
	return done
}

// settle has the batch do what a right code does to the budgets.
func (s *Service) settle(b *postgres.Batch, t try) {
	email := t.challenge.Email
	reset := []throttle.Use{throttle.WrongInARow.Of(email), throttle.WrongByAddress.Of(email)}
	if t.device != "" {
		reset = append(reset, throttle.WrongByDevice.Of(email, t.device))
	}
	s.throttle.Settle(b, spent.IsUp(), t.networks, reset)
}
