package auth

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"strings"

	"sana/backend/keyring"
)

// macOf returns the MAC of a text. label separates this use of the secret key from all others.
func macOf(key keyring.Key, label, text string) []byte {
	mac := hmac.New(sha256.New, key.Derive(label))
	mac.Write([]byte(text))
	return mac.Sum(nil)
}

// linkToken returns the token of a link in a mail: a text and its MAC. No row is stored for it.
func linkToken(key keyring.Key, label, text string) string {
	return text + "." + base64.RawURLEncoding.EncodeToString(macOf(key, label, text))
}

// openLinkToken returns the text of a token that was created for a label with one of the keys.
func openLinkToken(keys keyring.Ring, label, token string) (text string, ok bool) {
	text = token[:max(0, strings.LastIndexByte(token, '.'))]
	for _, key := range keys.All() {
		if hmac.Equal([]byte(token), []byte(linkToken(key, label, text))) {
			return text, true
		}
	}
	return "", false
}
