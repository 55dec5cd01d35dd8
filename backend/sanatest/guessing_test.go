package sanatest_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"sana/backend/sanatest"
)

const (
	ada          = "ada@sana.example"
	grace        = "grace@sana.example"
	deviceCookie = "__Host-sana_device"
)

// attack guesses at an address as fast as it is let, with a fresh browser at a fresh IP address for every challenge, in
// turn over the instances, until nothing is compared any more. It returns how many guesses were compared.
func attack(t *testing.T, email string, instances ...*sanatest.Instance) (compared int) {
	t.Helper()
	for round := 0; ; round++ {
		b := instances[round%len(instances)].Open(t)
		b.RequestCode(email).Want(http.StatusAccepted)
		before := compared
		for range 6 {
			a := b.Verify("000000")
			if a.Status == http.StatusUnauthorized {
				compared++
			}
		}
		if compared == before {
			return compared
		}
	}
}

// A-01, and NIST SP 800-63B-4, 3.1.3.2: new codes, new cookies, new addresses, a restart and another instance reset
// nothing; the 21st wrong code in 24 hours is refused, and so is the right one.
func TestAfterTwentyWrongCodesInADayEvenTheRightOneIsRefused(t *testing.T) {
	t.Parallel()
	w := sanatest.NewWorld(t)
	first, second := w.Run(t), w.Run(t)
	sanatest.WantEqual(t, "compared in the first hour", attack(t, ada, first.Instance, second.Instance), 10)
	w.AwaitMails(t) // what it had not done would be done again only after half a minute
	first.Kill(t)
	third := w.Run(t)
	w.Pass(t, 59*time.Minute)
	sanatest.WantEqual(t, "compared a minute before the hour is over", attack(t, ada, third.Instance, second.Instance), 0)
	w.Pass(t, time.Minute)
	owner := third.Open(t)
	code := owner.GetCode(w, ada)
	sanatest.WantEqual(t, "compared in the second hour", attack(t, ada, third.Instance, second.Instance), 10)

	p := owner.Verify(code).Want(http.StatusTooManyRequests, "too_many_wrong_codes")
	if wait := p.Problem().RetryAfter; wait < 22*3600 || wait > 23*3600 || p.Header.Get("Retry-After") != fmt.Sprint(wait) {
		t.Errorf("got retry_after %d and Retry-After %q, want both a bit under 23 hours", wait, p.Header.Get("Retry-After"))
	}
	sanatest.WantEqual(t, "tries left on the owner's code", owner.Get("/api/auth/code").Pending().TriesLeft, 5)
	sanatest.WantEqual(t, "tries on challenges that were not compared",
		w.Count(t, `SELECT sum(tries) FROM challenges`), 20)
	sanatest.WantEqual(t, "users", w.Count(t, `SELECT count(*) FROM users`), 0)

	w.Pass(t, 23*time.Hour)
	third.Open(t).SignIn(w, ada)
	sanatest.WantEqual(t, "compared after a success", attack(t, ada, third.Instance), 10)
}

// Microsoft, 2021: what serial guesses may not, parallel ones may not either.
func TestOfParallelGuessesOverManyChallengesAndTwoProcessesTenAreCompared(t *testing.T) {
	t.Parallel()
	w := sanatest.NewWorld(t)
	processes := []*sanatest.Process{w.Run(t), w.Run(t)}
	var browsers [12]*sanatest.Browser
	for i := range browsers {
		browsers[i] = processes[i%2].Open(t)
		browsers[i].RequestCode(ada).Want(http.StatusAccepted)
	}

	answers := together(60, func(i int) *sanatest.Answer { return browsers[i%12].Verify("000000") })

	sanatest.WantEqual(t, "answers", tally(answers), map[string]int{"401 wrong_code": 10, "429 too_many_wrong_codes": 50})
	sanatest.WantEqual(t, "tries counted", w.Count(t, `SELECT sum(tries) FROM challenges`), 10)
}

// Fifty wrong codes without a success: guessing is over, and nobody is locked out.
func TestAfterFiftyWrongCodesInARowCodesCannotBeGuessedUntilASuccess(t *testing.T) {
	t.Parallel()
	w := sanatest.NewWorld(t)
	app := w.Run(t)
	compared := 0
	for range 2 * 24 * 3 {
		compared += attack(t, ada, app.Instance)
		w.Pass(t, 30*time.Minute)
	}
	sanatest.WantEqual(t, "compared in three days", compared, 50)

	owner := app.Open(t)
	code := owner.GetCode(w, ada)
	pending := owner.Get("/api/auth/code").Pending()
	sanatest.WantEqual(t, "kind of the new code", pending.CodeKind, "letters")
	sanatest.WantEqual(t, "its length", pending.CodeLength, 13)
	sanatest.WantEqual(t, "length of the mailed one", len(code), 13)
	owner.Verify("123456").Want(http.StatusBadRequest, "invalid_code")
	for range 40 {
		stranger := app.Open(t)
		stranger.RequestCode(ada).Want(http.StatusAccepted)
		stranger.Verify("0000000000000").Want(http.StatusUnauthorized, "wrong_code")
	}
	for left := 4; left > 0; left-- {
		sanatest.WantEqual(t, "tries left", *owner.Verify(sanatest.WrongCode(code)).Want(http.StatusUnauthorized, "wrong_code").Problem().TriesLeft, left)
	}
	owner.Verify(asTyped(code)).Want(http.StatusOK)

	w.Pass(t, time.Hour)
	sanatest.WantEqual(t, "kind after the success", app.Open(t).RequestCode(ada).Want(http.StatusAccepted).Pending().CodeKind, "digits")
}

// asTyped is a code of letters as somebody writes it who takes 0 for O and 1 for l.
func asTyped(code string) string {
	typed := []byte(" " + code[:3] + "-" + code[3:])
	for i, c := range typed {
		switch {
		case c == '0':
			typed[i] = 'o'
		case c == '1':
			typed[i] = 'l'
		case c >= 'A' && c <= 'Z':
			typed[i] = c - 'A' + 'a'
		}
	}
	return string(typed)
}

// A code of digits that is under way when the fiftieth wrong one comes is withdrawn with a word, and a resend brings a
// longer one.
func TestACodeOfDigitsIsReplacedWhenGuessingIsOver(t *testing.T) {
	t.Parallel()
	w := sanatest.NewWorld(t)
	app := w.Run(t)
	for range 2 {
		attack(t, ada, app.Instance)
		w.Pass(t, time.Hour)
		attack(t, ada, app.Instance)
		w.Pass(t, 24*time.Hour)
	}
	owner := app.Open(t)
	digits := owner.GetCode(w, ada)
	sanatest.WantEqual(t, "compared before the fiftieth", attack(t, ada, app.Instance), 10)

	owner.Verify(digits).Want(http.StatusGone, "code_expired")
	w.Pass(t, time.Minute)
	w.AwaitMails(t)
	mails := len(w.Mails(t, "sign_in_code", ada, 1))
	sanatest.WantEqual(t, "kind after the resend", owner.Post("/api/auth/code/resend", "{}").Want(http.StatusAccepted).Pending().CodeKind, "letters")
	owner.Verify(w.Code(t, ada, mails+1)).Want(http.StatusOK)
}

// one guess at each of a thousand addresses, from as many networks, is seen as what it is. As soon as both instances
// know, within seconds, the guesses are at codes of eight digits.
func TestSprayingMakesNewCodesLongerAndIsLoggedOnce(t *testing.T) {
	t.Parallel()
	w := sanatest.NewWorld(t)
	processes := []*sanatest.Process{w.Run(t), w.Run(t)}
	spray(t, processes, 0, 60)
	for _, p := range processes {
		sanatest.Eventually(t, "an instance does not notice", func() error {
			return sanatest.CountError(p.Open(t).RequestCode(ada).Want(http.StatusAccepted).Pending().CodeLength, 8)
		})
	}
	sanatest.WantEqual(t, "lengths of the codes guessed at", spray(t, processes, 60, 1000), map[int]int{8: 940})
	sanatest.WantEqual(t, "tries", w.Count(t, `SELECT sum(tries) FROM challenges`), 1000)

	fresh := w.Run(t) // what it knows of the service is what the database knows
	person := fresh.Open(t)
	sanatest.WantEqual(t, "length of a person's code", person.RequestCode(grace).Want(http.StatusAccepted).Pending().CodeLength, 8)
	person.Verify(w.Code(t, grace, 1)).Want(http.StatusOK)
	for _, p := range append(processes, fresh) {
		sanatest.WantEqual(t, "warnings", strings.Count(p.Log.String(), "many wrong codes: new codes are longer"), 1)
	}
	w.Pass(t, time.Hour)
	sanatest.WantEqual(t, "length an hour later", w.Run(t).Open(t).RequestCode(grace).Want(http.StatusAccepted).Pending().CodeLength, 6)
}

// spray guesses once at each of the addresses from..to-1, twenty at a time, each in a browser at an IP address of its own,
// and returns how many codes had which length. Every guess must be compared.
func spray(t *testing.T, processes []*sanatest.Process, from, to int) map[int]int {
	t.Helper()
	const atOnce = 20
	lengths := map[int]int{}
	for ; from < to; from += atOnce {
		var length [atOnce]int
		answers := together(atOnce, func(i int) *sanatest.Answer {
			b := processes[i%len(processes)].Open(t)
			length[i] = b.RequestCode(fmt.Sprintf("person%d@sana.example", from+i)).Pending().CodeLength
			return b.Verify(strings.Repeat("0", length[i]))
		})
		sanatest.WantEqual(t, "answers", tally(answers), map[string]int{"401 wrong_code": atOnce})
		for _, n := range length {
			lengths[n]++
		}
	}
	return lengths
}

// a network has a budget of its own over all addresses, and more addresses in it do not help.
func TestANetworkMaySendThirtyWrongCodesAnHour(t *testing.T) {
	t.Parallel()
	w := sanatest.NewWorld(t)
	app := w.Run(t)
	var browsers []*sanatest.Browser
	for i := range 8 {
		b := app.Open(t).At(fmt.Sprintf("2001:db8:0:%d::1", i))
		b.RequestCode(fmt.Sprintf("person%d@sana.example", i)).Want(http.StatusAccepted)
		browsers = append(browsers, b)
	}
	owner := app.Open(t).At("2001:db8:1::1")
	code := owner.GetCode(w, ada)
	compared := 0
	for i, b := range browsers {
		b.At(fmt.Sprintf("2001:db8:1::%d", i+2))
		for range 5 {
			if a := b.Verify("000000"); a.Status == http.StatusUnauthorized {
				compared++
			} else {
				a.Want(http.StatusTooManyRequests, "too_many_requests")
			}
		}
	}
	sanatest.WantEqual(t, "compared", compared, 30)
	if p := owner.Verify(code).Want(http.StatusTooManyRequests, "too_many_requests").Problem(); p.RetryAfter < 3500 {
		t.Errorf("retry_after is %d, want nearly an hour", p.RetryAfter)
	}
	owner.At("192.0.2.1").Verify(code).Want(http.StatusOK)
}

// A right code does not count against the network: an office signs in.
func TestRightCodesDoNotUseUpANetwork(t *testing.T) {
	t.Parallel()
	w := sanatest.NewWorld(t)
	app := w.Run(t)
	email := func(i int) string { return fmt.Sprintf("person%d@sana.example", i) }
	var browsers [40]*sanatest.Browser
	for i := range browsers {
		browsers[i] = app.Open(t)
		browsers[i].RequestCode(email(i)).Want(http.StatusAccepted)
	}
	for i, b := range browsers {
		b.At("192.0.2.1").Verify(w.Code(t, email(i), 1)).Want(http.StatusOK)
	}
}
