package web_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"sana/backend/test/harness"
	"sana/backend/test/mailgunfake"
)

// told posts an event as Mailgun does, without browser headers.
func told(b *harness.Browser, body string) *harness.Answer {
	return b.Post("/api/webhooks/mailgun", body, harness.With("Sec-Fetch-Site", ""),
		harness.With("Origin", ""), harness.With("Cookie", ""))
}

// waiting returns a browser that waits for a code whose mail Mailgun has accepted.
func waiting(
	t testing.TB, w *harness.World, app *harness.Instance,
) (b *harness.Browser, ref string) {
	t.Helper()
	b = app.Open(t)
	b.RequestCode(ada).Want(http.StatusAccepted)
	ref = w.Mails(t, "sign_in_code", ada, 1)[0].Ref
	awaitDelivery(t, b, "sent", "")
	return b, ref
}

// awaitDelivery waits until the code page would show a delivery status.
func awaitDelivery(t testing.TB, b *harness.Browser, state, reason string) {
	t.Helper()
	harness.Eventually(t, "the page is not told", func() error {
		p := b.Get("/api/auth/code").Want(http.StatusOK).Pending()
		if p.Delivery != state || p.Reason != reason {
			return fmt.Errorf("delivery is %q for %q, want %q for %q", p.Delivery, p.Reason, state,
				reason)
		}
		return nil
	})
}

func wantDelivery(t testing.TB, b *harness.Browser, state, reason string) {
	t.Helper()
	p := b.Get("/api/auth/code").Want(http.StatusOK).Pending()
	harness.WantEqual(t, "delivery and its reason", [2]string{p.Delivery, p.Reason},
		[2]string{state, reason})
}

// forget resets the delivery status to that of a mail without events.
func forget(t testing.TB, w *harness.World) {
	t.Helper()
	w.Exec(t, `UPDATE mails SET state = 'sent', reason = NULL, event_at = NULL`)
}

var (
	delivered = mailgunfake.Event{Event: "delivered", Code: 250}
	deferred  = mailgunfake.Event{Event: "failed", Severity: "temporary", Reason: "generic",
		Code: 451}
	bounced = mailgunfake.Event{Event: "failed", Severity: "permanent", Reason: "bounce", Code: 550,
		Enhanced: "5.1.1"}
)

// about returns an event about a mail, the given time after now.
func about(e mailgunfake.Event, ref string, after time.Duration) mailgunfake.Event {
	e.Ref, e.To, e.At, e.Subject = ref, ada, time.Now().Add(after), "Your code"
	return e
}

func TestMailEvent_IsShownOnThePage(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	app := w.Start(t)
	b, ref := waiting(t, w, app)
	for _, c := range []struct {
		event         mailgunfake.Event
		state, reason string
	}{
		{delivered, "delivered", ""},
		{deferred, "delayed", ""},
		{bounced, "failed", "no_such_mailbox"},
		{mailgunfake.Event{Event: "failed", Severity: "permanent", Reason: "suppress-bounce", Code: 605},
			"failed", "blocked"},
		{mailgunfake.Event{Event: "failed", Severity: "permanent", Reason: "suppress-complaint", Code: 607}, "failed", "blocked"},
		{mailgunfake.Event{Event: "failed", Severity: "permanent", Reason: "bounce", Code: 550, Enhanced: "5.7.1"}, "failed", "refused"},
		{mailgunfake.Event{Event: "opened"}, "sent", ""},
	} {
		a := told(b, about(c.event, ref, 0).Body(harness.WebhookKey)).Want(http.StatusOK)
		harness.WantEqual(t, "cookies set", len(a.Set), 0)
		wantDelivery(t, b, c.state, c.reason)
		forget(t, w)
	}
	logged := app.Log.String()
	if strings.Contains(logged, ada) {
		t.Error("the log holds the address")
	}
	if !strings.Contains(logged, `"words":"550 5.1.1 what the server of […] said"`) {
		t.Error("the log does not hold the server's words")
	}
}

func TestMailEvent_OfEarlierMailChangesNothing(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	b, first := waiting(t, w, w.Start(t))
	told(b, about(bounced, first, 0).Body(harness.WebhookKey)).Want(http.StatusOK)
	wantDelivery(t, b, "failed", "no_such_mailbox")

	w.Pass(t, time.Minute)
	p := b.Resend().Want(http.StatusAccepted).CodeRequest().Code
	harness.WantEqual(t, "delivery and its reason after the resend",
		[2]string{p.Delivery, p.Reason}, [2]string{"queued", ""})
	second := w.Mails(t, "sign_in_code", ada, 2)[1].Ref
	awaitDelivery(t, b, "sent", "")
	for _, late := range []mailgunfake.Event{about(bounced, first, time.Hour),
		about(delivered, first, time.Hour)} {
		told(b, late.Body(harness.WebhookKey)).Want(http.StatusOK)
		wantDelivery(t, b, "sent", "")
	}
	told(b, about(delivered, second, 0).Body(harness.WebhookKey)).Want(http.StatusOK)
	wantDelivery(t, b, "delivered", "")
}

// A request that gets no mail says so itself; the delivery status stays that of the newest queued
// mail.
func TestMailEvent_IsShownBesideARequestWithoutMail(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	b, ref := waiting(t, w, w.Start(t))
	w.Pass(t, 30*time.Second) // an earlier request counts as a repeat
	for _, c := range []struct {
		event         mailgunfake.Event
		state, reason string
	}{{deferred, "delayed", ""}, {delivered, "delivered", ""},
		{bounced, "failed", "no_such_mailbox"}} {
		told(b, about(c.event, ref, 0).Body(harness.WebhookKey)).Want(http.StatusOK)
		for _, a := range []*harness.Answer{b.Resend(), b.RequestCode(ada)} {
			r := a.Want(http.StatusAccepted).CodeRequest()
			harness.WantEqual(t, "mail", r.Mail, "none")
			harness.WantEqual(t, "delivery and its reason",
				[2]string{r.Code.Delivery, r.Code.Reason}, [2]string{c.state, c.reason})
		}
		forget(t, w)
	}
}

func TestMailEvent_ForgedIsRefused(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	b, ref := waiting(t, w, w.Start(t))
	good := about(bounced, ref, 0).Body(harness.WebhookKey)
	for name, body := range map[string]string{
		"another key":   about(bounced, ref, 0).Body("another"),
		"an empty key":  about(bounced, ref, 0).Body(""),
		"another token": strings.Replace(good, `"token":"`, `"token":"0`, 1),
		"no signature": `{"signature":{},"event-data":` +
			strings.TrimPrefix(good[:strings.Index(good, `,"signature":{"`)], `{"event-data":`) +
			`}`,
	} {
		if a := told(b, body).Want(http.StatusForbidden,
			"invalid_signature"); a.Header.Get("Set-Cookie") != "" {
			t.Errorf("%s: a cookie is set", name)
		}
		wantDelivery(t, b, "sent", "")
	}
	harness.WantEqual(t, "tokens kept", w.Count(t, `SELECT count(*) FROM event_tokens`), 0)
	told(b, good).Want(http.StatusOK)
}

// The server uses the database's clock, from which this test's may differ by seconds only.
func TestMailEvent_OldOrFutureIsRefused(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	b, ref := waiting(t, w, w.Start(t))
	for age, status := range map[time.Duration]int{
		// Mailgun retries for 8 h 5 min, with the first signature.
		9*time.Hour + time.Minute: 406, 24 * time.Hour: 406, 8*time.Hour + 10*time.Minute: 200,
		0:                200,
		-4 * time.Minute: 200, -6 * time.Minute: 406, -24 * time.Hour: 406,
	} {
		event := about(delivered, ref, 0)
		event.SignedAt = time.Now().Add(-age)
		a := told(b, event.Body(harness.WebhookKey))
		if a.Status != status {
			t.Errorf("signed %s ago: got %d, want %d: %s", age, a.Status, status, a.Body)
		}
	}
	harness.WantEqual(t, "tokens kept", w.Count(t, `SELECT count(*) FROM event_tokens`), 3)
}

func TestMailEvent_ReplayIsRefused(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	b, ref := waiting(t, w, w.Start(t))
	event := about(delivered, ref, 0)
	event.Token = strings.Repeat("0a", 25)
	told(b, event.Body(harness.WebhookKey)).Want(http.StatusOK)
	told(b, event.Body(harness.WebhookKey)).Want(http.StatusNotAcceptable, "event_refused")
	// The signature does not cover the event: an attacker who has seen one could attach another
	// event.
	other := about(bounced, ref, time.Minute)
	other.Token = event.Token
	told(b, other.Body(harness.WebhookKey)).Want(http.StatusNotAcceptable, "event_refused")
	wantDelivery(t, b, "delivered", "")
}

func TestMailEvent_WithoutDatabaseIsRetried(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	b, ref := waiting(t, w, w.Start(t))
	body := about(delivered, ref, 0).Body(harness.WebhookKey)
	w.StopDatabase(t)
	told(b, body).Want(http.StatusServiceUnavailable, "unavailable")
	w.BringBack(t)
	harness.Eventually(t, "the event is not taken",
		func() error { return harness.StatusError(told(b, body), http.StatusOK) })
	wantDelivery(t, b, "delivered", "")
}

func TestWebhook_NeedsAKey(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	b := w.Start(t, "MAILGUN_WEBHOOK_KEY=").Open(t)
	for _, key := range []string{"", harness.WebhookKey} {
		told(b, about(delivered, "x", 0).Body(key)).Want(http.StatusNotFound, "not_found")
	}
}

// No other path accepts a write from outside of our pages, and this one accepts only the size and
// type that it needs.
func TestWebhook_LimitsPathTypeAndSize(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	b := w.Start(t).Open(t)
	body := about(delivered, "x", 0).Body(harness.WebhookKey)
	for _, path := range []string{"/api/webhooks/mailgun/", "/api/webhooks",
		"/api/webhooks/Mailgun",
		"/api/webhooks/mailgun/../../auth/sign-out", "/api/auth/sign-out"} {
		b.Post(path, body, harness.With("Sec-Fetch-Site", "cross-site")).Want(http.StatusForbidden,
			"cross_origin_request")
	}
	b.Post("/api/webhooks/mailgun", body,
		harness.With("Content-Type", "text/plain")).Want(http.StatusUnsupportedMediaType)
	b.Post("/api/webhooks/mailgun", body,
		harness.With("Content-Encoding", "gzip")).Want(http.StatusUnsupportedMediaType)
	b.Post("/api/webhooks/mailgun",
		strings.Repeat(" ", 33_000)+body).Want(http.StatusRequestEntityTooLarge)
	b.Post("/api/webhooks/mailgun", `{`).Want(http.StatusBadRequest, "invalid_request")
	// Mailgun's events have one to three kB; a server's answer may be long.
	long := strings.Replace(body, "what the server of",
		strings.Repeat("what the server said ", 1400), 1)
	told(b, long).Want(http.StatusOK)
	b.Post("/api/auth/verify", long).Want(http.StatusRequestEntityTooLarge)
}

// An event without a valid signature changes nothing, and no event causes a 5xx.
func FuzzMailEvent_NeedsAValidSignature(f *testing.F) {
	w := harness.NewWorld(f)
	app := w.Start(f, "LOG_LEVEL=error")
	_, ref := waiting(f, w, app)
	for _, event := range []mailgunfake.Event{about(delivered, ref, 0), about(deferred, ref, 0),
		about(bounced, ref, 0)} {
		var body struct {
			Data json.RawMessage `json:"event-data"`
		}
		if err := json.Unmarshal([]byte(event.Body("")), &body); err != nil {
			f.Fatal(err)
		}
		f.Add(string(body.Data), true)
		f.Add(string(body.Data), false)
	}
	f.Add(`{"timestamp":1e308,"user-variables":{"ref":"`+ref+`"}}`, true)
	f.Add(`{"timestamp":1,"event":"delivered","user-variables":{"ref":"\u0000"}}`, true)
	f.Add(`null},"signature":{"timestamp":"1","token":"","signature":""`, false)
	f.Fuzz(func(t *testing.T, data string, signed bool) {
		key := harness.WebhookKey
		if !signed {
			key = "another"
		}
		frame := mailgunfake.Event{At: time.Now()}.Body(key)
		body := `{` + frame[strings.Index(frame, `"signature":{`):len(frame)-1] + `,"event-data":` +
			data + `}`
		before := state(t, w)
		a := told(app.Open(t), body)
		if a.Status >= 500 {
			t.Fatalf("got %d for %q", a.Status, body)
		}
		if !signed && (a.Status < 400 || state(t, w) != before) {
			t.Fatalf("got %d for %q, and the state went from %s to %s", a.Status, body, before,
				state(t, w))
		}
	})
}

// state returns all data that an event can change.
func state(t testing.TB, w *harness.World) (all string) {
	t.Helper()
	err := w.DB.QueryRow(t.Context(), `
		SELECT (SELECT jsonb_agg(to_jsonb(c)) FROM challenges AS c)::text
		    || (SELECT jsonb_agg(to_jsonb(m)) FROM mails AS m)::text
		       || (SELECT count(*) FROM event_tokens)`).Scan(&all)
	if err != nil {
		t.Fatal(err)
	}
	return all
}
