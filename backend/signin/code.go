package signin

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"strings"

	"sana/backend/fault"
	"sana/backend/keyring"

	"golang.org/x/text/width"
)

// CodeKind says what a code is made of.
type CodeKind string

// The kinds of code.
const (
	Digits  CodeKind = "digits"
	Letters CodeKind = "letters" // and digits, of the 32 in alphabet
)

// Format is what a code looks like. A format without a kind is of digits, as all were once.
type Format struct {
	Kind   CodeKind
	Length int
}

// alphabet is Crockford's base 32: nobody has to tell I and L from 1, or O from 0.
const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

// codeLabel binds a derived key to this use and this way of deriving codes.
const codeLabel = "sana/sign-in code/v1"

// deriveCode returns the code of a challenge, each possible one equally likely. It is a function of the key, the
// challenge and the purpose alone, so that nothing has to be stored and a resend carries the same code.
func deriveCode(key keyring.Key, challengeID string, purpose Purpose, format Format) string {
	if format.Kind == Letters {
		return deriveLetters(key, challengeID, purpose, format.Length)
	}
	return deriveDigits(key, challengeID, purpose, format.Length)
}

func deriveDigits(key keyring.Key, challengeID string, purpose Purpose, length int) string {
	values := uint64(math.Pow10(length))
	// Above the largest multiple of values, the lower residues would come up more often: draw again.
	limit := math.MaxUint64 - math.MaxUint64%values
	for draw := uint64(0); ; draw++ {
		mac := hmac.New(sha256.New, key.Derive(codeLabel))
		fmt.Fprintf(mac, "%s\x00%s\x00%d\x00%d", challengeID, purpose, length, draw)
		if n := binary.BigEndian.Uint64(mac.Sum(nil)); n < limit {
			return fmt.Sprintf("%0*d", length, n%values)
		}
	}
}

// deriveLetters takes five bits from a byte each; length is at most 32.
func deriveLetters(key keyring.Key, challengeID string, purpose Purpose, length int) string {
	mac := hmac.New(sha256.New, key.Derive(codeLabel))
	fmt.Fprintf(mac, "%s\x00%s\x00letters\x00%d", challengeID, purpose, length)
	code := mac.Sum(nil)[:length]
	for i, b := range code {
		code[i] = alphabet[b%32]
	}
	return string(code)
}

// verifierOf returns what proves a code to the browser that waits for it, without the key that the code was derived with.
// It tells nothing to whoever does not have the browser's secret of 256 bits, which no database holds.
func verifierOf(secret, challengeID, code string) []byte {
	mac := hmac.New(sha256.New, []byte(secret))
	fmt.Fprintf(mac, "sana/code verifier/v1\x00%s\x00%s", challengeID, code)
	return mac.Sum(nil)
}

// cleanCode takes a code as people type or paste it: spaces and dashes anywhere, full-width characters, and of letters
// small ones and those that look like a digit. What then is not a code of this format is fault.InvalidCode, which costs
// no try.
func cleanCode(input string, format Format) (string, error) {
	allowed, what := "0123456789", "digits"
	if format.Kind == Letters {
		allowed, what = alphabet, "letters and digits"
	}
	invalid := fault.New(fault.InvalidCode, fmt.Sprintf("The code has %d %s. Type it as it stands in the mail.", format.Length, what))
	if len(input) > 100 {
		return "", invalid
	}
	code := strings.Map(func(r rune) rune {
		if strings.ContainsRune(" \t\r\n\u00a0\u2007\u2009\u202f\u3000-\u2010\u2011\u2012\u2013\u2014\u2212", r) {
			return -1
		}
		return r
	}, width.Narrow.String(input))
	if format.Kind == Letters {
		code = unconfused.Replace(asciiUpper(code))
	}
	if len(code) != format.Length || strings.Trim(code, allowed) != "" {
		return "", invalid
	}
	return code, nil
}

var unconfused = strings.NewReplacer("O", "0", "I", "1", "L", "1")

// asciiUpper leaves alone what only Unicode takes for a letter of ours, such as the long s.
func asciiUpper(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' {
			return r - 'a' + 'A'
		}
		return r
	}, s)
}
