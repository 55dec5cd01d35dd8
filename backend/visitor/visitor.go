// Package visitor describes who sent a request, as far as limits, mails and events need it. Package
// web computes a Visitor once per request.
package visitor

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
)

// Visitor is the sender of one request. The zero value stands for an operator at the command line.
type Visitor struct {
	IP             string   // the client's address
	Networks       []string // the networks that IP is in, the narrowest first
	UserAgent      string   // the header as it came
	Platform       string   // browser and system in words, "" if they are unknown
	AcceptLanguage string   // the header as it came
	UTCOffset      int      // minutes east of UTC of the browser's zone, 0 if it is unknown
	// the device token that the browser holds, "" for none; see package auth
	Device  string
	Browser Browser // the browser token, "" for none
}

// Browser is a browser token: 32 random bytes in base64url (RFC 4648, 5) without padding. It
// identifies a browser before and after a sign-in, and is no proof of identity. The database has
// its hash only.
type Browser string

// tokenBytes is the length of a browser token before encoding.
const tokenBytes = 32

var encoding = base64.RawURLEncoding.Strict()

// NewBrowser returns a new random token.
func NewBrowser() Browser {
	var raw [tokenBytes]byte
	rand.Read(raw[:]) // never fails: it ends the program when the system has no randomness
	return Browser(encoding.EncodeToString(raw[:]))
}

// ParseBrowser returns the token in a cookie's value, "" if the value is not a token in its one
// valid spelling.
func ParseBrowser(value string) Browser {
	if len(value) != encoding.EncodedLen(tokenBytes) { // the decoder ignores line breaks
		return ""
	}
	raw, err := encoding.DecodeString(value)
	if err != nil || len(raw) != tokenBytes {
		return ""
	}
	return Browser(value)
}

// Hash is what the database stores of the token: its SHA-256. It is nil for "".
func (b Browser) Hash() []byte {
	if b == "" {
		return nil
	}
	sum := sha256.Sum256([]byte(b))
	return sum[:]
}
