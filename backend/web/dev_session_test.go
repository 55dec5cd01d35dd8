package web_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"sana/backend/inbox"
	"sana/backend/test/harness"
)

// signInByInbox signs in with the code that the development inbox shows.
func signInByInbox(t *testing.T, app *harness.Instance, b *harness.Browser, email string) {
	t.Helper()
	b.RequestCode(email).Want(http.StatusAccepted)
	b.Verify(codeFromInbox(t, app, email)).Want(http.StatusOK)
}

// codeFromInbox waits for a mail to this address to be the newest one, deletes it, and returns its
// code.
func codeFromInbox(t *testing.T, app *harness.Instance, email string) string {
	t.Helper()
	reader := app.Open(t)
	var mails []inbox.Mail
	harness.Eventually(t, "a mail with a code", func() error {
		reader.Get("/dev/inbox.json").Want(http.StatusOK).JSON(&mails)
		if len(mails) == 0 || mails[0].To != email || !strings.Contains(mails[0].Subject, "code") {
			return fmt.Errorf("got %d mails", len(mails))
		}
		return nil
	})
	if !strings.Contains(mails[0].Headers, "\nTo: "+email+"\nSubject: "+mails[0].Subject) {
		t.Errorf("headers: got %q", mails[0].Headers)
	}
	reader.Delete("/dev/inbox").Want(http.StatusNoContent)
	return mails[0].Subject[:6]
}

// The development pages do at once what otherwise needs an hour, ten minutes, a month or another
// user.
func TestDev_TravelsInTime(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	app := startDevelopment(t, w)
	b := app.Open(t)
	do := func(b *harness.Browser,
		body string) *harness.Answer {
		return b.Post("/dev/session", body)
	}

	do(b, `{"do":"expire_code"}`).Want(http.StatusNotFound, "not_found")
	do(b, `{"do":"age_sign_in"}`).Want(http.StatusNotFound, "not_found")
	b.RequestCode(ada).Want(http.StatusAccepted)
	code := codeFromInbox(t, app, ada)
	do(b, `{"do":"expire_code"}`).Want(http.StatusNoContent)
	b.Verify(code).Want(http.StatusGone, "code_expired")

	do(b, `{"do":"end_recovery"}`).Want(http.StatusNotFound, "not_found")

	signInByInbox(t, app, b, ada)
	w.Exec(t, `
		INSERT INTO recoveries (user_id, browser, language, ends_at)
		SELECT users.id, challenges.browser, 'en', now() + interval '24 hours'
		FROM users
		JOIN challenges USING (email)
		LIMIT 1`)
	do(b, `{"do":"end_recovery"}`).Want(http.StatusNoContent)
	harness.WantEqual(t, "recoveries that wait",
		w.Count(t, `SELECT count(*) FROM recoveries WHERE ends_at > now()`), 0)

	for _, body := range []string{`{}`, `{"do":"fly"}`, `{"do":"end_session"}`,
		`{"do":"end_session","reason":"signed_out"}`, `{"do":"age_sign_in","x":1}`} {
		do(b, body).Want(http.StatusBadRequest, "invalid_request")
	}
	b.Delete("/api/sessions").Want(http.StatusNoContent)
	do(b, `{"do":"age_sign_in"}`).Want(http.StatusNoContent)
	harness.Eventually(t, "a sign-in that is too old", func() error {
		if answer := b.Delete("/api/sessions"); answer.Status != http.StatusForbidden {
			return fmt.Errorf("got %d", answer.Status)
		}
		return nil
	})

	do(b, `{"do":"add_devices"}`).Want(http.StatusNoContent)
	var listed struct{ Sessions []struct{ Browser string } }
	b.Get("/api/sessions").Want(http.StatusOK).JSON(&listed)
	if len(listed.Sessions) != 4 {
		t.Errorf("got %d sessions, want 4: %v", len(listed.Sessions), listed.Sessions)
	}

	do(b, `{"do":"add_activity"}`).Want(http.StatusNoContent)
	var activity struct{ Events []struct{ At time.Time } }
	b.Get("/api/account/events").Want(http.StatusOK).JSON(&activity)
	newestFirst := slices.IsSortedFunc(activity.Events,
		func(a, b struct{ At time.Time }) int { return b.At.Compare(a.At) })
	if !newestFirst || len(activity.Events) < 46 ||
		time.Since(activity.Events[len(activity.Events)-1].At) < 29*24*time.Hour {
		t.Errorf("got %d events, newest first: %t: %v", len(activity.Events), newestFirst,
			activity.Events)
	}
}

// Developers can see every reason that the pages explain.
func TestDev_EndsASessionForEveryReason(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	app := startDevelopment(t, w)
	contract, err := harness.Contract()
	if err != nil {
		t.Fatal(err)
	}
	reasons := contract.Components.Schemas["SignedOut"].Value.Properties["reason"].Value.Enum
	for _, reason := range reasons {
		if reason == "signed_out" { // the pages have their own button for that
			continue
		}
		b := app.Open(t)
		signInByInbox(t, app, b, grace)
		b.Post("/dev/session",
			fmt.Sprintf(`{"do":"end_session","reason":%q}`, reason)).Want(http.StatusNoContent)
		harness.Eventually(t, "a session that ended", func() error {
			answer := b.Get("/api/auth/session")
			if answer.Status != http.StatusUnauthorized {
				return fmt.Errorf("got %d", answer.Status)
			}
			if ended := answer.Problem().SignedOut; ended.Reason != reason {
				t.Errorf("%s: got %+v", reason, ended)
			}
			return nil
		})
	}
}

func TestDev_ForgetsLimits(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	app := startDevelopment(t, w)
	b := app.Open(t)
	b.RequestCode(ada).Want(http.StatusAccepted)
	const uses = `SELECT count(*) FROM uses`
	if got := w.Count(t, uses); got == 0 {
		t.Error("a request for a code counts for nothing")
	}
	b.Delete("/dev/limits").Want(http.StatusNoContent)
	if got := w.Count(t, uses); got != 0 {
		t.Errorf("%d uses are not forgotten", got)
	}
	var pending struct {
		Now      time.Time
		ResendAt time.Time `json:"resend_at"`
	}
	b.Get("/api/auth/code").Want(http.StatusOK).JSON(&pending)
	if pending.ResendAt.After(pending.Now) {
		t.Errorf("the code can be sent again at %v, now it is %v", pending.ResendAt, pending.Now)
	}
}

func TestDev_PagesLeadToEachOther(t *testing.T) {
	t.Parallel()
	app := startDevelopment(t, harness.NewWorld(t))
	b := app.Open(t)
	html := harness.With("Accept", "text/html")
	for path, status := range map[string]int{
		"/dev": 200, "/dev/inbox": 200, "/dev/mails": 200, "/auth/session-debug": 200,
		"/dev/states": 404,
		"/dev/api":    404,
	} {
		page := string(b.Get(path, html).Want(status).Body)
		for _, other := range []string{"/dev", "/dev/inbox", "/dev/mails", "/auth/session-debug",
			"/dev/states", "/dev/api"} {
			if !strings.Contains(page, `<a href="`+other+`">`) {
				t.Errorf("%s does not lead to %s", path, other)
			}
		}
	}
	mails := string(b.Get("/dev/mails", html).Want(http.StatusOK).Body)
	for _, kind := range []string{"account-blocked", "access-key-made", "code", "code-for-app"} {
		frames := strings.Count(mails, `data-src="/dev/mails/`+kind+`/`)
		harness.WantEqual(t, "languages of the mail "+kind, frames, 5)
	}
	b.Get("/dev/mails/new-device/ja", html).Want(http.StatusOK)
	b.Get("/dev/mails/none/ja", html).Want(http.StatusNotFound, "not_found")
}
