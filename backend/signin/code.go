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

// codeLabel binds a derived key to this use and this way of deriving codes.
const codeLabel = "sana/sign-in code/v1"

// deriveCode returns the digits of a challenge, each of the 10^length values equally likely. It is a function of the
// key, the challenge and the purpose alone, so that nothing has to be stored and a resend carries the same code.
func deriveCode(key keyring.Key, challengeID, purpose string, length int) string {
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

// cleanCode takes a code as people type or paste it: spaces and dashes anywhere, full-width digits. What then is not
// exactly length digits is fault.InvalidCode, which costs no try.
func cleanCode(input string, length int) (string, error) {
	invalid := fault.New(fault.InvalidCode, fmt.Sprintf("The code has %d digits. Type it as it stands in the mail.", length))
	if len(input) > 100 {
		return "", invalid
	}
	code := strings.Map(func(r rune) rune {
		if strings.ContainsRune(" \t\r\n\u00a0\u2007\u2009\u202f\u3000-\u2010\u2011\u2012\u2013\u2014\u2212", r) {
			return -1
		}
		return r
	}, width.Narrow.String(input))
	if len(code) != length || strings.Trim(code, "0123456789") != "" {
		return "", invalid
	}
	return code, nil
}
