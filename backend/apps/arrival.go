package apps

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"net/url"
)

// Arrival says from which app a browser comes to Sana's host: to get its app cookie, it goes back
// with a ticket that only this browser can use.
type Arrival struct {
	Host string `json:"host"` // of the app, as NormalizeHost returns it
	// where the browser goes in the end, as ReturnPath returns it
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

// HashNonce returns the hash of a nonce, which proves that the browser that has the nonce began.
func HashNonce(nonce string) string {
	sum := sha256.Sum256([]byte(nonce))
	return encoding.EncodeToString(sum[:])
}

// ParseArrival returns an arrival from what a browser brings along. ok is false if it names no
// host, or no hash. A path that leads elsewhere becomes "/".
func ParseArrival(host, path, nonceHash string) (a Arrival, ok bool) {
	normal, ok := NormalizeHost([]byte(host))
	return Arrival{normal, ReturnPath(path), nonceHash}, ok && IsNonce(nonceHash)
}

// Query returns the arrival as the query of a URL.
func (a Arrival) Query() string {
	return url.Values{"host": {a.Host}, "path": {a.Path}, "nonce_hash": {a.NonceHash}}.Encode()
}
