package web_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"sana/backend/outbox"
	"sana/backend/test/harness"
)

// makeOld makes every sign-in ten minutes older, and waits until the program reads the change for a
// browser. The time in sealed sessions cannot be changed.
func makeOld(s scene, b *harness.Browser) {
	s.Helper()
	if s.sealed {
		return
	}
	s.world.Exec(s, `
		UPDATE sessions
		SET v = convert_to(jsonb_set(convert_from(v, 'UTF8')::jsonb, '{user,signed_in_at}',
		        to_jsonb((convert_from(v, 'UTF8')::jsonb #>> '{user,signed_in_at}')::timestamptz
		                 - interval '10 minutes'))::text, 'UTF8')`)
	harness.Eventually(s, "the change of the session", func() error {
		in := b.Get("/api/auth/session").Want(http.StatusOK).SignedIn()
		if age := time.Since(in.Session.SignedInAt); age < 9*time.Minute {
			return fmt.Errorf("the sign-in is %s old", age)
		}
		return nil
	})
}

// kindsOf lists the events of the browser's user, oldest first.
func kindsOf(s scene, b *harness.Browser) []string {
	s.Helper()
	events, _ := b.Get("/api/account/events").Want(http.StatusOK).Events()
	var kinds []string
	for _, e := range events {
		kinds = append([]string{e.Kind}, kinds...)
	}
	return kinds
}

// accountCalls are all calls on an account, with valid bodies.
var accountCalls = [][3]string{
	{http.MethodGet, "/api/account", ""}, {http.MethodPatch, "/api/account", `{"name":"Ada"}`},
	{http.MethodDelete, "/api/account", ""},
	{http.MethodGet, "/api/account/export", ""}, {http.MethodGet, "/api/account/events", ""},
	{http.MethodGet, "/api/account/email", ""},
	{http.MethodPost, "/api/account/email", `{"email":"grace@sana.example"}`},
	{http.MethodDelete, "/api/account/email", ""},
	{http.MethodPost, "/api/account/email/resend", `{}`},
	{http.MethodPost, "/api/account/email/verify", `{"code":"123456"}`},
}

// accountScenarios test the promises about accounts.
var accountScenarios = []scenario{
	{"an account has an address, a name and the time of its first sign-in", func(s scene) {
		in := s.b.SignIn(s.world, ada)
		got := s.b.Get("/api/account").Want(http.StatusOK).Account()
		// sealed, the time has whole seconds
		if got.CreatedAt.Sub(in.Session.SignedInAt).Abs() > time.Second {
			s.Errorf("got %s, want %s", got.CreatedAt, in.Session.SignedInAt)
		}
		got.CreatedAt = time.Time{}
		harness.WantEqual(s, "account", got, harness.Account{ID: in.User.ID, Email: ada})
	}},
	{"without a session no call reaches an account", func(s scene) {
		waiting := s.app.Open(s)
		waiting.RequestCode(ada).Want(http.StatusAccepted)
		for _, call := range accountCalls {
			s.b.Do(call[0], call[1], call[2]).Want(http.StatusUnauthorized, "not_signed_in")
			waiting.Do(call[0], call[1], call[2]).Want(http.StatusUnauthorized, "not_signed_in")
		}
	}},
	{"a name is stored normalized, and an invalid one is refused", func(s scene) {
		s.b.SignIn(s.world, ada)
		harness.WantEqual(s, "name",
			s.b.Rename("  Zoe\u0308 <b>").Want(http.StatusOK).Account().Name, "Zoë <b>")
		s.b.Rename("Zoë <b>").Want(http.StatusOK)
		for _, name := range []string{strings.Repeat("x", 101), "a\x00b", "a\nb", "a\u202eb"} {
			s.b.Rename(name).Want(http.StatusBadRequest, "invalid_name")
		}
		for _, body := range []string{`{}`, `{"name":null}`, `{"name":1}`,
			`{"name":"a","email":"eve@sana.example"}`, `{"Name":"a"}`, ``} {
			s.b.Do(http.MethodPatch, "/api/account", body,
				harness.With("Content-Type", "application/json")).
				Want(http.StatusBadRequest, "invalid_request")
		}
		harness.WantEqual(s, "name", s.b.Get("/api/account").Account().Name, "Zoë <b>")
		harness.WantEqual(s, "name", s.b.Rename("").Want(http.StatusOK).Account().Name, "")
		harness.WantEqual(s, "events", kindsOf(s, s.b),
			[]string{"account_created", "name_changed", "name_changed"})
	}},
	{"another site can change nothing on an account", func(s scene) {
		s.b.SignIn(s.world, ada)
		for _, call := range accountCalls {
			if call[0] != http.MethodGet {
				s.b.Do(call[0], call[1], call[2],
					harness.With("Sec-Fetch-Site", "cross-site")).Want(http.StatusForbidden,
					"cross_origin_request")
			}
		}
		s.b.Get("/api/account").Want(http.StatusOK)
	}},
	{"events have their browser and address, and are shown to their user only", func(s scene) {
		s.b.SignIn(s.world, grace)
		phone, onPhone := s.signInWith(iphone)
		laptop, _ := s.signInWith(firefox)
		ended := []harness.Event{}
		if !s.sealed {
			laptop.Do(http.MethodDelete, "/api/sessions/"+onPhone.Session.ID, "",
				harness.With("User-Agent", firefox)).Want(http.StatusNoContent)
			// there is no account, so nothing changes
			laptop.Delete("/api/sessions").Want(http.StatusNoContent)
			s.signInWith(iphone)
			laptop.Do(http.MethodDelete, "/api/sessions", "").Want(http.StatusNoContent)
			ended = []harness.Event{
				{Kind: "sessions_ended"}, {Kind: "signed_in", Browser: "Safari", System: "iOS"},
				{Kind: "session_ended", Browser: "Firefox", System: "Linux", Ended: "Safari on iOS",
					Reason: "ended_elsewhere"},
			}
		}
		got, next := laptop.Get("/api/account/events").Want(http.StatusOK).Events()
		harness.WantEqual(s, "next page", next, "")
		for i := range got {
			if !strings.HasPrefix(got[i].IP, "198.1") || time.Since(got[i].At).Abs() > time.Hour ||
				got[i].ID == "" {
				s.Errorf("got %+v", got[i])
			}
			got[i].ID, got[i].IP, got[i].At = "", "", time.Time{}
		}
		harness.WantEqual(s, "events", got,
			append(ended, harness.Event{Kind: "signed_in", Browser: "Firefox", System: "Linux"},
				harness.Event{Kind: "account_created", Browser: "Safari", System: "iOS"}))
		laptop.Post("/api/auth/sign-out", "{}").Want(http.StatusNoContent)
		phone.SignIn(s.world, grace)
		harness.WantEqual(s, "grace's", kindsOf(s, phone), []string{"account_created", "signed_in"})
		harness.WantEqual(s, "sign-outs",
			s.world.Count(s, `SELECT count(*) FROM account_events WHERE kind = 'signed_out'`), 1)
	}},
	{"the oldest session that the eleventh revokes is an event", func(s scene) {
		if s.sealed {
			return // none is revoked
		}
		for range 11 {
			s.signInWith(iphone)
			s.world.Exec(s, `TRUNCATE uses`)
		}
		harness.WantEqual(s, "events", s.world.Count(s, `
			SELECT count(*)
			FROM account_events
			WHERE kind = 'session_ended'
			  AND details = '{"ended": "Safari on iOS", "reason": "too_many_sessions"}'`), 1)
	}},
	{"events come in pages of fifty", func(s scene) {
		in := s.b.SignIn(s.world, ada)
		s.world.Exec(s, `INSERT INTO account_events (user_id, kind, platform, ip, details)
			SELECT $1, 'name_changed', '', '', '{}' FROM generate_series(1, 60)`, in.User.ID)
		first, next := s.b.Get("/api/account/events").Want(http.StatusOK).Events()
		second, end := s.b.Get("/api/account/events?before=" + next).Want(http.StatusOK).Events()
		if len(first) != 50 || len(second) != 11 || end != "" ||
			second[10].Kind != "account_created" ||
			first[0].Browser != "" {
			s.Errorf("got pages of %d and %d with %q and %q", len(first), len(second), next, end)
		}
		for _, before := range []string{"", "x", "-1", "1234567890123456789", "1%20", "1;DROP"} {
			s.b.Get("/api/account/events?before="+before).Want(http.StatusBadRequest,
				"invalid_request")
		}
	}},
	{"an export has all stored data, no secrets, and is an event", func(s scene) {
		s.signInWith(iphone)
		laptop, _ := s.signInWith(firefox)
		laptop.Rename("Ada").Want(http.StatusOK)
		code := laptop.ChangeCode(s.world, grace)
		a := laptop.Get("/api/account/export").Want(http.StatusOK)
		if got := a.Header.Get("Content-Disposition"); !regexp.MustCompile(
			`^attachment; filename="sana-export-\d{4}-\d\d-\d\d\.json"$`).MatchString(got) {
			s.Errorf("got Content-Disposition %q", got)
		}
		var file struct {
			Account  harness.Account
			Events   []harness.Event
			Sessions []harness.Listed
			Complete bool `json:"sessions_complete"`
			Codes    []struct{ Email, Purpose string }
			Notes    []string
		}
		a.JSON(&file)
		harness.WantEqual(s, "name", file.Account.Name, "Ada")
		harness.WantEqual(s, "events", len(file.Events), 4)
		harness.WantEqual(s, "sessions", [2]any{len(file.Sessions), file.Complete},
			map[bool][2]any{true: {1, false}, false: {2, true}}[s.sealed])
		harness.WantEqual(s, "codes", file.Codes,
			[]struct{ Email, Purpose string }{{grace, "change_email"}, {ada, "sign_in"},
				{ada, "sign_in"}})
		if len(file.Notes) == 0 || strings.Contains(string(a.Body), code) ||
			regexp.MustCompile(`[0-9a-f]{64}|verifier|key_id|k1`).Match(a.Body) {
			s.Errorf("the file has no notes, or a secret in it:\n%s", a.Body)
		}
		harness.WantEqual(s, "newest event", file.Events[0].Kind, "exported")
	}},
	{"exports, deletions and address changes require a sign-in of the last ten minutes",
		func(s scene) {
			if s.sealed {
				return // its time cannot be changed; the rule is the same
			}
			s.b.SignIn(s.world, ada)
			makeOld(s, s.b)
			s.b.Get("/api/account/export").Want(http.StatusForbidden, "reauthentication_required")
			s.b.Delete("/api/account").Want(http.StatusForbidden, "reauthentication_required")
			s.b.RequestChange(grace).Want(http.StatusForbidden, "reauthentication_required")
			s.b.Rename("Ada").Want(http.StatusOK)
			harness.WantEqual(s, "codes",
				s.world.Count(s, `SELECT count(*) FROM challenges WHERE purpose = 'change_email'`),
				0)
			s.world.Pass(s, time.Minute)
			s.b.SignIn(s.world, ada)
			s.b.Get("/api/account/export").Want(http.StatusOK)
		}},
	{"a deleted account is gone with all its data, everywhere, and its user gets a mail",
		func(s scene) {
			phone, _ := s.signInWith(iphone)
			laptop, before := s.signInWith(firefox)
			laptop.ChangeCode(s.world, grace)
			s.world.Pass(s, time.Minute)
			s.app.Open(s).RequestCode(ada).Want(http.StatusAccepted)
			stranger := s.app.Open(s)
			stranger.SignIn(s.world, "eve@sana.example")
			s.world.AwaitMails(s)

			copied := laptop.Clone()
			laptop.Do(http.MethodDelete, "/api/account", "",
				harness.With("User-Agent", firefox)).Want(http.StatusNoContent)
			left := laptop.Cookies()
			if left[browserToken] == copied.Cookies()[browserToken] {
				s.Error("the browser token is the one from before")
			}
			delete(left, browserToken)
			harness.WantEqual(s, "other cookies", left, map[string]string{})
			for _, b := range []*harness.Browser{copied, phone.Clone()} {
				b.Delete("/api/account").Want(http.StatusNoContent) // a repeat
				harness.WantEqual(s, "session cookie", b.Cookies()[cookie], "")
			}
			// a browser that had no account
			s.b.Delete("/api/account").Want(http.StatusUnauthorized, "not_signed_in")
			s.world.Mails(s, "account_deleted", ada, 1)
			s.world.AwaitMails(s)
			held := 0
			for table, condition := range map[string]string{
				"users": `email = 'ada@sana.example'`, "account_events": `user_id = $1`,
				"sessions":        `user_id = $1`,
				"challenges":      `email IN ('ada@sana.example', 'grace@sana.example')`,
				"mails":           `content IS NOT NULL`,
				"replaced_tokens": `convert_from(v, 'UTF8') LIKE '%' || $1 || '%'`,
			} {
				n := s.world.Count(s,
					`SELECT count(*) FROM `+table+` WHERE (`+condition+`) AND $1::text IS NOT NULL`,
					before.User.ID)
				if held += n; n > 0 {
					s.Errorf("%d rows are left in %s", n, table)
				}
			}
			harness.WantEqual(s, "mails about it", len(s.world.Mails(s, "account_deleted", ada, 1)),
				1)
			why := phone.Get("/api/account").Want(http.StatusUnauthorized,
				"not_signed_in").Problem().SignedOut
			harness.WantEqual(s, "reason on the phone", why.Reason, "account_deleted")
			for _, call := range accountCalls {
				if isGone := s.sealed && call[0]+call[1] == "DELETE/api/account/email"; isGone {
					phone.Delete(call[1]).Want(http.StatusNoContent)
				} else if call[0]+call[1] != "DELETE/api/account" {
					phone.Do(call[0], call[1], call[2]).Want(http.StatusUnauthorized,
						"not_signed_in")
				}
			}
			if s.sealed { // a session in the cookie cannot be revoked
				phone.Get("/api/auth/session").Want(http.StatusOK)
			} else {
				harness.WantEqual(s, "by", why.By, "Firefox on Linux")
				harness.WantEqual(s, "reason",
					phone.Get("/api/auth/session").Want(
						http.StatusUnauthorized).Problem().SignedOut.Reason, "account_deleted")
			}
			stranger.Get("/api/account").Want(http.StatusOK)

			s.world.Pass(s, time.Hour)
			again := phone.SignIn(s.world, ada) // also with the cookie of the deleted account
			if !again.Created || again.User.ID == before.User.ID {
				s.Errorf("the new account is %+v, the deleted one was %s", again, before.User.ID)
			}
			harness.WantEqual(s, "events of the new account", kindsOf(s, phone),
				[]string{"account_created"})
			phone.Post("/api/auth/sign-out", "{}").Want(http.StatusNoContent)
		}},
	{"no answer has the seed of a session", func(s scene) {
		if s.sealed {
			return // it has none
		}
		laptop, _ := s.signInWith(firefox)
		s.signInWith(iphone)
		code := laptop.ChangeCode(s.world, grace)
		development := s.world.Run(s, "APP_ENV=development", "MAIL_TRANSPORT=mailgun")
		var seeds [][]byte
		err := s.world.DB.QueryRow(s.Context(), `
			SELECT array_agg(decode(convert_from(v, 'UTF8')::jsonb ->> 'seed', 'base64'))
			    FROM sessions`).Scan(&seeds)
		if err != nil || len(seeds) != 2 || len(seeds[0]) != 16 || bytes.Equal(seeds[0], seeds[1]) {
			s.Fatalf("got the seeds %x (%v), want two different ones of 16 bytes", seeds, err)
		}
		answers := []*harness.Answer{laptop.VerifyChange(code)}
		for _, path := range []string{
			"/api/auth/session", "/api/sessions", "/api/account", "/api/account/events",
			"/api/account/export",
			"/auth/session-debug", "/", "/api/auth/code",
		} {
			laptop.MoveTo(s.app)
			answers = append(answers, laptop.Get(path))
			laptop.MoveTo(development.Instance)
			answers = append(answers, laptop.Get(path),
				laptop.Get(path, harness.With("Accept", "text/html")))
		}
		for _, a := range answers {
			for _, seed := range seeds {
				for _, text := range []string{
					base64.StdEncoding.EncodeToString(seed),
					base64.RawURLEncoding.EncodeToString(seed),
					hex.EncodeToString(seed),
				} {
					if strings.Contains(string(a.Body)+fmt.Sprint(a.Header),
						strings.TrimRight(text, "=")) {
						s.Errorf("an answer has a seed: %s", a.Body)
					}
				}
			}
		}
	}},
	{"a user whose account was deleted elsewhere can sign out", func(s scene) {
		phone, _ := s.signInWith(iphone)
		s.signInWith(firefox)
		s.world.Exec(s, `DELETE FROM users`)
		phone.Post("/api/auth/sign-out", "{}").Want(http.StatusNoContent)
		harness.WantEqual(s, "session cookie", phone.Cookies()[cookie], "")
	}},
}

func TestAccountAPI(t *testing.T) { play(t, "postgres", accountScenarios) }

func TestAccountAPIWithSealedSessions(t *testing.T) { play(t, "cookie", accountScenarios) }

// The contract and the answer name the same fields of a user's data.
func TestExport_HasTheFieldsOfTheContract(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	b := w.Run(t).Open(t)
	b.SignIn(w, ada)
	var file map[string]json.RawMessage
	b.Get("/api/account/export").Want(http.StatusOK).JSON(&file)
	contract, err := harness.Contract()
	if err != nil {
		t.Fatal(err)
	}
	named := contract.Components.Schemas["Export"].Value.Properties
	for name := range file {
		if named[name] == nil {
			t.Errorf("the contract does not name %s", name)
		}
	}
	harness.WantEqual(t, "members", len(file), len(named))
}

// A mail that waits in the queue is data about its recipient: the export has what it will say.
func TestExport_HasMailsThatWait(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	b := w.Run(t).Open(t)
	b.SignIn(w, ada)
	notice := outbox.Notice{
		Template: "access_key_made", Email: ada, OldEmail: "old@sana.example",
		NewEmail: "new@sana.example", Language: "de", UTCOffset: 60,
		Platform: "Firefox on Linux", IP: "192.0.2.1", SessionID: "s", App: "Wiki",
		Passkey: "iCloud", Recovery: "r", Until: "2030-01-02T03:04:05Z",
		ExpiresAt: time.Date(2030, 2, 3, 4, 5, 6, 0, time.UTC),
	}
	for field, value := range reflect.ValueOf(notice).Fields() {
		if value.IsZero() {
			t.Errorf("fill in %s of the notice, and expect it below if it is the user's data",
				field.Name)
		}
	}
	w.Exec(t, `
		INSERT INTO mails (ref, number, template, next_at, content)
		VALUES (gen_random_uuid(), 1, $1, now() + interval '1 day', $2)`,
		notice.Template, string(notice.Content()))

	var file struct{ Mails []map[string]any }
	b.Get("/api/account/export").Want(http.StatusOK).JSON(&file)
	if len(file.Mails) != 1 || file.Mails[0]["created_at"] == nil {
		t.Fatalf("got the mails %v, want the one that waits", file.Mails)
	}
	delete(file.Mails[0], "created_at")
	harness.WantEqual(t, "mail", file.Mails[0], map[string]any{
		"email": ada, "old_email": "old@sana.example", "new_email": "new@sana.example",
		"language": "de", "utc_offset": 60.0, "caused_with": "Firefox on Linux", "ip": "192.0.2.1",
		"app": "Wiki", "passkey": "iCloud", "until": "2030-01-02T03:04:05Z",
		"expires_at": "2030-02-03T04:05:06Z",
	})
}
