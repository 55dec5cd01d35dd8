package auth

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"strings"
)

// A device token shows that a user signed in with an address in this browser: 128 random bits and
// their HMAC with the address. It does not sign in; it gives the browser its own budgets, which
// other visitors cannot use up ("device cookies", OWASP).
const (
	deviceLabel   = "sana/device/v1"
	deviceIDBytes = 16
	deviceBytes   = deviceIDBytes + sha256.Size
)

// deviceID returns the id in a device token, "" unless the token was created for this address with
// a key of the ring.
func (s *Service) deviceID(token, email string) string {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || len(raw) != deviceBytes {
		return ""
	}
	id, mac := raw[:deviceIDBytes], raw[deviceIDBytes:]
	for _, key := range s.Keys.All() {
		if hmac.Equal(mac, macOf(key, deviceLabel, string(id)+email)) {
			return hex.EncodeToString(id)
		}
	}
	return ""
}

// newDevice returns a new token for an address. A browser with a valid token keeps its id, and
// thereby the used part of its budgets.
func (s *Service) newDevice(id, email string) string {
	raw, _ := hex.DecodeString(id) // of deviceID
	if len(raw) == 0 {
		raw = make([]byte, deviceIDBytes)
		rand.Read(raw) // never fails: crypto/rand ends the program if the system has no randomness
	}
	mac := macOf(s.Keys.Current(), deviceLabel, string(raw)+email)
	return base64.RawURLEncoding.EncodeToString(append(raw, mac...))
}

// mailbox returns the address without its tag, for counting only: ada+shop@example.org is delivered
// to ada. Both are different accounts.
func mailbox(email string) string {
	local, domain, _ := strings.Cut(email, "@")
	name, _, _ := strings.Cut(local, "+")
	return name + "@" + domain
}
