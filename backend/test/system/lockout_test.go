package system_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"sana/backend/test/harness"
)

// a mailbox gets ten codes a day and five an hour over all its tags. The answers are
// those of requests that send a mail, or say when the next one can be sent.
func TestMailbox_TenCodesADayOverAllTags(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	app := w.Run(t)
	mails := func() int { return w.Count(t, `SELECT count(*) FROM mails`) }
	queued := 0
	for n := range 120 {
		email := ada
		if n%2 == 0 {
			email = fmt.Sprintf("ada+shop%d@sana.example", n)
		}
		r := app.Open(t).RequestCode(email).Want(http.StatusAccepted).CodeRequest()
		wait := r.ResendAt.Sub(r.Now)
		switch {
		case r.Mail == "queued" && r.Code != nil && wait >= time.Minute:
			queued++
		case r.Mail == "none" && r.Code == nil && wait > 0:
		default:
			t.Errorf("request %d: mail %q, resend_at %s away, code %+v", n, r.Mail, wait, r.Code)
		}
		if n == 29 {
			harness.WantEqual(t, "mails in the first half hour", mails(), 5)
		}
		w.Pass(t, time.Minute)
	}
	harness.WantEqual(t, "mails in two hours", mails(), 10)
	harness.WantEqual(t, "mails that the answers promise", queued, 10)

	last := app.Open(t)
	refused := last.RequestCode(ada).Want(http.StatusAccepted).CodeRequest()
	harness.WantEqual(t, "mail before the time has come", refused.Mail, "none")
	last.Get("/api/auth/code").Want(http.StatusNotFound, "no_pending_code")
	w.Pass(t, refused.ResendAt.Sub(refused.Now)+time.Second)
	after := last.RequestCode(ada).Want(http.StatusAccepted).CodeRequest()
	harness.WantEqual(t, "mail when the time has come", after.Mail, "queued")
}

// strangers use up all budgets. A browser that has signed in before gets its code and signs
// in.
func TestKnownBrowser_IsNotLockedOutByStrangers(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	app := w.Run(t)
	owner := app.Open(t)
	owner.SignIn(w, ada)
	kept := owner.Cookies()[deviceCookie]
	owner.Post("/api/auth/sign-out", "{}").Want(http.StatusNoContent)
	harness.WantEqual(t, "device cookie after signing out", owner.Cookies()[deviceCookie], kept)

	attackers := strangers(t, w, ada, 4, app.Instance)
	harness.WantEqual(t, "compared", guess(t, attackers), 10)
	attackers[3].Verify("000000").Want(http.StatusTooManyRequests, "too_many_wrong_codes")
	w.Pass(t, time.Minute)
	refused := app.Open(t).RequestCode(ada).Want(http.StatusAccepted).CodeRequest()
	harness.WantEqual(t, "mail for a stranger", refused.Mail, "none")

	code := owner.GetCode(w, ada)
	for range 4 {
		owner.Verify(harness.WrongCode(code)).Want(http.StatusUnauthorized, "wrong_code")
	}
	owner.Verify(code).Want(http.StatusOK)
}

// The budgets of a known browser are limited too: a stolen device cookie does not allow guessing.
func TestKnownBrowser_HasItsOwnBudgets(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	app := w.Run(t)
	thief := app.Open(t)
	thief.SignIn(w, ada)
	stolen := thief.Cookies()[deviceCookie]
	compared, sent := 0, 0
	for range 8 {
		b := app.Open(t)
		b.Keep(deviceCookie, stolen)
		if b.RequestCode(ada).Want(http.StatusAccepted).CodeRequest().Mail == "queued" {
			sent++
		}
		for range 3 {
			if b.Verify("000000").Status == http.StatusUnauthorized {
				compared++
			}
		}
	}
	harness.WantEqual(t, "compared", compared, 5)
	harness.WantEqual(t, "sent", sent, 5)
	w.Pass(t, time.Minute)
	app.Open(t).SignIn(w, ada) // the address's own budgets are unchanged
}

// All known browsers of a mailbox together get thirty codes a day, whatever tags they use.
func TestKnownBrowsers_ShareThirtyCodesADay(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	app := w.Run(t)
	tagged := "ada+shop@sana.example"
	first, second := app.Open(t), app.Open(t)
	first.SignIn(w, ada)
	w.Pass(t, time.Minute)
	second.SignIn(w, tagged)
	sent := 0
	for n := range 40 {
		b, email := first, ada
		if n%2 == 0 {
			b, email = second, tagged
		}
		w.Pass(t, 12*time.Minute) // five an hour
		if b.RequestCode(email).Want(http.StatusAccepted).CodeRequest().Mail == "queued" {
			sent++
		}
	}
	harness.WantEqual(t, "codes sent to both", sent, 30)
	app.Open(t).SignIn(w, ada) // a stranger has another budget
}

func TestDeviceCookie_IsSetBySignInAndNamesNoUser(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	app := w.Run(t)
	b := app.Open(t)
	code := b.GetCode(w, ada)
	harness.WantEqual(t, "device cookie before", b.Cookies()[deviceCookie], "")
	for _, c := range b.Verify(code).Want(http.StatusOK).Set {
		if c.Name == deviceCookie && c.HttpOnly && c.Secure && c.Path == "/" && c.Domain == "" &&
			c.SameSite == http.SameSiteLaxMode && c.MaxAge == 400*24*3600 && len(c.Value) == 64 {
			return
		}
	}
	t.Errorf("no cookie %s of 64 characters; HttpOnly; Secure; Path=/; SameSite=Lax; Max-Age of "+
		"400 days", deviceCookie)
}

// a device cookie cannot be guessed, created for another address, or planted beside the real
// one.
func TestDeviceCookie_IsBoundToItsAddress(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	app := w.Run(t)
	eve := app.Open(t)
	eve.SignIn(w, "eve@sana.example")
	real := eve.Cookies()[deviceCookie]
	attackers := strangers(t, w, ada, 4, app.Instance)
	harness.WantEqual(t, "compared", guess(t, attackers), 10)
	b := attackers[3] // its code is still valid
	last := "A"
	if real[63] == 'A' {
		last = "B"
	}
	for _, forged := range []string{
		real, real[:63] + last, strings.Repeat("A", 64), real[:43], "x",
		real + "; " + deviceCookie + "=" + real, "%00", `"` + real + `"`,
	} {
		cookies := harness.With("Cookie",
			browserCookie+"="+b.Cookies()[browserCookie]+"; "+deviceCookie+"="+forged)
		b.Post("/api/auth/verify", `{"code":"000000"}`, cookies).
			Want(http.StatusTooManyRequests, "too_many_wrong_codes")
		b.Post("/api/auth/code", `{"email":"`+ada+`"}`, cookies).Want(http.StatusAccepted)
	}
	harness.WantEqual(t, "mails to the address", w.Count(t, `
		SELECT count(*)
		FROM mails
		JOIN challenges ON challenges.id = mails.ref
		WHERE email = $1`, ada), 4)
}

// ASVS 5.0, 11.1.1: a device cookie of an older key is valid while the key is in the ring.
func TestDeviceCookie_IsVerifiedByAllKeys(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	old := w.Run(t)
	owner := old.Open(t)
	owner.SignIn(w, ada)
	w.AwaitMails(t) // a mail that the killed instance has leased would be sent 20 s later
	old.Kill(t)     // it could not render mails with codes under the new key
	rotated := w.Run(t, "SECRET_KEYS="+newKey+","+harness.SecretKeys)
	harness.WantEqual(t, "compared", attack(t, w, ada, rotated.Instance), 10)
	owner.MoveTo(rotated.Instance)
	owner.SignIn(w, ada)
}

// For a whole day strangers with any number of IP addresses request codes and guess, each hour and
// in parallel. Without the owner twenty attempts are compared. During another such day the owner
// signs in each hour, and at most twenty are compared between two sign-ins.
func TestGuessing_DayOfAttackLeavesTheOwnerIn(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	processes := []*harness.Process{w.Run(t), w.Run(t)}
	owner := processes[0].Open(t)
	owner.SignIn(w, ada)
	const steps = 24
	const step = 24*time.Hour/steps - 4*time.Minute // minus four minutes that an attack takes
	total := 0
	for range steps {
		total += parallelAttack(t, w, ada, processes)
		w.Pass(t, step)
	}
	harness.WantEqual(t, "compared in a day without the owner", total, 20)
	for n := range steps {
		owner.MoveTo(processes[n%2].Instance)
		owner.Post("/api/auth/sign-out", "{}").Want(http.StatusNoContent)
		owner.SignIn(w, ada)
		if n := parallelAttack(t, w, ada, processes); n > 20 {
			t.Errorf("%d guesses were compared between two sign-ins of the owner, want at most 20",
				n)
		}
		w.Pass(t, step)
	}
}

// parallelAttack makes four new browsers request codes, a minute apart, and guess at the same time.
// Not all of them get a code.
func parallelAttack(
	t *testing.T, w *harness.World, email string, processes []*harness.Process,
) (compared int) {
	t.Helper()
	var browsers [4]*harness.Browser
	for i := range browsers {
		w.Pass(t, time.Minute)
		browsers[i] = processes[i%len(processes)].Open(t)
		browsers[i].RequestCode(email).Want(http.StatusAccepted)
	}
	answers := harness.Together(5*len(browsers), func(i int) *harness.Answer {
		return browsers[i%len(browsers)].Verify("000000")
	})
	for _, a := range answers {
		if a.Status == http.StatusUnauthorized {
			compared++
		}
	}
	return compared
}
