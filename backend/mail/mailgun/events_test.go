package mailgun_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"sana/backend/mail"
	"sana/backend/mail/mailgun"
	"sana/backend/test/mailgunfake"
)

const signingKey = "signing key"

func TestAnEventSaysWhatBecameOfItsMail(t *testing.T) {
	t.Parallel()
	at := time.UnixMicro(1_700_000_000_123_456)
	for _, row := range []struct {
		event mailgunfake.Event
		want  mail.Fate
	}{
		{mailgunfake.Event{Event: "delivered", Code: 250}, mail.Delivered},
		{mailgunfake.Event{Event: "failed", Severity: "temporary", Reason: "generic", Code: 451, Enhanced: "4.7.1"}, mail.Deferred},
		{mailgunfake.Event{Event: "failed", Severity: "permanent", Reason: "bounce", Code: 550, Enhanced: "5.1.1"}, mail.NoSuchMailbox},
		{mailgunfake.Event{Event: "failed", Severity: "permanent", Reason: "bounce", Code: 550},
			mail.NoSuchMailbox},
		{mailgunfake.Event{Event: "failed", Severity: "permanent", Reason: "bounce", Code: 550, Enhanced: "5.7.1"}, mail.Rejected},
		{mailgunfake.Event{Event: "failed", Severity: "permanent", Reason: "bounce", Code: 553, Enhanced: "5.1.8"}, mail.Rejected},
		{mailgunfake.Event{Event: "failed", Severity: "permanent", Reason: "bounce", Code: 552, Enhanced: "5.2.2"}, mail.Rejected},
		{mailgunfake.Event{Event: "failed", Severity: "permanent", Reason: "suppress-bounce", Code: 605},
			mail.Blocked},
		{mailgunfake.Event{Event: "failed", Severity: "permanent", Reason: "suppress-complaint", Code: 607}, mail.Blocked},
		{mailgunfake.Event{Event: "failed", Severity: "permanent", Reason: "suppress-unsubscribe", Code: 606}, mail.Blocked},
		{mailgunfake.Event{Event: "failed", Severity: "permanent", Reason: "old", Code: 602},
			mail.Rejected},
		{mailgunfake.Event{Event: "rejected"}, mail.Rejected},
		{mailgunfake.Event{Event: "accepted"}, mail.Unchanged},
		{mailgunfake.Event{Event: "opened"}, mail.Unchanged},
		{mailgunfake.Event{}, mail.Unchanged},
	} {
		row.event.At, row.event.Ref = at, "a mail"
		got, err := mailgun.NewEvents(signingKey).Read([]byte(row.event.Body(signingKey)))
		if err != nil || got.Fate != row.want || got.Ref != "a mail" || !got.At.Equal(at) {
			t.Errorf("%+v: got %+v, %v; want the fate %q", row.event, got, err, row.want)
		}
	}
}

// The signature of Mailgun's own documentation ("Securing Webhooks") is over time and token, in
// this order.
func TestOnlyTheProvidersSignatureIsTaken(t *testing.T) {
	t.Parallel()
	good := mailgunfake.Event{Event: "delivered", At: time.Now()}.Body(signingKey)
	events := mailgun.NewEvents(signingKey)
	if _, err := events.Read([]byte(good)); err != nil {
		t.Fatal(err)
	}
	for name, forged := range map[string]string{
		"another key": mailgunfake.Event{Event: "delivered",
			At: time.Now()}.Body("another"),
		"no key":                mailgunfake.Event{Event: "delivered", At: time.Now()}.Body(""),
		"no signature":          `{"event-data":{"event":"delivered"}}`,
		"an empty signature":    `{"signature":{"timestamp":"1700000000","token":"x","signature":""}}`,
		"another time":          strings.Replace(good, `"timestamp":"1`, `"timestamp":"2`, 1),
		"another token":         strings.Replace(good, `"token":"`, `"token":"0`, 1),
		"a list":                `{"signature":{"timestamp":["1"],"token":{},"signature":[""]}}`,
		"a null":                `{"signature":null}`,
		"an empty object":       `{}`,
		"null":                  `null`,
		"half of the signature": good[:len(good)-40] + `"}}`,
	} {
		if event, err := events.Read([]byte(forged)); err == nil {
			t.Errorf("%s: got %+v, want an error", name, event)
		}
	}
}

func TestAnEventThatCannotBeReadIsNone(t *testing.T) {
	t.Parallel()
	events := mailgun.NewEvents(signingKey)
	for name, event := range map[string]mailgunfake.Event{
		"no time":           {},
		"a time beyond all": {At: time.Date(2400, 1, 1, 0, 0, 0, 0, time.UTC)},
		"a signature from 2400": {At: time.Now(),
			SignedAt: time.Date(2400, 1, 1, 0, 0, 0, 0, time.UTC)},
		"a token with a NUL":      {At: time.Now(), Token: strings.Repeat("\x00", 50)},
		"a token of 49 bytes":     {At: time.Now(), Token: strings.Repeat("a", 49)},
		"a token of 51 bytes":     {At: time.Now(), Token: strings.Repeat("a", 51)},
		"a token beyond ASCII":    {At: time.Now(), Token: strings.Repeat("ö", 25)},
		"a signature before 1970": {At: time.Now(), SignedAt: time.Unix(-5, 0)},
	} {
		if got, err := events.Read([]byte(event.Body(signingKey))); !errors.Is(err,
			mailgun.ErrUnreadable) {
			t.Errorf("%s: got %+v, %v; want ErrUnreadable", name, got, err)
		}
	}
	for _, body := range []string{"", "{", "[]", `"x"`, "\xff"} {
		if got, err := events.Read([]byte(body)); err == nil {
			t.Errorf("%q: got %+v, want an error", body, got)
		}
	}
}

// The signature is over the time and the token with nothing between them: bytes that move from one
// to the other would make a new token, and another time, under the same signature.
func TestMailgunEvents_RefuseBytesMovedUnderTheSignature(t *testing.T) {
	t.Parallel()
	events := mailgun.NewEvents(signingKey)
	at, token := time.Unix(1_700_000_000, 0), strings.Repeat("1f", 25)
	good := mailgunfake.Event{At: at, SignedAt: at, Token: token}.Body(signingKey)
	if _, err := events.Read([]byte(good)); err != nil {
		t.Fatal(err)
	}
	signed := "1700000000" + token
	for _, cut := range []int{1, 9, 11, 12, 59} {
		moved := strings.NewReplacer(`"1700000000"`, `"`+signed[:cut]+`"`, `"`+token+`"`,
			`"`+signed[cut:]+`"`).
			Replace(good)
		if got, err := events.Read([]byte(moved)); !errors.Is(err, mailgun.ErrUnreadable) {
			t.Errorf("cut after %d bytes: got %+v, %v; want ErrUnreadable", cut, got, err)
		}
	}
}

// Mailgun writes numbers as text and text as numbers, and a list where there are no variables.
func TestAnEventIsReadHoweverItsScalarsAreWritten(t *testing.T) {
	t.Parallel()
	signed := mailgunfake.Event{At: time.Now()}.Body(signingKey)
	signature := signed[strings.Index(signed, `"signature":{`):]
	for _, data := range []string{
		`{"event":"delivered","timestamp":"1700000000.5","user-variables":{"ref":7}}`,
		`{"event":"delivered","timestamp":1700000000.5,"user-variables":{"ref":"7","other":{"a":[1]}},"delivery-status":"none"}`,
	} {
		got, err := mailgun.NewEvents(signingKey).Read(
			fmt.Appendf(nil, `{"event-data":%s,%s`, data, signature))
		if err != nil || got.Fate != mail.Delivered || got.Ref != "7" ||
			got.At.UnixMilli() != 1_700_000_000_500 {
			t.Errorf("%s: got %+v, %v", data, got, err)
		}
	}
	got, err := mailgun.NewEvents(signingKey).Read(
		fmt.Appendf(nil, `{"event-data":{"event":"delivered","timestamp":1,"user-variables":[]},%s`,
			signature))
	if err != nil || got.Ref != "" {
		t.Errorf("got %+v, %v", got, err)
	}
}

// The log gets the server's answer, without the address and the code that it may quote.
func TestMailgunEvents_KeepServersWordsWithoutAddressAndCode(t *testing.T) {
	t.Parallel()
	const words = `no mailbox <ada@example.org> (user Ada), subject "123456 is your code"`
	for _, c := range []struct {
		subject, want string
	}{
		{"123456 is your code",
			`550 5.1.1 no mailbox <[…]> (user […]), subject "[…] is your code"`},
		{"", "550 5.1.1"}, // the text may quote a code that cannot be recognised
	} {
		bounce := mailgunfake.Event{
			Event: "failed", Severity: "permanent", Reason: "bounce", Code: 550, Enhanced: "5.1.1",
			Words: words, Subject: c.subject, To: "ada@example.org", At: time.Now(),
		}
		got, err := mailgun.NewEvents(signingKey).Read([]byte(bounce.Body(signingKey)))
		if err != nil || got.Words != c.want {
			t.Errorf("subject %q: got %q, %v; want %q", c.subject, got.Words, err, c.want)
		}
	}
}
