package session

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
)

// tokenBytes is the length of a token of Shared before encoding: 256 bits, where OWASP ASVS 5.0
// requirement 7.2.3 requires 128.
const tokenBytes = 32

// NewToken returns a random token of Shared.
func NewToken() string { return TokenOf([tokenBytes]byte(randomBytes(tokenBytes))) }

// TokenOf encodes raw for a cookie: base64url without padding, 43 characters.
func TokenOf(raw [tokenBytes]byte) string { return base64.RawURLEncoding.EncodeToString(raw[:]) }

// Key returns the key of a token of Shared, the column k: SHA-256 of its 32 bytes, hexadecimal.
// ok is false if token is malformed; then it belongs to no session.
func Key(token string) (text string, ok bool) {
	k, ok := keyOf(token)
	if !ok {
		return "", false
	}
	return k.text(), true
}

// key is a Key before encoding. The database stores no token, so that a dump contains no
// usable credential.
type key [sha256.Size]byte

// text returns the value of column k.
func (k key) text() string { return hex.EncodeToString(k[:]) }

// tokenEncoding accepts one spelling of each token.
var tokenEncoding = base64.RawURLEncoding.Strict()

// keyOf is Key before encoding. It does not allocate.
func keyOf[T string | []byte](token T) (key, bool) {
	const length = (tokenBytes*8 + 5) / 6
	if len(token) != length { // the decoder skips line breaks
		return key{}, false
	}

	var text [length]byte
	var raw [tokenBytes]byte
	copy(text[:], token)
	if n, err := tokenEncoding.Decode(raw[:], text[:]); err != nil || n != tokenBytes {
		return key{}, false
	}
	return sha256.Sum256(raw[:]), true
}

// parseKey parses a value of column k. ok is false if it is not a SHA-256: it belongs to no token.
func parseKey(text string) (k key, ok bool) {
	if len(text) != 2*len(k) {
		return k, false
	}
	_, err := hex.Decode(k[:], []byte(text))
	return k, err == nil
}

// parseKeys parses values of column k and skips those that are not a SHA-256.
func parseKeys(texts []string) (keys []key) {
	for _, text := range texts {
		if k, ok := parseKey(text); ok {
			keys = append(keys, k)
		}
	}
	return keys
}
