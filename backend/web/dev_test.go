package web_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"sana/backend/inbox"
	"sana/backend/test/harness"
)

// startDevelopment starts an instance whose mail goes to the development inbox.
func startDevelopment(t *testing.T, w *harness.World) *harness.Instance {
	t.Helper()
	return w.Start(t, "APP_ENV=development", "MAIL_TRANSPORT=console")
}

// awaitNewest waits until the newest mail of the inbox has a state.
func awaitNewest(t *testing.T, app *harness.Instance, state inbox.State) inbox.Mail {
	t.Helper()
	var mails []inbox.Mail
	harness.Eventually(t, "the newest mail", func() error {
		app.Open(t).Get("/dev/inbox.json").Want(http.StatusOK).JSON(&mails)
		if len(mails) == 0 || mails[0].State != state {
			return fmt.Errorf("got %+v, want one that is %s", mails, state)
		}
		return nil
	})
	return mails[0]
}

func TestInbox_PlaysEveryMailState(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		fault, answer    string
		delivery, reason string
		later, state     string
	}{
		"a mail that arrives": {`{"fault":"none"}`, `{"fault":"none"}`, "delivered", "",
			"delivered",
			"delivered"},
		"a mail that is late": {`{"fault":"delay","seconds":1}`, `{"fault":"delay","seconds":1}`,
			"delayed", "provider_away", "delivered", "delivered"},
		"a mail that fails": {`{"fault":"fail"}`, `{"fault":"fail"}`, "failed", "refused", "failed",
			"failed"},
		"a mail that bounces": {`{"fault":"bounce"}`, `{"fault":"bounce"}`, "failed",
			"no_such_mailbox",
			"failed", "failed"},
		"a delay of its usual": {`{"fault":"delay"}`, `{"fault":"delay","seconds":20}`, "delayed",
			"provider_away", "delayed", "delayed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := harness.NewWorld(t)
			here, there := startDevelopment(t, w), startDevelopment(t, w)
			b := here.Open(t)
			harness.WantEqual(t, "answer",
				string(b.Post("/dev/inbox/faults", row.fault).Want(http.StatusOK).Body), row.answer)
			b.RequestCode(ada).Want(http.StatusAccepted)
			awaitDelivery(t, b, row.delivery, row.reason)
			reason := row.reason
			if row.later == "delivered" {
				reason = ""
			}
			awaitDelivery(t, b, row.later, reason)
			mail := awaitNewest(t, there, inbox.State(row.state))
			if mail.To != ada || !strings.Contains(mail.HTML, "<html") {
				t.Errorf("got %+v", mail)
			}

			other := there.Open(t)
			other.RequestCode(grace).Want(http.StatusAccepted)
			awaitDelivery(t, other, "delivered", "")
		})
	}
}

func TestInbox_RefusesUnknownFaults(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	b := startDevelopment(t, w).Open(t)
	for _, body := range []string{
		`{}`, `{"fault":""}`, `{"fault":"explode"}`, `{"fault":"delay","seconds":601}`,
		`{"fault":"delay","seconds":-1}`,
		`{"fault":"fail","seconds":5}`, `{"fault":"fail","more":1}`, `[]`,
	} {
		b.Post("/dev/inbox/faults", body).Want(http.StatusBadRequest, "invalid_request")
	}
	b.Post("/dev/inbox/faults", `{"fault":"fail"}`,
		harness.With("Sec-Fetch-Site", "cross-site")).Want(http.StatusForbidden,
		"cross_origin_request")
	b.RequestCode(ada).Want(http.StatusAccepted)
	awaitDelivery(t, b, "delivered", "")

	production := w.Start(t).Open(t)
	production.Post("/dev/inbox/faults", `{"fault":"fail"}`).Want(http.StatusNotFound, "not_found")
	production.Get("/dev/inbox/1", harness.With("Accept", "text/html")).Want(http.StatusNotFound,
		"not_found")
}

// The HTML of a mail is shown beside its text. It cannot run or load anything, in the page or on
// its own.
func TestInbox_IsolatesTheHTMLOfMails(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	app := startDevelopment(t, w)
	b := app.Open(t)
	b.RequestCode(ada).Want(http.StatusAccepted)
	mail := awaitNewest(t, app, inbox.Delivered)

	page := b.Get("/dev/inbox").Want(http.StatusOK)
	frame := fmt.Sprintf(`<iframe src="/dev/inbox/%d" sandbox loading`, mail.ID)
	link := `<a href="` + harness.PublicURL + `/verify#c=` + mail.Subject[:6] + `">`
	for _, want := range []string{frame, link,
		"<pre tabindex=\"0\">" + strings.SplitN(mail.Text, "\n", 2)[0], `data-state="delivered"`,
		"to " + ada} {
		if !strings.Contains(string(page.Body), want) {
			t.Errorf("the page does not have %s", want)
		}
	}
	for _, source := range []string{"'unsafe-inline'", "data:", "https:", "'strict-dynamic'"} {
		if policy := page.Header.Get("Content-Security-Policy"); strings.Contains(policy, source) ||
			!strings.HasPrefix(policy, "default-src 'none'; ") {
			t.Errorf("got the policy %s", policy)
		}
	}

	box := b.Get(fmt.Sprintf("/dev/inbox/%d", mail.ID)).Want(http.StatusOK)
	harness.WantEqual(t, "HTML", string(box.Body), mail.HTML)
	harness.WantEqual(t, "Content-Type", box.Header.Get("Content-Type"), "text/html; charset=utf-8")
	harness.WantEqual(t, "policy", box.Header.Get("Content-Security-Policy"),
		"default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; "+
			"frame-ancestors 'self'; sandbox")
	for _, id := range []string{"0", "-1", "x", "1.5", "99999999999999999999"} {
		b.Get("/dev/inbox/"+id).Want(http.StatusNotFound, "not_found")
	}
}
