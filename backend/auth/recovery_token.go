package auth

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"strings"

	"sana/backend/keyring"
)

// A stop token is the id of a recovery and a MAC. It can only stop the recovery.
const stopLabel = "sana/recovery stop/v1"

var recoveryID = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

func (s *Service) stopToken(key keyring.Key, id string) string {
	mac := hmac.New(sha256.New, key.Derive(stopLabel))
	mac.Write([]byte(id))
	return id + "." + hex.EncodeToString(mac.Sum(nil))
}

func (s *Service) parseStopToken(token string) (id string, ok bool) {
	id, _, _ = strings.Cut(token, ".")
	if !recoveryID.MatchString(id) {
		return "", false
	}
	for _, key := range s.Keys.All() {
		if hmac.Equal([]byte(token), []byte(s.stopToken(key, id))) {
			return id, true
		}
	}
	return "", false
}
