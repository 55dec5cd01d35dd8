package mail_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"sana/backend/mail"
)

const (
	canaryAddress = "canary-4711@people.example"
	canaryCode    = "918273"
)

// aMessage is good in every field, and every field that is personal or secret holds a canary.
func aMessage() mail.Message {
	return mail.Message{
		To:      canaryAddress,
		From:    "Sana <no-reply@sana.example>",
		Subject: canaryCode + " is your Sana code",
		Text:    canaryCode + " is your Sana code.",
		HTML:    "<p>" + canaryCode + "</p>",
		Headers: map[string]string{"Auto-Submitted": "auto-generated"},
		Kind:    "sign_in_code",
	}
}

// withDeadline is the context of a test that waits: far longer than the wait, so that only a failure meets it.
func withDeadline(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func TestAMessageDoesNotPrintWhatItSays(t *testing.T) {
	t.Parallel()
	var printed bytes.Buffer
	m := aMessage()
	fmt.Fprintf(&printed, "%v %+v %s", m, m, m)
	slog.New(slog.NewJSONHandler(&printed, nil)).Info("sent", "message", m)
	slog.New(slog.NewTextHandler(&printed, nil)).Info("sent", "message", m)
	for _, secret := range []string{canaryAddress, canaryCode} {
		if strings.Contains(printed.String(), secret) {
			t.Errorf("got %q in %s, want it nowhere", secret, &printed)
		}
	}
	if !strings.Contains(printed.String(), "sign_in_code") {
		t.Errorf("got %s, want the kind in it", &printed)
	}
}

func TestPermanenceSurvivesWrapping(t *testing.T) {
	t.Parallel()
	cause := errors.New("no such domain")
	wrapped := fmt.Errorf("outbox: %w", mail.Permanent(cause))
	if !mail.IsPermanent(wrapped) || !errors.Is(wrapped, cause) {
		t.Errorf("got permanent %t and cause %t, want both", mail.IsPermanent(wrapped), errors.Is(wrapped, cause))
	}
	if mail.IsPermanent(cause) || mail.IsPermanent(nil) || mail.Permanent(nil) != nil {
		t.Error("got permanence out of nowhere")
	}
}

// badMessages are refused before anything leaves the process.
func badMessages() map[string]mail.Message {
	bad := map[string]mail.Message{}
	for _, to := range []string{
		"", "ada", "a@x.example,b@y.example", "a@x.example, b@y.example", `"a,b@y.example"@x.example`,
		"Ada <a@x.example>", "<a@x.example>", " a@x.example", "team: a@x.example;", "a@x.example\r\nBcc: b@y.example",
		"a@x.example\n", "a@x.example\x00", "a\u202e@x.example", "a@x\u3002example", "a@[127.0.0.1]",
	} {
		m := aMessage()
		m.To = to
		bad[fmt.Sprintf("to %q", to)] = m
	}
	for name, spoil := range map[string]func(*mail.Message){
		"subject with CRLF":      func(m *mail.Message) { m.Subject = "Hello\r\nBcc: b@y.example" },
		"subject with LF":        func(m *mail.Message) { m.Subject = "Hello\nBcc: b@y.example" },
		"no subject":             func(m *mail.Message) { m.Subject = "" },
		"from with a header":     func(m *mail.Message) { m.From = "Sana <s@x.example>\r\nBcc: b@y.example" },
		"from two":               func(m *mail.Message) { m.From = "a@x.example, b@x.example" },
		"no from":                func(m *mail.Message) { m.From = "" },
		"no text":                func(m *mail.Message) { m.Text = "" },
		"no kind":                func(m *mail.Message) { m.Kind = "" },
		"kind with LF":           func(m *mail.Message) { m.Kind = "a\nb" },
		"header value with CRLF": func(m *mail.Message) { m.Headers = map[string]string{"X-A": "b\r\nBcc: c@d.example"} },
		"header name with more":  func(m *mail.Message) { m.Headers = map[string]string{"Bcc: c@d.example, X": "y"} },
		"header without a name":  func(m *mail.Message) { m.Headers = map[string]string{"": "y"} },
		"reference with LF":      func(m *mail.Message) { m.Ref = "a\nb" },
		"header name with LF":    func(m *mail.Message) { m.Headers = map[string]string{"X-A: b\nBcc": "c@d.example"} },
	} {
		m := aMessage()
		spoil(&m)
		bad[name] = m
	}
	return bad
}
