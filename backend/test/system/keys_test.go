package system_test

import (
	"net/http"
	"testing"

	"sana/backend/test/harness"
	"sana/backend/test/mailgunfake"
)

// newKey differs from harness.SecretKeys.
const newKey = "k2:YW5vdGhlci10ZXN0LWtleS0wMTIzNDU2Nzg5LWJjZGZnIQ=="

// A mailed code does not depend on the key, nor does a session in Postgres. A session in a cookie
// does, and the page says so. The predecessor had a new key at every start and lost every pending
// code.
func TestKeys_ReplacingKeepsCodesAndSessions(t *testing.T) {
	t.Parallel()
	for _, store := range []string{"postgres", "cookie"} {
		t.Run(store, func(t *testing.T) {
			t.Parallel()
			w := harness.NewWorld(t)
			before := w.Run(t, "SESSION_STORE="+store)
			ada, grace := before.Open(t), before.Open(t)
			ada.SignIn(w, "ada@sana.example")
			code := grace.GetCode(w, "grace@sana.example")
			w.AwaitMails(t)
			before.Kill(t)

			after := w.Run(t, "SESSION_STORE="+store, "SECRET_KEYS="+newKey)
			ada.MoveTo(after.Instance)
			grace.MoveTo(after.Instance)
			if store == "cookie" {
				why := ada.Get("/api/auth/session").Want(http.StatusUnauthorized,
					"not_signed_in").Problem().SignedOut
				harness.WantEqual(t, "reason", why.Reason, "key_withdrawn")
			} else {
				ada.Get("/api/auth/session").Want(http.StatusOK)
			}
			grace.Verify(harness.WrongCode(code)).Want(http.StatusUnauthorized, "wrong_code")
			grace.Verify(code).Want(http.StatusOK)
		})
	}
}

func TestKeys_RotationLosesNothing(t *testing.T) {
	t.Parallel()
	for _, store := range []string{"postgres", "cookie"} {
		t.Run(store, func(t *testing.T) {
			t.Parallel()
			w := harness.NewWorld(t)
			before := w.Run(t, "SESSION_STORE="+store)
			after := w.Run(t, "SESSION_STORE="+store, "SECRET_KEYS="+newKey+","+harness.SecretKeys)
			ada, grace := before.Open(t), before.Open(t)
			ada.SignIn(w, "ada@sana.example")
			code := grace.GetCode(w, "grace@sana.example")
			ada.MoveTo(after.Instance)
			grace.MoveTo(after.Instance)
			ada.Get("/api/auth/session").Want(http.StatusOK)
			grace.Verify(code).Want(http.StatusOK)
		})
	}
}

// A code whose key was removed cannot be derived for an unsent mail: the mail has another one,
// which works.
func TestKeys_MailOfRemovedKeyGetsAWorkingCode(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	w.Mailgun.Script(mailgunfake.Answer{Status: 500})
	before := w.Run(t)
	ada := before.Open(t)
	ada.RequestCode("ada@sana.example").Want(http.StatusAccepted)
	harness.Eventually(t, "the mail is not tried",
		func() error { return harness.CountError(len(w.Mailgun.Messages()), 1) })
	if err := before.Terminate(t); err != nil {
		t.Fatal(err)
	}

	after := w.Run(t, "SECRET_KEYS="+newKey)
	ada.MoveTo(after.Instance)
	ada.Verify(w.Code(t, "ada@sana.example", 1)).Want(http.StatusOK)
}
