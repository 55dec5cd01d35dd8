package web_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"sana/backend/test/harness"
)

const (
	ada    = "ada@sana.example"
	grace  = "grace@sana.example"
	cookie = "__Host-sana_session"
	device = "__Host-sana_device"

	browserToken = "__Host-sana_browser"
)

// scenarios test the promises of every call. Each has a database of its own.
var scenarios = []scenario{
	{"a code request answers 202, sets a cookie and sends one mail", func(s scene) {
		a := s.b.RequestCode(ada).Want(http.StatusAccepted)
		r := a.CodeRequest()
		harness.WantEqual(s, "address", r.Email, ada)
		harness.WantEqual(s, "mail", r.Mail, "queued")
		harness.WantEqual(s, "wait for the next mail", r.ResendAt.Sub(r.Now), time.Minute)
		if r.Code == nil || r.Code.ID == "" {
			s.Fatalf("got %s, want it with a pending code", a.Body)
		}
		p := *r.Code
		harness.WantEqual(s, "lifetime", p.ExpiresAt.Sub(p.Now), 10*time.Minute)
		harness.WantEqual(s, "pending code", p, harness.PendingCode{
			ID: p.ID, Email: ada, Purpose: "sign_in", CodeKind: "digits", CodeLength: 6,
			TriesLeft: 5,
			Now:       r.Now, ExpiresAt: p.ExpiresAt, ResendAt: r.ResendAt, Delivery: "queued",
		})
		if len(a.Set) != 1 {
			s.Fatalf("got %d cookies, want 1", len(a.Set))
		}
		wantBrowserCookie(s, a.Set[0])
		s.world.Code(s, ada, 1)
		s.world.AwaitMails(s)
		harness.WantEqual(s, "mails", s.world.Count(s, `SELECT count(*) FROM mails`), 1)
	}},
	{"the code is sent to the canonical address", func(s scene) {
		r := s.b.RequestCode("  Ada@SANA.Example ").Want(http.StatusAccepted).CodeRequest()
		harness.WantEqual(s, "addresses", [2]string{r.Email, r.Code.Email}, [2]string{ada, ada})
		code := s.world.Code(s, ada, 1)
		s.b.VerifyFor("ADA@sana.example ", code).Want(http.StatusOK)
	}},
	{"an invalid address is refused, and nothing is stored", func(s scene) {
		for _, email := range []string{"", "ada", "ada@", "@sana.example", "ada@localhost",
			"a,b@sana.example", "Ada <ada@sana.example>",
			"ada@sana.example\r\nBcc: eve@sana.example"} {
			s.b.RequestCode(email).Want(http.StatusBadRequest, "invalid_email")
		}
		harness.WantEqual(s, "cookies", len(s.b.Cookies()), 0)
		wantNothingKept(s)
	}},
	{"known and unknown addresses are answered alike", func(s scene) {
		s.app.Open(s).SignIn(s.world, ada)
		s.world.Pass(s, time.Minute)
		known := s.b.RequestCode(ada).Want(http.StatusAccepted)
		unknown := s.app.Open(s).RequestCode(grace).Want(http.StatusAccepted)
		a, b := known.CodeRequest(), unknown.CodeRequest()
		a.Email, a.Now, a.ResendAt = b.Email, b.Now, b.ResendAt
		a.Code.ID, a.Code.Email = b.Code.ID, b.Code.Email
		a.Code.Now, a.Code.ExpiresAt, a.Code.ResendAt = b.Code.Now, b.Code.ExpiresAt,
			b.Code.ResendAt
		harness.WantEqual(s, "answers", a, b)
		harness.WantEqual(s, "names of headers", namesOf(known.Header), namesOf(unknown.Header))
	}},
	{"a repeated request for an address keeps the code and sends no second mail", func(s scene) {
		first := s.b.RequestCode(ada).Want(http.StatusAccepted).CodeRequest()
		// as if the answer was lost
		repeat := s.b.RequestCode(ada).Want(http.StatusAccepted).CodeRequest()
		harness.WantEqual(s, "mail", repeat.Mail, "queued")
		harness.WantEqual(s, "time of the next mail", repeat.ResendAt, first.ResendAt)
		harness.WantEqual(s, "expiry", repeat.Code.ExpiresAt, first.Code.ExpiresAt)
		s.world.Pass(s, 30*time.Second)
		again := s.b.RequestCode(ada).Want(http.StatusAccepted).CodeRequest()
		harness.WantEqual(s, "mail", again.Mail, "none")
		harness.WantEqual(s, "codes", [2]string{repeat.Code.ID, again.Code.ID},
			[2]string{first.Code.ID, first.Code.ID})
		harness.WantEqual(s, "mails", s.world.Count(s, `SELECT count(*) FROM mails`), 1)
	}},
	{"every call that needs a pending sign-in reports its absence", func(s scene) {
		for range 2 { // without a browser token, and with one
			s.b.Get("/api/auth/code").Want(http.StatusNotFound, "no_pending_code")
			s.b.Verify("123456").Want(http.StatusNotFound, "no_pending_code")
			s.b.VerifyFor(ada, "123456").Want(http.StatusNotFound, "no_pending_code")
			s.b.Delete("/api/auth/code").Want(http.StatusNoContent)
			s.b.Get("/api/auth/session").Want(http.StatusUnauthorized, "not_signed_in")
		}
		s.b.Resend().Want(http.StatusNotFound, "no_pending_code")
		wantNothingKept(s)
	}},
	{"the right code signs in with a new session, and the old cookie is invalid", func(s scene) {
		s.b.Keep(cookie, strings.Repeat("A", 43)) // planted, as a browser token can be
		s.b.RequestCode(ada).Want(http.StatusAccepted)
		before := s.b.Clone()
		in := s.b.Verify(s.world.Code(s, ada, 1)).Want(http.StatusOK).SignedIn()
		harness.WantEqual(s, "address", in.User.Email, ada)
		harness.WantEqual(s, "new user", in.Created, true)
		harness.WantEqual(s, "life of the session", in.Session.ExpiresAt.Sub(in.Session.SignedInAt),
			720*time.Hour)
		if before.Cookies()[cookie] == s.b.Cookies()[cookie] {
			s.Error("the session's token is the one from before the sign-in (A-15)")
		}
		before.Get("/api/auth/session").Want(http.StatusUnauthorized, "not_signed_in")
		before.Get("/api/auth/code").Want(http.StatusNotFound, "no_pending_code")
		s.b.Get("/api/auth/code").Want(http.StatusNotFound, "no_pending_code")
		harness.WantEqual(s, "session",
			s.b.Get("/api/auth/session").Want(http.StatusOK).SignedIn().Session, in.Session)
	}},
	{"a second sign-in finds the same user", func(s scene) {
		first := s.app.Open(s).SignIn(s.world, ada)
		s.world.Pass(s, time.Minute)
		second := s.b.SignIn(s.world, ada)
		harness.WantEqual(s, "user", second.User, first.User)
		harness.WantEqual(s, "new user", second.Created, false)
		harness.WantEqual(s, "users", s.world.Count(s, `SELECT count(*) FROM users`), 1)
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
	{"an invalid code is refused and costs no attempt", func(s scene) {
		s.b.RequestCode(ada).Want(http.StatusAccepted)
		for _, code := range []string{"", "12345", "1234567", "abcdef", "12345a", "１２３４５６７",
			strings.Repeat("1", 5000)} {
			s.b.Verify(code).Want(http.StatusBadRequest, "invalid_code")
		}
		harness.WantEqual(s, "tries left", s.b.Get("/api/auth/code").Pending().TriesLeft, 5)
	}},
	{"five wrong codes lock the code, also for the right one, and answers have the attempts left",
		func(s scene) {
			s.b.RequestCode(ada).Want(http.StatusAccepted)
			code := s.world.Code(s, ada, 1)
			for left := 4; left >= 0; left-- {
				p := s.b.Verify(harness.WrongCode(code)).Want(http.StatusUnauthorized,
					"wrong_code").Problem()
				if p.TriesLeft == nil || *p.TriesLeft != left {
					s.Errorf("got tries left %v, want %d", p.TriesLeft, left)
				}
			}
			s.b.Verify(harness.WrongCode(code)).Want(http.StatusTooManyRequests, "too_many_tries")
			s.b.Verify(code).Want(http.StatusTooManyRequests, "too_many_tries")
			harness.WantEqual(s, "tries left",
				s.b.Get("/api/auth/code").Want(http.StatusOK).Pending().TriesLeft, 0)
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
		first := s.b.Verify(code).Want(http.StatusOK).SignedIn()
		harness.WantEqual(s, "repeat in the same browser",
			waiting.Verify(code).Want(http.StatusOK).SignedIn(), first)
		s.app.Open(s).VerifyFor(ada, code).Want(http.StatusNotFound, "no_pending_code")
		wantSessions(s, 1)
		s.world.Pass(s, 2*time.Minute)
		before := s.written()
		for _, b := range []*harness.Browser{s.b, waiting} {
			a := b.Verify(code).Want(http.StatusGone, "code_expired")
			harness.WantEqual(s, "cookies set", len(a.Set), 0)
		}
		harness.WantEqual(s, "written", s.written(), before)
		harness.WantEqual(s, "events", kindsOf(s, s.b), []string{"account_created"})
	}},
	{"a code works only in the browser that requested it (A-13)", func(s scene) {
		s.b.RequestCode(ada).Want(http.StatusAccepted)
		code := s.world.Code(s, ada, 1)
		other := s.app.Open(s)
		other.Verify(code).Want(http.StatusNotFound, "no_pending_code")
		other.RequestCode(grace).Want(http.StatusAccepted)
		other.Verify(code).Want(http.StatusUnauthorized, "wrong_code")
		s.b.Verify(code).Want(http.StatusOK)
	}},
	{"a deleted challenge is no pending sign-in, not an error", func(s scene) {
		s.b.RequestCode(ada).Want(http.StatusAccepted)
		s.world.Exec(s, `DELETE FROM challenges`)
		s.b.Get("/api/auth/code").Want(http.StatusNotFound, "no_pending_code")
		s.b.Verify("123456").Want(http.StatusNotFound, "no_pending_code")
		s.b.Resend().Want(http.StatusNotFound, "no_pending_code")
		s.b.RequestCode(ada).Want(http.StatusAccepted)
	}},
	{"sign-out revokes the session for every copy of its cookie and clears it", func(s scene) {
		s.b.SignIn(s.world, ada)
		copied := s.b.Clone()
		s.b.Post("/api/auth/sign-out", "{}").Want(http.StatusNoContent)
		harness.WantEqual(s, "session cookie", s.b.Cookies()[cookie], "")
		if s.sealed { // a session in the cookie cannot be revoked
			copied.Get("/api/auth/session").Want(http.StatusOK)
		} else {
			copied.Get("/api/auth/session").Want(http.StatusUnauthorized, "not_signed_in")
		}
		s.b.Get("/api/auth/session").Want(http.StatusUnauthorized, "not_signed_in")
		s.b.Post("/api/auth/sign-out", "{}").Want(http.StatusNoContent)
	}},
	{"a user who is signed in and requests a code stays signed in, no longer than before",
		func(s scene) {
			in := s.b.SignIn(s.world, ada)
			token := s.b.Cookies()[cookie]
			wantSame := func() {
				s.Helper()
				harness.WantEqual(s, "session",
					s.b.Get("/api/auth/session").Want(http.StatusOK).SignedIn().Session, in.Session)
				harness.WantEqual(s, "session cookie", s.b.Cookies()[cookie], token)
			}
			for email, purpose := range map[string]string{ada: "step_up", grace: "sign_in"} {
				s.world.Pass(s, time.Minute)
				harness.WantEqual(s, "purpose",
					s.b.RequestCode(email).Want(http.StatusAccepted).CodeRequest().Code.Purpose,
					purpose)
				wantSame()
				s.b.Delete("/api/auth/code").Want(http.StatusNoContent)
				wantSame()
			}
			wantSessions(s, 1)
		}},
	{"garbage in the cookie is not signed in, and causes no 500 (A-48)", func(s scene) {
		for _, value := range []string{"x", strings.Repeat("A", 43), strings.Repeat("A", 3000),
			"%00",
			"\xff\xfe", `"quoted"`} {
			s.b.Get("/api/auth/session",
				harness.With("Cookie", cookie+"="+value)).Want(http.StatusUnauthorized,
				"not_signed_in")
			s.b.Get("/api/auth/code",
				harness.With("Cookie", browserToken+"="+value)).Want(http.StatusNotFound,
				"no_pending_code")
		}
	}},
	{"two cookies with our name are both ignored (A-19)", func(s scene) {
		s.b.SignIn(s.world, ada)
		token := s.b.Cookies()[cookie]
		s.b.Get("/api/auth/session",
			harness.With("Cookie", cookie+"="+token+"; other=1")).Want(http.StatusOK)
		for _, pair := range []string{
			cookie + "=" + token + "; " + cookie + "=planted",
			cookie + "=planted; " + cookie + "=" + token,
			cookie + "=" + token + "; " + cookie + "=" + token,
		} {
			s.b.Get("/api/auth/session", harness.With("Cookie", pair)).Want(http.StatusUnauthorized,
				"not_signed_in")
		}
	}},
	{"cookies on two header lines count as on one, also two with our name (A-19)", func(s scene) {
		s.b.SignIn(s.world, ada)
		own := "Cookie: " + cookie + "=" + s.b.Cookies()[cookie]
		for _, c := range []struct {
			lines  string
			status int
		}{
			{own + "\r\nCookie: other=1", 200},
			{"Cookie: other=1\r\n" + own + "\r\nCookie: more=2", 200},
			{own + "\r\n" + own, 401},
			{own + "\r\nCookie: other=1; " + cookie + "=planted", 401},
		} {
			request := "GET /api/auth/session HTTP/1.1\r\nHost: sana.example\r\n" + c.lines +
				"\r\n\r\n"
			answer := openWire(s, s.app).send(request).receive()
			harness.WantEqual(s, "status with "+strings.ReplaceAll(c.lines, "\r\n", " and "),
				answer.status, c.status)
		}
	}},
	{"a user agent that Postgres cannot store does not stop a sign-in", func(s scene) {
		s.b.RequestCode(ada).Want(http.StatusAccepted)
		code := s.world.Code(s, ada, 1)
		s.b.Post("/api/auth/verify", `{"code":"`+code+`"}`,
			harness.With("User-Agent", "\xff\xfe"+strings.Repeat("ü", 400))).Want(http.StatusOK)
		s.b.Get("/api/auth/session").Want(http.StatusOK)
	}},
	{"an anonymous GET writes nothing (A-42)", func(s scene) {
		for path, want := range map[string]int{
			// the browser token, of which no row exists
			"/": 1, "/verify": 1, "/api/auth/session": 1,
			"/api/auth/code": 0, "/livez": 0, "/readyz": 0, "/api/openapi.json": 0,
		} {
			harness.WantEqual(s, "cookies set by "+path, len(s.app.Open(s).Get(path).Set), want)
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
	{"an unavailable database is 503 with Retry-After everywhere, never 401, and no cookie changes",
		func(s scene) {
			s.b.SignIn(s.world, ada)
			waiting := s.app.Open(s)
			waiting.RequestCode(grace).Want(http.StatusAccepted)
			s.world.StopDatabase(s)
			answers := []*harness.Answer{
				s.b.RequestCode(ada),
				waiting.Get("/api/auth/code"),
				waiting.Verify("123456"),
				waiting.Post("/api/auth/code/resend", "{}"),
				waiting.Do(http.MethodDelete, "/api/auth/code", ""),
				s.b.Get("/readyz"),
			}
			if s.sealed { // a session in the cookie needs no database
				s.b.Get("/api/auth/session").Want(http.StatusOK)
				leaving := s.b.Clone()
				leaving.Post("/api/auth/sign-out", "{}").Want(http.StatusNoContent)
				harness.WantEqual(s, "session cookie", leaving.Cookies()[cookie], "")
			} else {
				answers = append(answers, s.b.Get("/api/auth/session"), s.b.Get("/api/sessions"),
					s.b.Post("/api/auth/sign-out", "{}"))
			}
			for _, a := range answers {
				p := a.Want(http.StatusServiceUnavailable, "unavailable").Problem()
				if a.Header.Get("Retry-After") == "" || p.RetryAfter == 0 {
					s.Errorf("503 without Retry-After: %s", a.Body)
				}
				harness.WantEqual(s, "cookies set", len(a.Set), 0)
			}
			s.b.Get("/livez").Want(http.StatusOK)
			s.world.BringBack(s)
			harness.Eventually(s, "the pool does not heal", func() error {
				return harness.StatusError(s.b.Get("/api/auth/session"), http.StatusOK)
			})
			waiting.VerifyFor("", s.world.Code(s, grace, 1)).Want(http.StatusOK)
		}},
}

func TestAPI(t *testing.T) { play(t, "postgres", scenarios) }

// The same promises hold when the session is in the cookie. Scenarios that such a session cannot
// keep return early.
func TestAPIWithSealedSessions(t *testing.T) { play(t, "cookie", scenarios) }

func play(t *testing.T, store string, scenarios []scenario) {
	t.Parallel()
	if store == "cookie" && testing.Short() {
		t.Skip("with the other store they are played in the short form too")
	}
	for _, scenario := range scenarios {
		t.Run(scenario.promise, func(t *testing.T) {
			t.Parallel()
			w := harness.NewWorld(t)
			// One store is tested against the built program, the other one in this process under
			// the race detector.
			var app *harness.Instance
			if store == "cookie" {
				app = w.Run(t, "SESSION_STORE="+store).Instance
			} else {
				app = w.Start(t, "SESSION_STORE="+store)
			}
			scenario.play(scene{t, w, app, app.Open(t), store == "cookie"})
		})
	}
}
