package system_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"sana/backend/test/harness"
)

// commitKills kills processes with SIGKILL after the database has committed their writes, and
// before they have answered. Another process continues.
type commitKills struct {
	*testing.T
	w     *harness.World
	store string
	other *harness.Process

	email, moved string // addresses that no other test of this world uses
}

// kill runs a process, sends it a POST of the browser, kills it after the commit, and moves the
// browser to the other process. The browser gets no answer. written is the written row: a table
// with a condition that exactly one row fulfils.
func (k commitKills) kill(b *harness.Browser, path, body, written string) {
	k.Helper()
	p := k.w.Run(k, k.store, "DATABASE_URL="+k.w.DatabaseURL+patientLimits)
	b.MoveTo(p.Instance)
	lost := b.Clone()
	finish := stall(k.T, k.w, p, func() { lost.Try(http.MethodPost, path, body) })
	finish()
	p.Kill(k)
	b.MoveTo(k.other.Instance)
	k.wantRows(map[string]int{written: 1})
}

// releaseMails expires the leases of killed processes.
func (k commitKills) releaseMails() {
	k.Helper()
	k.w.Exec(k, `UPDATE mails SET next_at = now() WHERE done_at IS NULL`)
}

// wantRows fails the test unless each query returns its number.
func (k commitKills) wantRows(want map[string]int) {
	k.Helper()
	for from, n := range want {
		harness.WantEqual(k, "rows of "+from, k.w.Count(k, `SELECT count(*) FROM `+from), n)
	}
}

// wantSession fails the test unless the browser has this session.
func (k commitKills) wantSession(b *harness.Browser, in harness.SignedIn) {
	k.Helper()
	got := b.Get("/api/auth/session").Want(http.StatusOK).SignedIn()
	harness.WantEqual(k, "session", got.Session.ID, in.Session.ID)
}

// killedWrites are the writes of a sign-in. After each the process is killed, and the browser
// repeats the request at the other one.
var killedWrites = map[string]func(k commitKills, b *harness.Browser){
	"a code is requested": func(k commitKills, b *harness.Browser) {
		b.RequestCode(k.moved).Want(http.StatusAccepted) // so that the browser has its token
		k.kill(b, "/api/auth/code", `{"email":"`+k.email+`"}`,
			"challenges WHERE email = '"+k.email+"'")

		r := b.RequestCode(k.email).Want(http.StatusAccepted).CodeRequest()
		if r.Code == nil {
			k.Fatal("the repeat has no code")
		}
		k.wantRows(map[string]int{"challenges": 2, "mails": 2})
		k.releaseMails()
		b.Verify(k.w.Code(k, k.email, 1)).Want(http.StatusOK)
	},
	"a code is sent again": func(k commitKills, b *harness.Browser) {
		code := b.GetCode(k.w, k.email)
		k.w.Pass(k, time.Minute)
		k.kill(b, "/api/auth/code/resend", `{}`, "mails WHERE number = 2")

		b.Resend().Want(http.StatusAccepted)
		k.wantRows(map[string]int{"challenges": 1, "mails": 2})
		k.releaseMails()
		harness.WantEqual(k, "code of the second mail", k.w.Code(k, k.email, 2), code)
		b.Verify(code).Want(http.StatusOK)
	},
	"a wrong code is typed": func(k commitKills, b *harness.Browser) {
		code := b.GetCode(k.w, k.email)
		k.kill(b, "/api/auth/verify", `{"code":"`+harness.WrongCode(code)+`"}`,
			"challenges WHERE tries = 1")

		b.Verify(harness.WrongCode(code)).Want(http.StatusUnauthorized, "wrong_code")
		b.Verify(code).Want(http.StatusOK)
	},
	"the right code is typed": func(k commitKills, b *harness.Browser) {
		code := b.GetCode(k.w, k.email)
		k.kill(b, "/api/auth/verify", `{"code":"`+code+`"}`,
			"challenges WHERE outcome = 'signed_in'")

		in := b.Verify(code).Want(http.StatusOK).SignedIn()
		harness.WantEqual(k, "the user is new", in.Created, true)
		k.wantSession(b, in)
		k.wantRows(map[string]int{"users": 1, "account_events": 1})
	},
	"a step-up": func(k commitKills, b *harness.Browser) {
		in := b.SignIn(k.w, k.email)
		k.w.Pass(k, 2*time.Minute)
		code := b.GetCode(k.w, k.email)
		k.kill(b, "/api/auth/verify", `{"code":"`+code+`"}`,
			"challenges WHERE outcome = 'signed_in' AND purpose = 'step_up'")

		k.wantSession(b, in) // a reload, before the repeat
		b.Verify(code).Want(http.StatusOK)
		k.wantSession(b, in)
		k.wantRows(map[string]int{"users": 1, "account_events": 2})
	},
	"a change of address is requested": func(k commitKills, b *harness.Browser) {
		in := b.SignIn(k.w, k.email)
		k.kill(b, "/api/account/email", `{"email":"`+k.moved+`"}`,
			"challenges WHERE email = '"+k.moved+"'")

		b.RequestChange(k.moved).Want(http.StatusAccepted)
		k.wantRows(map[string]int{"challenges WHERE purpose = 'change_email'": 1})
		k.releaseMails()
		b.VerifyChange(k.w.Code(k, k.moved, 1)).Want(http.StatusOK)
		k.wantSession(b, in)
	},
	"an address is changed": func(k commitKills, b *harness.Browser) {
		in := b.SignIn(k.w, k.email)
		code := b.ChangeCode(k.w, k.moved)
		k.kill(b, "/api/account/email/verify", `{"code":"`+code+`"}`,
			"users WHERE email = '"+k.moved+"'")

		k.wantSession(b, in)
		b.VerifyChange(code).Want(http.StatusOK)
		k.wantSession(b, in)
		harness.WantEqual(k, "address", b.Get("/api/account").Want(http.StatusOK).Account().Email,
			k.moved)
		k.wantRows(map[string]int{
			"users": 1, "account_events WHERE kind = 'email_changed'": 1,
			"mails WHERE template = 'address_changed'": 2,
		})
	},
	"a sign-out": func(k commitKills, b *harness.Browser) {
		elsewhere := k.other.Open(k)
		other := elsewhere.SignIn(k.w, k.email)
		k.w.Pass(k, time.Minute)
		b.SignIn(k.w, k.email)
		k.kill(b, "/api/auth/sign-out", `{}`, "account_events WHERE kind = 'signed_out'")

		b.Post("/api/auth/sign-out", `{}`).Want(http.StatusNoContent)
		b.Get("/api/auth/session").Want(http.StatusUnauthorized, "not_signed_in")
		k.wantSession(elsewhere, other)
	},
}

// F-04: a process is killed between the commit of a write and its answer, and the browser repeats
// the request at another process. No user is signed out, no right code is refused, and no write is
// done twice.
func TestKillAfterCommit_RepeatElsewhereSucceeds(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, store string) {
		w := harness.NewWorld(t)
		stallCommits(t, w, "challenges", "true")
		stallCommits(t, w, "account_events", "NEW.kind = 'signed_out'")
		other := w.Run(t, store, "DATABASE_URL="+w.DatabaseURL+patientLimits)
		for name, write := range killedWrites {
			t.Run(name, func(t *testing.T) {
				w.AwaitMails(t)
				w.Exec(t, `DELETE FROM users`)
				w.Exec(t, `TRUNCATE sessions, replaced_tokens, challenges, uses, mails`)
				email := strings.ReplaceAll(name, " ", "-") + "@sana.example"
				write(commitKills{
					T: t, w: w, store: store, other: other, email: email, moved: "moved-" + email,
				}, other.Open(t))
			})
		}
	})
}
