package system_test

import (
	"net/http"
	"testing"

	"sana/backend/test/harness"
)

// Every table may become large. Postgres counts each sequential scan, even of a table with few
// rows.
func TestIndexes_NoSequentialScans(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	app := w.Run(t)

	b := app.Open(t)
	code := b.GetCode(w, ada)
	b.Get("/api/auth/code").Want(http.StatusOK)
	w.Exec(t, `UPDATE challenges SET resend_at = now() WHERE email = $1`, ada)
	w.Exec(t, `DELETE FROM uses WHERE key > ''`) // by the index too
	b.Resend().Want(http.StatusAccepted)
	app.Open(t).RequestCode(ada).Want(http.StatusAccepted) // no mail
	b.Delete("/api/auth/code?id=11111111-1111-1111-1111-111111111111").Want(http.StatusNoContent)
	b.Verify(harness.WrongCode(code)).Want(http.StatusUnauthorized, "wrong_code")
	b.Verify(code).Want(http.StatusOK)
	b.Verify(code).Want(http.StatusOK) // a repeat
	b.Post("/api/auth/sign-out", "{}").Want(http.StatusNoContent)
	b.SignIn(w, ada) // again, from a known browser
	stepUp := b.GetCode(w, ada)
	before := b.Clone()
	b.Verify(stepUp).Want(http.StatusOK)
	before.Get("/api/auth/session").Want(http.StatusOK) // with a replaced token
	for _, path := range []string{"/api/auth/session", "/api/sessions", "/api/account",
		"/api/account/export", "/api/account/events"} {
		b.Get(path).Want(http.StatusOK)
	}
	b.Rename("Ada").Want(http.StatusOK)
	b.VerifyChange(b.ChangeCode(w, grace)).Want(http.StatusOK)
	b.Delete("/api/sessions").Want(http.StatusNoContent)
	other := app.Open(t)
	session := other.SignIn(w, "lovelace@sana.example").Session.ID
	other.Delete("/api/sessions/" + session).Want(http.StatusNoContent)
	b.Delete("/api/account").Want(http.StatusNoContent)
	w.AwaitMails(t)
	if err := app.Terminate(t); err != nil { // flushes the statistics of all statements
		t.Fatal(err)
	}

	for _, table := range []string{
		"users", "account_events", "challenges", "mails", "uses",
		"sessions", "replaced_tokens", "ended_sessions", "session_revocations",
	} {
		count := func(column string) int {
			return w.Count(t,
				`SELECT coalesce(`+column+`, 0) FROM pg_stat_user_tables WHERE relname = $1`,
				table)
		}
		harness.Eventually(t, table+" was not looked at", func() error {
			return harness.CountError(min(count("idx_scan"), 1), 1)
		})
		harness.WantEqual(t, "scans of the whole table "+table, count("seq_scan"), 0)
	}
}
