// Package signin holds the rules of signing in: challenges, their codes and tries, and the users they lead to.
//
// A challenge is one row. Its code is derived from the row's id with a key outside the database, mailed by the outbox,
// and good once, for ten minutes and five tries. The rules are in the WHERE clauses: whatever the number of instances
// and the timing, at most five guesses are compared and at most one right one wins.
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

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// The limits of one challenge (OWASP ASVS 5.0, 6.5.5; NIST SP 800-63B-4, 3.1.3.2).
const (
	CodeLifetime = 10 * time.Minute
	MaxTries     = 5
	ResendAfter  = time.Minute
	// lateResend is when a resend makes a new challenge: a mail should not arrive with a code that is about to expire.
	lateResend = 2 * time.Minute
)

// PurposeSignIn is the purpose of a challenge that signs somebody in.
const PurposeSignIn = "sign_in"

// Delivery is what became of a challenge's last mail.
type Delivery string

// The states of a delivery.
const (
	Queued Delivery = "queued" // waits in the outbox
	Sent   Delivery = "sent"   // the provider has taken it
	Failed Delivery = "failed" // given up
)

// Challenge is what a browser that waits for a code may know. All times are the database's.
type Challenge struct {
	ID         string
	Email      string
	Purpose    string
	CodeLength int
	TriesLeft  int
	Delivery   Delivery
	Now        time.Time
	SentAt     time.Time
	ResendAt   time.Time
	ExpiresAt  time.Time
}

// User is who signed in.
type User struct {
	ID      string // UUID
	Email   string
	Created bool // at this sign-in
}

// Service signs people in.
type Service struct {
	db         *pgxpool.Pool
	keys       keyring.Ring
	outbox     *outbox.Outbox
	codeLength int
	mail       MailSettings
}

// New returns the service and gives the outbox the letter it writes. codeLength is 6 to 8.
func New(db *pgxpool.Pool, keys keyring.Ring, box *outbox.Outbox, codeLength int, mail MailSettings) *Service {
	s := &Service{db: db, keys: keys, outbox: box, codeLength: codeLength, mail: mail}
	box.Handle(letterCode, outbox.Letter{Compose: s.composeCode, Note: s.noteDelivery})
	return s
}

// Begin makes a challenge for an address and queues its mail, in one transaction. Nothing here depends on whether the
// address is known. pendingID is the challenge that the browser already waits for, or "": asked again for the same
// address, Begin does what Resend does. It returns fault.InvalidEmail for what is not an address.
func (s *Service) Begin(ctx context.Context, address, pendingID string) (Challenge, error) {
	email, err := ParseAddress(address)
	if err != nil {
		return Challenge{}, err
	}
	if pendingID != "" {
		pending, err := s.Pending(ctx, pendingID)
		if err == nil && pending.Email == email {
			return s.Resend(ctx, pendingID)
		}
		if err != nil && !fault.Is(err, fault.NoPendingCode) {
			return Challenge{}, err
		}
	}
	var challenge Challenge
	err = postgres.InTx(ctx, s.db, func(tx pgx.Tx) error {
		challenge, err = s.begin(ctx, tx, email)
		return err
	})
	return challenge, err
}

// Resend sends a challenge's code again: the same one, or that of a new challenge when the old one cannot be used any
// more or hardly. Within a minute of the last mail it sends nothing and answers alike. It returns fault.NoPendingCode
// when there is no such challenge or its code was used.
func (s *Service) Resend(ctx context.Context, id string) (Challenge, error) {
	var challenge Challenge
	err := postgres.InTx(ctx, s.db, func(tx pgx.Tx) (err error) {
		challenge, err = s.claimResend(ctx, tx, id)
		if errors.Is(err, errTooEarly) {
			challenge, err = pending(ctx, tx, id)
			return err
		}
		if err != nil {
			return err
		}
		if challenge.TriesLeft == 0 || challenge.ExpiresAt.Sub(challenge.Now) < lateResend {
			challenge, err = s.begin(ctx, tx, challenge.Email)
			return err
		}
		return s.outbox.EnqueueTx(ctx, tx, letterCode, challenge.ID)
	})
	return challenge, err
}

// Pending returns the challenge that a browser waits for; it may have expired or have no tries left. It returns
// fault.NoPendingCode when there is none or its code was used.
func (s *Service) Pending(ctx context.Context, id string) (Challenge, error) {
	return pending(ctx, s.db, id)
}

// Verify compares a guess with a challenge's code. For the right one it consumes the challenge, makes the user if the
// address is new, and calls issue, all in one transaction: a spent code without a session cannot exist. now is the
// database's time.
//
// It returns fault.InvalidCode for what is not a code (no try is counted), fault.WrongCode with the tries left,
// fault.TooManyTries, fault.CodeExpired for an expired or used one, fault.NoPendingCode when there is no challenge.
func (s *Service) Verify(ctx context.Context, id string, length int, guess string, issue func(ctx context.Context, tx pgx.Tx, user User, now time.Time) error) (User, error) {
	guess, err := cleanCode(guess, length)
	if err != nil {
		return User{}, err
	}
	challenge, keyID, err := s.countTry(ctx, id)
	if err != nil {
		return User{}, err
	}
	key, ok := s.keys.Find(keyID)
	if !ok {
		return User{}, errExpired() // the key was withdrawn, and the code with it
	}
	code := deriveCode(key, challenge.ID, challenge.Purpose, challenge.CodeLength)
	if subtle.ConstantTimeCompare([]byte(guess), []byte(code)) != 1 {
		return User{}, errWrong(challenge.TriesLeft)
	}
	var user User
	err = postgres.InTx(ctx, s.db, func(tx pgx.Tx) (err error) {
		now, err := consume(ctx, tx, challenge.ID)
		if err != nil {
			return err
		}
		if user, err = upsertUser(ctx, tx, challenge.Email); err != nil {
			return err
		}
		return issue(ctx, tx, user, now)
	})
	return user, err
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
