package web_test

import (
	"net/http"
	"testing"
	"time"

	"sana/backend/sanatest"
)

// stepUpCode requests a code for the session's own address and returns it.
func (s scene) stepUpCode(b *sanatest.Browser, email string) string {
	s.Helper()
	s.world.Pass(s, 2*time.Minute) // for the next mail, and until the code before it cannot be repeated
	code := b.GetCode(s.world, email)
	sanatest.WantEqual(s, "purpose", b.Get("/api/auth/code").Want(http.StatusOK).Pending().Purpose, "step_up")
	return code
}

// wantRefusedStepUp fails the test unless a right code leads to nothing.
func wantRefusedStepUp(s scene, b *sanatest.Browser, email, code string) {
	s.Helper()
	before := s.written()
	b.VerifyFor(email, sanatest.WrongCode(code)).Want(http.StatusUnauthorized, "wrong_code")
	for range 2 {
		a := b.VerifyFor(email, code).Want(http.StatusGone, "code_expired")
		sanatest.WantEqual(s, "cookies set", len(a.Set), 0)
	}
	after := s.written()
	for _, what := range []string{"uses", "tries"} { // of the wrong code
		delete(before, what)
		delete(after, what)
	}
	sanatest.WantEqual(s, "written", after, before)
}

// stepUpScenarios are the promises about users who prove again who they are.
var stepUpScenarios = []scenario{
	{"a step-up keeps the session and its creation, and renews everything else", func(s scene) {
		first := s.b.SignIn(s.world, ada)
		token := s.b.Cookies()[cookie]
		const created = `SELECT extract(epoch FROM (convert_from(v, 'UTF8')::jsonb ->> 'created_at')::timestamptz)::integer FROM sessions`
		makeOld(s, s.b)
		began := 0
		if !s.sealed {
			began = s.world.Count(s, created)
		}
		code := s.stepUpCode(s.b, ada)
		s.b.Verify(sanatest.WrongCode(code)).Want(http.StatusUnauthorized, "wrong_code")
		again := s.b.Verify(code).Want(http.StatusOK).SignedIn()
		sanatest.WantEqual(s, "user", again.User, first.User)
		sanatest.WantEqual(s, "session", again.Session.ID, first.Session.ID)
		sanatest.WantEqual(s, "new user", again.Created, false)
		if again.Session.SignedInAt.Before(first.Session.SignedInAt) || again.Session.ExpiresAt.Before(first.Session.ExpiresAt) {
			s.Errorf("got %+v after %+v", again.Session, first.Session)
		}
		sanatest.WantEqual(s, "life of the session", again.Session.ExpiresAt.Sub(again.Session.SignedInAt), 720*time.Hour)
		if s.b.Cookies()[cookie] == token {
			s.Error("the session's token is the one from before")
		}
		sanatest.WantEqual(s, "session", s.b.Get("/api/auth/session").Want(http.StatusOK).SignedIn().Session, again.Session)
		s.b.Get("/api/account/export").Want(http.StatusOK)
		sanatest.WantEqual(s, "events", kindsOf(s, s.b), []string{"account_created", "signed_in", "exported"})
		sanatest.WantEqual(s, "mails about a new browser", s.world.Count(s, `SELECT count(*) FROM mails WHERE template = 'new_device'`), 0)
		wantSessions(s, 1)
		if !s.sealed {
			sanatest.WantEqual(s, "creation of the session", s.world.Count(s, created), began)
		}
	}},
	{"the token before a step-up stays as it was until the new one is shown, and then can only sign out", func(s scene) {
		if s.sealed {
			return // its cookies know nothing of each other
		}
		s.b.SignIn(s.world, ada)
		makeOld(s, s.b)
		code := s.stepUpCode(s.b, ada)
		old := s.b.Clone()
		stepped := s.b.Verify(code).Want(http.StatusOK).SignedIn()
		for range 2 {
			was := old.Get("/api/auth/session").Want(http.StatusOK).SignedIn()
			sanatest.WantEqual(s, "session", was.Session.ID, stepped.Session.ID)
			if age := stepped.Session.SignedInAt.Sub(was.Session.SignedInAt); age < 9*time.Minute {
				s.Errorf("with the old token the sign-in is %s older, want ten minutes", age)
			}
			old.Get("/api/account/export").Want(http.StatusForbidden, "reauthentication_required")
		}
		s.b.Get("/api/auth/session").Want(http.StatusOK) // the new token is shown
		old.Get("/api/auth/session").Want(http.StatusOK) // requests that were sent before it
		s.world.Exec(s, `UPDATE replaced_tokens SET presented_at = presented_at - interval '10 seconds'`)
		old.Get("/api/auth/session").Want(http.StatusUnauthorized, "not_signed_in")
		old.Get("/api/account").Want(http.StatusUnauthorized, "not_signed_in")
		old.Delete("/api/account").Want(http.StatusUnauthorized, "not_signed_in")
		s.b.Get("/api/account/export").Want(http.StatusOK)

		for range 2 {
			old.Clone().Post("/api/auth/sign-out", "{}").Want(http.StatusNoContent)
		}
		why := s.b.Get("/api/account").Want(http.StatusUnauthorized, "not_signed_in").Problem().SignedOut
		sanatest.WantEqual(s, "reason", why.Reason, "signed_out")
		sanatest.WantEqual(s, "sign-outs", s.world.Count(s, `SELECT count(*) FROM account_events WHERE kind = 'signed_out'`), 1)
		wantSessions(s, 0)
	}},
	{"a step-up can be repeated while its token is the session's", func(s scene) {
		s.b.SignIn(s.world, ada)
		code := s.stepUpCode(s.b, ada)
		lost := s.b.Clone()
		first := s.b.Verify(code).Want(http.StatusOK).SignedIn()
		before := s.written()
		for _, b := range []*sanatest.Browser{lost, s.b} {
			sanatest.WantEqual(s, "repeat", b.Verify(code).Want(http.StatusOK).SignedIn(), first)
		}
		sanatest.WantEqual(s, "written by repeats", s.written(), before)
		if s.sealed {
			return // its cookies know nothing of each other
		}
		sanatest.WantEqual(s, "session cookie", lost.Cookies()[cookie], s.b.Cookies()[cookie])

		s.world.Exec(s, `UPDATE challenges SET resend_at = now() - interval '1 minute'`)
		s.world.Exec(s, `TRUNCATE uses`)
		second := s.b.GetCode(s.world, ada)
		early := s.b.Clone()
		s.b.Verify(second).Want(http.StatusOK)
		s.world.Exec(s, `DELETE FROM challenges WHERE created_at = (SELECT max(created_at) FROM challenges)`)
		a := early.Verify(code).Want(http.StatusGone, "code_expired") // its token was replaced
		sanatest.WantEqual(s, "cookies set", len(a.Set), 0)
		s.b.Get("/api/auth/session").Want(http.StatusOK)
	}},
	{"a step-up of a session that was revoked leads to nothing", func(s scene) {
		if s.sealed {
			return // nothing can be revoked
		}
		phone, onPhone := s.signInWith(iphone)
		code := s.stepUpCode(phone, ada)
		laptop, _ := s.signInWith(firefox)
		laptop.Delete("/api/sessions/" + onPhone.Session.ID).Want(http.StatusNoContent)
		phone.Get("/api/auth/code").Want(http.StatusNotFound, "no_pending_code") // it is not shown
		phone.Resend().Want(http.StatusNotFound, "no_pending_code")
		before := s.written()
		phone.VerifyFor(ada, code).Want(http.StatusGone, "code_expired") // as that of the sign-in before it
		sanatest.WantEqual(s, "written", s.written(), before)
		s.world.Exec(s, `DELETE FROM challenges WHERE purpose = 'sign_in'`) // as the sweep does after a day
		phone.Get("/api/auth/code").Want(http.StatusNotFound, "no_pending_code")
		wantRefusedStepUp(s, phone, ada, code)
		phone.VerifyFor("", code).Want(http.StatusGone, "code_expired")
		phone.Get("/api/auth/session").Want(http.StatusUnauthorized, "not_signed_in")

		s.world.Pass(s, 2*time.Minute)
		in := phone.SignIn(s.world, ada) // a new code signs in
		if in.Session.ID == onPhone.Session.ID {
			s.Error("the sign-in has the session that was revoked")
		}
	}},
	{"a step-up of a session that has only expired begins a new one of the same user", func(s scene) {
		first := s.b.SignIn(s.world, ada)
		if s.sealed {
			code := s.stepUpCode(s.b, ada)
			s.b.Keep(cookie, "") // as after its end
			sanatest.WantEqual(s, "user", s.b.Verify(code).Want(http.StatusOK).SignedIn().User, first.User)
			return
		}
		before := first.Session.ID
		for _, expire := range [][]string{
			{`UPDATE sessions SET last_used_at = now() - make_interval(secs => idle_seconds)`},
			{`UPDATE sessions SET e = extract(epoch FROM now())::bigint - 1`},
			{ // as the sweep does
				`INSERT INTO ended_sessions (k, id, user_id, reason) SELECT k, id, user_id, 'idle' FROM sessions`,
				`DELETE FROM sessions`,
			},
		} {
			code := s.stepUpCode(s.b, ada)
			for _, sql := range expire {
				s.world.Exec(s, sql)
			}
			sanatest.Eventually(s, "the session has not expired", func() error {
				return sanatest.StatusError(s.b.Get("/api/auth/session"), http.StatusUnauthorized)
			})
			in := s.b.Verify(code).Want(http.StatusOK).SignedIn()
			sanatest.WantEqual(s, "user", in.User, first.User)
			sanatest.WantEqual(s, "new user", in.Created, false)
			if in.Session.ID == before {
				s.Error("the session that has expired is back")
			}
			before = in.Session.ID
			sanatest.WantEqual(s, "session", s.b.Get("/api/auth/session").Want(http.StatusOK).SignedIn().Session, in.Session)
			sanatest.WantEqual(s, "repeat", s.b.Verify(code).Want(http.StatusOK).SignedIn(), in)
			s.world.Exec(s, `DELETE FROM sessions WHERE id <> $1::uuid`, in.Session.ID)
		}
	}},
	{"a step-up of a user who has another address now leads to nothing", func(s scene) {
		s.b.SignIn(s.world, ada)
		code := s.stepUpCode(s.b, ada)
		s.b.VerifyChange(s.b.ChangeCode(s.world, grace)).Want(http.StatusOK)
		wantRefusedStepUp(s, s.b, ada, code)
		sanatest.WantEqual(s, "users", s.world.Count(s, `SELECT count(*) FROM users`), 1)
		sanatest.WantEqual(s, "address", s.b.Get("/api/account").Want(http.StatusOK).Account().Email, grace)
	}},
	{"a step-up of an account that was deleted leads to nothing", func(s scene) {
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
		laptop.Delete("/api/account").Want(http.StatusNoContent)
		s.b.VerifyFor(ada, code).Want(http.StatusNotFound, "no_pending_code") // the code went with the account
		wantNoUser(s)
		s.world.Exec(s, `INSERT INTO challenges SELECT * FROM kept`) // as if it had been verified at that moment
		wantRefusedStepUp(s, s.b, ada, code)
		wantNoUser(s)
	}},
}

func wantNoUser(s scene) {
	s.Helper()
	sanatest.WantEqual(s, "users", s.world.Count(s, `SELECT count(*) FROM users`), 0)
	wantSessions(s, 0)
}

func TestStepUpAPI(t *testing.T) { play(t, "postgres", stepUpScenarios) }

func TestStepUpAPIWithSealedSessions(t *testing.T) { play(t, "cookie", stepUpScenarios) }
