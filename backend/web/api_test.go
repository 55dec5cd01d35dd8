package web_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"sana/backend/sanatest"
)

const (
	ada    = "ada@sana.example"
	grace  = "grace@sana.example"
	cookie = "__Host-sana_session"
	device = "__Host-sana_device"
)

// scenarios are the promises of every call, one walk each, on a database of its own.
var scenarios = []scenario{
	{"asking for a code answers 202, sets a cookie and sends one mail", func(s scene) {
		a := s.b.RequestCode(ada).Want(http.StatusAccepted)
		p := a.Pending()
		sanatest.WantEqual(s, "address", p.Email, ada)
		sanatest.WantEqual(s, "code kind", p.CodeKind, "digits")
		sanatest.WantEqual(s, "code length", p.CodeLength, 6)
		sanatest.WantEqual(s, "tries left", p.TriesLeft, 5)
		sanatest.WantEqual(s, "delivery", p.Delivery, "queued")
		sanatest.WantEqual(s, "lifetime", p.ExpiresAt.Sub(p.Now), 10*time.Minute)
		sanatest.WantEqual(s, "wait for a resend", p.ResendAt.Sub(p.Now), time.Minute)
		if len(a.Set) != 1 {
			s.Fatalf("got %d cookies, want 1", len(a.Set))
		}
		c := a.Set[0]
		if c.Name != cookie || !c.HttpOnly || !c.Secure || c.Path != "/" || c.Domain != "" || c.SameSite != http.SameSiteLaxMode {
			s.Errorf("got the cookie %+v, want %s; HttpOnly; Secure; Path=/; SameSite=Lax and no Domain", c, cookie)
		}
		s.world.Code(s, ada, 1)
	}},
	{"the code goes to the canonical address, however it was typed", func(s scene) {
		p := s.b.RequestCode("  Ada@SANA.Example ").Want(http.StatusAccepted).Pending()
		sanatest.WantEqual(s, "address", p.Email, ada)
		s.world.Code(s, ada, 1)
	}},
	{"what is not an address is refused, and nothing is kept", func(s scene) {
		for _, email := range []string{"", "ada", "ada@", "@sana.example", "ada@localhost", "a,b@sana.example", "Ada <ada@sana.example>", "ada@sana.example\r\nBcc: eve@sana.example"} {
			s.b.RequestCode(email).Want(http.StatusBadRequest, "invalid_email")
		}
		sanatest.WantEqual(s, "cookies", len(s.b.Cookies()), 0)
		wantNothingKept(s)
	}},
	{"known and unknown addresses are answered alike", func(s scene) {
		s.app.Open(s).SignIn(s.world, ada)
		s.world.Pass(s, time.Minute)
		known := s.b.RequestCode(ada).Want(http.StatusAccepted)
		unknown := s.app.Open(s).RequestCode(grace).Want(http.StatusAccepted)
		a, b := known.Pending(), unknown.Pending()
		a.Email, a.Now, a.ExpiresAt, a.ResendAt = b.Email, b.Now, b.ExpiresAt, b.ResendAt
		sanatest.WantEqual(s, "answers", a, b)
		sanatest.WantEqual(s, "names of headers", namesOf(known.Header), namesOf(unknown.Header))
	}},
	{"asked again for the same address, the same code waits and no second mail goes out", func(s scene) {
		first := s.b.RequestCode(ada).Want(http.StatusAccepted).Pending()
		again := s.b.RequestCode(ada).Want(http.StatusAccepted)
		sanatest.WantEqual(s, "cookies set again", len(again.Set), 0)
		sanatest.WantEqual(s, "expiry", again.Pending().ExpiresAt, first.ExpiresAt)
		sanatest.WantEqual(s, "mails queued", s.world.Count(s, `SELECT count(*) FROM river_job WHERE kind = 'mail'`), 1)
	}},
	{"another address replaces the pending sign-in", func(s scene) {
		s.b.RequestCode(ada).Want(http.StatusAccepted)
		old := s.b.Clone()
		s.b.RequestCode(grace).Want(http.StatusAccepted)
		sanatest.WantEqual(s, "address", s.b.Get("/api/auth/code").Want(http.StatusOK).Pending().Email, grace)
		if !s.sealed { // there, a copy of the cookie still waits for the other code
			old.Get("/api/auth/code").Want(http.StatusNotFound, "no_pending_code")
		}
		s.b.Verify(s.world.Code(s, ada, 1)).Want(http.StatusUnauthorized, "wrong_code")
		s.b.Verify(s.world.Code(s, grace, 1)).Want(http.StatusOK)
	}},
	{"a reload finds the pending sign-in as it was left", func(s scene) {
		asked := s.b.RequestCode(ada).Want(http.StatusAccepted).Pending()
		code := s.world.Code(s, ada, 1)
		s.b.Verify(sanatest.WrongCode(code)).Want(http.StatusUnauthorized, "wrong_code")
		found := s.b.Get("/api/auth/code").Want(http.StatusOK).Pending()
		sanatest.WantEqual(s, "tries left", found.TriesLeft, 4)
		sanatest.WantEqual(s, "expiry", found.ExpiresAt, asked.ExpiresAt)
	}},
	{"without a pending sign-in every call that needs one says so", func(s scene) {
		s.b.Get("/api/auth/code").Want(http.StatusNotFound, "no_pending_code")
		s.b.Verify("123456").Want(http.StatusNotFound, "no_pending_code")
		s.b.Post("/api/auth/code/resend", "{}").Want(http.StatusNotFound, "no_pending_code")
		wantNothingKept(s)
	}},
	{"a resend within a minute answers alike and sends nothing", func(s scene) {
		asked := s.b.RequestCode(ada).Want(http.StatusAccepted).Pending()
		resent := s.b.Post("/api/auth/code/resend", "{}").Want(http.StatusAccepted).Pending()
		sanatest.WantEqual(s, "time of the next resend", resent.ResendAt, asked.ResendAt)
		sanatest.WantEqual(s, "mails queued", s.world.Count(s, `SELECT count(*) FROM river_job WHERE kind = 'mail'`), 1)
	}},
	{"a resend after a minute carries the same code, and gives no new tries", func(s scene) {
		s.b.RequestCode(ada).Want(http.StatusAccepted)
		code := s.world.Code(s, ada, 1)
		s.b.Verify(sanatest.WrongCode(code)).Want(http.StatusUnauthorized)
		s.world.Pass(s, time.Minute)
		resent := s.b.Post("/api/auth/code/resend", "{}").Want(http.StatusAccepted).Pending()
		sanatest.WantEqual(s, "tries left", resent.TriesLeft, 4)
		sanatest.WantEqual(s, "code of the second mail", s.world.Code(s, ada, 2), code)
		s.b.Verify(code).Want(http.StatusOK)
	}},
	{"a resend of an expired or locked code makes a new one", func(s scene) {
		for i, end := range []string{"expires_at = now()", "tries = 5", "expires_at = now() + interval '90 seconds'"} {
			b := s.app.Open(s)
			b.RequestCode(ada).Want(http.StatusAccepted)
			old := s.world.Code(s, ada, 2*i+1)
			s.world.Pass(s, time.Minute)
			s.world.Exec(s, `UPDATE challenges SET `+end+` WHERE consumed_at IS NULL`)
			fresh := b.Post("/api/auth/code/resend", "{}").Want(http.StatusAccepted).Pending()
			sanatest.WantEqual(s, "tries left after "+end, fresh.TriesLeft, 5)
			code := s.world.Code(s, ada, 2*i+2)
			if code == old {
				s.Errorf("after %s the code is the old one", end)
			}
			b.Verify(code).Want(http.StatusOK)
			s.world.Pass(s, time.Hour)
		}
	}},
	{"using another address forgets the pending sign-in and its cookie", func(s scene) {
		s.b.RequestCode(ada).Want(http.StatusAccepted)
		old := s.b.Clone()
		s.b.Do(http.MethodDelete, "/api/auth/code", "").Want(http.StatusNoContent)
		sanatest.WantEqual(s, "cookies", len(s.b.Cookies()), 0)
		if !s.sealed { // there, a copy of the cookie still waits for the other code
			old.Get("/api/auth/code").Want(http.StatusNotFound, "no_pending_code")
		}
		s.b.Do(http.MethodDelete, "/api/auth/code", "").Want(http.StatusNoContent)
	}},
	{"the right code signs in with a new session, and the old cookie is worth nothing", func(s scene) {
		s.b.RequestCode(ada).Want(http.StatusAccepted)
		before := s.b.Clone()
		in := s.b.Verify(s.world.Code(s, ada, 1)).Want(http.StatusOK).SignedIn()
		sanatest.WantEqual(s, "address", in.User.Email, ada)
		sanatest.WantEqual(s, "new user", in.Created, true)
		sanatest.WantEqual(s, "life of the session", in.Session.ExpiresAt.Sub(in.Session.SignedInAt), 720*time.Hour)
		if before.Cookies()[cookie] == s.b.Cookies()[cookie] {
			s.Error("the session's token is the one from before the sign-in (A-15)")
		}
		before.Get("/api/auth/session").Want(http.StatusUnauthorized, "not_signed_in")
		before.Get("/api/auth/code").Want(http.StatusNotFound, "no_pending_code")
		s.b.Get("/api/auth/code").Want(http.StatusNotFound, "no_pending_code")
		sanatest.WantEqual(s, "session", s.b.Get("/api/auth/session").Want(http.StatusOK).SignedIn().Session, in.Session)
	}},
	{"a second sign-in finds the same user", func(s scene) {
		first := s.app.Open(s).SignIn(s.world, ada)
		s.world.Pass(s, time.Minute)
		second := s.b.SignIn(s.world, ada)
		sanatest.WantEqual(s, "user", second.User, first.User)
		sanatest.WantEqual(s, "new user", second.Created, false)
		sanatest.WantEqual(s, "users", s.world.Count(s, `SELECT count(*) FROM users`), 1)
	}},
	{"spaces and dashes in a code do not matter, and full-width digits are digits", func(s scene) {
		for i, write := range []func(code string) string{
			func(c string) string { return c[:3] + " " + c[3:] },
			func(c string) string { return " " + c[:3] + "-" + c[3:] + "\n" },
			func(c string) string {
				return strings.Map(func(r rune) rune { return r - '0' + '０' }, c)
			},
		} {
			b := s.app.Open(s)
			b.RequestCode(ada).Want(http.StatusAccepted)
			b.Verify(write(s.world.Code(s, ada, i+1))).Want(http.StatusOK)
			s.world.Pass(s, time.Minute)
		}
	}},
	{"what is not a code is refused and costs no try", func(s scene) {
		s.b.RequestCode(ada).Want(http.StatusAccepted)
		for _, code := range []string{"", "12345", "1234567", "abcdef", "12345a", "１２３４５６７", strings.Repeat("1", 5000)} {
			s.b.Verify(code).Want(http.StatusBadRequest, "invalid_code")
		}
		sanatest.WantEqual(s, "tries left", s.b.Get("/api/auth/code").Pending().TriesLeft, 5)
	}},
	{"five wrong codes lock the code, also for the right one, and say how many tries are left", func(s scene) {
		s.b.RequestCode(ada).Want(http.StatusAccepted)
		code := s.world.Code(s, ada, 1)
		for left := 4; left >= 0; left-- {
			p := s.b.Verify(sanatest.WrongCode(code)).Want(http.StatusUnauthorized, "wrong_code").Problem()
			if p.TriesLeft == nil || *p.TriesLeft != left {
				s.Errorf("got tries left %v, want %d", p.TriesLeft, left)
			}
		}
		s.b.Verify(sanatest.WrongCode(code)).Want(http.StatusTooManyRequests, "too_many_tries")
		s.b.Verify(code).Want(http.StatusTooManyRequests, "too_many_tries")
		sanatest.WantEqual(s, "tries left", s.b.Get("/api/auth/code").Want(http.StatusOK).Pending().TriesLeft, 0)
		wantNobodySignedIn(s)
	}},
	{"an expired code is refused, by the database's clock", func(s scene) {
		s.b.RequestCode(ada).Want(http.StatusAccepted)
		code := s.world.Code(s, ada, 1)
		s.world.Exec(s, `UPDATE challenges SET expires_at = now()`)
		s.b.Verify(code).Want(http.StatusGone, "code_expired")
		wantNobodySignedIn(s)
	}},
	{"a code works once (A-05)", func(s scene) {
		s.b.RequestCode(ada).Want(http.StatusAccepted)
		code := s.world.Code(s, ada, 1)
		waiting := s.b.Clone()
		s.b.Verify(code).Want(http.StatusOK)
		if s.sealed { // a copy of the cookie still waits, in vain
			waiting.Verify(code).Want(http.StatusGone, "code_expired")
		} else {
			waiting.Verify(code).Want(http.StatusNotFound, "no_pending_code")
		}
		s.b.Verify(code).Want(http.StatusNotFound, "no_pending_code")
		wantSessions(s, 1)
	}},
	{"a code works only in the browser that asked for it (A-13)", func(s scene) {
		s.b.RequestCode(ada).Want(http.StatusAccepted)
		code := s.world.Code(s, ada, 1)
		other := s.app.Open(s)
		other.Verify(code).Want(http.StatusNotFound, "no_pending_code")
		other.RequestCode(grace).Want(http.StatusAccepted)
		other.Verify(code).Want(http.StatusUnauthorized, "wrong_code")
		s.b.Verify(code).Want(http.StatusOK)
	}},
	{"a challenge that is gone is no pending sign-in, not an error", func(s scene) {
		s.b.RequestCode(ada).Want(http.StatusAccepted)
		s.world.Exec(s, `DELETE FROM challenges`)
		s.b.Get("/api/auth/code").Want(http.StatusNotFound, "no_pending_code")
		s.b.Verify("123456").Want(http.StatusNotFound, "no_pending_code")
		s.b.Post("/api/auth/code/resend", "{}").Want(http.StatusNotFound, "no_pending_code")
		s.b.RequestCode(ada).Want(http.StatusAccepted)
	}},
	{"sign-out ends the session for every copy of its cookie and clears it", func(s scene) {
		s.b.SignIn(s.world, ada)
		copied := s.b.Clone()
		s.b.Post("/api/auth/sign-out", "{}").Want(http.StatusNoContent)
		sanatest.WantEqual(s, "session cookie", s.b.Cookies()[cookie], "")
		if s.sealed { // what the cookie cannot do
			copied.Get("/api/auth/session").Want(http.StatusOK)
		} else {
			copied.Get("/api/auth/session").Want(http.StatusUnauthorized, "not_signed_in")
		}
		s.b.Get("/api/auth/session").Want(http.StatusUnauthorized, "not_signed_in")
		s.b.Post("/api/auth/sign-out", "{}").Want(http.StatusNoContent)
	}},
	{"a person who is signed in and asks for a code stays signed in, no longer than before", func(s scene) {
		in := s.b.SignIn(s.world, ada)
		s.b.RequestCode(ada).Want(http.StatusAccepted)
		sanatest.WantEqual(s, "end of the session", s.b.Get("/api/auth/session").Want(http.StatusOK).SignedIn().Session.ExpiresAt, in.Session.ExpiresAt)
		s.b.Do(http.MethodDelete, "/api/auth/code", "").Want(http.StatusNoContent)
		sanatest.WantEqual(s, "end of the session", s.b.Get("/api/auth/session").Want(http.StatusOK).SignedIn().Session.ExpiresAt, in.Session.ExpiresAt)
		wantSessions(s, 1)
	}},
	{"garbage in the cookie is nobody, and costs no 500 (A-48)", func(s scene) {
		for _, value := range []string{"x", strings.Repeat("A", 43), strings.Repeat("A", 3000), "%00", "\xff\xfe", `"quoted"`} {
			s.b.Get("/api/auth/session", sanatest.With("Cookie", cookie+"="+value)).Want(http.StatusUnauthorized, "not_signed_in")
			s.b.Get("/api/auth/code", sanatest.With("Cookie", cookie+"="+value)).Want(http.StatusNotFound, "no_pending_code")
		}
	}},
	{"of two cookies with our name neither counts (A-19)", func(s scene) {
		s.b.SignIn(s.world, ada)
		token := s.b.Cookies()[cookie]
		s.b.Get("/api/auth/session", sanatest.With("Cookie", cookie+"="+token+"; other=1")).Want(http.StatusOK)
		for _, pair := range []string{
			cookie + "=" + token + "; " + cookie + "=planted",
			cookie + "=planted; " + cookie + "=" + token,
			cookie + "=" + token + "; " + cookie + "=" + token,
		} {
			s.b.Get("/api/auth/session", sanatest.With("Cookie", pair)).Want(http.StatusUnauthorized, "not_signed_in")
		}
	}},
	{"a user agent that Postgres cannot store does not stop a sign-in", func(s scene) {
		s.b.RequestCode(ada).Want(http.StatusAccepted)
		code := s.world.Code(s, ada, 1)
		s.b.Post("/api/auth/verify", `{"code":"`+code+`"}`, sanatest.With("User-Agent", "\xff\xfe"+strings.Repeat("ü", 400))).Want(http.StatusOK)
		s.b.Get("/api/auth/session").Want(http.StatusOK)
	}},
	{"an anonymous GET writes nothing (A-42)", func(s scene) {
		for _, path := range []string{"/", "/verify", "/api/auth/session", "/api/auth/code", "/livez", "/readyz", "/api/openapi.json"} {
			sanatest.WantEqual(s, "cookies set by "+path, len(s.b.Get(path).Set), 0)
		}
		wantNothingKept(s)
	}},
	{"health answers name the version and the instance", func(s scene) {
		for _, path := range []string{"/livez", "/readyz"} {
			var health struct{ Status, Version, Instance string }
			s.b.Get(path).Want(http.StatusOK).JSON(&health)
			if health.Status != "ok" || health.Version != "test" || health.Instance == "" {
				s.Errorf("%s answers %+v", path, health)
			}
		}
	}},
	{"an old schema is not ready, but alive", func(s scene) {
		s.world.Exec(s, `DELETE FROM goose_db_version WHERE version_id > 1`)
		s.b.Get("/readyz").Want(http.StatusServiceUnavailable, "unavailable")
		s.b.Get("/livez").Want(http.StatusOK)
	}},
	{"a database that is away is 503 with Retry-After everywhere, never 401, and no cookie is touched", func(s scene) {
		s.b.SignIn(s.world, ada)
		waiting := s.app.Open(s)
		waiting.RequestCode(grace).Want(http.StatusAccepted)
		s.world.TakeAway(s)
		answers := []*sanatest.Answer{
			s.b.RequestCode(ada),
			waiting.Get("/api/auth/code"),
			waiting.Verify("123456"),
			waiting.Post("/api/auth/code/resend", "{}"),
			waiting.Do(http.MethodDelete, "/api/auth/code", ""),
			s.b.Get("/readyz"),
		}
		if s.sealed { // what the cookie can do
			s.b.Get("/api/auth/session").Want(http.StatusOK)
		} else {
			answers = append(answers, s.b.Get("/api/auth/session"), s.b.Get("/api/sessions"), s.b.Post("/api/auth/sign-out", "{}"))
		}
		for _, a := range answers {
			p := a.Want(http.StatusServiceUnavailable, "unavailable").Problem()
			if a.Header.Get("Retry-After") == "" || p.RetryAfter == 0 {
				s.Errorf("503 without Retry-After: %s", a.Body)
			}
			sanatest.WantEqual(s, "cookies set", len(a.Set), 0)
		}
		s.b.Get("/livez").Want(http.StatusOK)
		s.world.BringBack(s)
		sanatest.Eventually(s, "the pool does not heal", func() error {
			return sanatest.StatusError(s.b.Get("/api/auth/session"), http.StatusOK)
		})
		waiting.Verify(s.world.Code(s, grace, 1)).Want(http.StatusOK)
	}},
}

func TestAPI(t *testing.T) { play(t, "postgres", scenarios) }

// The same promises hold when the session is in the cookie; scenarios that a cookie cannot keep say so.
func TestAPIWithSealedSessions(t *testing.T) { play(t, "cookie", scenarios) }

func play(t *testing.T, store string, scenarios []scenario) {
	t.Parallel()
	for _, scenario := range scenarios {
		t.Run(scenario.promise, func(t *testing.T) {
			t.Parallel()
			w := sanatest.NewWorld(t)
			app := w.Run(t, "SESSION_STORE="+store)
			scenario.play(scene{t, w, app, app.Open(t), store == "cookie"})
		})
	}
}
