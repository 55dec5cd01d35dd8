package web_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"sana/backend/test/harness"
	"sana/backend/test/mailgunfake"
)

// emailScenarios test the promises about changing the address of an account.
var emailScenarios = []scenario{
	{"the code changes the address, notifies both, and revokes other sessions", func(s scene) {
		phone, _ := s.signInWith(iphone)
		laptop, before := s.signInWith(firefox)
		r := laptop.RequestChange(" Grace@SANA.Example ").Want(http.StatusAccepted).CodeRequest()
		harness.WantEqual(s, "address, mail and purpose",
			[3]string{r.Email, r.Mail, r.Code.Purpose}, [3]string{grace, "queued", "change_email"})
		harness.WantEqual(s, "address that waits",
			laptop.Get("/api/account/email").Want(http.StatusOK).Pending().Email, grace)
		harness.WantEqual(s, "address meanwhile", laptop.Get("/api/account").Account().Email, ada)
		code := s.world.Code(s, grace, 1)
		old := laptop.Clone()
		changed := laptop.Post("/api/account/email/verify", `{"code":"`+code+`"}`,
			harness.With("User-Agent", firefox)).Want(http.StatusOK)
		harness.WantEqual(s, "account", changed.Account().Email, grace)

		now := laptop.Get("/api/auth/session").Want(http.StatusOK).SignedIn()
		harness.WantEqual(s, "address of the session", now.User.Email, grace)
		harness.WantEqual(s, "time of the sign-in", now.Session.SignedInAt,
			before.Session.SignedInAt)
		harness.WantEqual(s, "session", now.Session.ID, before.Session.ID)
		laptop.Get("/api/account/email").Want(http.StatusNotFound, "no_pending_code")
		told := s.world.Mails(s, "address_changed", ada, 1)[0]
		if strings.Contains(told.Text+told.HTML, "grace") {
			s.Errorf("the mail to the old address has the new one:\n%s", told.Text)
		}
		s.world.Mails(s, "address_changed", grace, 1)
		events, _ := laptop.Get("/api/account/events").Want(http.StatusOK).Events()
		if e := events[0]; e.Kind != "email_changed" || e.OldEmail != ada || e.NewEmail != grace ||
			e.Browser != "Firefox" {
			s.Errorf("got the event %+v", e)
		}
		if s.sealed { // a session in the cookie cannot be revoked
			if laptop.Cookies()[cookie] == old.Cookies()[cookie] {
				s.Error("the session's cookie is the one from before")
			}
			phone.Get("/api/auth/session").Want(http.StatusOK)
			harness.WantEqual(s, "address on the phone",
				phone.Get("/api/account").Want(http.StatusOK).Account().Email, grace)
			return
		}
		harness.WantEqual(s, "session cookie", laptop.Cookies()[cookie], old.Cookies()[cookie])
		phone.Get("/api/auth/session").Want(http.StatusUnauthorized, "not_signed_in")
		why := phone.Get("/api/auth/session").Problem().SignedOut
		harness.WantEqual(s, "reason", why.Reason+" by "+why.By,
			"email_changed by Firefox on Linux")
	}},
	{"the old address signs in to a new account, the new one to this", func(s scene) {
		in := s.b.SignIn(s.world, ada)
		s.world.Pass(s, time.Minute)
		// another person with access to the old mailbox, who has requested a code
		reader := s.app.Open(s)
		waiting := reader.GetCode(s.world, ada)
		s.b.VerifyChange(s.b.ChangeCode(s.world, grace)).Want(http.StatusOK)
		other := reader.VerifyFor(ada, waiting).Want(http.StatusOK).SignedIn()
		if !other.Created || other.User.ID == in.User.ID {
			s.Errorf("a code for the old address leads to %+v", other)
		}
		s.world.Pass(s, time.Minute)
		again := s.app.Open(s).SignIn(s.world, grace)
		if again.Created || again.User.ID != in.User.ID {
			s.Errorf("the new address leads to %+v", again)
		}
	}},
	{"the browser is known with the new address", func(s scene) {
		s.b.SignIn(s.world, ada)
		s.b.VerifyChange(s.b.ChangeCode(s.world, grace)).Want(http.StatusOK)
		s.b.Post("/api/auth/sign-out", "{}").Want(http.StatusNoContent)
		s.b.SignIn(s.world, grace)
		s.world.AwaitMails(s)
		for _, m := range s.world.Mailgun.Messages() {
			if m.Tags[0] == "new_device" {
				s.Error("the browser is taken for a new one")
			}
		}
	}},
	{"a code signs in or changes an address, never the other", func(s scene) {
		s.b.SignIn(s.world, ada)
		change := s.b.ChangeCode(s.world, grace)
		pending := s.b.Get("/api/account/email").Want(http.StatusOK).Pending().ID
		s.world.Pass(s, 2*time.Minute) // too late to repeat the sign-in
		s.b.VerifyFor("", change).Want(http.StatusGone, "code_expired")
		s.b.VerifyFor(ada, change).Want(http.StatusGone, "code_expired")
		s.b.VerifyFor(grace, change).Want(http.StatusNotFound, "no_pending_code")
		s.b.Get("/api/auth/code?id="+pending).Want(http.StatusNotFound, "no_pending_code")
		s.b.Post("/api/auth/code/resend", `{"id":"`+pending+`"}`).Want(http.StatusNotFound,
			"no_pending_code")
		s.b.Delete("/api/auth/code?id=" + pending).Want(http.StatusNoContent)
		s.b.Get("/api/auth/code").Want(http.StatusNotFound, "no_pending_code")
		s.b.Post("/api/auth/code/resend", "{}").Want(http.StatusNotFound, "no_pending_code")
		s.b.Delete("/api/auth/code").Want(http.StatusNoContent)
		s.b.Get("/api/account/email").Want(http.StatusOK)
		s.b.Delete("/api/account/email").Want(http.StatusNoContent)

		in := s.b.GetCode(s.world, ada)
		pending = s.b.Get("/api/auth/code").Want(http.StatusOK).Pending().ID
		s.b.VerifyChange(in).Want(http.StatusNotFound, "no_pending_code")
		s.b.Get("/api/account/email").Want(http.StatusNotFound, "no_pending_code")
		s.b.Get("/api/account/email?id="+pending).Want(http.StatusNotFound, "no_pending_code")
		s.b.Post("/api/account/email/resend", "{}").Want(http.StatusNotFound, "no_pending_code")
		s.b.Delete("/api/account/email").Want(http.StatusNoContent)
		s.b.Delete("/api/account/email?id=" + pending).Want(http.StatusNoContent)
		harness.WantEqual(s, "tries",
			s.world.Count(s, `SELECT sum(tries) FROM challenges WHERE consumed_at IS NULL`), 0)
		s.b.Verify(in).Want(http.StatusOK)
		harness.WantEqual(s, "users", s.world.Count(s, `SELECT count(*) FROM users`), 1)
	}},
	{"a change to an address and a sign-in with it have codes of their own", func(s scene) {
		s.b.SignIn(s.world, ada)
		in := s.b.GetCode(s.world, grace)
		s.world.Pass(s, time.Minute)
		change := s.b.ChangeCode(s.world, grace)
		s.b.VerifyChange(in).Want(http.StatusUnauthorized, "wrong_code")
		s.b.VerifyFor(grace, change).Want(http.StatusUnauthorized, "wrong_code")
		s.b.VerifyChange(change).Want(http.StatusOK)
	}},
	{"a change that is cancelled is gone, and its code is not accepted", func(s scene) {
		in := s.b.SignIn(s.world, ada)
		code := s.b.ChangeCode(s.world, grace)
		copied := s.b.Clone()
		s.b.Delete("/api/account/email").Want(http.StatusNoContent)
		s.b.Get("/api/account/email").Want(http.StatusNotFound, "no_pending_code")
		copied.VerifyChange(code).Want(http.StatusNotFound, "no_pending_code")
		harness.WantEqual(s, "account", s.b.Get("/api/account").Account().ID, in.User.ID)
		s.b.Delete("/api/account/email").Want(http.StatusNoContent)
	}},
	{"the current or an invalid address is refused, and nothing is sent", func(s scene) {
		s.b.SignIn(s.world, ada)
		s.b.RequestChange("ADA@sana.example").Want(http.StatusBadRequest, "email_unchanged")
		for _, email := range []string{"", "grace", "grace@sana.example\nBcc: eve@sana.example"} {
			s.b.RequestChange(email).Want(http.StatusBadRequest, "invalid_email")
		}
		harness.WantEqual(s, "mails", s.world.Count(s, `SELECT count(*) FROM mails`), 1)
	}},
	{"a resend, a wrong code, a locked and an expired code are as in signing in", func(s scene) {
		s.b.SignIn(s.world, ada)
		code := s.b.ChangeCode(s.world, grace)
		s.b.VerifyChange("nonsense").Want(http.StatusBadRequest, "invalid_code")
		s.b.VerifyChange(harness.WrongCode(code)).Want(http.StatusUnauthorized, "wrong_code")
		s.world.Pass(s, time.Minute)
		s.b.Post("/api/account/email/resend", "{}").Want(http.StatusAccepted)
		harness.WantEqual(s, "code of the second mail", s.world.Code(s, grace, 2), code)
		for range 4 {
			s.b.VerifyChange(harness.WrongCode(code)).Want(http.StatusUnauthorized, "wrong_code")
		}
		s.b.VerifyChange(code).Want(http.StatusTooManyRequests, "too_many_tries")
		s.world.Pass(s, time.Minute)
		s.b.Post("/api/account/email/resend", "{}").Want(http.StatusAccepted)
		fresh := s.world.Code(s, grace, 3)
		s.world.Exec(s, `UPDATE challenges SET expires_at = now() WHERE consumed_at IS NULL`)
		s.b.VerifyChange(fresh).Want(http.StatusGone, "code_expired")
		harness.WantEqual(s, "address", s.b.Get("/api/account").Account().Email, ada)
		s.world.Pass(s, time.Minute)
		s.b.Post("/api/account/email/resend", "{}").Want(http.StatusAccepted)
		s.b.VerifyChange(s.world.Code(s, grace, 4)).Want(http.StatusOK)
	}},
	{"the limits of an address hold for a change too", func(s scene) {
		s.b.SignIn(s.world, ada)
		stranger := s.app.Open(s)
		for range 2 {
			stranger.RequestCode(grace).Want(http.StatusAccepted)
			for range 5 {
				stranger.Verify("nobody").Want(http.StatusBadRequest)
				stranger.Verify("000000")
			}
			s.world.Pass(s, 2*time.Minute)
			stranger = s.app.Open(s)
		}
		code := s.b.ChangeCode(s.world, grace)
		s.b.VerifyChange(code).Want(http.StatusTooManyRequests, "too_many_wrong_codes")
		s.b.Delete("/api/account/email").Want(http.StatusNoContent)
		none := s.b.RequestChange(grace).Want(http.StatusAccepted).CodeRequest()
		harness.WantEqual(s, "mail within a minute", none.Mail, "none")
		if none.Code != nil {
			s.Errorf("got %+v, want no code", none)
		}
	}},
	{"an address in use is reported only after the right code, which is then used", func(s scene) {
		s.app.Open(s).SignIn(s.world, grace)
		s.world.Pass(s, time.Hour)
		s.b.SignIn(s.world, ada)
		code := s.b.ChangeCode(s.world, grace)
		s.b.VerifyChange(harness.WrongCode(code)).Want(http.StatusUnauthorized, "wrong_code")
		s.b.VerifyChange(code).Want(http.StatusConflict, "email_taken")
		s.b.VerifyChange(code).Want(http.StatusConflict, "email_taken") // a repeat
		s.b.VerifyChange(harness.WrongCode(code)).Want(http.StatusUnauthorized, "wrong_code")
		s.world.Pass(s, 2*time.Minute)
		s.b.VerifyChange(code).Want(http.StatusGone, "code_expired")
		harness.WantEqual(s, "address", s.b.Get("/api/account").Want(http.StatusOK).Account().Email,
			ada)
		harness.WantEqual(s, "events", kindsOf(s, s.b), []string{"account_created"})
		harness.WantEqual(s, "mails about it",
			s.world.Count(s, `SELECT count(*) FROM mails WHERE template = 'address_changed'`), 0)
		harness.WantEqual(s, "used codes",
			s.world.Count(s, `SELECT count(*) FROM challenges WHERE consumed_at IS NOT NULL`), 3)
	}},
	{"the right code of a change can be repeated for two minutes", func(s scene) {
		laptop, _ := s.signInWith(firefox)
		phone, _ := s.signInWith(iphone)
		code := laptop.ChangeCode(s.world, grace)
		first := laptop.VerifyChange(code).Want(http.StatusOK).Account()
		harness.WantEqual(s, "repeat", laptop.VerifyChange(code).Want(http.StatusOK).Account(),
			first)
		again := laptop.Post("/api/account/email/verify",
			`{"code":"`+code+`","email":"Grace@sana.example"}`).Want(http.StatusOK)
		harness.WantEqual(s, "repeat with the address", again.Account(), first)
		wrong := laptop.VerifyChange(harness.WrongCode(code)).Want(http.StatusUnauthorized,
			"wrong_code").Problem()
		harness.WantEqual(s, "tries left", *wrong.TriesLeft, 4)
		harness.WantEqual(s, "mails",
			s.world.Count(s, `SELECT count(*) FROM mails WHERE template = 'address_changed'`), 2)
		harness.WantEqual(s, "events",
			s.world.Count(s, `SELECT count(*) FROM account_events WHERE kind = 'email_changed'`), 1)
		if s.sealed { // its session was not revoked, but the code is bound to one session
			phone.VerifyChange(code).Want(http.StatusNotFound, "no_pending_code")
		}
		s.world.Pass(s, 2*time.Minute)
		late := laptop.VerifyChange(code).Want(http.StatusGone, "code_expired")
		harness.WantEqual(s, "cookies set", len(late.Set), 0)
		harness.WantEqual(s, "address",
			laptop.Get("/api/account").Want(http.StatusOK).Account().Email, grace)
	}},
	{"a change is for the session that requested it", func(s scene) {
		s.b.SignIn(s.world, ada)
		code := s.b.ChangeCode(s.world, grace)
		s.b.Post("/api/auth/sign-out", "{}").Want(http.StatusNoContent)
		s.world.Pass(s, time.Minute)
		s.b.SignIn(s.world, ada)
		s.b.VerifyChange(code).Want(http.StatusNotFound, "no_pending_code")
		s.b.Get("/api/account/email").Want(http.StatusNotFound, "no_pending_code")
		s.world.Pass(s, time.Minute)
		in, fresh := s.b.Get("/api/auth/session").SignedIn(), s.b.ChangeCode(s.world, grace)
		s.world.Exec(s,
			`UPDATE challenges SET session_id = gen_random_uuid() WHERE purpose = 'change_email'`)
		s.b.VerifyChange(fresh).Want(http.StatusNotFound, "no_pending_code")
		harness.WantEqual(s, "address", s.b.Get("/api/account").Account().Email, in.User.Email)
	}},
	{"a pending change of a deleted account changes nothing", func(s scene) {
		phone, _ := s.signInWith(iphone)
		code := phone.ChangeCode(s.world, grace)
		laptop, _ := s.signInWith(firefox)
		laptop.Delete("/api/account").Want(http.StatusNoContent)
		phone.VerifyChange(code).Want(http.StatusUnauthorized, "not_signed_in")
		harness.WantEqual(s, "users", s.world.Count(s, `SELECT count(*) FROM users`), 0)
	}},
	{"the old address is notified of a change, even if the account is deleted right after it",
		func(s scene) {
			s.b.SignIn(s.world, ada)
			code := s.b.ChangeCode(s.world, grace)
			s.world.AwaitMails(s)
			away := make(chan struct{}) // the provider does not answer, and then refuses mails
			s.world.Mailgun.Script(mailgunfake.Answer{Status: 500, Stall: away},
				mailgunfake.Answer{Status: 500, Stall: away})
			s.b.VerifyChange(code).Want(http.StatusOK)
			s.b.Delete("/api/account").Want(http.StatusNoContent)
			close(away)
			s.world.Mails(s, "address_changed", ada, 1)
			s.world.Mails(s, "account_deleted", grace, 1)
			s.world.AwaitMails(s)
			harness.WantEqual(s, "contents of mails",
				s.world.Count(s, `SELECT count(*) FROM mails WHERE content IS NOT NULL`), 0)
		}},
}

func TestEmailChangeAPI(t *testing.T) { play(t, "postgres", emailScenarios) }

func TestEmailChangeAPIWithSealedSessions(t *testing.T) { play(t, "cookie", emailScenarios) }

func TestEmailChange_FollowsSignUp(t *testing.T) {
	t.Parallel()
	for signUp, want := range map[string]int{"open": http.StatusAccepted,
		"closed": http.StatusAccepted, "sana.example": http.StatusForbidden} {
		t.Run(signUp, func(t *testing.T) {
			t.Parallel()
			w := harness.NewWorld(t)
			b := w.Run(t).Open(t)
			b.SignIn(w, ada)
			b.MoveTo(w.Run(t, "SIGN_UP="+signUp).Instance)
			a := b.RequestChange("ada@else.example")
			if want == http.StatusForbidden {
				a.Want(want, "sign_up_closed")
				harness.WantEqual(t, "codes",
					w.Count(t, `SELECT count(*) FROM challenges WHERE purpose = 'change_email'`), 0)
				b.VerifyChange(b.ChangeCode(w, grace)).Want(http.StatusOK)
				return
			}
			a.Want(want)
			b.VerifyChange(w.Code(t, "ada@else.example", 1)).Want(http.StatusOK)
			harness.WantEqual(t, "users", w.Count(t, `SELECT count(*) FROM users`), 1)
		})
	}
}
