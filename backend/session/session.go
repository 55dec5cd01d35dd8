// Package session keeps what a browser may rely on between two requests: who is signed in, and the sign-in that waits
// for its code. A session never changes after it was issued; what changes is a new session with a new token.
//
// Two stores keep them under one law, Store: Shared in Postgres, the same for all instances, and Sealed in the cookie
// itself. What only the first can do is what its further methods are.
package session

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"time"

	"sana/backend/postgres"

	"github.com/jackc/pgx/v5"
)

// Store keeps sessions behind tokens, the values of cookies.
type Store interface {
	// Issue has the batch make a session in the place of the one behind the token replaced, "" for none, if the condition
	// when holds. What the database alone knows is left out: the id of a User with an Email, a SignedInAt or SentAt that is
	// now. It is to be there before what became of it is asked for. A session of somebody that has an ID already goes on from
	// the one replaced. secret is what the session will have for one.
	Issue(b *postgres.Batch, when string, session Session, replaced string) (secret string, issued Issued)
	// Hold has the batch stop where the session behind a token does not live any more; else it lives until the batch is done.
	Hold(b *postgres.Batch, token string)
	// Read returns the session behind a token. Its Token is another one when the browser is to have that from now on.
	// Where there is no session the error is ErrNone, an *Ended if the store knows more.
	Read(ctx context.Context, token string) (Session, error)
	// End ends the session behind a token, as its owner wants: as part of tx, where the store is in Postgres. No session
	// is no error.
	End(ctx context.Context, tx pgx.Tx, token string) error
}

// Issued returns the session that a batch was to make, once that is done, with ID, ExpiresAt, Token, Secret, Keep and Surplus
// set. Where the one that it was to go on from does not live any more, the error is that of Read.
type Issued func(ctx context.Context) (Session, error)

// IssueTx is Issue as part of tx.
func IssueTx(ctx context.Context, tx pgx.Tx, s Store, session Session, replaced string) (Session, error) {
	b := &postgres.Batch{}
	_, issued := s.Issue(b, postgres.GoesOn, session, replaced)
	if err := b.SendTo(ctx, tx); err != nil {
		return Session{}, postgres.Error("issue session", err)
	}
	return issued(ctx)
}

// ErrNone covers every token behind which there is no session: absent, malformed, expired, ended or forged. Any other
// error of this package means that the store did not answer, and says nothing about the person.
var ErrNone = errors.New("session: none")

// Reason says why the session of somebody who was signed in ended.
type Reason string

// The reasons. Their texts are in the database and in the contract.
const (
	Idle            Reason = "idle"              // not used for too long
	MaxAge          Reason = "max_age"           // too long ago that somebody signed in
	SignedOut       Reason = "signed_out"        // here
	EndedElsewhere  Reason = "ended_elsewhere"   // this one, from another browser
	EndedEverywhere Reason = "ended_everywhere"  // with all others, from another browser
	TooManySessions Reason = "too_many_sessions" // the oldest of more than MaxPerUser
	EndedByOperator Reason = "ended_by_operator"
	KeyWithdrawn    Reason = "key_withdrawn"   // the secret key that it was sealed with is not in use any more
	EmailChanged    Reason = "email_changed"   // with all others, when the address was changed from another browser
	AccountDeleted  Reason = "account_deleted" // with all others
)

// Ended is an ErrNone for a token that once was somebody's session.
type Ended struct {
	Reason Reason
	At     time.Time // zero where nobody knows
	By     string    // browser and system that ended it, "" where that is no browser or nobody knows
}

// Error is for logs.
func (e *Ended) Error() string { return "session: ended: " + string(e.Reason) }

// Is makes every Ended an ErrNone.
func (e *Ended) Is(target error) bool { return target == ErrNone }

// Session is what is kept for one browser.
type Session struct {
	ID        string    `json:"id"`                 // public name, 128 random bits; not a credential
	ExpiresAt time.Time `json:"expires_at"`         // absolute end, whatever its use
	User      *User     `json:"user,omitempty"`     // nil before sign-in
	Pending   *Pending  `json:"pending,omitempty"`  // nil when no code is waited for
	UserAgent string    `json:"user_agent"`         // of the request that made it, at most 256 bytes; Shared only
	Platform  string    `json:"platform,omitempty"` // what UserAgent says, in words; Shared only
	IP        string    `json:"ip"`                 // of the same request; Shared only

	Token  string        `json:"-"` // what the cookie is to hold from now on
	Secret string        `json:"-"` // what this browser has and no database; "" where there is no such thing
	Keep   time.Duration `json:"-"` // how long the browser is to keep the cookie

	Surplus []Session `json:"-"` // of the same user, which have ended for this one
}

// start is when the session's age begins, by the database's clock: a session that replaces another one to wait for a code
// lives no longer than the first.
func (s Session) start() time.Time {
	if s.User != nil {
		return s.User.SignedInAt
	}
	return s.Pending.SentAt
}

// User is the person who is signed in.
type User struct {
	ID         string    `json:"id"` // UUID
	Email      string    `json:"email"`
	SignedInAt time.Time `json:"signed_in_at"` // by the database's clock
}

// Pending is a sign-in that waits for its code.
type Pending struct {
	ChallengeID string    `json:"challenge_id"`
	Email       string    `json:"email"`
	Purpose     string    `json:"purpose"`
	CodeKind    string    `json:"code_kind,omitempty"` // "" for digits
	CodeLength  int       `json:"code_length"`
	SentAt      time.Time `json:"sent_at"` // by the database's clock
}

// Limits of a signed-in session: by the database's clock in Shared, by the server's in Sealed.
type Limits struct {
	Idle   time.Duration // unused for so long, it ends
	MaxAge time.Duration // it ends then, however it is used
}

// pendingAge is how long a session lives that only waits for a code: longer than the code, so that the page can still
// say that it has expired.
const pendingAge = time.Hour

// of returns how long a session may be idle, and how old it may become.
func (l Limits) of(s Session) (idle, age time.Duration) {
	if s.User == nil {
		return pendingAge, pendingAge
	}
	return l.Idle, l.MaxAge
}

// maxSeenInterval is how often it is noted that a session is in use, but for those that may be idle for a few minutes only.
const maxSeenInterval = time.Minute

// seenInterval is how often it is noted, at the most, that a session is in use which may be idle for so long: before it ends
// although it is used.
func seenInterval(idle time.Duration) time.Duration { return min(maxSeenInterval, idle/4) }

// reasonAge is how long it can be told why a session ended. So long the browser keeps the cookie of a session that is over.
const reasonAge = 7 * 24 * time.Hour

// keep is how long a browser keeps the cookie of a session that has so much time left.
func keep(s Session, left time.Duration) time.Duration {
	if s.User == nil {
		return left
	}
	return left + reasonAge
}

func newID() string { return hex.EncodeToString(randomBytes(16)) }

func randomBytes(n int) []byte {
	b := make([]byte, n)
	rand.Read(b) // never fails: it ends the program when the system has no randomness
	return b
}
