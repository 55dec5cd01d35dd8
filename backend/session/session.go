// Package session keeps what a browser may rely on between two requests: who is signed in, and the sign-in that waits
// for its code. A session never changes after it was issued; what changes is a new session with a new token.
package session

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"time"
)

// ErrNone covers every token behind which there is no session: absent, malformed, expired, ended or forged. Any other
// error of this package means that the store did not answer, and says nothing about the person.
var ErrNone = errors.New("session: none")

// Session is what is kept for one browser.
type Session struct {
	ID        string    `json:"id"`                // public name, 128 random bits; not a credential
	ExpiresAt time.Time `json:"expires_at"`        // absolute end, whatever its use
	User      *User     `json:"user,omitempty"`    // nil before sign-in
	Pending   *Pending  `json:"pending,omitempty"` // nil when no code is waited for
	UserAgent string    `json:"user_agent"`        // of the request that made it, at most 256 bytes
	IP        string    `json:"ip"`                // of the same request
}

// start is when the session's age begins, by the database's clock: a session that replaces another one to wait for a code
// lives no longer than the first.
func (s Session) start() time.Time {
	if s.User != nil {
		return s.User.SignedInAt
	}
	return s.Pending.SentAt
}

// Age is how long a session of this kind lives at the most, for the cookie; the store decides when it really ends.
func (s Session) Age() time.Duration { return s.ExpiresAt.Sub(s.start()) }

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

// pendingAge is how long a session lives that only waits for a code: longer than the code, so that the page can still
// say that it has expired.
const pendingAge = time.Hour

// tokenBytes is the length of a token before encoding: 256 bits (OWASP ASVS 5.0, 7.2.3 wants 128).
const tokenBytes = 32

// newToken returns a token as it stands in the cookie: base64url, 43 characters.
func newToken() string {
	return base64.RawURLEncoding.EncodeToString(randomBytes(tokenBytes))
}

// tokenKey is what the store knows of a token; ok is false for what cannot be a token, which then costs no read.
func tokenKey(token string) (key string, ok bool) {
	if len(token) != base64.RawURLEncoding.EncodedLen(tokenBytes) { // the decoder skips line breaks
		return "", false
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || len(raw) != tokenBytes {
		return "", false
	}
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:]), true
}

func newID() string { return hex.EncodeToString(randomBytes(16)) }

func randomBytes(n int) []byte {
	b := make([]byte, n)
	rand.Read(b) // never fails: it ends the program when the system has no randomness
	return b
}
