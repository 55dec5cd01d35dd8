// Package mail has the message, what its senders have in common, and the states of a mail. Package
// mail/templates writes messages; mail/mailgun and mail/smtp send them.
//
// The caller decides whether and when a failed message is sent again: the error tells whether that
// can help (see Sender).
package mail

import (
	"errors"
	"log/slog"
	netmail "net/mail"
	"strings"
	"unicode"
)

// Message is one mail to one recipient.
type Message struct {
	To string // one bare address, "ada@example.com": no display name, no list
	// one mailbox, with a display name or without: "Sana <no-reply@sana.example>"
	From    string
	Subject string            // one line
	Text    string            // the whole message for readers of plain text; never empty
	HTML    string            // the same for the others; empty sends the text alone
	Headers map[string]string // further mail headers, name to value
	// what the provider's events call it; "" for nothing. It travels with the mail: nothing
	// personal
	Ref string
	// what sort of message it is, "sign_in_code": a tag for counting, without personal data
	Kind string
}

// String names the message by its kind alone, so that printing one gives away neither person nor
// code.
func (m Message) String() string { return "mail " + m.Kind }

// LogValue is String for slog, whose JSON handler would otherwise write every field.
func (m Message) LogValue() slog.Value { return slog.StringValue(m.String()) }

// Check refuses, permanently, a message that could reach anyone but its one recipient or write a
// header of its own. ASVS 1.3.11.
func (m Message) Check() error {
	switch {
	case !IsPlainAddress(m.To):
		return Permanent(errors.New("mail: the recipient is not one plain address"))
	case !isMailbox(m.From):
		return Permanent(errors.New("mail: the sender is not one mailbox"))
	case !isLine(m.Subject):
		return Permanent(errors.New("mail: the subject is not one line"))
	case !isLine(m.Kind):
		return Permanent(errors.New("mail: the kind is not one line"))
	case m.Ref != "" && !isLine(m.Ref):
		return Permanent(errors.New("mail: the reference is not one line"))
	case m.Text == "":
		return Permanent(errors.New("mail: the message has no text"))
	}
	for name, value := range m.Headers {
		if name == "" || strings.ContainsFunc(name, isNotInHeaderName) || !isLine(value) {
			return Permanent(errors.New("mail: a header is not one line"))
		}
	}
	return nil
}

func isNotInHeaderName(r rune) bool { return IsNotDigitOrLetter(r) && r != '-' }

// IsPlainAddress reports whether s is exactly one addr-spec in plain ASCII. Parsing alone is not
// enough: it takes `"a,b@y.com"@x.com` and `Name <a@x.com>`, and a provider that splits on commas
// would see two people in the first.
func IsPlainAddress(s string) bool {
	parsed, err := netmail.ParseAddress(s)
	return err == nil && parsed.Address == s && !strings.ContainsFunc(s, isUnsafeInAddress)
}

func isUnsafeInAddress(r rune) bool {
	return r <= ' ' || r >= 0x7f || strings.ContainsRune(`,;:<>()[]"\`, r)
}

func isMailbox(s string) bool {
	_, err := netmail.ParseAddress(s)
	return err == nil && isLine(s)
}

func isLine(s string) bool {
	return s != "" && !strings.ContainsFunc(s, unicode.IsControl)
}

// IsNotDigitOrLetter reports whether r is none of 0 to 9, A to Z and a to z.
func IsNotDigitOrLetter(r rune) bool {
	return (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
}
