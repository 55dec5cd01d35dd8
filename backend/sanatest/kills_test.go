package sanatest_test

import (
	"net/http"
	"sync"
	"testing"

	"sana/backend/mail/mailgunfake"
	"sana/backend/sanatest"
)

// F-02: killed between Mailgun's acceptance and our note, the mail comes a second time, with the same code.
func TestAMailWhoseSendingWasNotNotedComesAgainWithTheSameCode(t *testing.T) {
	t.Parallel()
	w, b, _ := killedWhileSending(t)
	b.MoveTo(w.Run(t).Instance)
	code := w.Code(t, ada, 2)
	sanatest.WantEqual(t, "code of the first mail", w.Code(t, ada, 1), code)
	awaitDelivery(t, b, "sent", "")
	b.Verify(code).Want(http.StatusOK)
	w.AwaitMails(t)
	sanatest.WantEqual(t, "mails", len(accepted(w)), 2)
}

// F-02: killed after our note and before the queue has it, the mail does not come again.
func TestAMailWhoseSendingWasNotedDoesNotComeAgain(t *testing.T) {
	t.Parallel()
	w := sanatest.NewWorld(t)
	first := w.Run(t)
	b := first.Open(t)
	b.RequestCode(ada).Want(http.StatusAccepted)
	awaitDelivery(t, b, "sent", "")
	w.AwaitMails(t)
	first.Kill(t)
	w.Exec(t, `
		UPDATE river_job
		SET state = 'running', finalized_at = NULL, attempted_at = now() - interval '20 seconds'
		WHERE kind = 'mail'`)
	b.MoveTo(w.Run(t).Instance)
	w.AwaitMails(t)
	sanatest.WantEqual(t, "mails", len(accepted(w)), 1)
	awaitDelivery(t, b, "sent", "")
}

// F-03: an instance that lives takes over what a killed one was sending, 20 seconds after it began and with at most 5 to
// notice, whoever was the leader.
func TestALivingInstanceTakesOverTheMailOfAKilledOne(t *testing.T) {
	t.Parallel()
	w, b, living := killedWhileSending(t)
	w.Exec(t, `UPDATE river_leader SET expires_at = now() + interval '1 hour'`) // the dead one's, for all that is known
	b.MoveTo(living.Instance)
	w.Code(t, ada, 2)
	awaitDelivery(t, b, "sent", "")
}

// killedWhileSending kills a process while Mailgun has its mail and has not answered, and lets 20 seconds pass. Another
// process lives on; b waits for the code.
func killedWhileSending(t *testing.T) (w *sanatest.World, b *sanatest.Browser, living *sanatest.Process) {
	t.Helper()
	w = sanatest.NewWorld(t)
	stalled := make(chan struct{})
	t.Cleanup(func() { close(stalled) })
	w.Mailgun.Script(mailgunfake.Answer{Stall: stalled})
	killed := w.Run(t)
	b = killed.Open(t)
	b.RequestCode(ada).Want(http.StatusAccepted)
	if _, err := w.Mailgun.Wait(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	living = w.Run(t)
	killed.Kill(t)
	w.Exec(t, `UPDATE river_job SET attempted_at = attempted_at - interval '20 seconds' WHERE kind = 'mail' AND state = 'running'`)
	return w, b, living
}

// F-04: killed while a right code is being turned into a session, there is neither a spent code nor a session, and the
// code still works.
func TestACodeIsNotSpentByASignInThatWasKilled(t *testing.T) {
	t.Parallel()
	w := sanatest.NewWorld(t)
	killed := w.Run(t)
	b := killed.Open(t)
	code := b.GetCode(w, ada)
	tx, err := w.DB.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), `LOCK TABLE users`); err != nil {
		t.Fatal(err)
	}
	verifying := b.Clone()
	var group sync.WaitGroup
	group.Go(func() { verifying.Try(http.MethodPost, "/api/auth/verify", `{"code":"`+code+`"}`) })
	sanatest.Eventually(t, "the sign-in does not get to the user", func() error {
		return sanatest.CountError(w.Count(t, `SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'users'::regclass`), 1)
	})
	killed.Kill(t)
	group.Wait()
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	sanatest.WantEqual(t, "codes spent", w.Count(t, `SELECT count(*) FROM challenges WHERE consumed_at IS NOT NULL`), 0)
	sanatest.WantEqual(t, "sessions of users", w.Count(t, `SELECT count(*) FROM sessions WHERE user_id IS NOT NULL`), 0)
	b.MoveTo(w.Run(t).Instance)
	b.Verify(code).Want(http.StatusOK)
}

// F-17: whatever is queued, with a hundred workers at it each mail is sent once.
func TestOfManyMailsOverTwoInstancesEachIsSentOnce(t *testing.T) {
	t.Parallel()
	w := sanatest.NewWorld(t)
	for range 2 {
		w.Start(t)
	}
	const mails = 300
	w.Exec(t, `
		WITH made AS (
		    INSERT INTO challenges (id, email, purpose, key_id, code_length, mails, expires_at)
		    SELECT gen_random_uuid(), 'many' || n || '@sana.example', 'sign_in', 'k1', 6, 1, now() + interval '10 minutes'
		    FROM generate_series(1, $1) AS n
		    RETURNING id)
		INSERT INTO river_job (kind, args, max_attempts, state)
		SELECT 'mail', jsonb_build_object('letter', 'sign_in_code', 'ref', id, 'number', 1), 50, 'available'
		FROM made`, mails)
	w.AwaitMails(t)
	sent := map[string]int{}
	for _, m := range accepted(w) {
		sent[m.To[0]]++
	}
	sanatest.WantEqual(t, "addresses that got mail", len(sent), mails)
	sanatest.WantEqual(t, "mails", len(accepted(w)), mails)
}
