package sanatest_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"sana/backend/sanatest"
)

// however many ask, and under whatever tags, a mailbox gets ten codes a day and five an hour, and the
// answer is always the same.
func TestAMailboxGetsTenCodesADayUnderAllItsTags(t *testing.T) {
	t.Parallel()
	w := sanatest.NewWorld(t)
	app := w.Run(t)
	for n := range 120 {
		email := ada
		if n%2 == 0 {
			email = fmt.Sprintf("ada+shop%d@sana.example", n)
		}
		p := app.Open(t).RequestCode(email).Want(http.StatusAccepted).Pending()
		if wait := p.ResendAt.Sub(p.Now); wait <= 0 || p.Delivery != "held" && wait < time.Minute {
			t.Errorf("request %d: delivery is %q and resend_at %s away", n, p.Delivery, wait)
		}
		if n == 29 {
			sanatest.WantEqual(t, "mails in the first half hour", w.Count(t, `SELECT count(*) FROM river_job WHERE kind = 'mail'`), 5)
		}
		w.Pass(t, time.Minute)
	}
	sanatest.WantEqual(t, "mails in two hours", w.Count(t, `SELECT count(*) FROM river_job WHERE kind = 'mail'`), 10)
	last := app.Open(t)
	held := last.RequestCode(ada).Want(http.StatusAccepted).Pending()
	w.Pass(t, held.ResendAt.Sub(held.Now)+time.Second)
	sanatest.WantEqual(t, "delivery when the time has come",
		last.Post("/api/auth/code/resend", "{}").Want(http.StatusAccepted).Pending().Delivery, "queued")
}

// A resend that may not be sent says when the next one can be, and does not take the old code away.
func TestAHeldResendLeavesTheCodeAsItIs(t *testing.T) {
	t.Parallel()
	w := sanatest.NewWorld(t)
	app := w.Run(t)
	b := app.Open(t)
	code := b.GetCode(w, ada)
	for range 4 {
		w.Pass(t, time.Minute)
		app.Open(t).RequestCode(ada).Want(http.StatusAccepted)
	}
	w.Pass(t, time.Minute)
	queued := w.Count(t, `SELECT count(*) FROM river_job WHERE kind = 'mail'`)
	p := b.Post("/api/auth/code/resend", "{}").Want(http.StatusAccepted).Pending()
	sanatest.WantEqual(t, "delivery", p.Delivery, "held")
	if p.ResendAt.Before(p.Now.Add(45 * time.Minute)) {
		t.Errorf("resend_at is %s away, want what is left of the hour", p.ResendAt.Sub(p.Now))
	}
	sanatest.WantEqual(t, "mails", w.Count(t, `SELECT count(*) FROM river_job WHERE kind = 'mail'`), queued)
	b.Verify(code).Want(http.StatusOK)
}

// one network cannot write to everybody, whatever its requests say about where they come from.
func TestANetworkMaySendTenCodesAnHour(t *testing.T) {
	t.Parallel()
	w := sanatest.NewWorld(t)
	app := w.Run(t)
	forged := []string{"X-Real-Ip", "Cf-Connecting-Ip", "True-Client-Ip", "Forwarded", "X-Client-Ip", "X-Cluster-Client-Ip"}
	ask := func(n int) *sanatest.Answer {
		elsewhere := fmt.Sprintf("203.0.113.%d", n)
		return app.Open(t).Post("/api/auth/code", fmt.Sprintf(`{"email":"person%d@sana.example"}`, n),
			sanatest.With("X-Forwarded-For", elsewhere+", 192.0.2.1"), sanatest.With(forged[n%len(forged)], elsewhere))
	}
	for n := range 10 {
		ask(n).Want(http.StatusAccepted)
	}
	for n := range 90 {
		ask(10+n).Want(http.StatusTooManyRequests, "too_many_requests")
	}
	a := app.Open(t).At("192.0.2.1").RequestCode(ada).Want(http.StatusTooManyRequests, "too_many_requests")
	if a.Problem().RetryAfter < 3500 || a.Header.Get("Retry-After") == "" || len(a.Set) != 0 {
		t.Errorf("got %s with Retry-After %q and %d cookies", a.Body, a.Header.Get("Retry-After"), len(a.Set))
	}
	sanatest.WantEqual(t, "challenges", w.Count(t, `SELECT count(*) FROM challenges`), 10)
	app.Open(t).At("::ffff:192.0.2.1").RequestCode(ada).Want(http.StatusTooManyRequests, "too_many_requests")
	app.Open(t).At("192.0.2.2").RequestCode(ada).Want(http.StatusAccepted)
	w.Pass(t, time.Hour)
	app.Open(t).At("192.0.2.1").RequestCode(grace).Want(http.StatusAccepted)
}

// strangers use up what they can; a browser that has signed in before gets its code and gets in.
func TestStrangersCannotLockOutABrowserThatSignedInBefore(t *testing.T) {
	t.Parallel()
	w := sanatest.NewWorld(t)
	app := w.Run(t)
	owner := app.Open(t)
	owner.SignIn(w, ada)
	kept := owner.Cookies()[deviceCookie]
	owner.Post("/api/auth/sign-out", "{}").Want(http.StatusNoContent)
	sanatest.WantEqual(t, "device cookie after signing out", owner.Cookies()[deviceCookie], kept)

	attack(t, ada, app.Instance)
	for range 12 {
		app.Open(t).RequestCode(ada).Want(http.StatusAccepted)
		w.Pass(t, time.Minute)
	}
	stranger := app.Open(t)
	sanatest.WantEqual(t, "delivery for a stranger", stranger.RequestCode(ada).Want(http.StatusAccepted).Pending().Delivery, "held")
	stranger.Verify("000000").Want(http.StatusTooManyRequests, "too_many_wrong_codes")

	code := owner.GetCode(w, ada)
	for range 4 {
		owner.Verify(sanatest.WrongCode(code)).Want(http.StatusUnauthorized, "wrong_code")
	}
	owner.Verify(code).Want(http.StatusOK)
}

// The budgets of a known browser have ends too: a stolen device cookie is no way to guess.
func TestAKnownBrowserMayBeWrongFiveTimesAnHourAndGetFiveCodes(t *testing.T) {
	t.Parallel()
	w := sanatest.NewWorld(t)
	app := w.Run(t)
	thief := app.Open(t)
	thief.SignIn(w, ada)
	stolen := thief.Cookies()[deviceCookie]
	compared, sent := 0, 0
	for range 8 {
		b := app.Open(t)
		b.Keep(deviceCookie, stolen)
		if b.RequestCode(ada).Want(http.StatusAccepted).Pending().Delivery == "queued" {
			sent++
		}
		for range 3 {
			if b.Verify("000000").Status == http.StatusUnauthorized {
				compared++
			}
		}
	}
	sanatest.WantEqual(t, "compared", compared, 5)
	sanatest.WantEqual(t, "sent", sent, 5)
	w.Pass(t, time.Minute)
	app.Open(t).SignIn(w, ada) // the address's own budgets are as they were
}

func TestTheDeviceCookieIsMadeBySigningInAndNamesNobody(t *testing.T) {
	t.Parallel()
	w := sanatest.NewWorld(t)
	app := w.Run(t)
	b := app.Open(t)
	code := b.GetCode(w, ada)
	sanatest.WantEqual(t, "device cookie before", b.Cookies()[deviceCookie], "")
	for _, c := range b.Verify(code).Want(http.StatusOK).Set {
		if c.Name == deviceCookie && c.HttpOnly && c.Secure && c.Path == "/" && c.Domain == "" &&
			c.SameSite == http.SameSiteLaxMode && c.MaxAge == 400*24*3600 && len(c.Value) == 64 {
			return
		}
	}
	t.Errorf("no cookie %s of 64 characters; HttpOnly; Secure; Path=/; SameSite=Lax; Max-Age of 400 days", deviceCookie)
}

// a device cookie cannot be guessed, made for another address, or planted beside the real one.
func TestADeviceCookieThatWasNotMadeForTheAddressGivesNothing(t *testing.T) {
	t.Parallel()
	w := sanatest.NewWorld(t)
	app := w.Run(t)
	eve := app.Open(t)
	eve.SignIn(w, "eve@sana.example")
	real := eve.Cookies()[deviceCookie]
	attack(t, ada, app.Instance)
	last := "A"
	if real[63] == 'A' {
		last = "B"
	}
	for _, forged := range []string{
		real, real[:63] + last, strings.Repeat("A", 64), real[:43], "x", real + "; " + deviceCookie + "=" + real, "%00", `"` + real + `"`,
	} {
		b := app.Open(t)
		b.RequestCode(ada).Want(http.StatusAccepted)
		session := "__Host-sana_session=" + b.Cookies()["__Host-sana_session"]
		b.Post("/api/auth/verify", `{"code":"000000"}`, sanatest.With("Cookie", session+"; "+deviceCookie+"="+forged)).
			Want(http.StatusTooManyRequests, "too_many_wrong_codes")
	}
}

// 11.1.1: a device cookie made with an older key is good while the key is in the ring.
func TestAllKeysOfTheRingVerifyADeviceCookie(t *testing.T) {
	t.Parallel()
	w := sanatest.NewWorld(t)
	old := w.Run(t)
	owner := old.Open(t)
	owner.SignIn(w, ada)
	w.AwaitMails(t) // what it had not done would be done again only after half a minute
	old.Kill(t)     // it could not write mails with codes under the new key
	const newKey = "k2:b3RoZXIta2V5LW90aGVyLWtleS1vdGhlci1rZXktb3RoZXIh"
	rotated := w.Run(t, "SECRET_KEYS="+newKey+","+sanatest.SecretKeys)
	attack(t, ada, rotated.Instance)
	owner.MoveTo(rotated.Instance)
	owner.SignIn(w, ada)
}

// The whole of it: a day in which strangers with as many addresses as they like ask and guess at every half hour. Without
// the owner, twenty guesses are compared. Through another such day he signs in at every half hour, and between two times
// there are not more.
func TestThroughADayOfAttackTwentyGuessesAreComparedAndTheOwnerSignsIn(t *testing.T) {
	t.Parallel()
	w := sanatest.NewWorld(t)
	processes := []*sanatest.Process{w.Run(t), w.Run(t)}
	owner := processes[0].Open(t)
	owner.SignIn(w, ada)
	const steps = 48
	total := 0
	for range steps {
		total += parallelAttack(t, ada, processes)
		w.Pass(t, 24*time.Hour/steps)
	}
	sanatest.WantEqual(t, "compared in a day without the owner", total, 20)
	for step := range steps {
		owner.MoveTo(processes[step%2].Instance)
		owner.SignIn(w, ada)
		if n := parallelAttack(t, ada, processes); n > 20 {
			t.Errorf("%d guesses were compared between two sign-ins of the owner, want at most 20", n)
		}
		w.Pass(t, 24*time.Hour/steps)
	}
}

// parallelAttack guesses from several new browsers at once.
func parallelAttack(t *testing.T, email string, processes []*sanatest.Process) (compared int) {
	t.Helper()
	var browsers [4]*sanatest.Browser
	for i := range browsers {
		browsers[i] = processes[i%len(processes)].Open(t)
		browsers[i].RequestCode(email).Want(http.StatusAccepted)
	}
	for _, a := range together(5*len(browsers), func(i int) *sanatest.Answer { return browsers[i%len(browsers)].Verify("000000") }) {
		if a.Status == http.StatusUnauthorized {
			compared++
		}
	}
	return compared
}
