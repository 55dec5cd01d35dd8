package mail

import (
	"crypto/tls"
	"errors"
	"net"
	"regexp"
	"strings"
	"syscall"
	"unicode"
)

// maxWords is how many bytes of a server's words are kept.
const maxWords = 200

const struckOut = "[…]"

var addressInText = regexp.MustCompile(`[^\s<>()"',;:]*@[^\s<>()"',;:]*`)

// Quote returns what a server said for the log: one printable line, in which addresses and the
// given secrets are struck out.
func Quote(text string, secrets ...string) string {
	line := strings.Join(strings.Fields(strings.Map(printableOrSpace, text)), " ")
	line = addressInText.ReplaceAllString(line, struckOut)
	for _, secret := range secrets {
		if secret != "" {
			line = regexp.MustCompile(`(?i)`+regexp.QuoteMeta(secret)).ReplaceAllString(line,
				struckOut)
		}
	}
	if len(line) > maxWords {
		line = strings.ToValidUTF8(line[:maxWords], "") + "…"
	}
	return line
}

func printableOrSpace(r rune) rune {
	if unicode.IsPrint(r) {
		return r
	}
	return ' '
}

// Secrets returns what a server may repeat of a message and the log must not show: the mailbox's
// name, and the words of the subject, one of which is the code.
func (m Message) Secrets() []string {
	mailbox, _, _ := strings.Cut(m.To, "@")
	secrets := []string{m.To, mailbox}
	for _, word := range strings.FieldsFunc(m.Subject, IsNotDigitOrLetter) {
		if len(word) >= minCode {
			secrets = append(secrets, word)
		}
	}
	return secrets
}

// minCode is the length of the shortest code.
const minCode = 6

// IsHostname reports whether s may be the name of a host.
func IsHostname(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return IsNotDigitOrLetter(r) && r != '-' && r != '.'
	})
}

// IsLoopback reports whether host is this machine.
func IsLoopback(host string) bool {
	return host == "localhost" || net.ParseIP(host).IsLoopback()
}

// NetworkReason says in a few words why a connection failed, without the address that it was to.
func NetworkReason(err error) string {
	timeout, isTimed := errors.AsType[net.Error](err)
	switch {
	case errors.As(err, new(*net.DNSError)):
		return "name not resolved"
	case isTimed && timeout.Timeout():
		return "timed out"
	case errors.As(err, new(*tls.CertificateVerificationError)):
		return "certificate not trusted"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused"
	default:
		return "connection failed"
	}
}
