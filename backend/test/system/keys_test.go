package system_test

import (
	"net/http"
	"testing"
	"time"

	"sana/backend/test/harness"
	"sana/backend/test/mailgunfake"
)

// newKey differs from harness.SecretKeys.
const newKey = "k2:YW5vdGhlci10ZXN0LWtleS0wMTIzNDU2Nzg5LWJjZGZnIQ=="

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

	w.Pass(t, 10*time.Second) // so long no other instance had the key
	w.Exec(t, `UPDATE mails SET next_at = now() WHERE done_at IS NULL`)
	after := w.Run(t, "SECRET_KEYS="+newKey)
	ada.MoveTo(after.Instance)
	ada.Verify(w.Code(t, "ada@sana.example", 1)).Want(http.StatusOK)
}
