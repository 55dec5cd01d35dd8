package challenge

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"strings"
	"unicode"

	"sana/backend/fault"
	"sana/backend/fold"
	"sana/backend/keyring"
	"sana/backend/visitor"
)

// CodeKind names the characters that a code consists of.
type CodeKind string

// The kinds of code. Their texts are in the database and in the API contract.
const (
	Digits       CodeKind = "digits"
	Alphanumeric CodeKind = "alphanumeric" // the 32 characters of alphabet
)

// Format is the kind and the length of a code.
type Format struct {
	Kind   CodeKind
	Length int
}

// alphabet is Crockford's base 32: I, L and O, which look like digits, are not in it.
const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

// codeLabel binds a derived key to codes and to this way of deriving them.
const codeLabel = "sana/sign-in code/v1"

// Code returns the code of a challenge under a key; each possible code is equally likely. It
// depends on the key, the challenge's id, purpose and format only, so nothing has to be stored and
// a resend carries the same code.
func Code(key keyring.Key, c Challenge) string {
	if c.Format.Kind == Alphanumeric {
		return deriveAlphanumeric(key, c.ID, c.Purpose, c.Format.Length)
	}
	return deriveDigits(key, c.ID, c.Purpose, c.Format.Length)
}

func deriveDigits(key keyring.Key, challengeID string, purpose Purpose, length int) string {
	values := uint64(math.Pow10(length))
	// Above the largest multiple of values, the lower residues would be more likely: draw again.
	limit := math.MaxUint64 - math.MaxUint64%values
	for draw := uint64(0); ; draw++ {
		mac := hmac.New(sha256.New, key.Derive(codeLabel))
		fmt.Fprintf(mac, "%s\x00%s\x00%d\x00%d", challengeID, purpose, length, draw)
		if n := binary.BigEndian.Uint64(mac.Sum(nil)); n < limit {
			return fmt.Sprintf("%0*d", length, n%values)
		}
	}
}

// deriveAlphanumeric takes five bits of each byte; length is at most 32.
func deriveAlphanumeric(key keyring.Key, challengeID string, purpose Purpose, length int) string {
	mac := hmac.New(sha256.New, key.Derive(codeLabel))
	fmt.Fprintf(mac, "%s\x00%s\x00alphanumeric\x00%d", challengeID, purpose, length)
	code := mac.Sum(nil)[:length]
	for i, b := range code {
		code[i] = alphabet[b%32]
	}
	return string(code)
}

// Verifier returns a value that proves a code to the browser that waits for it, without the key
// that the code was derived with. It reveals nothing without the browser's token of 256 bits, which
// is in no database.
func Verifier(browser visitor.Browser, challengeID, code string) []byte {
	mac := hmac.New(sha256.New, []byte(browser))
	fmt.Fprintf(mac, "sana/code verifier/v1\x00%s\x00%s", challengeID, code)
	return mac.Sum(nil)
}

// CleanCode normalizes a code as people type or paste it: what package fold folds, digits of every
// script, line ends and dashes anywhere, and, in alphanumeric codes, lower case and letters that
// look like digits. It returns fault.InvalidCode, which costs no try, if the result is not a code
// of this format.
func CleanCode(input string, format Format) (string, error) {
	allowed, what := "0123456789", "digits"
	if format.Kind == Alphanumeric {
		allowed, what = alphabet, "letters and digits"
	}
	invalid := fault.New(fault.InvalidCode,
		fmt.Sprintf("The code has %d %s. Type it as it is in the mail.", format.Length, what))
	if len(input) > 100 {
		return "", invalid
	}
	code := strings.Map(func(r rune) rune {
		if strings.ContainsRune("\t\r\n\u2212", r) || unicode.Is(unicode.Pd, r) {
			return -1
		}
		return r
	}, fold.Digits(input))
	if format.Kind == Alphanumeric {
		code = unconfused.Replace(asciiUpper(code))
	}
	if len(code) != format.Length || strings.Trim(code, allowed) != "" {
		return "", invalid
	}
	return code, nil
}

var unconfused = strings.NewReplacer("O", "0", "I", "1", "L", "1")

// asciiUpper does not fold characters that only Unicode maps to ASCII letters, such as the long s.
func asciiUpper(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' {
			return r - 'a' + 'A'
		}
		return r
	}, s)
}
