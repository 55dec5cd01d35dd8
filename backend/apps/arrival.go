package apps

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"net/url"
)

// Arrival is the app from which a browser comes to Sana's host. To get its app cookie, the browser
// returns with a ticket that only it can use.
type Arrival struct {
	Host string `json:"host"` // of the app, as NormalizeHost returns it
	// Path is the page to return to, as ReturnPath returns it.
	Path      string `json:"path"`
	NonceHash string `json:"nonce_hash"` // see HashNonce
}

// nonceBytes is the length of a nonce before encoding: 256 bits.
const nonceBytes = 32

var encoding = base64.RawURLEncoding.Strict()

// NewNonce returns a random nonce, which the browser keeps in a cookie at the app's host.
func NewNonce() string {
	var raw [nonceBytes]byte
	rand.Read(raw[:]) // never fails: it ends the program if the system has no randomness
	return encoding.EncodeToString(raw[:])
}

// IsNonce reports whether a text has the form of a nonce.
func IsNonce(text string) bool {
	raw, err := encoding.DecodeString(text)
	return err == nil && len(raw) == nonceBytes && encoding.EncodeToString(raw) == text
}

// HashNonce returns the hash of a nonce, which binds a handoff to the browser with the nonce.
func HashNonce(nonce string) string {
	sum := sha256.Sum256([]byte(nonce))
	return encoding.EncodeToString(sum[:])
}

// ParseArrival parses an arrival from a browser's query. ok is false without a host or a hash. A
// path to another host becomes "/".
func ParseArrival(host, path, nonceHash string) (a Arrival, ok bool) {
	normal, ok := NormalizeHost([]byte(host))
	return Arrival{normal, ReturnPath(path), nonceHash}, ok && IsNonce(nonceHash)
}

// Query returns the arrival as the query of a URL.
func (a Arrival) Query() string {
	return url.Values{"host": {a.Host}, "path": {a.Path}, "nonce_hash": {a.NonceHash}}.Encode()
}
