package auth

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"strings"

	"sana/backend/keyring"
)

// A device token says that somebody signed in with an address in this browser: 128 random bits and
// their HMAC with the address. It signs nobody in; it gives the browser budgets of its own, so that
// strangers cannot use them up ("device cookies", OWASP).
const (
	deviceLabel   = "sana/device/v1"
	deviceIDBytes = 16
	deviceBytes   = deviceIDBytes + sha256.Size
)

// deviceID returns the id of the device that holds token, "" unless the token was made for this
// address with a key of the ring.
func (s *Service) deviceID(token, email string) string {
	if len(token) != base64.RawURLEncoding.EncodedLen(deviceBytes) {
		return ""
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || len(raw) != deviceBytes {
		return ""
	}
	id, mac := raw[:deviceIDBytes], raw[deviceIDBytes:]
	for _, key := range s.Keys.All() {
		if hmac.Equal(mac, deviceMAC(key, id, email)) {
			return hex.EncodeToString(id)
		}
	}
	return ""
}

// newDevice makes a token for an address. A browser that has a valid one keeps its id, and with it
// the budgets that it has used up.
func (s *Service) newDevice(id, email string) string {
	raw, err := hex.DecodeString(id)
	if err != nil || len(raw) != deviceIDBytes {
		raw = make([]byte, deviceIDBytes)
		rand.Read(raw) // never fails: it ends the program when the system has no randomness
	}
	return base64.RawURLEncoding.EncodeToString(append(raw, deviceMAC(s.Keys.Current(), raw, email)...))
}

func deviceMAC(key keyring.Key, id []byte, email string) []byte {
	mac := hmac.New(sha256.New, key.Derive(deviceLabel))
	mac.Write(id)
	mac.Write([]byte(email))
	return mac.Sum(nil)
}

// mailbox is the address that mails to this one arrive at, for counting only: ada+shop@example.org is
// ada's. As identities the two are different people.
func mailbox(email string) string {
	local, domain, _ := strings.Cut(email, "@")
	name, _, _ := strings.Cut(local, "+")
	if name == "" {
		return email
	}
	return name + "@" + domain
}
