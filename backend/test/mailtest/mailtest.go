// Package mailtest has helpers for the tests of all mail senders.
package mailtest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"sana/backend/mail"
)

// The personal and secret parts of Message.
const (
	Address = "canary-4711@people.example"
	Code    = "918273"
)

// Message returns a message with valid fields. Every personal or secret field contains a canary.
func Message() mail.Message {
	return mail.Message{
		To:      Address,
		From:    "Sana <no-reply@sana.example>",
		Subject: Code + " is your Sana code",
		Text:    Code + " is your Sana code.",
		HTML:    "<p>" + Code + "</p>",
		Headers: map[string]string{"Auto-Submitted": "auto-generated"},
		Kind:    "sign_in_code",
	}
}

// WithDeadline returns the context of a test that waits. Its deadline is far longer than the wait,
// so that only a failure reaches it.
func WithDeadline(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// BadMessages returns messages that a sender must refuse before it sends anything.
func BadMessages() map[string]mail.Message {
	bad := map[string]mail.Message{}
	for _, to := range []string{
		"", "ada", "a@x.example,b@y.example", "a@x.example, b@y.example",
		`"a,b@y.example"@x.example`,
		"Ada <a@x.example>", "<a@x.example>", " a@x.example", "team: a@x.example;",
		"a@x.example\r\nBcc: b@y.example",
		"a@x.example\n", "a@x.example\x00", "a\u202e@x.example", "a@x\u3002example",
		"a@[127.0.0.1]",
	} {
		m := Message()
		m.To = to
		bad[fmt.Sprintf("to %q", to)] = m
	}
	for name, spoil := range map[string]func(*mail.Message){
		"subject with CRLF": func(m *mail.Message) { m.Subject = "Hello\r\nBcc: b@y.example" },
		"subject with LF":   func(m *mail.Message) { m.Subject = "Hello\nBcc: b@y.example" },
		"no subject":        func(m *mail.Message) { m.Subject = "" },
		"from with a header": func(m *mail.Message) {
			m.From = "Sana <s@x.example>\r\nBcc: b@y.example"
		},
		"from two":     func(m *mail.Message) { m.From = "a@x.example, b@x.example" },
		"no from":      func(m *mail.Message) { m.From = "" },
		"no text":      func(m *mail.Message) { m.Text = "" },
		"no kind":      func(m *mail.Message) { m.Kind = "" },
		"kind with LF": func(m *mail.Message) { m.Kind = "a\nb" },
		"header value with CRLF": func(m *mail.Message) {
			m.Headers = map[string]string{"X-A": "b\r\nBcc: c@d.example"}
		},
		"header name with more": func(m *mail.Message) {
			m.Headers = map[string]string{"Bcc: c@d.example, X": "y"}
		},
		"header without a name": func(m *mail.Message) { m.Headers = map[string]string{"": "y"} },
		"reference with LF":     func(m *mail.Message) { m.Ref = "a\nb" },
		"header name with LF": func(m *mail.Message) {
			m.Headers = map[string]string{"X-A: b\nBcc": "c@d.example"}
		},
	} {
		m := Message()
		spoil(&m)
		bad[name] = m
	}
	return bad
}

// Retry is the retry advice of an error.
type Retry string

// The possible retry advice.
const (
	Never     Retry = "never"
	Later     Retry = "later"
	Throttled Retry = "throttled"
	Accepted  Retry = "accepted"
)

// RetryOf returns the retry advice of a sender's error.
func RetryOf(err error) Retry {
	var held *mail.Throttled
	switch {
	case err == nil:
		return Accepted
	case mail.IsPermanent(err):
		return Never
	case errors.As(err, &held):
		return Throttled
	default:
		return Later
	}
}

// NoSecretIn fails the test if the text of err, or of an error that it wraps, contains a secret of
// Message or one of more.
func NoSecretIn(t *testing.T, err error, more ...string) {
	t.Helper()
	for ; err != nil; err = errors.Unwrap(err) {
		for _, secret := range append(more, Address, Code, "127.0.0.1", "http:") {
			if secret != "" && strings.Contains(err.Error(), secret) {
				t.Errorf("got %q, want no %q in it", err, secret)
			}
		}
	}
}
