package web_test

import (
	"strings"
	"testing"
	"time"

	"sana/backend/test/harness"
)

// codeScenarios test the promises about code requests and about the code that a browser waits for.
var codeScenarios = []scenario{
	{"two addresses in one browser do not disturb each other", func(s scene) {
		first := s.b.RequestCode(ada).Want(202).CodeRequest().Code
		second := s.b.RequestCode(grace).Want(202).CodeRequest().Code
		pending := func(path string) string {
			return s.b.Get(path).Want(200).Pending().Email
		}
		s.wantEqual("newest", pending("/api/auth/code"), grace)
		s.wantEqual("first", pending("/api/auth/code?id="+first.ID), ada)
		s.wantEqual("second", pending("/api/auth/code?id="+second.ID), grace)
		codes := map[string]string{ada: s.world.Code(s, ada, 1), grace: s.world.Code(s, grace, 1)}
		s.b.VerifyFor(grace, codes[ada]).Want(401, "wrong_code")
		s.b.VerifyFor("", codes[ada]).Want(401, "wrong_code")
		s.b.VerifyFor(ada, codes[ada]).Want(200)
		s.wantEqual("user", current(s.b).User.Email, ada)
		s.wantEqual("newest", pending("/api/auth/code"), grace)
		old := s.b.Clone()
		s.b.VerifyFor(grace, codes[grace]).Want(200)
		s.wantEqual("user", current(s.b).User.Email, grace)
		wantSessions(s, 1) // the second sign-in revoked the first session
		if !s.sealed {     // a session in the cookie cannot be revoked
			old.Get("/api/auth/session").Want(401, "not_signed_in")
		}
	}},
	{"a resend within a minute answers alike and sends nothing", func(s scene) {
		asked := s.b.RequestCode(ada).Want(202).CodeRequest()
		s.world.Pass(s, 30*time.Second)
		resent := s.b.Resend().Want(202).CodeRequest()
		s.wantEqual("mail", resent.Mail, "none")
		s.wantEqual("code", resent.Code.ID, asked.Code.ID)
		s.wantEqual("time of the next resend", resent.ResendAt, asked.ResendAt.Add(-30*time.Second))
		s.wantEqual("mails", s.count(`SELECT count(*) FROM mails`), 1)
	}},
	{"a resend after a minute sends the same code, without new attempts", func(s scene) {
		asked := s.b.RequestCode(ada).Want(202).CodeRequest().Code
		code := s.world.Code(s, ada, 1)
		s.b.Verify(harness.WrongCode(code)).Want(401)
		s.world.Pass(s, time.Minute)
		resent := s.b.Resend().Want(202).CodeRequest()
		s.wantEqual("mail", resent.Mail, "queued")
		s.wantEqual("code", resent.Code.ID, asked.ID)
		s.wantEqual("tries left", resent.Code.TriesLeft, 4)
		s.wantEqual("code of the second mail", s.world.Code(s, ada, 2), code)
		s.b.Verify(code).Want(200)
	}},
	{"a resend of an expired or locked code makes a new one", func(s scene) {
		for i, end := range []string{
			"expires_at = now()", "tries = 5", "expires_at = now() + interval '90 seconds'",
		} {
			b := s.app.Open(s)
			asked := b.RequestCode(ada).Want(202).CodeRequest().Code
			old := s.world.Code(s, ada, 2*i+1)
			s.world.Pass(s, time.Minute)
			s.world.Exec(s, `UPDATE challenges SET `+end+` WHERE consumed_at IS NULL`)
			fresh := resend(b, asked.ID).Want(202).CodeRequest().Code
			s.wantEqual("tries left after "+end, fresh.TriesLeft, 5)
			code := s.world.Code(s, ada, 2*i+2)
			if code == old || fresh.ID == asked.ID {
				s.Errorf("after %s the code is the old one", end)
			}
			b.Verify(old).Want(401, "wrong_code")
			b.Verify(code).Want(200)
			s.world.Pass(s, time.Hour)
		}
	}},
	{"a cancelled code is gone, and others stay", func(s scene) {
		first := s.b.RequestCode(ada).Want(202).CodeRequest().Code
		s.b.RequestCode(grace).Want(202)
		third := s.b.RequestCode("lin@sana.example").Want(202).CodeRequest().Code
		code := s.world.Code(s, ada, 1)
		copied := s.b.Clone()
		s.b.Delete("/api/auth/code?id=" + first.ID).Want(204)
		s.wantEqual("newest", s.b.Get("/api/auth/code").Want(200).Pending().ID, third.ID)
		copied.Get("/api/auth/code?id="+first.ID).Want(404, "no_pending_code")
		copied.VerifyFor(ada, code).Want(404, "no_pending_code")
		s.b.Delete("/api/auth/code").Want(204) // the newest
		s.wantEqual("newest", s.b.Get("/api/auth/code").Want(200).Pending().Email, grace)
		s.b.Delete("/api/auth/code").Want(204)
		copied.Get("/api/auth/code").Want(404, "no_pending_code")
		s.b.Delete("/api/auth/code").Want(204) // no code is pending
		wantNobodySignedIn(s)
	}},
	{"a request that is sent twice at once makes one code and one mail", func(s scene) {
		for i := range 2 { // in a new browser, then in a known one, which has no limit per minute
			s.b.Get("/api/auth/session").Want(401)
			s.world.Exec(s, `DELETE FROM challenges`)
			s.world.Exec(s, `DELETE FROM mails`)
			wantOneCode(s)
			s.b.VerifyFor(ada, s.world.Code(s, ada, i+1)).Want(200)
			s.world.AwaitMails(s)
			s.b.Post("/api/auth/sign-out", "{}").Want(204)
			s.world.Pass(s, time.Minute)
		}
	}},
	{"an address at its mail limit gets no mail, and a valid code stays", func(s scene) {
		first := s.b.RequestCode(ada).Want(202).CodeRequest().Code
		other := s.app.Open(s)
		none := other.RequestCode(ada).Want(202) // within a minute of the first mail
		r := none.CodeRequest()
		s.wantEqual("mail for another browser", r.Mail, "none")
		if r.Code != nil || !r.ResendAt.After(r.Now) || r.ResendAt.After(r.Now.Add(time.Minute)) {
			s.Errorf("got %s, want no code and a time within a minute", none.Body)
		}
		other.Get("/api/auth/code").Want(404, "no_pending_code")

		for range 4 { // the hour's budget of the address
			s.world.Pass(s, time.Minute)
			s.app.Open(s).RequestCode("ada+tag@sana.example").Want(202)
		}
		s.world.Pass(s, time.Minute)
		s.world.AwaitMails(s)
		rows := s.count(`SELECT count(*) FROM mails`) + s.count(`SELECT count(*) FROM challenges`)
		for _, a := range []*harness.Answer{s.b.RequestCode(ada), s.b.Resend()} {
			r := a.Want(202).CodeRequest()
			s.wantEqual("mail", r.Mail, "none")
			if r.Code == nil || r.Code.ID != first.ID || r.Code.Delivery != "sent" {
				s.Errorf("got %s, want the code that is good, and its mail sent", a.Body)
			}
			s.wantEqual("time of the next mail", r.Code.ResendAt, r.ResendAt)
			if wait := r.ResendAt.Sub(r.Now); wait < 50*time.Minute || wait > time.Hour {
				s.Errorf("the next mail can come in %s, want what is left of the hour", wait)
			}
			wantBrowserCookie(s, a.Set[0])
		}
		s.wantEqual("mails and challenges",
			s.count(`SELECT count(*) FROM mails`)+s.count(`SELECT count(*) FROM challenges`), rows)
		s.b.Verify(s.world.Code(s, ada, 1)).Want(200)
	}},
	{"a request that sends no mail counts against the network only", func(s scene) {
		s.b.RequestCode(ada).Want(202)
		before := s.count(`SELECT count(*) FROM uses`)
		other := s.app.Open(s).At("192.0.2.7")
		for range 3 {
			s.wantEqual("mail", other.RequestCode(ada).Want(202).CodeRequest().Mail, "none")
		}
		s.wantEqual("uses of the network", s.sentFrom("192.0.2.7"), 3)
		s.wantEqual("uses", s.count(`SELECT count(*) FROM uses`), before+3)
	}},
	{"an id leads to a code in its own browser only", func(s scene) {
		mine := s.b.RequestCode(ada).Want(202).CodeRequest().Code
		other := s.app.Open(s)
		other.RequestCode(grace).Want(202)
		for _, b := range []*harness.Browser{other, s.app.Open(s)} {
			b.Get("/api/auth/code?id="+mine.ID).Want(404, "no_pending_code")
			b.Delete("/api/auth/code?id=" + mine.ID).Want(204)
		}
		resend(other, mine.ID).Want(404, "no_pending_code")
		other.VerifyFor(ada, s.world.Code(s, ada, 1)).Want(404, "no_pending_code")
		s.wantEqual("code", s.b.Get("/api/auth/code?id="+mine.ID).Want(200).Pending().ID, mine.ID)

		for _, id := range []string{
			"", "x", mine.ID + "0", strings.ToUpper(mine.ID), "%00",
			"00000000-0000-0000-0000-000000000000",
		} {
			s.b.Get("/api/auth/code?id="+id).Want(404, "no_pending_code")
			s.b.Delete("/api/auth/code?id=" + id).Want(204)
		}
		resend(s.b, "x").Want(400, "invalid_request")
		s.wantEqual("code", s.b.Get("/api/auth/code").Want(200).Pending().ID, mine.ID)
	}},
}

func TestCodesAPI(t *testing.T) { play(t, "postgres", codeScenarios) }

func TestCodesAPIWithSealedSessions(t *testing.T) { play(t, "cookie", codeScenarios) }

// resend requests a code again by its id.
func resend(b *harness.Browser, id string) *harness.Answer {
	return b.Post("/api/auth/code/resend", `{"id":"`+id+`"}`)
}

// wantOneCode fails the test unless parallel requests of a browser create one code and one mail.
func wantOneCode(s scene) {
	s.Helper()
	const requests = 8
	answers := harness.Together(requests, func(int) harness.CodeRequest {
		return s.b.Clone().RequestCode(ada).Want(202).CodeRequest()
	})
	for _, r := range answers {
		if r.Mail != "queued" || r.Code == nil {
			s.Fatalf("got %+v, want a mail and a code", r)
		}
		s.wantEqual("code", r.Code.ID, answers[0].Code.ID)
		s.wantEqual("expiry", r.Code.ExpiresAt, answers[0].Code.ExpiresAt)
	}
	s.wantEqual("challenges", s.count(`SELECT count(*) FROM challenges`), 1)
	s.wantEqual("mails", s.count(`SELECT count(*) FROM mails`), 1)
}
