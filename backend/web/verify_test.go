package web_test

import (
	"testing"
	"time"

	"sana/backend/test/harness"
)

// written counts all rows that a verification can write.
func (s scene) written() map[string]int {
	s.Helper()
	counts := map[string]int{}
	for _, table := range []string{
		"users", "account_events", "sessions", "replaced_tokens", "ended_sessions", "mails", "uses",
	} {
		counts[table] = s.count(`SELECT count(*) FROM ` + table)
	}
	counts["tries"] = s.count(`SELECT coalesce(sum(tries), 0) FROM challenges`)
	return counts
}

// verifyScenarios test the promises about repeated and parallel verifications.
var verifyScenarios = []scenario{
	{"a right code repeated within two minutes is answered alike and writes nothing",
		func(s scene) {
			s.app.Open(s).SignIn(s.world, ada)
			s.world.Pass(s, time.Minute)
			code := s.b.GetCode(s.world, ada) // in another browser; the user is notified by mail
			lost := s.b.Clone()
			first := s.b.Verify(code).Want(200).SignedIn()
			before := s.written()
			// The answer was lost, then arrived, then is repeated.
			for _, b := range []*harness.Browser{lost, s.b, lost} {
				s.wantEqual("repeat", b.Verify(code).Want(200).SignedIn(), first)
				s.wantEqual("session", current(b).Session, first.Session)
				if !s.sealed {
					s.wantEqual("session cookie", b.Cookies()[cookie], s.b.Cookies()[cookie])
				}
			}
			s.world.Pass(s, 110*time.Second)
			late := s.b.VerifyFor("", code).Want(200).SignedIn()
			s.wantEqual("session", late.Session.ID, first.Session.ID)
			s.world.AwaitMails(s)
			s.wantEqual("written by repeats", s.written(), before)
			s.wantEqual("mails about a new browser", s.count(newDeviceMails), 1)
			wantSessions(s, 2)
		}},
	{"a wrong code for a used challenge counts as a wrong attempt", func(s scene) {
		s.b.At("192.0.2.11")
		code := s.b.GetCode(s.world, ada)
		lost := s.b.Clone() // not known for the address yet
		s.b.Verify(code).Want(200)
		for left := 4; left >= 0; left-- {
			p := lost.Verify(harness.WrongCode(code)).Want(401, "wrong_code").Problem()
			s.wantEqual("tries left", *p.TriesLeft, left)
		}
		s.wantEqual("wrong codes of the network", s.wrongFrom("192.0.2.11"), 5)
		for _, c := range []string{code, harness.WrongCode(code)} {
			lost.Verify(c).Want(429, "too_many_tries")
		}
		lost.Verify("nonsense").Want(429, "too_many_tries")
		s.wantEqual("wrong codes of the network", s.wrongFrom("192.0.2.11"), 5)
		s.b.Get("/api/auth/session").Want(200)
		wantSessions(s, 1)
	}},
	{"an invalid code costs no attempt at a used challenge, and no cancel ends it", func(s scene) {
		code := s.b.GetCode(s.world, ada)
		s.b.Verify(code).Want(200)
		s.b.Delete("/api/auth/code").Want(204)
		s.b.Verify("nonsense").Want(400, "invalid_code")
		s.b.VerifyFor("nobody", code).Want(400, "invalid_email")
		s.b.Verify(code).Want(200)
	}},
	{"without the key of the outcome a repeat is 503, and never another session", func(s scene) {
		code := s.b.GetCode(s.world, ada)
		lost := s.b.Clone()
		in := s.b.Verify(code).Want(200).SignedIn()
		s.world.Exec(s, `UPDATE challenges SET outcome_key_id = 'newer'`)
		before := s.written()
		a := lost.Verify(code).Want(503, "unavailable")
		if len(a.Set) != 0 || a.Header.Get("Retry-After") == "" {
			s.Errorf("got the cookies %v and Retry-After %q", a.Set, a.Header.Get("Retry-After"))
		}
		lost.Verify(harness.WrongCode(code)).Want(401, "wrong_code")
		before["tries"]++
		after := s.written()
		after["uses"] = before["uses"]
		s.wantEqual("written", after, before)
		s.world.Exec(s, `UPDATE challenges SET outcome_key_id = 'k1'`)
		found := lost.Verify(code).Want(200).SignedIn()
		s.wantEqual("session", found.Session.ID, in.Session.ID)
	}},
	{"a repeat does not restore a revoked session", func(s scene) {
		phoneCode := s.b.GetCode(s.world, ada)
		lost := s.b.Clone()
		phone := s.b.Verify(phoneCode).Want(200).SignedIn()
		if s.sealed {
			return // sealed sessions cannot be revoked
		}
		laptop, _ := s.signInWith(firefox)
		laptop.Delete("/api/sessions/" + phone.Session.ID).Want(204)
		for _, b := range []*harness.Browser{lost, s.b} {
			a := b.Verify(phoneCode).Want(410, "code_expired")
			s.wantEqual("cookies set", len(a.Set), 0)
		}
		wantSessions(s, 1)
	}},
}

func TestVerifyAPI(t *testing.T) { play(t, "postgres", verifyScenarios) }

func TestVerifyAPIWithSealedSessions(t *testing.T) { play(t, "cookie", verifyScenarios) }

// The result of a right code is repeated, even if it is a refusal.
func TestVerify_ClosedSignUpCanBeRepeated(t *testing.T) {
	t.Parallel()
	for _, store := range []string{"postgres", "cookie"} {
		t.Run(store, func(t *testing.T) {
			t.Parallel()
			w := harness.NewWorld(t)
			app := w.Run(t, "SIGN_UP=closed", "SESSION_STORE="+store)
			b := app.Open(t)
			s := scene{t, w, app.Instance, b, store == "cookie"}
			code := b.GetCode(w, ada)
			for range 2 {
				a := b.Verify(code).Want(403, "sign_up_closed")
				harness.WantEqual(t, "cookies set", len(a.Set), 0)
			}
			b.Verify(harness.WrongCode(code)).Want(401, "wrong_code")
			b.MoveTo(w.Run(t, "SESSION_STORE="+store).Instance) // an instance with open sign-up
			b.Verify(code).Want(403, "sign_up_closed")
			w.Pass(t, 2*time.Minute)
			b.Verify(code).Want(410, "code_expired")
			wantNobodySignedIn(s)
		})
	}
}
