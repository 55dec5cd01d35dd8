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
	"encoding/hex"
	"errors"
	"time"

	"sana/backend/fault"
	"sana/backend/keyring"
	"sana/backend/metrics"
	"sana/backend/outbox"
	"sana/backend/postgres"
	"sana/backend/throttle"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Purpose says what the right code of a challenge does.
type Purpose string

// The purposes. Their texts are in the database, in sessions and in codes.
const (
	PurposeSignIn      Purpose = "sign_in"
	PurposeChangeEmail Purpose = "change_email"
)

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
	Purpose    Purpose
	UserID     string // whose address is to change; "" for one that signs in
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
	Metrics    *metrics.Metrics
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
	metrics    *metrics.Metrics
}

// New returns the service and gives the outbox the letters it writes.
func New(db *pgxpool.Pool, keys keyring.Ring, limits *throttle.Throttle, box *outbox.Outbox, settings Settings) *Service {
	s := &Service{
		db: db, keys: keys, throttle: limits, outbox: box,
		codeLength: settings.CodeLength, signUp: settings.SignUp, mail: settings.Mail, metrics: settings.Metrics,
	}
	box.Handle(letterCode, outbox.Letter{Compose: s.composeCode, Note: s.noteDelivery})
	s.handleNotices()
	return s
}

// Browser is what has to happen in a browser's session when somebody asks for a code in it.
type Browser struct {
	// Hold has the batch stop where whoever is signed in here is not any more, and else stay so until it is done.
	Hold func(b *postgres.Batch)
	// Keep has the batch make this browser wait for a challenge that is made in it, too. The challenge's times are now. It returns
	// a secret that this browser has from then on and no database: with it a code that was mailed outlives the key that it was
	// derived with. "" means that there is none.
	Keep func(b *postgres.Batch, challenge Challenge) (secret string)
}

// Pending is a challenge that a browser waits for, as far as its session knows it.
type Pending struct {
	ID      string
	Email   string
	Purpose Purpose
	Format  Format
}

// Request asks for a code.
type Request struct {
	Address string // as it was typed
	Purpose Purpose
	UserID  string  // whose address is to change; "" for signing in
	Pending Pending // that the browser already waits for, if any
}

// ErrNotHeld says that nothing was done because Browser's Hold has stopped it.
var ErrNotHeld = errors.New("signin: the session has ended")

// Begin makes a challenge for an address, queues its mail and has the browser wait for it, all or nothing. Nothing here depends
// on whether the address is known or may sign up. Asked again for the same, Begin does what Resend does. It returns
// fault.InvalidEmail for what is not an address, fault.SignUpClosed for one that no account here is to have,
// fault.TooManyRequests, and ErrNotHeld. An address that has got enough mail gets a challenge whose mail is Held.
func (s *Service) Begin(ctx context.Context, client Client, request Request, browser Browser) (Challenge, error) {
	email, err := ParseAddress(request.Address)
	if err != nil {
		return Challenge{}, err
	}
	if request.Purpose == PurposeChangeEmail && !s.signUp.takes(email) {
		return Challenge{}, fault.New(fault.SignUpClosed, "Addresses of this domain are not taken here. Choose another one.")
	}
	if request.Pending.Email == email && request.Pending.Purpose == request.Purpose {
		again, err := s.Resend(ctx, client, request.Pending, browser)
		if !fault.Is(err, fault.NoPendingCode) {
			return again, err
		}
	}
	digits, err := s.digits(ctx)
	if err != nil {
		return Challenge{}, err
	}
	wanted := Challenge{Email: email, Purpose: request.Purpose, UserID: request.UserID, CodeFormat: Format{Digits, digits}}
	return s.ask(ctx, client, wanted, browser, held.Raise())
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

// newUUID returns 128 random bits in the form of a UUID.
func newUUID() string {
	var b [16]byte
	rand.Read(b[:]) // never fails: it ends the program when the system has no randomness
	h := hex.EncodeToString(b[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}
