package system_test

import (
	"net/http"
	"sync"
	"testing"

	"sana/backend/test/harness"
	"sana/backend/test/mailgunfake"
)

// F-02 and F-03: a process is killed between Mailgun's acceptance and the record of it. Once the
// lease of 20 seconds has expired, another instance sends the mail a second time, with the same
// code.
func TestKill_UnrecordedMailIsSentAgainWithItsCode(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	stalled := make(chan struct{})
	t.Cleanup(func() { close(stalled) })
	w.Mailgun.Script(mailgunfake.Answer{Stall: stalled})
	killed := w.Run(t)
	b := killed.Open(t)
	b.RequestCode(ada).Want(http.StatusAccepted)
	if _, err := w.Mailgun.Wait(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	other := w.Run(t)
	killed.Kill(t)
	w.Exec(t, `UPDATE mails SET next_at = next_at - interval '20 seconds' WHERE done_at IS NULL`)

	b.MoveTo(other.Instance)
	code := w.Code(t, ada, 2)
	harness.WantEqual(t, "code of the first mail", w.Code(t, ada, 1), code)
	awaitDelivery(t, b, "sent", "")
	b.Verify(code).Want(http.StatusOK)
	w.AwaitMails(t)
	harness.WantEqual(t, "mails", len(accepted(w)), 2)
}

// F-02: if the process is killed after the outcome was recorded, the mail is not sent again,
// although its lease has expired.
func TestKill_RecordedMailIsNotSentAgain(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	first := w.Run(t)
	b := first.Open(t)
	b.RequestCode(ada).Want(http.StatusAccepted)
	awaitDelivery(t, b, "sent", "")
	w.AwaitMails(t)
	first.Kill(t)
	w.Exec(t, `UPDATE mails SET next_at = now() - interval '1 second'`)
	b.MoveTo(w.Run(t).Instance)
	other := b.Clone()
	other.RequestCode(grace).Want(http.StatusAccepted) // ada's mail would be sent before this one
	w.Code(t, grace, 1)
	w.AwaitMails(t)
	harness.WantEqual(t, "mails", len(accepted(w)), 2)
	other.Delete("/api/auth/code").Want(http.StatusNoContent)
	awaitDelivery(t, b, "sent", "")
}

// F-04: if the process is killed while it creates a session for a right code, there is both a used
// code and a session, or neither. In both cases the user types the code again and is signed in.
func TestKill_CodeSurvivesInterruptedSignIn(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	killed := w.Run(t)
	b := killed.Open(t)
	code := b.GetCode(w, ada)
	unlock := w.Lock(t, `LOCK TABLE account_events`)
	verifying := b.Clone()
	var group sync.WaitGroup
	group.Go(func() { verifying.Try(http.MethodPost, "/api/auth/verify", `{"code":"`+code+`"}`) })
	w.AwaitLock(t, "account_events")
	killed.Kill(t)
	group.Wait()
	unlock()
	harness.Eventually(t, "Postgres does not notice that the process is gone", func() error {
		return harness.CountError(w.Count(t, `
			SELECT count(*)
			FROM pg_stat_activity
			WHERE datname = current_database()
			  AND pid <> pg_backend_pid()
			  AND backend_type = 'client backend'
			  AND state = 'active'`), 0)
	})
	spent := w.Count(t, `SELECT count(*) FROM challenges WHERE consumed_at IS NOT NULL`)
	harness.WantEqual(t, "sessions", w.Count(t, `SELECT count(*) FROM sessions`), spent)
	harness.WantEqual(t, "users", w.Count(t, `SELECT count(*) FROM users`), spent)

	b.MoveTo(w.Run(t).Instance)
	in := b.Verify(code).Want(http.StatusOK).SignedIn()
	harness.WantEqual(t, "the user is new", in.Created, true)
	for _, table := range []string{"users", "sessions", "account_events", "challenges"} {
		harness.WantEqual(t, "rows of "+table, w.Count(t, `SELECT count(*) FROM `+table), 1)
	}
}

// F-17: many queued mails are each sent once by two instances.
func TestMails_TwoInstancesSendEachOnce(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	for range 2 {
		w.Start(t)
	}
	const mails = 300
	w.Exec(t, `
		WITH made AS (
		    INSERT INTO challenges (
		        id, browser, email, purpose, key_id, code_kind, code_length, language, platform,
		        resend_at, expires_at)
		    SELECT gen_random_uuid(), 'a browser', 'many' || n || '@sana.example', 'sign_in', 'k1',
		           'digits', 6, 'en', '', now(), now() + interval '10 minutes'
		    FROM generate_series(1, $1) AS n
		    RETURNING id)
		INSERT INTO mails (ref, number, template)
		SELECT id, 1, 'sign_in_code'
		FROM made`, mails)
	w.AwaitMails(t)
	sent := map[string]int{}
	for _, m := range accepted(w) {
		sent[m.To[0]]++
	}
	harness.WantEqual(t, "addresses that got mail", len(sent), mails)
	harness.WantEqual(t, "mails", len(accepted(w)), mails)
}
