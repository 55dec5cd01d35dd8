package web_test

import (
	"net/http"
	"testing"
	"time"

	"sana/backend/test/harness"
)

const (
	newDeviceMails = `SELECT count(*) FROM mails WHERE template = 'new_device'`
	signOuts       = `SELECT count(*) FROM account_events WHERE kind = 'signed_out'`
)

// stepUpCode requests a code for the session's own address and returns it.
func (s scene) stepUpCode(b *harness.Browser, email string) string {
	s.Helper()
	s.world.Pass(s, 2*time.Minute) // until the code before it is too old to be repeated
	code := b.GetCode(s.world, email)
	s.wantEqual("purpose", b.Get("/api/auth/code").Want(200).Pending().Purpose, "step_up")
	return code
}

// wantRefusedStepUp fails the test unless a right code has no effect.
func wantRefusedStepUp(s scene, b *harness.Browser, email, code string) {
	s.Helper()
	before := s.written()
	b.VerifyFor(email, harness.WrongCode(code)).Want(401, "wrong_code")
	for range 2 {
		a := b.VerifyFor(email, code).Want(410, "code_expired")
		s.wantEqual("cookies set", len(a.Set), 0)
	}
	after := s.written()
	for _, what := range []string{"uses", "tries"} { // of the wrong code
		delete(before, what)
		delete(after, what)
	}
	s.wantEqual("written", after, before)
}

// stepUpScenarios test the promises about step-ups.
var stepUpScenarios = []scenario{
	{"a step-up keeps the session and its creation, and renews everything else", func(s scene) {
		first := s.b.SignIn(s.world, ada)
		token := s.b.Cookies()[cookie]
		const created = `
			SELECT (1e6 * extract(epoch FROM (v ->> 'created_at')::timestamptz))::bigint
			FROM (SELECT convert_from(v, 'UTF8')::jsonb AS v FROM sessions) AS s`
		makeOld(s, s.b)
		began := 0
		if !s.sealed {
			began = s.count(created)
		}
		code := s.stepUpCode(s.b, ada)
		s.b.Verify(harness.WrongCode(code)).Want(401, "wrong_code")
		again := s.b.Verify(code).Want(200).SignedIn()
		s.wantEqual("user", again.User, first.User)
		s.wantEqual("session", again.Session.ID, first.Session.ID)
		s.wantEqual("new user", again.Created, false)
		at, before := again.Session, first.Session
		if at.SignedInAt.Before(before.SignedInAt) || at.ExpiresAt.Before(before.ExpiresAt) {
			s.Errorf("got %+v after %+v", at, before)
		}
		s.wantEqual("life of the session", at.ExpiresAt.Sub(at.SignedInAt), 720*time.Hour)
		if s.b.Cookies()[cookie] == token {
			s.Error("the session's token is the one from before")
		}
		s.wantEqual("session", current(s.b).Session, again.Session)
		s.b.Get("/api/account/export").Want(200)
		s.wantEqual("events", kindsOf(s, s.b), []string{"account_created", "signed_in", "exported"})
		s.wantEqual("mails about a new browser", s.count(newDeviceMails), 0)
		wantSessions(s, 1)
		if !s.sealed {
			s.wantEqual("creation of the session", s.count(created), began)
		}
	}},
	{"a replaced token is the old state of the session, and later can only revoke it",
		func(s scene) {
			if s.sealed {
				return // sealed sessions do not share the time of a step-up
			}
			s.b.SignIn(s.world, ada)
			makeOld(s, s.b)
			code := s.stepUpCode(s.b, ada)
			old := s.b.Clone()
			stepped := s.b.Verify(code).Want(200).SignedIn()
			for range 2 {
				was := old.Get("/api/auth/session").Want(200).SignedIn()
				s.wantEqual("session", was.Session.ID, stepped.Session.ID)
				if age := stepped.Session.SignedInAt.Sub(
					was.Session.SignedInAt); age < 9*time.Minute {
					s.Errorf("with the old token the sign-in is %s older, want ten minutes", age)
				}
				old.Get("/api/account/export").Want(403, "reauthentication_required")
			}
			s.b.Get("/api/auth/session").Want(200) // the new token is shown
			old.Get("/api/auth/session").Want(200) // requests that were sent before it
			s.world.Exec(s, `
			UPDATE replaced_tokens
			SET presented_at = presented_at - interval '10 seconds'`)
			old.Get("/api/auth/session").Want(401, "not_signed_in")
			old.Get("/api/account").Want(401, "not_signed_in")
			old.Delete("/api/account").Want(401, "not_signed_in")
			s.b.Get("/api/account/export").Want(200)

			for range 2 {
				old.Clone().Post("/api/auth/sign-out", "{}").Want(204)
			}
			why := s.b.Get("/api/account").Want(401, "not_signed_in").Problem().SignedOut
			s.wantEqual("reason", why.Reason, "signed_out")
			s.wantEqual("sign-outs", s.count(signOuts), 1)
			wantSessions(s, 0)
		}},
	{"a step-up can be repeated while its token is the session's", func(s scene) {
		s.b.SignIn(s.world, ada)
		code := s.stepUpCode(s.b, ada)
		lost := s.b.Clone()
		first := s.b.Verify(code).Want(200).SignedIn()
		before := s.written()
		for _, b := range []*harness.Browser{lost, s.b} {
			s.wantEqual("repeat", b.Verify(code).Want(200).SignedIn(), first)
		}
		s.wantEqual("written by repeats", s.written(), before)
		if s.sealed {
			return // sealed sessions do not share the time of a step-up
		}
		s.wantEqual("session cookie", lost.Cookies()[cookie], s.b.Cookies()[cookie])

		s.world.Exec(s, `UPDATE challenges SET resend_at = now() - interval '1 minute'`)
		s.world.Exec(s, `TRUNCATE uses`)
		second := s.b.GetCode(s.world, ada)
		early := s.b.Clone()
		s.b.Verify(second).Want(200)
		s.world.Exec(s, `
			DELETE FROM challenges
			WHERE created_at = (SELECT max(created_at) FROM challenges)`)
		a := early.Verify(code).Want(410, "code_expired") // its token was replaced
		s.wantEqual("cookies set", len(a.Set), 0)
		s.b.Get("/api/auth/session").Want(200)
	}},
	{"a step-up of a revoked session has no result", func(s scene) {
		if s.sealed {
			return // sealed sessions cannot be revoked
		}
		phone, onPhone := s.signInWith(iphone)
		code := s.stepUpCode(phone, ada)
		laptop, _ := s.signInWith(firefox)
		laptop.Delete("/api/sessions/" + onPhone.Session.ID).Want(204)
		phone.Get("/api/auth/code").Want(404, "no_pending_code") // the code is not shown
		phone.Resend().Want(404, "no_pending_code")
		before := s.written()
		phone.VerifyFor(ada, code).Want(410, "code_expired") // as the code of the sign-in before it
		s.wantEqual("written", s.written(), before)
		// As the sweep does after a day:
		s.world.Exec(s, `DELETE FROM challenges WHERE purpose = 'sign_in'`)
		phone.Get("/api/auth/code").Want(404, "no_pending_code")
		wantRefusedStepUp(s, phone, ada, code)
		phone.VerifyFor("", code).Want(410, "code_expired")
		phone.Get("/api/auth/session").Want(401, "not_signed_in")

		s.world.Pass(s, 2*time.Minute)
		in := phone.SignIn(s.world, ada) // a new code signs in
		if in.Session.ID == onPhone.Session.ID {
			s.Error("the sign-in has the session that was revoked")
		}
	}},
	{"a step-up of an expired session begins a new one of the same user", func(s scene) {
		first := s.b.SignIn(s.world, ada)
		if s.sealed {
			code := s.stepUpCode(s.b, ada)
			s.b.Keep(cookie, "") // as after its revocation
			s.wantEqual("user", s.b.Verify(code).Want(200).SignedIn().User, first.User)
			return
		}
		before := first.Session.ID
		for _, expire := range [][]string{
			{`UPDATE sessions SET last_used_at = now() - make_interval(secs => idle_seconds)`},
			{`UPDATE sessions SET e = extract(epoch FROM now())::bigint - 1`},
			{ // as the sweep does
				`INSERT INTO ended_sessions (k, id, user_id, reason)
				 SELECT k, id, user_id, 'idle' FROM sessions`,
				`DELETE FROM sessions`,
			},
		} {
			code := s.stepUpCode(s.b, ada)
			for _, sql := range expire {
				s.world.Exec(s, sql)
			}
			harness.Eventually(s, "the session has not expired", func() error {
				return harness.StatusError(s.b.Get("/api/auth/session"), http.StatusUnauthorized)
			})
			in := s.b.Verify(code).Want(200).SignedIn()
			s.wantEqual("user", in.User, first.User)
			s.wantEqual("new user", in.Created, false)
			if in.Session.ID == before {
				s.Error("the session that has expired is back")
			}
			before = in.Session.ID
			s.wantEqual("session", current(s.b).Session, in.Session)
			s.wantEqual("repeat", s.b.Verify(code).Want(200).SignedIn(), in)
			s.world.Exec(s, `DELETE FROM sessions WHERE id <> $1::uuid`, in.Session.ID)
		}
	}},
	{"a step-up of a user with another address now has no result", func(s scene) {
		s.b.SignIn(s.world, ada)
		code := s.stepUpCode(s.b, ada)
		s.b.VerifyChange(s.b.ChangeCode(s.world, grace)).Want(200)
		wantRefusedStepUp(s, s.b, ada, code)
		s.wantEqual("users", s.count(`SELECT count(*) FROM users`), 1)
		s.wantEqual("address", s.b.Get("/api/account").Want(200).Account().Email, grace)
	}},
	{"a step-up of a deleted account has no result", func(s scene) {
		s.b.SignIn(s.world, ada)
		code := s.stepUpCode(s.b, ada)
		if s.sealed {
			s.world.Exec(s, `DELETE FROM users`)
			wantRefusedStepUp(s, s.b, ada, code)
			wantNoUser(s)
			return
		}
		laptop, _ := s.signInWith(firefox)
		s.world.Exec(s, `CREATE TABLE kept AS SELECT * FROM challenges WHERE purpose = 'step_up'`)
		laptop.Delete("/api/account").Want(204)
		// the code was deleted with the account
		s.b.VerifyFor(ada, code).Want(404, "no_pending_code")
		wantNoUser(s)
		// The rows are as if the code had been verified at that moment.
		s.world.Exec(s, `INSERT INTO challenges SELECT * FROM kept`)
		wantRefusedStepUp(s, s.b, ada, code)
		wantNoUser(s)
	}},
}

func wantNoUser(s scene) {
	s.Helper()
	s.wantEqual("users", s.count(`SELECT count(*) FROM users`), 0)
	wantSessions(s, 0)
}

func TestStepUpAPI(t *testing.T) { play(t, "postgres", stepUpScenarios) }

func TestStepUpAPIWithSealedSessions(t *testing.T) { play(t, "cookie", stepUpScenarios) }
