package web_test

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"sana/backend/keyring"
	"sana/backend/session"
	"sana/backend/test/harness"
	"sana/backend/web"
)

const (
	firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
	iphone  = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 " +
		"(KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1"
)

// signInWith signs ada in with another browser.
func (s scene) signInWith(userAgent string) (*harness.Browser, harness.SignedIn) {
	s.Helper()
	s.world.Pass(s, time.Minute) // for the next mail
	b := s.app.Open(s)
	code := b.GetCode(s.world, ada)
	in := b.Post("/api/auth/verify", `{"code":"`+code+`"}`,
		harness.With("User-Agent", userAgent)).Want(http.StatusOK).SignedIn()
	return b, in
}

// sessionScenarios test the promises about a user's sessions.
var sessionScenarios = []scenario{
	{"the list has the user's sessions, without tokens", func(s scene) {
		phone, onPhone := s.signInWith(iphone)
		_, onLaptop := s.signInWith(firefox)
		list, complete := phone.Get("/api/sessions",
			harness.With("User-Agent", iphone)).Want(http.StatusOK).Sessions()
		this := harness.Listed{
			ID: onPhone.Session.ID, Current: true, Browser: "Safari", System: "iOS", IP: list[0].IP,
			SignedInAt: onPhone.Session.SignedInAt, LastSeenAt: list[0].LastSeenAt,
			ExpiresAt: onPhone.Session.ExpiresAt,
		}
		if s.sealed {
			harness.WantEqual(s, "sessions", list, []harness.Listed{this})
			harness.WantEqual(s, "complete", complete, false)
			return
		}
		other := this
		other.ID, other.Current, other.Browser, other.System, other.IP = onLaptop.Session.ID, false,
			"Firefox", "Linux", list[1].IP
		other.SignedInAt, other.ExpiresAt = onLaptop.Session.SignedInAt, onLaptop.Session.ExpiresAt
		if list[0].ID == other.ID { // the one used last comes first
			this, other = other, this
		}
		this.IP, other.IP, this.LastSeenAt, other.LastSeenAt = list[0].IP, list[1].IP,
			list[0].LastSeenAt,
			list[1].LastSeenAt
		harness.WantEqual(s, "sessions", list, []harness.Listed{this, other})
		harness.WantEqual(s, "complete", complete, true)
		for _, l := range list {
			if !strings.HasPrefix(l.IP, "198.1") || l.LastSeenAt.Before(l.SignedInAt) {
				s.Errorf("got %+v", l)
			}
		}
	}},
	{"only signed-in users can list or revoke sessions", func(s scene) {
		s.b.Get("/api/sessions").Want(http.StatusUnauthorized, "not_signed_in")
		s.b.Do(http.MethodDelete, "/api/sessions", "").Want(http.StatusUnauthorized,
			"not_signed_in")
		s.b.Do(http.MethodDelete, "/api/sessions/"+strings.Repeat("0", 32),
			"").Want(http.StatusUnauthorized, "not_signed_in")
		// a browser that waits for a code is not signed in either
		s.b.RequestCode(ada).Want(http.StatusAccepted)
		s.b.Get("/api/sessions").Want(http.StatusUnauthorized, "not_signed_in")
	}},
	{"a session revoked from another browser is told when and from where", func(s scene) {
		phone, onPhone := s.signInWith(iphone)
		laptop, _ := s.signInWith(firefox)
		end := func() *harness.Answer {
			return laptop.Do(http.MethodDelete, "/api/sessions/"+onPhone.Session.ID, "",
				harness.With("User-Agent", firefox))
		}
		if s.sealed {
			end().Want(http.StatusConflict, "not_with_this_store")
			phone.Get("/api/auth/session").Want(http.StatusOK)
			return
		}
		end().Want(http.StatusNoContent)
		why := phone.Get("/api/auth/session").Want(http.StatusUnauthorized,
			"not_signed_in").Problem().SignedOut
		if why.Reason != "ended_elsewhere" || why.By != "Firefox on Linux" ||
			time.Since(why.At).Abs() > time.Minute {
			s.Errorf("the phone gets %+v", why)
		}
		harness.WantEqual(s, "told again after a reload",
			phone.Get("/api/auth/session").Problem().SignedOut.Reason, "ended_elsewhere")
		phone.RequestCode(ada).Want(http.StatusAccepted)
		harness.WantEqual(s, "told after requesting a code",
			phone.Get("/api/auth/session").Problem().SignedOut.Reason, "ended_elsewhere")
		laptop.Get("/api/auth/session").Want(http.StatusOK)
		// its account was not deleted
		phone.Delete("/api/account").Want(http.StatusUnauthorized, "not_signed_in")

		end().Want(http.StatusNoContent) // again, although it is revoked
		harness.WantEqual(s, "events", kindsOf(s, laptop),
			[]string{"account_created", "signed_in", "session_ended"})
	}},
	{"all other sessions are revoked together, and this one stays", func(s scene) {
		phone, _ := s.signInWith(iphone)
		laptop, _ := s.signInWith(firefox)
		s.b.SignIn(s.world, grace)
		end := laptop.Do(http.MethodDelete, "/api/sessions", "")
		if s.sealed {
			end.Want(http.StatusConflict, "not_with_this_store")
			return
		}
		end.Want(http.StatusNoContent)
		harness.WantEqual(s, "reason",
			phone.Get("/api/auth/session").Want(http.StatusUnauthorized).Problem().SignedOut.Reason,
			"ended_everywhere")
		laptop.Get("/api/auth/session").Want(http.StatusOK)
		s.b.Get("/api/auth/session").Want(http.StatusOK)
	}},
	{"revoking this session by its id signs out, however old the sign-in is", func(s scene) {
		in := s.b.SignIn(s.world, ada)
		s.world.Pass(s, time.Hour)
		makeOld(s, s.b)
		token := s.b.Cookies()[browserToken]
		s.b.Do(http.MethodDelete, "/api/sessions/"+in.Session.ID, "").Want(http.StatusNoContent)
		harness.WantEqual(s, "session cookie", s.b.Cookies()[cookie], "")
		if s.b.Cookies()[browserToken] == token {
			s.Error("the browser token is the one from before")
		}
		s.b.Get("/api/auth/session").Want(http.StatusUnauthorized, "not_signed_in")
	}},
	{"another user's session can neither be revoked nor detected", func(s scene) {
		in := s.b.SignIn(s.world, ada)
		other := s.app.Open(s)
		other.SignIn(s.world, grace)
		if s.sealed {
			return // sealed sessions have no list
		}
		hers := other.Delete("/api/sessions/" + in.Session.ID).Want(http.StatusNoContent)
		nobodys := other.Delete("/api/sessions/" + strings.Repeat("0", 32)).Want(
			http.StatusNoContent)
		harness.WantEqual(s, "names of headers", namesOf(hers.Header), namesOf(nobodys.Header))
		for _, id := range []string{"nonsense", strings.ToUpper(in.Session.ID), in.Session.ID + "0",
			in.Session.ID[1:]} {
			other.Delete("/api/sessions/"+id).Want(http.StatusNotFound, "not_found")
		}
		s.b.Get("/api/auth/session").Want(http.StatusOK)
		harness.WantEqual(s, "events", kindsOf(s, other), []string{"account_created"})
	}},
	{"revoking others requires a sign-in of the last ten minutes, and a new one is enough",
		func(s scene) {
			if s.sealed {
				return // sealed sessions cannot be revoked
			}
			_, onPhone := s.signInWith(iphone)
			laptop, first := s.signInWith(firefox)
			makeOld(s, laptop)
			one, all := "/api/sessions/"+onPhone.Session.ID, "/api/sessions"
			laptop.Do(http.MethodDelete, one, "").Want(http.StatusForbidden,
				"reauthentication_required")
			laptop.Do(http.MethodDelete, all, "").Want(http.StatusForbidden,
				"reauthentication_required")
			s.world.Pass(s, time.Minute)
			again := laptop.SignIn(s.world, ada)
			harness.WantEqual(s, "session", again.Session.ID, first.Session.ID)
			laptop.Do(http.MethodDelete, one, "").Want(http.StatusNoContent)
			list, _ := laptop.Get("/api/sessions").Want(http.StatusOK).Sessions()
			harness.WantEqual(s, "sessions left", len(list), 1)
		}},
	{"the link of the mail about a new device revokes its session and does nothing else (A-58)",
		func(s scene) {
			laptop, onLaptop := s.signInWith(firefox)
			phone, onPhone := s.signInWith(iphone)
			text := s.world.Mails(s, "new_device", ada, 1)[0].Text
			stranger := s.app.Open(s)
			end := func(token string) *harness.Answer {
				return stranger.Post("/api/auth/not-you", `{"token":"`+token+`"}`,
					harness.With("User-Agent", firefox)).
					Want(http.StatusNoContent)
			}
			_, link, isThere := strings.Cut(text, harness.PublicURL+"/not-you#t=")
			if s.sealed {
				harness.WantEqual(s, "a link in the mail", isThere, false)
				end("anything")
				phone.Get("/api/auth/session").Want(http.StatusOK)
				return
			}
			token, _, _ := strings.Cut(link, "\n")
			for _, wrong := range []string{
				"", "x", token + "x", token[1:], onPhone.Session.ID,
				strings.Replace(token, onPhone.Session.ID, onLaptop.Session.ID, 1),
			} {
				end(wrong)
			}
			// as a scanner of links does
			stranger.Get("/not-you", harness.With("Accept", "text/html"))
			phone.Get("/api/auth/session").Want(http.StatusOK)

			harness.WantEqual(s, "cookies set", len(end(token).Set), 0)
			why := phone.Get("/api/auth/session").Want(http.StatusUnauthorized,
				"not_signed_in").Problem().SignedOut
			if why.Reason != "ended_by_link" || why.By != "Firefox on Linux" {
				s.Errorf("the phone gets %+v", why)
			}
			laptop.Get("/api/auth/session").Want(http.StatusOK)
			stranger.Get("/api/auth/session").Want(http.StatusUnauthorized, "not_signed_in")
			end(token) // again, although it is revoked
			harness.WantEqual(s, "events", kindsOf(s, laptop),
				[]string{"account_created", "signed_in", "session_ended"})
			events, _ := laptop.Get("/api/account/events").Want(http.StatusOK).Events()
			harness.WantEqual(s, "reason", events[0].Reason, "ended_by_link")
			harness.WantEqual(s, "ended", events[0].Ended, "Safari on iOS")
		}},
	{"the link of the mail about a step-up in an unknown browser revokes the renewed session",
		func(s scene) {
			if s.sealed {
				return // there is no such link
			}
			s.b.SignIn(s.world, ada)
			s.b.Keep(device, "")
			s.world.Pass(s, time.Minute)
			s.b.SignIn(s.world, ada)
			text := s.world.Mails(s, "new_device", ada, 1)[0].Text
			_, link, _ := strings.Cut(text, "/not-you#t=")
			token, _, _ := strings.Cut(link, "\n")
			s.app.Open(s).Post("/api/auth/not-you",
				`{"token":"`+token+`"}`).Want(http.StatusNoContent)
			s.b.Get("/api/auth/session").Want(http.StatusUnauthorized, "not_signed_in")
		}},
	{"a network may use sixty links an hour, valid or not", func(s scene) {
		eve := s.app.Open(s)
		for range 60 {
			eve.Post("/api/auth/not-you", `{"token":"x"}`).Want(http.StatusNoContent)
		}
		eve.Post("/api/auth/not-you", `{"token":"x"}`).Want(http.StatusTooManyRequests,
			"too_many_requests")
		s.app.Open(s).Post("/api/auth/not-you", `{"token":"x"}`).Want(http.StatusNoContent)
	}},
	{"a mailed code outlives its key, and without a verifier it has expired", func(s scene) {
		code := s.b.GetCode(s.world, ada)
		s.world.Exec(s, `UPDATE challenges SET key_id = 'withdrawn'`)
		s.b.Verify(harness.WrongCode(code)).Want(http.StatusUnauthorized, "wrong_code")
		s.b.Verify(code).Want(http.StatusOK)
		s.b.Verify(code).Want(http.StatusOK) // a repeat
		code = s.b.GetCode(s.world, grace)
		s.world.Exec(s, `UPDATE challenges SET key_id = 'withdrawn', verifier = NULL`)
		s.b.Verify(code).Want(http.StatusGone, "code_expired")
	}},
}

func TestSessionsAPI(t *testing.T) { play(t, "postgres", sessionScenarios) }

func TestSessionsAPIWithSealedSessions(t *testing.T) { play(t, "cookie", sessionScenarios) }

// A sealed session records its use in the cookie itself.
func TestSealedCookie_IsRenewedOnceAMinuteWhileInUse(t *testing.T) {
	t.Parallel()
	ring, err := keyring.Parse(harness.SecretKeys)
	if err != nil {
		t.Fatal(err)
	}
	var clock atomic.Int64 // seconds
	now := func() time.Time { return time.Unix(clock.Load(), 0) }
	store := session.NewSealed(ring, cookie,
		session.Limits{Idle: time.Hour, MaxAge: 24 * time.Hour}, now, nil)
	user := session.User{ID: "98e35920-c49e-4131-afc6-ed01d92e7e17", Email: ada, SignedInAt: now()}
	issued, err := store.Seal(session.Session{ID: session.NewID(), User: user, CreatedAt: now()})
	if err != nil {
		t.Fatal(err)
	}
	b := serve(t, newServerWith(t, func(o *web.Options) { o.Sessions = store })).Open(t)
	b.Keep(cookie, issued.Token)

	clock.Add(59)
	harness.WantEqual(t, "cookies set within a minute",
		len(b.Get("/api/auth/session").Want(http.StatusOK).Set), 0)
	clock.Add(1)
	again := b.Get("/api/auth/session").Want(http.StatusOK)
	harness.WantEqual(t, "session", again.SignedIn().Session.ID, issued.ID)
	set := again.Set
	if len(set) != 1 || set[0].Value == issued.Token ||
		set[0].MaxAge != int((24*time.Hour-time.Minute+7*24*time.Hour).Seconds()) {
		t.Fatalf("after a minute: got the cookies %v", set)
	}
	clock.Add(59*60 + 30)
	b.Get("/api/auth/session").Want(http.StatusOK)
	b.Clone().Get("/api/auth/session",
		harness.With("Cookie", cookie+"="+issued.Token)).Want(http.StatusUnauthorized,
		"not_signed_in")
}
