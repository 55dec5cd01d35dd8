// Package challenge keeps challenges: pending codes, each bound to the browser that requested it.
//
// A challenge is one row. Its code is derived from the row's id with a key that is not in the
// database, and is valid once, for ten minutes and five wrong attempts. Browser, address, purpose,
// session and user of a challenge never change. Package auth writes challenges, in the transactions
// of its use cases; every write names the row by its id and checks its state in the WHERE clause.
package challenge

import (
	"crypto/rand"
	"encoding/hex"
	"time"

	"sana/backend/apps"
	"sana/backend/fault"
	"sana/backend/outbox"
	"sana/backend/throttle"
)

// Purpose is what the right code of a challenge does.
type Purpose string

// The purposes. Their texts are in the database and in the API contract.
const (
	SignIn      Purpose = "sign_in"      // signs in, and creates the user if the address is new
	StepUp      Purpose = "step_up"      // proves again who the user of a session is
	ChangeEmail Purpose = "change_email" // gives the user of a session another address
)

// Outcome is what the right code of a challenge led to.
type Outcome string

// The outcomes. Their texts are in the database.
const (
	SignedIn     Outcome = "signed_in"
	SignUpClosed Outcome = "sign_up_closed"
	EmailChanged Outcome = "email_changed"
	EmailTaken   Outcome = "email_taken"
	// RecoveryRequired is the outcome of a code that does not sign in: the user has codes for
	// recovery only.
	RecoveryRequired Outcome = "recovery_required"
	// the session of a change of address was not valid any more
	Revoked Outcome = "revoked"
)

// Challenge is a challenge with the state of its newest mail. All times are the database's.
type Challenge struct {
	ID           string // UUID; "" for none
	Email        string // canonical
	Purpose      Purpose
	SessionID    string // of a step-up or a change of address, as package session writes ids
	UserID       string // likewise
	Format       Format
	KeyID        string       // of the secret key that the code is derived with
	Verifier     []byte       // see Verifier; nil if the challenge was rekeyed
	Tries        int          // wrong attempts
	Language     string       // of the mail
	UTCOffset    int          // minutes east of UTC of the zone of the requesting browser
	Platform     string       // requesting browser and system, as text
	Arrival      apps.Arrival // the app from which the browser came; zero for none
	SentAt       time.Time
	ResendAt     time.Time // earliest time of the next mail
	ExpiresAt    time.Time
	ConsumedAt   time.Time // zero before the right code
	Outcome      Outcome
	OutcomeKeyID string // of the secret key that the session's token and id are derived with
	Blocked      bool   // see IsBlocked

	Mails    int          // how many were queued
	Delivery outbox.State // of the newest mail
	Reason   outbox.Reason

	Now time.Time // when the challenge was read
}

// repeatFor is how long the browser that spent a code may repeat it and get the same answer.
const repeatFor = 2 * time.Minute

// RenewBefore is how much time a code must have left to be sent again: a mail should not arrive
// with a code that is about to expire.
const RenewBefore = 2 * time.Minute

// TriesLeft returns how many wrong attempts are left.
func (c Challenge) TriesLeft() int { return max(0, throttle.MaxTries-c.Tries) }

// IsOpen reports whether the challenge's code is still valid.
func (c Challenge) IsOpen() bool {
	return c.ID != "" && !c.IsSpent() && c.TriesLeft() > 0 && c.ExpiresAt.After(c.Now) &&
		!c.isAhead()
}

// clockTolerance is how far ahead a time of the database may seem to be: a transaction that has
// waited for a lock has an earlier time than the one it waited for.
const clockTolerance = time.Minute

// isAhead reports whether the challenge was written before the database's clock was set back.
// Otherwise its code would be valid until the clock has caught up.
func (c Challenge) isAhead() bool {
	return c.ExpiresAt.Sub(c.Now) > throttle.CodeLifetime+clockTolerance ||
		c.ConsumedAt.Sub(c.Now) > clockTolerance
}

// IsSpent reports whether the right code was entered.
func (c Challenge) IsSpent() bool { return !c.ConsumedAt.IsZero() }

// Refusal returns why the challenge accepts no attempt, nil if it accepts one. A spent challenge
// accepts attempts from its own browser for two minutes, so that a lost response can be repeated.
func (c Challenge) Refusal() error {
	switch {
	case c.ID == "":
		return ErrNonePending()
	case c.IsSpent() && c.Now.Sub(c.ConsumedAt) >= repeatFor,
		!c.IsSpent() && !c.ExpiresAt.After(c.Now),
		c.isAhead():
		return ErrExpired()
	case c.TriesLeft() == 0:
		return fault.New(fault.TooManyTries,
			"This code is locked after five wrong tries. Request a new one.")
	}
	return nil
}

// ErrNonePending is the error of a browser without a pending code.
func ErrNonePending() error {
	return fault.New(fault.NoPendingCode,
		"This browser is not waiting for a code. Request one with your email address.")
}

// ErrExpired is the error of a code that is not valid any more.
func ErrExpired() error {
	return fault.New(fault.CodeExpired,
		"This code has expired or was used already. Request a new one.")
}

// NewID returns 128 random bits in the form of a UUID.
func NewID() string {
	var b [16]byte
	rand.Read(b[:]) // never fails: it ends the program when the system has no randomness
	h := hex.EncodeToString(b[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}
