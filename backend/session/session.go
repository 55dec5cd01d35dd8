// Package session keeps users signed in: it stores one session for each browser in which a user
// signed in, and finds it again by the token in the browser's cookie.
//
// Two stores implement Store. Shared keeps sessions in Postgres, where every instance finds them.
// Sealed keeps each session encrypted in its own cookie. Only Shared can list and revoke sessions.
package session

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"time"
)

// Store finds sessions by their tokens, the values of cookies.
type Store interface {
	// Read returns the session of a token and records that it was used. If the Token of the
	// session differs, the browser must store the new one, for CookieMaxAge.
	//
	// If there is no session, the error is ErrNone; it is an *Ended if the store knows the reason.
	// Any other error means that the store is unavailable, and nothing is known about the token.
	Read(ctx context.Context, token string) (Session, error)
	// Limits returns the timeouts of the sessions.
	Limits() Limits
}

// ErrNone is returned for every token without a session: absent, malformed, expired, revoked or
// forged.
var ErrNone = errors.New("session: none")

// Reason is the reason for the end of a session.
type Reason string

// The reasons, with their values in the database and the API.
const (
	Idle             Reason = "idle"            // not used for Limits.Idle
	MaxAge           Reason = "max_age"         // older than Limits.MaxAge
	SignedOut        Reason = "signed_out"      // in its own browser
	RevokedElsewhere Reason = "ended_elsewhere" // revoked individually, from another browser
	// revoked individually, with the link in the mail about it
	RevokedByLink     Reason = "ended_by_link"
	RevokedEverywhere Reason = "ended_everywhere"  // revoked with all others, from another browser
	TooManySessions   Reason = "too_many_sessions" // the oldest of more than MaxPerUser
	RevokedByOperator Reason = "ended_by_operator"
	// Sealed: its secret key is not in the ring any more
	KeyRemoved     Reason = "key_withdrawn"
	EmailChanged   Reason = "email_changed"   // with all others, from the browser that changed it
	AccountDeleted Reason = "account_deleted" // with all others
	// with all others, when the account was recovered without a passkey
	Recovered Reason = "recovered"
)

// Ended is an ErrNone for a token that had a session.
type Ended struct {
	Reason Reason
	At     time.Time // zero if unknown
	By     string    // browser and system that ended it; "" if that was no browser or is unknown
}

// Error is for logs.
func (e *Ended) Error() string { return "session: ended: " + string(e.Reason) }

// Is makes every Ended an ErrNone.
func (e *Ended) Is(target error) bool { return target == ErrNone }

// Session is one user's sign-in in one browser. It keeps its ID; its token is replaced by a
// step-up.
//
// The column v of the tables sessions and replaced_tokens holds it as JSON:
//
//	id            text, 32 hexadecimal digits
//	user          object: id (text, UUID), email (text), name (text), signed_in_at (timestamp)
//	created_at    timestamp
//	expires_at    timestamp
//	user_agent    text
//	platform      text
//	ip            text
//	seed          text, base64 with padding, of 16 bytes
//	unconfirmed   boolean; absent for false
//
// Timestamps are RFC 3339, as to_jsonb(timestamptz) writes them.
type Session struct {
	ID        string    `json:"id"` // public: in lists, exports and events; not a credential
	User      User      `json:"user"`
	CreatedAt time.Time `json:"created_at"`         // first sign-in of this session
	ExpiresAt time.Time `json:"expires_at"`         // absolute timeout, independent of use
	UserAgent string    `json:"user_agent"`         // at sign-in; Shared only
	Platform  string    `json:"platform,omitempty"` // browser and system; Shared only
	IP        string    `json:"ip"`                 // at sign-in; Shared only
	Seed      []byte    `json:"seed,omitempty"`     // secret: in no response or log; Shared only
	// Unconfirmed is true if the token replaced another one and was not presented yet: the browser
	// may not have received it.
	Unconfirmed bool `json:"unconfirmed,omitempty"`

	Token string `json:"-"` // the value of the cookie
	// CookieMaxAge is the Max-Age of the cookie; set only with a new Token.
	CookieMaxAge time.Duration `json:"-"`
}

// User is the user of a session.
type User struct {
	ID         string    `json:"id"` // UUID
	Email      string    `json:"email"`
	Name       string    `json:"name,omitempty"` // "" if the user gave none; Shared only
	SignedInAt time.Time `json:"signed_in_at"`   // last sign-in or step-up; the store's clock
}

// Limits are the timeouts of a session, by the database's clock in Shared and by the server's in
// Sealed.
type Limits struct {
	Idle   time.Duration // since it was last used
	MaxAge time.Duration // since User.SignedInAt
}

// maxUseInterval is the interval between two records of the use of a session, unless its idle
// timeout is short.
const maxUseInterval = time.Minute

// useInterval returns the minimum interval between two records of the use of a session with this
// idle timeout. A session in use must not become idle between two records.
func useInterval(idle time.Duration) time.Duration { return min(maxUseInterval, idle/4) }

// reasonAge is the retention of the reasons of ended sessions, and of replaced tokens.
const reasonAge = 7 * 24 * time.Hour

// CookieMaxAge returns the Max-Age of the cookie of a session that expires after left. The cookie
// outlives the session by seven days, so that the browser can get the reason for its end.
func CookieMaxAge(left time.Duration) time.Duration { return left + reasonAge }

// NewID returns a public id: 128 random bits as 32 hexadecimal digits.
func NewID() string { return hex.EncodeToString(randomBytes(16)) }

func randomBytes(n int) []byte {
	b := make([]byte, n)
	rand.Read(b) // never fails: it ends the program if the system has no randomness
	return b
}
