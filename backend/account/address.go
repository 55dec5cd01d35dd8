package account

import (
	"net/mail"
	"strings"
	"unicode/utf8"

	"sana/backend/fault"
	"sana/backend/fold"

	"golang.org/x/net/idna"
)

// The longest address and local part (RFC 5321, 4.5.3.1; the path of 256 includes its angle
// brackets).
const (
	maxAddress = 254
	maxLocal   = 64
)

// ParseAddress returns the canonical form of an e-mail address: what is stored, compared and
// written to. It folds what keyboards and copied text bring along (package fold). It accepts local
// parts that are then dot-atoms in ASCII (RFC 5322, 3.2.3) and domains of at least two host name
// labels; the domain becomes punycode (IDNA 2008), both parts become lower case. ParseAddress of a
// canonical address is that address. Anything else is fault.InvalidEmail: quoted parts, comments,
// several addresses, control characters.
func ParseAddress(input string) (string, error) {
	invalid := fault.New(fault.InvalidEmail,
		"Mail cannot be sent to this address. An email address looks like ada@example.org.")
	if len(input) > 8*maxAddress || !utf8.ValidString(input) {
		return "", invalid
	}
	folded := strings.Trim(fold.Text(input), "\t\r\n")
	local, domain, found := strings.Cut(folded, "@")
	if !found || len(local) > maxLocal || !isDotAtom(local) {
		return "", invalid
	}
	ascii, err := idna.Lookup.ToASCII(domain)
	if err != nil || !isHostName(ascii) {
		return "", invalid
	}
	if again, err := idna.Lookup.ToASCII(ascii); err != nil || again != ascii {
		return "", invalid
	}
	address := strings.ToLower(local) + "@" + ascii
	parsed, err := mail.ParseAddress(address)
	if err != nil || parsed.Address != address || len(address) > maxAddress {
		return "", invalid
	}
	return address, nil
}

func isDotAtom(s string) bool {
	for atom := range strings.SplitSeq(s, ".") {
		if atom == "" || strings.ContainsFunc(atom, func(r rune) bool { return !isAtomText(r) }) {
			return false
		}
	}
	return true
}

// isAtomText is RFC 5322's atext.
func isAtomText(r rune) bool {
	return isLetterOrDigit(r) || strings.ContainsRune("!#$%&'*+-/=?^_`{|}~", r)
}

// isHostName accepts letters, digits and hyphens in two labels or more, the last one not a number
// (RFC 1123, 2.1).
func isHostName(s string) bool {
	labels := strings.Split(s, ".")
	for _, label := range labels {
		if label == "" || len(label) > 63 || strings.Trim(label, "-") != label ||
			strings.ContainsFunc(label,
				func(r rune) bool { return !isLetterOrDigit(r) && r != '-' }) {
			return false
		}
	}
	top := labels[len(labels)-1]
	return len(labels) > 1 && len(s) <= 253 &&
		strings.ContainsFunc(top, func(r rune) bool { return r > '9' })
}

func isLetterOrDigit(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
}
