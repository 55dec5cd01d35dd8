package signin

import (
	"context"
	"time"

	"sana/backend/fault"
	"sana/backend/postgres"

	"github.com/jackc/pgx/v5"
)

// SignedIn is what a right code leads to.
type SignedIn struct {
	User   User
	At     time.Time // the database's
	Device string    // token for the browser to keep; see Client
}

// Issue has the batch make the session of whoever signs in with an address. The user is there by then, in the database.
type Issue func(b *postgres.Batch, email string)

// Change gives an account its new address, which is proven, as part of tx, and returns the old one. fault.EmailTaken says
// that another account has it.
type Change func(ctx context.Context, tx pgx.Tx, email string) (old string, err error)

// Guess is a code that somebody typed, and what his browser knows of the challenge that it is for.
type Guess struct {
	Code    string
	Pending Pending
	Secret  string // of Browser's Keep
}

// Verify compares a guess with the code of a challenge that signs in. The try is counted whatever comes after. For the right
// code it consumes the challenge, makes the user if the address is new, and calls issue, all in one transaction and round trip:
// a spent code without a session cannot exist. Somebody who was a user before is told by mail of a browser that had not signed
// in for him.
//
// It returns fault.InvalidCode for what is not a code (no try is counted), fault.WrongCode with the tries left,
// fault.TooManyTries, fault.TooManyWrongCodes, fault.TooManyRequests, fault.CodeExpired for an expired or used one,
// fault.NoPendingCode when there is no challenge, and fault.SignUpClosed for the right code of somebody who may not come
// in: then the code is spent and nothing else has happened.
func (s *Service) Verify(ctx context.Context, client Client, guess Guess, issue Issue) (SignedIn, error) {
	t, err := s.prove(ctx, client, guess, PurposeSignIn)
	if err != nil {
		return SignedIn{}, err
	}
	email := t.challenge.Email
	var done *bool
	var in *SignedIn
	err = postgres.InBatch(ctx, s.db, func(b *postgres.Batch) error {
		done = spend(b, t.challenge.ID)
		in = s.admit(b, email)
		issue(b, email)
		if t.device == "" {
			s.tellUser(ctx, b, client, email)
		}
		s.settle(b, t)
		return nil
	})
	switch {
	case err != nil:
		return SignedIn{}, postgres.Error("sign in", err)
	case !*done:
		return SignedIn{}, errExpired()
	case in.User.ID == "":
		return SignedIn{}, errSignUpClosed()
	}
	in.Device = s.newDevice(t.device, email)
	return *in, nil
}

// VerifyChange is Verify for a challenge that changes an address: for the right code it calls change, and tells both
// addresses by mail, in one transaction. It returns the browser's token for the new address; see Client. Of an account
// that has the new address already nobody learns before the right code: then, fault.EmailTaken, the code is spent and
// nothing else has happened.
func (s *Service) VerifyChange(ctx context.Context, client Client, guess Guess, change Change) (device string, err error) {
	t, err := s.prove(ctx, client, guess, PurposeChangeEmail)
	if err != nil {
		return "", err
	}
	var taken error
	err = postgres.InTx(ctx, s.db, func(tx pgx.Tx) error {
		b := &postgres.Batch{}
		done := spend(b, t.challenge.ID)
		if err := b.SendTo(ctx, tx); err != nil {
			return err
		}
		if !*done {
			return errExpired()
		}
		taken = s.changeEmail(ctx, tx, client, t.challenge.Email, change)
		if taken != nil && !fault.Is(taken, fault.EmailTaken) {
			return taken
		}
		b = &postgres.Batch{}
		s.settle(b, t)
		return b.SendTo(ctx, tx)
	})
	if err == nil {
		err = taken
	}
	if err != nil {
		return "", err
	}
	return s.newDevice(t.device, t.challenge.Email), nil
}

// changeEmail calls change and tells both addresses.
func (s *Service) changeEmail(ctx context.Context, tx pgx.Tx, client Client, email string, change Change) error {
	changed := notice{letter: letterAddressChanged, NewEmail: email}
	// Within a savepoint: after a unique violation the rest of the transaction must still commit.
	err := pgx.BeginFunc(ctx, tx, func(tx pgx.Tx) (err error) {
		changed.OldEmail, err = change(ctx, tx, email)
		return err
	})
	if err != nil {
		return err
	}
	for _, changed.Email = range []string{changed.OldEmail, changed.NewEmail} {
		if err := s.tell(ctx, tx, client, changed); err != nil {
			return err
		}
	}
	return nil
}
