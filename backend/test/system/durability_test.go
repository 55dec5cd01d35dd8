package system_test

import (
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"sana/backend/postgres"
	"sana/backend/test/harness"
	"sana/backend/test/mailgunfake"
)

// A pending sign-in survives the end of the process, even by SIGKILL. The predecessor lost it.
func TestKill_PendingSignInSurvives(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	first := w.Run(t)
	b := first.Open(t)
	b.RequestCode("ada@sana.example").Want(http.StatusAccepted)
	code := w.Code(t, "ada@sana.example", 1)
	b.Verify(harness.WrongCode(code)).Want(http.StatusUnauthorized, "wrong_code")
	first.Kill(t)

	b.MoveTo(w.Run(t).Instance)

	pending := b.Get("/api/auth/code").Want(http.StatusOK).Pending()
	harness.WantEqual(t, "address", pending.Email, "ada@sana.example")
	harness.WantEqual(t, "tries left", pending.TriesLeft, 4)
	b.Verify(code).Want(http.StatusOK)
}

func TestKill_SignedInUserStaysSignedIn(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	first := w.Run(t)
	b := first.Open(t)
	before := b.SignIn(w, "ada@sana.example")
	first.Kill(t)

	b.MoveTo(w.Run(t).Instance)

	after := b.Get("/api/auth/session").Want(http.StatusOK).SignedIn()
	harness.WantEqual(t, "session", after.Session, before.Session)
	harness.WantEqual(t, "user", after.User, before.User)
}

func TestSignIn_EveryStepMayReachAnotherInstance(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	instances := []*harness.Process{w.Run(t), w.Run(t)}
	b := instances[0].Open(t)
	next := 0
	hop := func() *harness.Browser {
		next++
		b.MoveTo(instances[next%2].Instance)
		return b
	}

	hop().RequestCode("ada@sana.example").Want(http.StatusAccepted)
	code := w.Code(t, "ada@sana.example", 1)
	hop().Get("/api/auth/code").Want(http.StatusOK)
	hop().Verify(harness.WrongCode(code)).Want(http.StatusUnauthorized, "wrong_code")
	hop().Verify(code).Want(http.StatusOK)
	hop().Get("/api/auth/session").Want(http.StatusOK)
	hop().Post("/api/auth/sign-out", "{}").Want(http.StatusNoContent)
	signedOut := b.Clone()
	signedOut.MoveTo(instances[0].Instance)
	signedOut.Get("/api/auth/session").Want(http.StatusUnauthorized, "not_signed_in")
}

// A revoked session is refused by every instance with the next request.
func TestSignOut_IsFinalOnEveryInstance(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	here, there := w.Run(t), w.Run(t)
	b := here.Open(t)
	b.SignIn(w, "ada@sana.example")
	copied := b.Clone()
	copied.MoveTo(there.Instance)
	copied.Get("/api/auth/session").Want(http.StatusOK)
	copiedHere := b.Clone()

	b.Post("/api/auth/sign-out", "{}").Want(http.StatusNoContent)

	copiedHere.Get("/api/auth/session").Want(http.StatusUnauthorized, "not_signed_in")
	harness.Eventually(t, "the other instance does not hear of it", func() error {
		return harness.StatusError(copied.Get("/api/auth/session"), http.StatusUnauthorized)
	})
	copied.Get("/api/auth/session").Want(http.StatusUnauthorized, "not_signed_in")
}

func TestSignOut_WithoutCacheIsFinalAtOnce(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	here, there := w.Run(t, "SESSION_CACHE=off"), w.Run(t, "SESSION_CACHE=off")
	b := here.Open(t)
	for range 5 {
		b.SignIn(w, "ada@sana.example")
		copied := b.Clone()
		copied.MoveTo(there.Instance)
		copied.Get("/api/auth/session").Want(http.StatusOK)
		b.Post("/api/auth/sign-out", "{}").Want(http.StatusNoContent)
		copied.Get("/api/auth/session").Want(http.StatusUnauthorized, "not_signed_in")
		w.Pass(t, time.Minute)
	}
}

func TestMail_ArrivesOnceAfterTwoFailures(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	app := w.Run(t)
	w.Mailgun.Script(mailgunfake.Answer{Status: 500}, mailgunfake.Answer{Status: 500})
	b := app.Open(t)
	b.RequestCode("ada@sana.example").Want(http.StatusAccepted)

	code := w.Code(t, "ada@sana.example", 1)
	harness.Eventually(t, "the page is not told", func() error {
		if state := b.Get("/api/auth/code").Pending().Delivery; state != "sent" {
			return fmt.Errorf("delivery is %q, want sent", state)
		}
		return nil
	})
	b.Verify(code).Want(http.StatusOK)

	tries := w.Mailgun.Messages()
	harness.WantEqual(t, "tries", len(tries), 3)
	for _, m := range tries {
		harness.WantEqual(t, "code in every try", m.Subject[:6], code)
	}
	harness.WantEqual(t, "mails queued", w.Count(t, `SELECT count(*) FROM mails`), 1)
}

// The server is killed while a mail cannot be delivered; after the restart it is sent.
func TestKill_QueuedMailIsSent(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	first := w.Run(t)
	w.Mailgun.Script(mailgunfake.Answer{Status: 500})
	b := first.Open(t)
	b.RequestCode("ada@sana.example").Want(http.StatusAccepted)
	if _, err := w.Mailgun.Wait(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	harness.Eventually(t, "the first attempt is not recorded as failed", func() error {
		return harness.CountError(w.Count(t, `
			SELECT count(*)
			FROM mails
			WHERE state = 'delayed'
			  AND done_at IS NULL`), 1)
	})
	first.Kill(t)
	harness.WantEqual(t, "mails accepted before the kill", len(accepted(w)), 0)

	b.MoveTo(w.Run(t).Instance)

	b.Verify(w.Code(t, "ada@sana.example", 1)).Want(http.StatusOK)
	harness.WantEqual(t, "mails accepted", len(accepted(w)), 1)
}

func accepted(w *harness.World) []mailgunfake.Message {
	var list []mailgunfake.Message
	for _, m := range w.Mailgun.Messages() {
		if m.Status == http.StatusOK {
			list = append(list, m)
		}
	}
	return list
}

// A mail that Mailgun refuses permanently is not retried, and the page says so.
func TestMail_RefusedFailsPermanently(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	app := w.Run(t)
	w.Mailgun.Script(mailgunfake.Answer{Status: 400})
	b := app.Open(t)
	b.RequestCode("ada@sana.example").Want(http.StatusAccepted)

	harness.Eventually(t, "the page is not told", func() error {
		if state := b.Get("/api/auth/code").Pending().Delivery; state != "failed" {
			return fmt.Errorf("delivery is %q, want failed", state)
		}
		return nil
	})
	harness.WantEqual(t, "tries", len(w.Mailgun.Messages()), 1)
}

// I5: a mail is not attempted if its code has expired, was used or is locked when it is due. It
// fails permanently if its code would expire before the next attempt.
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
			app.Open(t).RequestCode("ada@sana.example").Want(http.StatusAccepted)

			harness.Eventually(t, "the mail does not fail", func() error {
				return harness.CountError(w.Count(t, `
					SELECT count(*)
					FROM mails
					WHERE state = 'failed'
					  AND done_at IS NOT NULL`), 1)
			})
			harness.WantEqual(t, "attempts", len(w.Mailgun.Messages()), attempts)
		})
	}
}

// F-28: load balancers and browsers open connections in advance. An unused connection must not
// delay the shutdown.
func TestShutdown_IgnoresUnusedConnections(t *testing.T) {
	t.Parallel()
	app := harness.NewWorld(t).Run(t)
	unused, err := net.Dial("tcp", strings.TrimPrefix(app.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer unused.Close()
	app.Open(t).Get("/livez").Want(http.StatusOK) // connections are accepted in order
	if err := app.Terminate(t); err != nil {
		t.Errorf("after SIGTERM: %v, want exit code 0", err)
	}
}

// F-22: instances that start together on an empty database do not interfere with each other.
func TestMigrate_TenInstancesMigrateOnce(t *testing.T) {
	t.Parallel()
	w := harness.NewEmptyWorld(t)
	var processes []*harness.Process
	for range 10 {
		processes = append(processes, w.Spawn(t))
	}
	migrated := 0
	for _, p := range processes {
		p.WaitReady(t)
		migrated += strings.Count(p.Log.String(), "schema migrated")
	}
	harness.WantEqual(t, "instances that migrated", migrated, 1)
	harness.WantEqual(t, "version applied",
		w.Count(t, `SELECT max(version_id) FROM goose_db_version`),
		postgres.Head)
	harness.WantEqual(t, "versions applied twice", w.Count(t, `
		SELECT count(*) - count(DISTINCT version_id)
		FROM goose_db_version`), 0)
	b := processes[3].Open(t)
	b.SignIn(w, "ada@sana.example")
}

// Deployments migrate the schema: without it, production exits with the command to run.
func TestStart_RefusesAnOldSchema(t *testing.T) {
	t.Parallel()
	w := harness.NewEmptyWorld(t)
	err := w.StartError(t)
	if err == nil || !strings.Contains(err.Error(), "run: sana migrate") {
		t.Errorf("got the error %v, want one that says to run sana migrate", err)
	}
}

// F-21: only the migrations change the schema; the storage library of sessions does not. A role
// without DDL privileges can serve.
func TestServe_ChangesNoSchema(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	schema := func() (text string) {
		t.Helper()
		err := w.DB.QueryRow(t.Context(), `
			SELECT string_agg(c, E'\n' ORDER BY c)
			FROM (SELECT format('%s %s %s %s', attrelid::regclass, attname, atttypid::regtype,
			    attnotnull) AS c
			      FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
			      WHERE relnamespace = 'public'::regnamespace AND NOT attisdropped
			      UNION ALL
			      SELECT indexdef FROM pg_indexes WHERE schemaname = 'public') AS all_of_it`).Scan(
			&text)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	before := schema()
	for range 2 {
		w.Start(t).Open(t).SignIn(w, "ada@sana.example")
		w.Pass(t, time.Minute)
	}
	harness.WantEqual(t, "schema", schema(), before)
}
