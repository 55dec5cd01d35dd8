package system_test

import (
	"net/http"
	"regexp"
	"testing"
	"time"

	"sana/backend/test/harness"
)

// restrict adds a second passkey to the owner's account and makes codes for recovery only.
func (s passkeyScene) restrict(t *testing.T) {
	t.Helper()
	s.owner.AddPasskey(harness.NewAuthenticator(t))
	s.owner.Do(http.MethodPut, "/api/account/codes", `{"for":"recovery"}`).Want(204)
	s.world.Pass(t, 2*time.Minute) // until the address can have another code
}

// wait makes the recoveries older, as passing time does, and starts a process that finds what is
// due.
func (s passkeyScene) wait(t *testing.T, d time.Duration) {
	t.Helper()
	s.world.Exec(t,
		`UPDATE recoveries
		SET began_at = began_at - $1::interval, ends_at = ends_at - $1::interval`, d)
	s.world.Exec(t, `DELETE FROM periodic`) // all turns are due
	s.world.Run(t)
	harness.Eventually(t, "no instance looked for recoveries", func() error {
		return harness.CountError(
			s.world.Count(t, `SELECT count(*) FROM periodic WHERE name = 'finish recoveries'`), 1)
	})
}

// thief enters a right code in a new browser and begins a recovery with it.
func (s passkeyScene) thief(t *testing.T) *harness.Browser {
	t.Helper()
	b := s.second.Open(t)
	b.Verify(b.GetCode(s.world, ada)).Want(409, "recovery_required")
	b.Post("/api/auth/recovery", `{}`).Want(202)
	return b
}

func codesFor(b *harness.Browser) string {
	var list struct {
		CodesFor string `json:"codes_for"`
	}
	b.Get("/api/account/passkeys").Want(200).JSON(&list)
	return list.CodesFor
}

// A person chooses it with two passkeys, and gets codes back with none.
func TestRecovery_IsChosenWithTwoPasskeys(t *testing.T) {
	t.Parallel()
	s := newPasskeyScene(t)
	put := func(body string) *harness.Answer {
		return s.owner.Do(http.MethodPut, "/api/account/codes", body)
	}
	put(`{"for":"recovery"}`).Want(409, "two_passkeys_needed")
	put(`{"for":"nothing"}`).Want(400, "invalid_request")
	second := s.owner.AddPasskey(harness.NewAuthenticator(t))
	s.world.Exec(t, `UPDATE passkeys SET rp_id = 'old.example'`)
	put(`{"for":"recovery"}`).Want(409, "two_passkeys_needed") // those of another host do not count
	s.world.Exec(t, `UPDATE passkeys SET rp_id = 'sana.example'`)
	put(`{"for":"recovery"}`).Want(204)
	put(`{"for":"recovery"}`).Want(204)
	s.world.Mails(t, "codes_for_recovery", ada, 1)

	s.owner.Delete("/api/account/passkeys/" + second.ID).Want(204)
	harness.WantEqual(t, "with one passkey codes are", codesFor(s.owner), "recovery")
	s.owner.Delete("/api/account/passkeys/" + s.firstOne).Want(204)
	s.owner.Delete("/api/account/passkeys/" + s.firstOne).Want(204)
	harness.WantEqual(t, "without a passkey codes are", codesFor(s.owner), "sign_in")
	s.world.Mails(t, "passkey_removed", ada, 2)
	s.world.Mails(t, "codes_for_sign_in", ada, 1)
	s.world.Pass(t, 2*time.Minute)
	s.first.Open(t).SignIn(s.world, ada)
	s.world.AwaitMails(t)
	for kind, want := range map[string]int{
		"passkey_added": 2, "passkey_removed": 2, "codes_for_recovery": 1, "codes_for_sign_in": 1,
	} {
		harness.WantEqual(t, "events "+kind,
			s.world.Count(t, `SELECT count(*) FROM account_events WHERE kind = $1`, kind), want)
		harness.WantEqual(t, "mails "+kind,
			s.world.Count(t, `SELECT count(*) FROM mails WHERE template = $1`, kind), want)
	}
}

// Who reads the mailbox gets a code like any other, and with it nothing but a wait, which the
// owner's passkey ends.
func TestRecovery_PasskeyStopsAThief(t *testing.T) {
	t.Parallel()
	s := newPasskeyScene(t)
	s.restrict(t)
	sessions := s.sessions(t)
	thief := s.second.Open(t)
	code := thief.GetCode(s.world, ada)
	thief.Verify(harness.WrongCode(code)).Want(401, "wrong_code")
	thief.Post("/api/auth/recovery", `{}`).Want(404, "no_recovery")
	for range 2 { // a repeat gets the same answer
		a := thief.Verify(code).Want(409, "recovery_required")
		harness.WantEqual(t, "cookies set", len(a.Set), 0)
	}
	s.first.Open(t).Post("/api/auth/recovery", `{}`).Want(404, "no_recovery") // in another browser
	for range 2 {
		thief.Post("/api/auth/recovery", `{}`).Want(202)
	}
	thief.Get("/api/auth/recovery").Want(200)
	s.world.Mails(t, "recovery_begun", ada, 1)
	s.owner.Get("/api/auth/recovery").Want(200)

	s.wait(t, 23*time.Hour)
	thief.Verify(code).Want(404)
	s.first.Open(t).UsePasskey(s.authenticator).Want(200)
	s.world.Mails(t, "recovery_stopped", ada, 1)
	thief.Get("/api/auth/recovery").Want(404, "no_recovery")
	thief.Post("/api/auth/recovery", `{}`).Want(404, "no_recovery") // the code is used up
	harness.WantEqual(t, "sessions", s.sessions(t), sessions+1)
	harness.WantEqual(t, "codes are", codesFor(s.owner), "recovery")
	harness.WantEqual(t, "events about the end", s.world.Count(t,
		`SELECT count(*) FROM account_events WHERE kind = 'recovery_stopped' AND ip <> ''`), 1)
	s.world.AwaitMails(t)
	harness.WantEqual(t, "mails about the beginning",
		s.world.Count(t, `SELECT count(*) FROM mails WHERE template = 'recovery_begun'`), 1)
}

var stopLink = regexp.MustCompile(`https://sana\.example/recovery#stop=(\S+)`)

// A press in the mail stops a recovery, and so does the browser that began it.
func TestRecovery_MailAndBrowserStopIt(t *testing.T) {
	t.Parallel()
	s := newPasskeyScene(t)
	s.restrict(t)
	thief := s.thief(t)
	mail := s.world.Mails(t, "recovery_begun", ada, 1)[0]
	found := stopLink.FindStringSubmatch(mail.Text)
	if found == nil {
		t.Fatalf("no link in %s", mail.Text)
	}
	stop := func(token string) *harness.Answer {
		return s.first.Open(t).Post("/api/auth/recovery/stop", `{"token":"`+token+`"}`)
	}
	stop(found[1][:len(found[1])-1]+"x").Want(404, "no_recovery")
	stop("").Want(404, "no_recovery")
	stop(found[1]).Want(204)
	stop(found[1]).Want(404, "no_recovery")
	thief.Get("/api/auth/recovery").Want(404, "no_recovery")

	s.world.Pass(t, 2*time.Hour)
	again := s.thief(t)
	again.Delete("/api/auth/recovery").Want(204)
	again.Get("/api/auth/recovery").Want(404, "no_recovery")
	s.world.Mails(t, "recovery_stopped", ada, 2)

	// A change of the address drops it: a reader of the old mailbox may have begun it.
	s.world.Pass(t, 2*time.Hour)
	s.owner.UsePasskey(s.authenticator).Want(200)
	last := s.thief(t)
	s.owner.VerifyChange(s.owner.ChangeCode(s.world, "ada@new.example")).Want(200)
	last.Get("/api/auth/recovery").Want(404, "no_recovery")
	harness.WantEqual(t, "codes are", codesFor(s.owner), "recovery")
}

// After 24 hours everything ends and codes sign in again.
func TestRecovery_EndsEverythingAfterTheWait(t *testing.T) {
	t.Parallel()
	s := newPasskeyScene(t)
	s.restrict(t)
	s.world.Exec(t, `
		INSERT INTO access_keys (k, user_id, app, name, by_operator, expires_at)
		SELECT repeat('0', 64), id, 'wiki', 'Backup', false, now() + interval '90 days'
		FROM users`)
	owner := s.thief(t)
	s.wait(t, 24*time.Hour-time.Minute)
	harness.WantEqual(t, "passkeys before the end",
		s.world.Count(t, `SELECT count(*) FROM passkeys`),
		2)
	s.wait(t, time.Minute)
	s.world.Mails(t, "recovered", ada, 1)
	harness.WantEqual(t, "passkeys", s.world.Count(t, `SELECT count(*) FROM passkeys`), 0)
	harness.WantEqual(t, "access keys", s.world.Count(t, `SELECT count(*) FROM access_keys`), 0)
	harness.WantEqual(t, "events of access keys",
		s.world.Count(t, `SELECT count(*) FROM account_events WHERE kind = 'access_key_ended'`), 1)
	harness.Eventually(t, "the session lives", func() error {
		return harness.StatusError(s.owner.Get("/api/auth/session"), 401)
	})
	harness.WantEqual(t, "reason", s.owner.Get("/api/auth/session").Problem().SignedOut.Reason,
		"recovered")
	owner.Get("/api/auth/recovery").Want(404, "no_recovery")
	s.first.Open(t).UsePasskey(s.authenticator).Want(401, "unknown_passkey")
	s.world.Pass(t, 2*time.Minute)
	owner.SignIn(s.world, ada)
	harness.WantEqual(t, "codes are", codesFor(owner), "sign_in")
	s.world.AwaitMails(t)
	harness.WantEqual(t, "mails about the end",
		s.world.Count(t, `SELECT count(*) FROM mails WHERE template = 'recovered'`), 1)
}

// A user who is blocked after the code cannot begin a recovery.
func TestRecovery_BeginsForNoBlockedUser(t *testing.T) {
	t.Parallel()
	s := newPasskeyScene(t)
	s.restrict(t)
	b := s.second.Open(t)
	b.Verify(b.GetCode(s.world, ada)).Want(409, "recovery_required")
	s.world.Exec(t, `UPDATE users SET blocked_at = now()`)
	b.Post("/api/auth/recovery", `{}`).Want(404, "no_recovery")
	harness.WantEqual(t, "recoveries", s.world.Count(t, `SELECT count(*) FROM recoveries`), 0)
}

// A code does not step up either, and a deleted account leaves nothing.
func TestRecovery_CodeDoesNotStepUp(t *testing.T) {
	t.Parallel()
	s := newPasskeyScene(t)
	s.restrict(t)
	s.owner.Verify(s.owner.GetCode(s.world, ada)).Want(409, "recovery_required")
	s.owner.Post("/api/auth/recovery", `{}`).Want(202)
	s.owner.Delete("/api/account").Want(204)
	for _, table := range []string{"passkeys", "recoveries", "account_events", "users"} {
		harness.WantEqual(t, table, s.world.Count(t, `SELECT count(*) FROM `+table), 0)
	}
}

// At another host no passkey works: codes sign in, at once, and the owner is told. When the host
// comes back, the choice holds again.
func TestRecovery_IsSuspendedAtAnotherHost(t *testing.T) {
	t.Parallel()
	s := newPasskeyScene(t)
	s.restrict(t)
	s.thief(t)
	moveTo := func(host string) {
		s.world.Exec(t, `UPDATE passkeys SET rp_id = $1`, host)
		s.world.Pass(t, 2*time.Minute) // until the address can have another code
	}
	await := func(want int, where string) {
		harness.Eventually(t, "users were not told", func() error {
			return harness.CountError(s.world.Count(t, `SELECT count(*) FROM users WHERE `+where),
				want)
		})
	}

	moveTo("old.example")
	s.world.Exec(t, `
		INSERT INTO users (email, codes_for)
		SELECT 'user' || i || '@sana.example', 'recovery'
		FROM generate_series(1, 100) AS i`) // more than are read at once
	s.second.Open(t).SignIn(s.world, ada)
	s.first.Open(t).UsePasskey(s.authenticator).Want(401, "passkey_refused")
	harness.WantEqual(t, "codes are", codesFor(s.owner), "sign_in")
	s.wait(t, 0)
	await(0, `codes_for = 'recovery' AND NOT codes_suspended`)
	s.world.Mails(t, "codes_suspended", ada, 1)
	harness.WantEqual(t, "recoveries", s.world.Count(t, `SELECT count(*) FROM recoveries`), 0)
	s.wait(t, 0) // a second round tells no user again

	moveTo("sana.example")
	s.thief(t)
	harness.WantEqual(t, "codes are", codesFor(s.owner), "recovery")
	s.wait(t, 0)
	await(100, `codes_suspended`)
	s.world.Mails(t, "codes_for_recovery", ada, 2)
	harness.WantEqual(t, "recoveries", s.world.Count(t, `SELECT count(*) FROM recoveries`), 1)
	s.first.Open(t).UsePasskey(s.authenticator).Want(200)
	s.wait(t, 0)
	harness.WantEqual(t, "mails that codes sign in for now", s.world.Count(t,
		`SELECT count(*) FROM mails WHERE template = 'codes_suspended'`), 101)
	harness.WantEqual(t, "mails that codes do not sign in", s.world.Count(t,
		`SELECT count(*) FROM mails WHERE template = 'codes_for_recovery'`), 2)

	// A choice of the user's own ends it, and nothing is left to resume.
	moveTo("old.example")
	s.wait(t, 0)
	await(101, `codes_suspended`)
	s.owner.Do(http.MethodPut, "/api/account/codes", `{"for":"sign_in"}`).Want(204)
	await(100, `codes_suspended`)
}

// Sessions in cookies cannot be ended from here, so codes always sign in.
func TestRecovery_NeedsSessionsInPostgres(t *testing.T) {
	t.Parallel()
	s := newPasskeyScene(t, "SESSION_STORE=cookie")
	s.owner.AddPasskey(harness.NewAuthenticator(t))
	s.owner.Do(http.MethodPut, "/api/account/codes", `{"for":"recovery"}`).Want(409,
		"not_with_this_store")
	b := s.second.Open(t)
	in := b.UsePasskey(s.authenticator).Want(200).SignedIn()
	harness.WantEqual(t, "user", in.User.ID, s.user)
	step := b.UsePasskey(s.authenticator).Want(200).SignedIn()
	harness.WantEqual(t, "session of a step-up", step.Session.ID, in.Session.ID)
	s.world.Exec(t, `UPDATE users SET codes_for = 'recovery'`)
	s.world.Pass(t, 2*time.Minute)
	s.first.Open(t).SignIn(s.world, ada)
}
