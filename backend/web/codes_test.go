package web_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"sana/backend/sanatest"
)

// codeScenarios are the promises about requesting codes and about those that a browser waits for.
var codeScenarios = []scenario{
	{"two addresses in one browser do not disturb each other", func(s scene) {
		first := s.b.RequestCode(ada).Want(http.StatusAccepted).CodeRequest().Code
		second := s.b.RequestCode(grace).Want(http.StatusAccepted).CodeRequest().Code
		pending := func(path string) string { return s.b.Get(path).Want(http.StatusOK).Pending().Email }
		sanatest.WantEqual(s, "newest", pending("/api/auth/code"), grace)
		sanatest.WantEqual(s, "first", pending("/api/auth/code?id="+first.ID), ada)
		sanatest.WantEqual(s, "second", pending("/api/auth/code?id="+second.ID), grace)
		codes := map[string]string{ada: s.world.Code(s, ada, 1), grace: s.world.Code(s, grace, 1)}
		s.b.VerifyFor(grace, codes[ada]).Want(http.StatusUnauthorized, "wrong_code")
		s.b.VerifyFor("", codes[ada]).Want(http.StatusUnauthorized, "wrong_code")
		sanatest.WantEqual(s, "user", s.b.VerifyFor(ada, codes[ada]).Want(http.StatusOK).SignedIn().User.Email, ada)
		sanatest.WantEqual(s, "newest", pending("/api/auth/code"), grace)
		sanatest.WantEqual(s, "user", s.b.VerifyFor(grace, codes[grace]).Want(http.StatusOK).SignedIn().User.Email, grace)
		wantSessions(s, 1) // the second sign-in ended the first session
	}},
	{"a reload finds the pending sign-in as it was left", func(s scene) {
		asked := s.b.RequestCode(ada).Want(http.StatusAccepted).CodeRequest().Code
		code := s.world.Code(s, ada, 1)
		s.b.Verify(sanatest.WrongCode(code)).Want(http.StatusUnauthorized, "wrong_code")
		found := s.b.Get("/api/auth/code").Want(http.StatusOK).Pending()
		sanatest.WantEqual(s, "code", found.ID, asked.ID)
		sanatest.WantEqual(s, "tries left", found.TriesLeft, 4)
		sanatest.WantEqual(s, "expiry", found.ExpiresAt, asked.ExpiresAt)
	}},
	{"a resend within a minute answers alike and sends nothing", func(s scene) {
		asked := s.b.RequestCode(ada).Want(http.StatusAccepted).CodeRequest()
		s.world.Pass(s, 30*time.Second)
		resent := s.b.Resend().Want(http.StatusAccepted).CodeRequest()
		sanatest.WantEqual(s, "mail", resent.Mail, "none")
		sanatest.WantEqual(s, "code", resent.Code.ID, asked.Code.ID)
		sanatest.WantEqual(s, "time of the next resend", resent.ResendAt, asked.ResendAt.Add(-30*time.Second))
		sanatest.WantEqual(s, "mails", s.world.Count(s, `SELECT count(*) FROM mails`), 1)
	}},
	{"a resend after a minute carries the same code, and gives no new tries", func(s scene) {
		asked := s.b.RequestCode(ada).Want(http.StatusAccepted).CodeRequest().Code
		code := s.world.Code(s, ada, 1)
		s.b.Verify(sanatest.WrongCode(code)).Want(http.StatusUnauthorized)
		s.world.Pass(s, time.Minute)
		resent := s.b.Resend().Want(http.StatusAccepted).CodeRequest()
		sanatest.WantEqual(s, "mail", resent.Mail, "queued")
		sanatest.WantEqual(s, "code", resent.Code.ID, asked.ID)
		sanatest.WantEqual(s, "tries left", resent.Code.TriesLeft, 4)
		sanatest.WantEqual(s, "code of the second mail", s.world.Code(s, ada, 2), code)
		s.b.Verify(code).Want(http.StatusOK)
	}},
	{"a resend of an expired or locked code makes a new one", func(s scene) {
		for i, end := range []string{"expires_at = now()", "tries = 5", "expires_at = now() + interval '90 seconds'"} {
			b := s.app.Open(s)
			asked := b.RequestCode(ada).Want(http.StatusAccepted).CodeRequest().Code
			old := s.world.Code(s, ada, 2*i+1)
			s.world.Pass(s, time.Minute)
			s.world.Exec(s, `UPDATE challenges SET `+end+` WHERE consumed_at IS NULL`)
			fresh := b.Post("/api/auth/code/resend", `{"id":"`+asked.ID+`"}`).Want(http.StatusAccepted).CodeRequest().Code
			sanatest.WantEqual(s, "tries left after "+end, fresh.TriesLeft, 5)
			code := s.world.Code(s, ada, 2*i+2)
			if code == old || fresh.ID == asked.ID {
				s.Errorf("after %s the code is the old one", end)
			}
			b.Verify(old).Want(http.StatusUnauthorized, "wrong_code")
			b.Verify(code).Want(http.StatusOK)
			s.world.Pass(s, time.Hour)
		}
	}},
	{"a cancelled code is gone, and others stay", func(s scene) {
		first := s.b.RequestCode(ada).Want(http.StatusAccepted).CodeRequest().Code
		s.b.RequestCode(grace).Want(http.StatusAccepted)
		third := s.b.RequestCode("lin@sana.example").Want(http.StatusAccepted).CodeRequest().Code
		code := s.world.Code(s, ada, 1)
		copied := s.b.Clone()
		s.b.Delete("/api/auth/code?id=" + first.ID).Want(http.StatusNoContent)
		sanatest.WantEqual(s, "newest", s.b.Get("/api/auth/code").Want(http.StatusOK).Pending().ID, third.ID)
		copied.Get("/api/auth/code?id="+first.ID).Want(http.StatusNotFound, "no_pending_code")
		copied.VerifyFor(ada, code).Want(http.StatusNotFound, "no_pending_code")
		s.b.Delete("/api/auth/code").Want(http.StatusNoContent) // the newest
		sanatest.WantEqual(s, "newest", s.b.Get("/api/auth/code").Want(http.StatusOK).Pending().Email, grace)
		s.b.Delete("/api/auth/code").Want(http.StatusNoContent)
		copied.Get("/api/auth/code").Want(http.StatusNotFound, "no_pending_code")
		s.b.Delete("/api/auth/code").Want(http.StatusNoContent) // there is none
		wantNobodySignedIn(s)
	}},
	{"a request that is sent twice at once makes one code and one mail", func(s scene) {
		s.b.Get("/api/auth/session").Want(http.StatusUnauthorized)
		const requests = 8
		answers := make([]sanatest.CodeRequest, requests)
		together(requests, func(i int) {
			answers[i] = s.b.Clone().RequestCode(ada).Want(http.StatusAccepted).CodeRequest()
		})
		for _, r := range answers {
			if r.Mail != "queued" || r.Code == nil || r.Code.ID != answers[0].Code.ID || !r.Code.ExpiresAt.Equal(answers[0].Code.ExpiresAt) {
				s.Errorf("got %+v, want a mail and the same code in all answers", r)
			}
		}
		sanatest.WantEqual(s, "challenges", s.world.Count(s, `SELECT count(*) FROM challenges`), 1)
		sanatest.WantEqual(s, "mails", s.world.Count(s, `SELECT count(*) FROM mails`), 1)
		s.b.VerifyFor(ada, s.world.Code(s, ada, 1)).Want(http.StatusOK)
	}},
	{"an address that has had enough mail gets none, and a good code stays", func(s scene) {
		first := s.b.RequestCode(ada).Want(http.StatusAccepted).CodeRequest().Code
		other := s.app.Open(s)
		none := other.RequestCode(ada).Want(http.StatusAccepted) // within a minute of the first mail
		r := none.CodeRequest()
		sanatest.WantEqual(s, "mail for another browser", r.Mail, "none")
		if r.Code != nil || !r.ResendAt.After(r.Now) || r.ResendAt.After(r.Now.Add(time.Minute)) {
			s.Errorf("got %s, want no code and a time within a minute", none.Body)
		}
		other.Get("/api/auth/code").Want(http.StatusNotFound, "no_pending_code")

		for range 4 { // the hour's budget of the address
			s.world.Pass(s, time.Minute)
			s.app.Open(s).RequestCode("ada+tag@sana.example").Want(http.StatusAccepted)
		}
		s.world.Pass(s, time.Minute)
		s.world.AwaitMails(s)
		rows := s.world.Count(s, `SELECT count(*) FROM mails`) + s.world.Count(s, `SELECT count(*) FROM challenges`)
		for _, a := range []*sanatest.Answer{s.b.RequestCode(ada), s.b.Resend()} {
			r := a.Want(http.StatusAccepted).CodeRequest()
			sanatest.WantEqual(s, "mail", r.Mail, "none")
			if r.Code == nil || r.Code.ID != first.ID || r.Code.Delivery != "sent" {
				s.Errorf("got %s, want the code that is good, and its mail sent", a.Body)
			}
			if wait := r.ResendAt.Sub(r.Now); wait < 50*time.Minute || wait > time.Hour {
				s.Errorf("the next mail can come in %s, want what is left of the hour", wait)
			}
			wantBrowserCookie(s, a.Set[0])
		}
		sanatest.WantEqual(s, "mails and challenges",
			s.world.Count(s, `SELECT count(*) FROM mails`)+s.world.Count(s, `SELECT count(*) FROM challenges`), rows)
		s.b.Verify(s.world.Code(s, ada, 1)).Want(http.StatusOK)
	}},
	{"a request that gets no mail counts against the network alone", func(s scene) {
		s.b.RequestCode(ada).Want(http.StatusAccepted)
		before := s.world.Count(s, `SELECT count(*) FROM uses`)
		other := s.app.Open(s).At("192.0.2.7")
		for range 3 {
			sanatest.WantEqual(s, "mail", other.RequestCode(ada).Want(http.StatusAccepted).CodeRequest().Mail, "none")
		}
		sanatest.WantEqual(s, "uses of the network", s.sentFrom("192.0.2.7"), 3)
		sanatest.WantEqual(s, "uses", s.world.Count(s, `SELECT count(*) FROM uses`), before+3)
	}},
	{"a network that requests too often is refused, but not a browser known for the address", func(s scene) {
		const network = "192.0.2.9"
		s.b.At(network).SignIn(s.world, ada)
		s.world.Pass(s, time.Minute)
		counted := s.sentFrom(network)
		sanatest.WantEqual(s, "uses of the network before the browser was known", counted, 1)
		s.b.Verify(sanatest.WrongCode(s.b.GetCode(s.world, ada))).Want(http.StatusUnauthorized, "wrong_code")
		sanatest.WantEqual(s, "uses of the network after that", s.sentFrom(network), counted)
		sanatest.WantEqual(s, "wrong codes of the network", s.wrongFrom(network), 0)

		s.fillNetwork(network)
		s.b.Resend().Want(http.StatusAccepted)
		s.world.Pass(s, time.Minute)
		sanatest.WantEqual(s, "mail to a known browser", s.b.Resend().Want(http.StatusAccepted).CodeRequest().Mail, "queued")
		challenges := s.world.Count(s, `SELECT count(*) FROM challenges`)
		stranger := s.app.Open(s).At(network)
		for _, a := range []*sanatest.Answer{stranger.RequestCode(ada), s.b.RequestCode(grace)} {
			p := a.Want(http.StatusTooManyRequests, "too_many_requests").Problem()
			if p.RetryAfter < 3000 || a.Header.Get("Retry-After") == "" {
				s.Errorf("got %s with Retry-After %q", a.Body, a.Header.Get("Retry-After"))
			}
		}
		sanatest.WantEqual(s, "challenges", s.world.Count(s, `SELECT count(*) FROM challenges`), challenges)
	}},
	{"an id leads to a code in its own browser only", func(s scene) {
		mine := s.b.RequestCode(ada).Want(http.StatusAccepted).CodeRequest().Code
		other := s.app.Open(s)
		other.RequestCode(grace).Want(http.StatusAccepted)
		for _, b := range []*sanatest.Browser{other, s.app.Open(s)} {
			b.Get("/api/auth/code?id="+mine.ID).Want(http.StatusNotFound, "no_pending_code")
			b.Delete("/api/auth/code?id=" + mine.ID).Want(http.StatusNoContent)
		}
		other.Post("/api/auth/code/resend", `{"id":"`+mine.ID+`"}`).Want(http.StatusNotFound, "no_pending_code")
		other.VerifyFor(ada, s.world.Code(s, ada, 1)).Want(http.StatusNotFound, "no_pending_code")
		sanatest.WantEqual(s, "code", s.b.Get("/api/auth/code?id="+mine.ID).Want(http.StatusOK).Pending().ID, mine.ID)

		for _, id := range []string{"", "x", mine.ID + "0", strings.ToUpper(mine.ID), "%00", "00000000-0000-0000-0000-000000000000"} {
			s.b.Get("/api/auth/code?id="+id).Want(http.StatusNotFound, "no_pending_code")
			s.b.Delete("/api/auth/code?id=" + id).Want(http.StatusNoContent)
		}
		s.b.Post("/api/auth/code/resend", `{"id":"x"}`).Want(http.StatusBadRequest, "invalid_request")
		sanatest.WantEqual(s, "code", s.b.Get("/api/auth/code").Want(http.StatusOK).Pending().ID, mine.ID)
	}},
}

func TestCodesAPI(t *testing.T) { play(t, "postgres", codeScenarios) }

func TestCodesAPIWithSealedSessions(t *testing.T) { play(t, "cookie", codeScenarios) }

// together runs do for each number below n at once and waits.
func together(n int, do func(i int)) {
	var group sync.WaitGroup
	for i := range n {
		group.Go(func() { do(i) })
	}
	group.Wait()
}
