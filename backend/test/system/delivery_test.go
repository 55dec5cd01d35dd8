package system_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"sana/backend/test/harness"
	"sana/backend/test/mailgunfake"
)

// awaitDelivery waits until the code page shows this delivery status.
func awaitDelivery(t *testing.T, b *harness.Browser, state, reason string) {
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

// F-14: a code request is answered whatever the provider does, the page reports that the mail is
// late and why, and the mail arrives when the provider works again. If the provider accepted the
// first attempt, two mails arrive with one code.
func TestMail_SurvivesProviderFaults(t *testing.T) {
	t.Parallel()
	stalled := make(chan struct{})
	t.Cleanup(func() { close(stalled) })
	for name, answer := range map[string]mailgunfake.Answer{
		"503 with text":      {Status: 503, Body: "<html>maintenance</html>"},
		"429":                {Status: 429},
		"a reset mid-body":   {Reset: true},
		"200 without an end": {Body: "endless ", Endless: true},
		"a stall":            {Stall: stalled},
		"401":                {Status: 401},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := harness.NewWorld(t)
			app := w.Start(t)
			w.Mailgun.Script(answer)
			b := app.Open(t)
			b.RequestCode(ada).Want(http.StatusAccepted)
			awaitDelivery(t, b, "delayed", "provider_away")
			awaitDelivery(t, b, "sent", "")
			tries := w.Mailgun.Messages()
			harness.WantEqual(t, "tries", len(tries), 2)
			code := tries[1].Subject[:6]
			for _, m := range tries {
				harness.WantEqual(t, "the code of each try", m.Subject[:6], code)
			}
			b.Verify(code).Want(http.StatusOK)
			w.AwaitMails(t)
			harness.WantEqual(t, "mails that are done", w.Count(t, `
				SELECT count(*)
				FROM mails
				WHERE state = 'sent'
				  AND done_at IS NOT NULL`), 1)
		})
	}
}

// F-14: a Retry-After delays all mails, and none is lost.
func TestMail_RetryAfterDelaysAllAndLosesNone(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	app := w.Start(t)
	w.Mailgun.Script(mailgunfake.Answer{Status: 429, Header: http.Header{"Retry-After": {"300"}}})
	first := app.Open(t)
	first.RequestCode(ada).Want(http.StatusAccepted)
	awaitDelivery(t, first, "delayed", "provider_away")
	second := app.Open(t)
	second.RequestCode(grace).Want(http.StatusAccepted)
	awaitDelivery(t, second, "delayed", "provider_away")
	harness.Eventually(t, "not both mails wait for five minutes", func() error {
		return harness.CountError(w.Count(t, `
			SELECT count(*)
			FROM mails
			WHERE state = 'delayed'
			  AND done_at IS NULL
			  AND next_at > now() + interval '4 minutes'`), 2)
	})

	harness.WantEqual(t, "tries", len(w.Mailgun.Messages()), 1)

	// The delay applies to one instance: another one, whose provider accepts mail, sends both when
	// they are due.
	w.Start(t)
	harness.Eventually(t, "the mails are not sent", func() error {
		// A leased mail is due no later than the end of its lease: it is being sent.
		w.Exec(t, `
			UPDATE mails
			SET next_at = now()
			WHERE done_at IS NULL
			  AND next_at > now() + interval '1 minute'`)
		return harness.CountError(len(accepted(w)), 2)
	})
	w.AwaitMails(t)
	harness.WantEqual(t, "mails accepted", len(accepted(w)), 2)
}

// F-15: a mail that Mailgun accepts and loses stays sent; Mailgun's event is shown; and a resend
// sends the same code.
func TestMail_LostByProviderIsResentWithItsCode(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	app := w.Start(t)
	b := app.Open(t)
	b.RequestCode(ada).Want(http.StatusAccepted)
	code := w.Code(t, ada, 1)
	awaitDelivery(t, b, "sent", "")
	lost := mailgunfake.Event{
		Event: "failed", Severity: "permanent", Reason: "generic", Ref: w.Mailgun.Messages()[0].Ref,
		To: ada, At: time.Now(),
	}
	b.Post("/api/webhooks/mailgun", lost.Body(harness.WebhookKey)).Want(http.StatusOK)
	awaitDelivery(t, b, "failed", "refused")
	w.Pass(t, time.Minute)
	b.Resend().Want(http.StatusAccepted)
	harness.WantEqual(t, "code of the second mail", w.Code(t, ada, 2), code)
	awaitDelivery(t, b, "sent", "")
	b.Verify(code).Want(http.StatusOK)
}

// F-16, A-44: a mail that is refused, and one whose request is never answered, do not delay other
// mails.
func TestMail_PoisonedOneDoesNotDelayOthers(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	app := w.Run(t)
	stalled := make(chan struct{})
	t.Cleanup(func() { close(stalled) })
	w.Mailgun.Script(mailgunfake.Answer{Status: 400}, mailgunfake.Answer{Stall: stalled})
	poisoned, hanging := app.Open(t), app.Open(t)
	poisoned.RequestCode("poison@sana.example").Want(http.StatusAccepted)
	awaitDelivery(t, poisoned, "failed", "refused")
	hanging.RequestCode("hanging@sana.example").Want(http.StatusAccepted)
	if _, err := w.Mailgun.Wait(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	b := app.Open(t)
	b.RequestCode(ada).Want(http.StatusAccepted)
	b.Verify(w.Code(t, ada, 1)).Want(http.StatusOK)
	wantTries := 0
	for _, m := range w.Mailgun.Messages() {
		if m.To[0] == "poison@sana.example" {
			wantTries++
		}
	}
	harness.WantEqual(t, "tries of the refused mail", wantTries, 1)
}

// The delivery status depends on the mail only, not on whether the address has an account.
func TestMail_DeliveryStatusRevealsNoAccount(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	app := w.Start(t)
	app.Open(t).SignIn(w, "known@sana.example")
	w.Pass(t, time.Minute)
	var faces []string
	for _, email := range []string{"known@sana.example", "unknown@sana.example"} {
		w.Mailgun.Script(mailgunfake.Answer{Status: 500})
		b := app.Open(t)
		b.RequestCode(email).Want(http.StatusAccepted)
		awaitDelivery(t, b, "delayed", "provider_away")
		told := face(b.Get("/api/auth/code"))
		awaitDelivery(t, b, "sent", "")
		mails := w.Mails(t, "sign_in_code", email, 1)
		bounce := mailgunfake.Event{Event: "failed", Severity: "permanent",
			Reason: "suppress-bounce",
			Ref:    mails[len(mails)-1].Ref, At: time.Now()}
		b.Post("/api/webhooks/mailgun", bounce.Body(harness.WebhookKey)).Want(http.StatusOK)
		awaitDelivery(t, b, "failed", "blocked")
		faces = append(faces, told+face(b.Get("/api/auth/code")))
	}
	harness.WantEqual(t, "answers for an unknown address", faces[1], faces[0])
}

// accepted lists the mails that Mailgun has accepted.
func accepted(w *harness.World) []mailgunfake.Message {
	var list []mailgunfake.Message
	for _, m := range w.Mailgun.Messages() {
		if m.Status == http.StatusOK {
			list = append(list, m)
		}
	}
	return list
}

const firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"

// A mail names the browser that sent the request, in the request's language. A user agent of any
// form is accepted; package mail tests that no mail repeats it.
func TestMail_HasTheBrowserAndLanguageOfItsRequest(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	app := w.Start(t)
	for agent, want := range map[string]string{
		firefox:   "Firefox on Linux",
		"harness": "",
		// an unknown name
		"Mozilla/5.0 (X11; Linux x86_64) Caf\xe9/1.0 Chrome/140.0 Safari/537.36": "",
	} {
		app.Open(t).RequestCode(ada, harness.With("User-Agent", agent),
			harness.With("Accept-Language", "de-CH,de;q=0.9,en;q=0.5")).Want(http.StatusAccepted)
		var platform, language string
		if err := w.DB.QueryRow(t.Context(),
			`SELECT platform, language FROM challenges ORDER BY created_at DESC LIMIT 1`).Scan(
			&platform,
			&language); err != nil {
			t.Fatal(err)
		}
		harness.WantEqual(t, "platform of "+agent, platform, want)
		harness.WantEqual(t, "language", language, "de")
		w.Pass(t, time.Hour)
	}
}

// A user who signs in with a new browser gets a mail about it. A new user, a known browser and a
// wrong code cause none.
func TestNotice_IsSentForNewBrowsers(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	app := w.Start(t)
	old := app.Open(t)
	old.SignIn(w, ada)
	w.Pass(t, time.Hour)
	old.SignIn(w, ada)
	w.Pass(t, time.Hour)
	w.AwaitMails(t)
	harness.WantEqual(t, "notices for a new user and a known browser", notices(t, w), 0)

	fresh := app.Open(t).At("192.0.2.7")
	code := fresh.GetCode(w, ada)
	fresh.Verify(harness.WrongCode(code)).Want(http.StatusUnauthorized)
	harness.WantEqual(t, "notices for a wrong code", notices(t, w), 0)
	fresh.Verify(code).Want(http.StatusOK)
	m := w.Mails(t, "new_device", ada, 1)[0]
	harness.WantEqual(t, "reference at the provider: mails that it names", w.Count(t, `
		SELECT count(*)
		FROM mails
		WHERE template = 'new_device'
		  AND ref || '/' || number = $1`, m.Ref), 1)
	if !strings.Contains(m.Text, "IP address: 192.0.2.7\n") ||
		!strings.Contains(m.Text, harness.PublicURL+"/not-you#t=") {
		t.Errorf("got no address that the sign-in came from, or no link that ends it:\n%s", m.Text)
	}
	w.AwaitMails(t)
	harness.WantEqual(t, "addresses in the queue once the mails are sent",
		w.Count(t, `SELECT count(*) FROM mails WHERE mails::text LIKE '%@%'`), 0)
}

// notices counts the queued mails about new browsers.
func notices(t *testing.T, w *harness.World) int {
	t.Helper()
	return w.Count(t, `SELECT count(*) FROM mails WHERE template = 'new_device'`)
}

// The notice is part of the sign-in: if it cannot be created, the sign-in fails and the code stays
// valid.
func TestNotice_IsAtomicWithItsSignIn(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	app := w.Start(t)
	app.Open(t).SignIn(w, ada)
	w.Pass(t, time.Hour)
	b := app.Open(t)
	code := b.GetCode(w, ada)
	w.Exec(t, `ALTER TABLE mails ADD CONSTRAINT no_notices CHECK (template <> 'new_device')`)
	b.Verify(code).Want(http.StatusInternalServerError)
	harness.WantEqual(t, "codes spent",
		w.Count(t, `SELECT count(*) FROM challenges WHERE consumed_at IS NOT NULL`), 1)
	harness.WantEqual(t, "sessions", w.Count(t, `SELECT count(*) FROM sessions`), 1)
	b.Get("/api/auth/session").Want(http.StatusUnauthorized, "not_signed_in")
	w.Exec(t, `ALTER TABLE mails DROP CONSTRAINT no_notices`)
	b.Verify(code).Want(http.StatusOK)
	w.Mails(t, "new_device", ada, 1)
}

// Times in mails are in the time zone that the page sent with the request: in mails with codes, in
// notices, and in mails to blocked users. Any other value of the header counts as UTC.
func TestMails_HaveTheTimeOfTheBrowsersZone(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	app := w.Start(t)
	w.Exec(t, `INSERT INTO users (email, blocked_at) VALUES ('blocked@sana.example', now())`)
	for i, c := range []struct{ header, zone string }{
		{"330", "(UTC+5:30)"}, {"-720", "(UTC−12)"},
		{"841", "(UTC)"}, {"Europe/Berlin", "(UTC)"}, {"", "(UTC)"},
	} {
		check := func(kind, address string) {
			t.Helper()
			if text := w.Mails(t, kind, address, 1)[0].Text; !strings.Contains(text, c.zone) {
				t.Errorf("UTC-Offset %q: got no %s in:\n%s", c.header, c.zone, text)
			}
		}
		address := fmt.Sprintf("ada%d@sana.example", i)
		w.Exec(t, `INSERT INTO users (email) VALUES ('`+address+`')`)
		zone, b := harness.With("UTC-Offset", c.header), app.Open(t)
		b.RequestCode(address, zone).Want(http.StatusAccepted)
		check("sign_in_code", address)
		b.Post("/api/auth/verify", `{"code":"`+w.Code(t, address, 1)+`"}`, zone).Want(http.StatusOK)
		check("new_device", address)
	}
	app.Open(t).RequestCode("blocked@sana.example", harness.With("UTC-Offset", "330")).
		Want(http.StatusAccepted)
	text := w.Mails(t, "account_blocked", "blocked@sana.example", 1)[0].Text
	if !strings.Contains(text, "(UTC+5:30)") {
		t.Errorf("got no (UTC+5:30) in what a blocked user gets:\n%s", text)
	}
}

// I5 and F-14: a mail is not attempted if its code has expired, was used or is locked when it is
// due. It fails permanently if its code would expire before the next attempt. The page shows the
// cause.
func TestMail_UnusableCodeIsNeverSent(t *testing.T) {
	t.Parallel()
	for spoiled, attempts := range map[string]int{
		"expires_at = now() - interval '1 second'":                            1,
		"consumed_at = now(), outcome = 'signed_in', outcome_key_id = key_id": 1,
		"tries = 5": 1,
		"expires_at = now() + interval '1 minute'": 2, // the provider accepts mail in five minutes
	} {
		t.Run(spoiled, func(t *testing.T) {
			t.Parallel()
			w := harness.NewWorld(t)
			app := w.Run(t)
			later := http.Header{"Retry-After": {"300"}}
			w.Mailgun.Script(
				mailgunfake.Answer{Status: http.StatusServiceUnavailable},
				mailgunfake.Answer{Status: http.StatusTooManyRequests, Header: later})
			w.Exec(t, `
				CREATE FUNCTION spoil() RETURNS trigger LANGUAGE plpgsql AS $$
				BEGIN UPDATE challenges SET `+spoiled+`; RETURN NULL; END $$`)
			w.Exec(t, `
				CREATE TRIGGER spoil AFTER UPDATE ON mails
				FOR EACH ROW WHEN (NEW.state = 'delayed') EXECUTE FUNCTION spoil()`)
			b := app.Open(t)
			b.RequestCode(ada).Want(http.StatusAccepted)

			harness.Eventually(t, "the mail does not fail", func() error {
				return harness.CountError(w.Count(t, `
					SELECT count(*)
					FROM mails
					WHERE state = 'failed'
					  AND done_at IS NOT NULL`), 1)
			})
			harness.WantEqual(t, "attempts", len(w.Mailgun.Messages()), attempts)
			if strings.HasPrefix(spoiled, "expires_at") {
				awaitDelivery(t, b, "failed", "provider_away")
			}
		})
	}
}
