package signin

import (
	"context"
	"crypto/subtle"
	"time"

	"sana/backend/fault"
	"sana/backend/postgres"

	"github.com/jackc/pgx/v5"
)

// SignedIn is what a right code leads to.
type SignedIn struct {
	User   User
	Device string // token for the browser to keep; see Client
}

// Issue makes the session of whoever signed in, as part of tx. now is the database's time.
type Issue func(ctx context.Context, tx pgx.Tx, user User, now time.Time) error

// Change gives an account its new address, which is proven, as part of tx, and returns the old one. fault.EmailTaken says
// that another account has it.
type Change func(ctx context.Context, tx pgx.Tx, email string) (old string, err error)

// Guess is a code that somebody typed, and what his browser knows of the challenge that it is for.
type Guess struct {
	Code        string
	ChallengeID string
	Format      Format
	Secret      string // of Keep
}

// Verify compares a guess with the code of a challenge that signs in. For the right one it consumes the challenge, makes
// the user if the address is new, and calls issue, all in one transaction: a spent code without a session cannot exist.
// Somebody who was a user before is told by mail of a browser that had not signed in for him.
//
// It returns fault.InvalidCode for what is not a code (no try is counted), fault.WrongCode with the tries left,
// fault.TooManyTries, fault.TooManyWrongCodes, fault.TooManyRequests, fault.CodeExpired for an expired or used one,
// fault.NoPendingCode when there is no challenge, and fault.SignUpClosed for the right code of somebody who may not come
// in: then the code is spent and nothing else has happened.
func (s *Service) Verify(ctx context.Context, client Client, guess Guess, issue Issue) (SignedIn, error) {
	var in SignedIn
	device, err := s.prove(ctx, client, guess, PurposeSignIn, func(tx pgx.Tx, t try, now time.Time) (err error) {
		if in.User, err = s.admit(ctx, tx, t.challenge.Email); err != nil {
			return err
		}
		if err := issue(ctx, tx, in.User, now); err != nil {
			return err
		}
		if t.device == "" && !in.User.Created {
			return s.tell(ctx, tx, client, notice{letter: letterNewDevice, Email: in.User.Email})
		}
		return nil
	})
	if err != nil {
		return SignedIn{}, err
	}
	in.Device = device
	return in, nil
}

// VerifyChange is Verify for a challenge that changes an address: for the right code it calls change, and tells both
// addresses by mail, in one transaction. It returns the browser's token for the new address; see Client. Of an account
// that has the new address already nobody learns before the right code: then, fault.EmailTaken, the code is spent and
// nothing else has happened.
func (s *Service) VerifyChange(ctx context.Context, client Client, guess Guess, change Change) (device string, err error) {
	return s.prove(ctx, client, guess, PurposeChangeEmail, func(tx pgx.Tx, t try, _ time.Time) error {
		changed := notice{NewEmail: t.challenge.Email}
		// Within a savepoint: after a unique violation the rest of the transaction must still commit.
		err := pgx.BeginFunc(ctx, tx, func(tx pgx.Tx) (err error) {
			changed.OldEmail, err = change(ctx, tx, t.challenge.Email)
			return err
		})
		if err != nil {
			return err
		}
		changed.letter = letterAddressChanged
		for _, changed.Email = range []string{changed.OldEmail, changed.NewEmail} {
			if err := s.tell(ctx, tx, client, changed); err != nil {
				return err
			}
		}
		return nil
	})
}

// prove counts a guess and compares it. For the right one it consumes the challenge and calls do in one transaction. What
// do refuses as fault.SignUpClosed or fault.EmailTaken, having done nothing, is the answer to a code that is spent.
func (s *Service) prove(
	ctx context.Context, client Client, guess Guess, purpose Purpose, do func(tx pgx.Tx, t try, now time.Time) error,
) (device string, err error) {
	code, err := cleanCode(guess.Code, guess.Format)
	if err != nil {
		return "", err
	}
	t, err := s.reserveTry(ctx, client, guess.ChallengeID, purpose)
	if err != nil {
		return "", err
	}
	right, err := s.isRight(t, code, guess.Secret)
	if err != nil {
		return "", err
	}
	s.metrics.CodeTried(right)
	if !right {
		return "", errWrong(t.challenge.TriesLeft)
	}
	var refused error
	err = postgres.InTx(ctx, s.db, func(tx pgx.Tx) error {
		refused = nil
		now, err := consume(ctx, tx, t.challenge.ID)
		if err != nil {
			return err
		}
		err = do(tx, t, now)
		if fault.Is(err, fault.SignUpClosed) || fault.Is(err, fault.EmailTaken) {
			refused, err = err, nil
		}
		if err != nil {
			return err
		}
		return s.settle(ctx, tx, t)
	})
	if err == nil {
		err = refused
	}
	if err != nil {
		return "", err
	}
	return s.newDevice(t.device, t.challenge.Email), nil
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
