// Package signin holds the rules of signing in: challenges, their codes and tries, and the users they lead to.
//
// A challenge is one row. Its code is derived from the row's id with a key outside the database, mailed by the outbox,
// and good once, for ten minutes and five tries. The rules are in the WHERE clauses: whatever the number of instances
// and the timing, at most five guesses are compared and at most one right one wins. What an address, a browser, a
// network and everybody together may do over many challenges is counted by package throttle.
package signin

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"time"

	"sana/backend/fault"
	"sana/backend/keyring"
	"sana/backend/outbox"
	"sana/backend/postgres"
	"sana/backend/throttle"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// lateResend is when a resend makes a new challenge: a mail should not arrive with a code that is about to expire.
const lateResend = 2 * time.Minute

// PurposeSignIn is the purpose of a challenge that signs somebody in.
const PurposeSignIn = "sign_in"

// Delivery is what became of a challenge's last mail.
type Delivery string

// The states of a delivery. Their texts are in the database and in the contract.
const (
	Queued    Delivery = "queued"    // waits in the outbox
	Delayed   Delivery = "delayed"   // tried in vain, and to be tried again, by us or by the provider
	Sent      Delivery = "sent"      // the provider has taken it
	Delivered Delivery = "delivered" // the server of the address has taken it
	Failed    Delivery = "failed"    // given up
	Held      Delivery = "held"      // not sent: the address has got enough mail for now
)

// DeliveryReason says why a mail is Delayed or Failed, "" where that is not known.
type DeliveryReason string

// The reasons. Their texts are in the database and in the contract.
const (
	NoSuchMailbox DeliveryReason = "no_such_mailbox"
	Blocked       DeliveryReason = "blocked"       // by the provider, after an earlier bounce or complaint
	Refused       DeliveryReason = "refused"       // by the provider or by the server of the address
	ProviderAway  DeliveryReason = "provider_away" // or it takes nothing from us
)

// Challenge is what a browser that waits for a code may know. All times are the database's.
type Challenge struct {
	ID         string
	Email      string
	Purpose    string
	CodeFormat Format
	TriesLeft  int
	Delivery   Delivery
	Reason     DeliveryReason
	Now        time.Time
	SentAt     time.Time
	ResendAt   time.Time
	ExpiresAt  time.Time
}

// Settings are what the operator decides.
type Settings struct {
	CodeLength int // digits, 6 to 8
	SignUp     SignUp
	Mail       MailSettings
}

// Service signs people in.
type Service struct {
	db         *pgxpool.Pool
	keys       keyring.Ring
	throttle   *throttle.Throttle
	outbox     *outbox.Outbox
	codeLength int
	signUp     SignUp
	mail       MailSettings
}

// New returns the service and gives the outbox the letters it writes.
func New(db *pgxpool.Pool, keys keyring.Ring, limits *throttle.Throttle, box *outbox.Outbox, settings Settings) *Service {
	s := &Service{
		db: db, keys: keys, throttle: limits, outbox: box,
		codeLength: settings.CodeLength, signUp: settings.SignUp, mail: settings.Mail,
	}
	box.Handle(letterCode, outbox.Letter{Compose: s.composeCode, Note: s.noteDelivery})
	box.Handle(letterNewDevice, outbox.Letter{Compose: s.composeNewDevice})
	return s
}

// Keep makes the browser wait for a new challenge, as part of the transaction that makes it. It returns a secret that this
// browser has from then on and no database: with it a code that was mailed outlives the key that it was derived with. ""
// means that there is none.
type Keep func(ctx context.Context, tx pgx.Tx, challenge Challenge) (secret string, err error)

// Begin makes a challenge for an address, queues its mail and calls keep, in one transaction. Nothing here depends on whether the
// address is known or may sign up. pendingID is the challenge that the browser already waits for, or "": asked again for
// the same address, Begin does what Resend does. It returns fault.InvalidEmail for what is not an address, and
// fault.TooManyRequests. An address that has got enough mail gets a challenge whose mail is Held.
func (s *Service) Begin(ctx context.Context, client Client, address, pendingID string, keep Keep) (Challenge, error) {
	email, err := ParseAddress(address)
	if err != nil {
		return Challenge{}, err
	}
	if pendingID != "" {
		pending, err := s.Pending(ctx, pendingID)
		if err == nil && pending.Email == email {
			return s.Resend(ctx, client, pendingID, keep)
		}
		if err != nil && !fault.Is(err, fault.NoPendingCode) {
			return Challenge{}, err
		}
	}
	digits, err := s.digits(ctx)
	if err != nil {
		return Challenge{}, err
	}
	var challenge Challenge
	err = postgres.InTx(ctx, s.db, func(tx pgx.Tx) error {
		leave, err := s.allowSending(ctx, tx, client, email)
		if err != nil {
			return err
		}
		format, err := s.format(ctx, tx, email, digits)
		if err != nil {
			return err
		}
		challenge, err = s.begin(ctx, tx, client, email, format, leave, keep)
		return err
	})
	return challenge, err
}

// Resend sends a challenge's code again: the same one, or that of a new challenge when the old one cannot be used any
// more or hardly; then it calls keep. Before ResendAt it sends nothing and answers alike, and so it does when the address has got enough
// mail: then the mail is Held. It returns fault.NoPendingCode when there is no such challenge or its code was used, and
// fault.TooManyRequests.
func (s *Service) Resend(ctx context.Context, client Client, id string, keep Keep) (Challenge, error) {
	digits, err := s.digits(ctx)
	if err != nil {
		return Challenge{}, err
	}
	var challenge Challenge
	err = postgres.InTx(ctx, s.db, func(tx pgx.Tx) error {
		old, err := claimResend(ctx, tx, id)
		if errors.Is(err, errTooEarly) {
			challenge, err = pending(ctx, tx, id)
			return err
		}
		if err != nil {
			return err
		}
		leave, err := s.allowSending(ctx, tx, client, old.Email)
		if err != nil {
			return err
		}
		format, err := s.format(ctx, tx, old.Email, digits)
		if err != nil {
			return err
		}
		if leave.delivery != Held && old.isSpent(format) {
			challenge, err = s.begin(ctx, tx, client, old.Email, format, leave, keep)
			return err
		}
		challenge, err = s.resend(ctx, tx, id, leave)
		return err
	})
	return challenge, err
}

// isSpent reports whether a mail with this challenge's code would be of no use; now is the format of new codes.
func (c Challenge) isSpent(now Format) bool {
	return c.TriesLeft == 0 || c.ExpiresAt.Sub(c.Now) < lateResend || c.CodeFormat.Kind != Letters && now.Kind == Letters
}

// Pending returns the challenge that a browser waits for; it may have expired or have no tries left. It returns
// fault.NoPendingCode when there is none or its code was used.
func (s *Service) Pending(ctx context.Context, id string) (Challenge, error) {
	return pending(ctx, s.db, id)
}

// Cancel gives up a challenge: its code is good for nothing any more. It calls then, if not nil, in the same transaction.
func (s *Service) Cancel(ctx context.Context, id string, then func(ctx context.Context, tx pgx.Tx) error) error {
	return postgres.InTx(ctx, s.db, func(tx pgx.Tx) error {
		err := cancel(ctx, tx, id)
		if err != nil || then == nil {
			return err
		}
		return then(ctx, tx)
	})
}

// recentFor is how long a sign-in is good for calls that want a fresh one.
const recentFor = 10 * time.Minute

// IsRecent reports whether a sign-in at this time, which is the database's, is good for calls that want a fresh one.
func (s *Service) IsRecent(ctx context.Context, signedInAt time.Time) (recent bool, err error) {
	err = s.db.QueryRow(ctx, `SELECT @at::timestamptz > now() - @fresh::interval`,
		pgx.NamedArgs{"at": signedInAt, "fresh": recentFor}).Scan(&recent)
	return recent, postgres.Error("read the time", err)
}

// SignedIn is what a right code leads to.
type SignedIn struct {
	User   User
	Device string // token for the browser to keep; see Client
}

// Issue makes the session of whoever signed in, as part of tx. now is the database's time.
type Issue func(ctx context.Context, tx pgx.Tx, user User, now time.Time) error

// Guess is a code that somebody typed, and what his browser knows of the challenge that it is for.
type Guess struct {
	Code        string
	ChallengeID string
	Format      Format
	Secret      string // of Keep
}

// Verify compares a guess with its challenge's code. For the right one it consumes the challenge, makes the user if the
// address is new, and calls issue, all in one transaction: a spent code without a session cannot exist. Somebody who was a
// user before is told by mail of a browser that had not signed in for him.
//
// It returns fault.InvalidCode for what is not a code (no try is counted), fault.WrongCode with the tries left,
// fault.TooManyTries, fault.TooManyWrongCodes, fault.TooManyRequests, fault.CodeExpired for an expired or used one,
// fault.NoPendingCode when there is no challenge, and fault.SignUpClosed for the right code of somebody who may not come
// in: then the code is spent and nothing else has happened.
func (s *Service) Verify(ctx context.Context, client Client, guess Guess, issue Issue) (SignedIn, error) {
	code, err := cleanCode(guess.Code, guess.Format)
	if err != nil {
		return SignedIn{}, err
	}
	t, err := s.reserveTry(ctx, client, guess.ChallengeID)
	if err != nil {
		return SignedIn{}, err
	}
	right, err := s.isRight(t, code, guess.Secret)
	if err != nil {
		return SignedIn{}, err
	}
	if !right {
		return SignedIn{}, errWrong(t.challenge.TriesLeft)
	}
	return s.succeed(ctx, client, t, issue)
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

// succeed spends the challenge of a right code.
func (s *Service) succeed(ctx context.Context, client Client, t try, issue Issue) (SignedIn, error) {
	in := SignedIn{Device: s.newDevice(t.device, t.challenge.Email)}
	var closed error
	err := postgres.InTx(ctx, s.db, func(tx pgx.Tx) (err error) {
		closed = nil
		now, err := consume(ctx, tx, t.challenge.ID)
		if err != nil {
			return err
		}
		in.User, err = s.admit(ctx, tx, t.challenge.Email)
		if fault.Is(err, fault.SignUpClosed) {
			closed = err
			return s.settle(ctx, tx, t)
		}
		if err != nil {
			return err
		}
		if err := issue(ctx, tx, in.User, now); err != nil {
			return err
		}
		if t.device == "" && !in.User.Created {
			if err := s.tellOfNewDevice(ctx, tx, client, in.User.Email); err != nil {
				return err
			}
		}
		return s.settle(ctx, tx, t)
	})
	if err == nil {
		err = closed
	}
	if err != nil {
		return SignedIn{}, err
	}
	return in, nil
}

func errWrong(triesLeft int) error {
	message := "That is not the code in the mail. Look again and type it once more."
	if triesLeft == 0 {
		message = "That is not the code in the mail, and this code is now locked. Ask for a new one."
	}
	err := fault.New(fault.WrongCode, message)
	err.TriesLeft = &triesLeft
	return err
}

func errExpired() error {
	return fault.New(fault.CodeExpired, "This code has expired or was used already. Ask for a new one.")
}

func errNonePending() error {
	return fault.New(fault.NoPendingCode, "This browser is not waiting for a code. Ask for one with your e-mail address.")
}

// newChallengeID returns 128 random bits in the form of a UUID.
func newChallengeID() string {
	var b [16]byte
	rand.Read(b[:]) // never fails: it ends the program when the system has no randomness
	h := hex.EncodeToString(b[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}
