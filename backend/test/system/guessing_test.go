package system_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"sana/backend/test/harness"
)

const (
	ada          = "ada@sana.example"
	grace        = "grace@sana.example"
	deviceCookie = "__Host-sana_device"

	browserCookie = "__Host-sana_browser"
)

// strangers opens n browsers with their own IP addresses, in turn at each instance, and makes each
// request a code for an address. A minute passes before each request: an address gets one mail a
// minute, five an hour and ten a day.
func strangers(
	t *testing.T, w *harness.World, email string, n int, instances ...*harness.Instance,
) []*harness.Browser {
	t.Helper()
	list := make([]*harness.Browser, n)
	for i := range list {
		w.Pass(t, time.Minute)
		list[i] = instances[i%len(instances)].Open(t)
		answer := list[i].RequestCode(email).Want(http.StatusAccepted).CodeRequest()
		harness.WantEqual(t, "mail of a stranger's request", answer.Mail, "queued")
	}
	return list
}

// guess sends a wrong code of six digits six times in each browser, and returns how many were
// compared.
func guess(t *testing.T, browsers []*harness.Browser) (compared int) {
	t.Helper()
	return guessWith(t, browsers, "000000")
}

// guessWith is guess with another wrong code.
func guessWith(t *testing.T, browsers []*harness.Browser, code string) (compared int) {
	t.Helper()
	for _, b := range browsers {
		for range 6 {
			if b.Verify(code).Status == http.StatusUnauthorized {
				compared++
			}
		}
	}
	return compared
}

// attack guesses in three new browsers, which have fifteen attempts, and returns the number of
// compared ones.
func attack(
	t *testing.T, w *harness.World, email string, instances ...*harness.Instance,
) (compared int) {
	t.Helper()
	return guess(t, strangers(t, w, email, 3, instances...))
}

// A-01, and NIST SP 800-63B-4, 3.1.3.2: new codes, cookies, IP addresses, a restart and another
// instance reset no count. The 21st wrong code in 24 hours is refused, and so is the right one.
func TestGuessing_TwentyWrongCodesADay(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	first, second := w.Run(t), w.Run(t)
	compared := attack(t, w, ada, first.Instance, second.Instance)
	harness.WantEqual(t, "compared in the first hour", compared, 10)
	w.AwaitMails(t) // a mail that the killed instance has leased would be sent 20 s later
	first.Kill(t)
	third := w.Run(t)
	w.Pass(t, 53*time.Minute)
	waiting := strangers(t, w, ada, 2, third.Instance, second.Instance)
	w.Pass(t, 4*time.Minute)
	harness.WantEqual(t, "compared a minute before the hour is over", guess(t, waiting), 0)
	w.Pass(t, time.Minute)
	owner := third.Open(t)
	code := owner.GetCode(w, ada)
	late := strangers(t, w, ada, 1, second.Instance)
	harness.WantEqual(t, "compared in the second hour", guess(t, waiting), 10)
	harness.WantEqual(t, "compared after twenty", guess(t, late), 0)

	p := owner.Verify(code).Want(http.StatusTooManyRequests, "too_many_wrong_codes")
	if wait := p.Problem().RetryAfter; wait < 22*3600 || wait > 23*3600 ||
		p.Header.Get("Retry-After") != fmt.Sprint(wait) {
		t.Errorf("got retry_after %d and Retry-After %q, want both a bit under 23 hours", wait,
			p.Header.Get("Retry-After"))
	}
	harness.WantEqual(t, "tries left on the owner's code",
		owner.Get("/api/auth/code").Pending().TriesLeft, 5)
	harness.WantEqual(t, "tries on all codes", w.Count(t, `SELECT sum(tries) FROM challenges`), 20)
	harness.WantEqual(t, "users", w.Count(t, `SELECT count(*) FROM users`), 0)

	w.Pass(t, 23*time.Hour)
	third.Open(t).SignIn(w, ada)
	harness.WantEqual(t, "compared after a success", attack(t, w, ada, third.Instance), 10)
}

// Parallel attempts get no more comparisons than serial ones, over many challenges and processes
// (an attack on Microsoft in 2021).
func TestGuessing_ParallelAttemptsTenAreCompared(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	w, one, two := f.w, f.on[0], f.on[1]
	for round := range min(f.rounds, 4) {
		email := fmt.Sprintf("round%d@sana.example", round)
		browsers := strangers(t, w, email, 5, one.Instance, two.Instance)
		w.Exec(t, `DELETE FROM uses`)

		counts := tally(harness.Together(60, func(i int) *harness.Answer {
			return browsers[i%5].Verify(longWrong)
		}))

		refused := counts["429 too_many_wrong_codes"] + counts["429 too_many_tries"]
		if counts["401 wrong_code"] != 10 || refused != 50 {
			t.Errorf("got the answers %v, want ten comparisons and fifty refusals", counts)
		}
		tries := w.Count(t, `SELECT sum(tries) FROM challenges WHERE email = $1`, email)
		harness.WantEqual(t, "tries counted", tries, 10)
		// By address and in a row. No browser has more than five counts by network.
		harness.WantEqual(t, "subjects with ten counts", w.Count(t, `
			SELECT count(*)
			FROM (SELECT count(*) AS n FROM uses GROUP BY key) AS counts
			WHERE n = 10`), 2)
	}
}

// After fifty wrong codes without a success codes cannot be guessed any more, and no user is locked
// out.
func TestGuessing_FiftyInARowMakeCodesUnguessable(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	app := w.Run(t)
	compared := 0
	for range 3 {
		for range 2 {
			compared += attack(t, w, ada, app.Instance)
			w.Pass(t, time.Hour)
		}
		w.Pass(t, 24*time.Hour)
	}
	harness.WantEqual(t, "compared in three days", compared, 50)

	owner := app.Open(t)
	code := owner.GetCode(w, ada)
	pending := owner.Get("/api/auth/code").Pending()
	harness.WantEqual(t, "kind of the new code", pending.CodeKind, "alphanumeric")
	harness.WantEqual(t, "its length", pending.CodeLength, 13)
	harness.WantEqual(t, "length of the mailed one", len(code), 13)
	owner.Verify("123456").Want(http.StatusBadRequest, "invalid_code")
	// These are more attempts than codes of digits would allow.
	for _, stranger := range strangers(t, w, ada, 4, app.Instance) {
		for range 5 {
			stranger.Verify("0000000000000").Want(http.StatusUnauthorized, "wrong_code")
		}
		stranger.Verify("0000000000000").Want(http.StatusTooManyRequests, "too_many_tries")
	}
	for left := 4; left > 0; left-- {
		a := owner.Verify(harness.WrongCode(code)).Want(http.StatusUnauthorized, "wrong_code")
		harness.WantEqual(t, "tries left", *a.Problem().TriesLeft, left)
	}
	owner.Verify(asTyped(code)).Want(http.StatusOK)

	w.Pass(t, time.Hour)
	after := app.Open(t).RequestCode(ada).Want(http.StatusAccepted).CodeRequest()
	harness.WantEqual(t, "kind after the success", after.Code.CodeKind, "digits")
}

// asTyped returns an alphanumeric code as a user types it who reads 0 as O and 1 as l.
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

// A pending code of digits is refused with a reason after the fiftieth wrong one, and a resend
// sends a longer one.
func TestGuessing_PendingCodeOfDigitsIsReplaced(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	app := w.Run(t)
	for range 2 {
		attack(t, w, ada, app.Instance)
		w.Pass(t, time.Hour)
		attack(t, w, ada, app.Instance)
		w.Pass(t, 24*time.Hour)
	}
	owner := app.Open(t)
	digits := owner.GetCode(w, ada)
	harness.WantEqual(t, "compared before the fiftieth", attack(t, w, ada, app.Instance), 10)

	owner.Verify(digits).Want(http.StatusGone, "code_expired")
	w.Pass(t, time.Minute)
	w.AwaitMails(t)
	mails := len(w.Mails(t, "sign_in_code", ada, 1))
	resent := owner.Resend().Want(http.StatusAccepted).CodeRequest()
	harness.WantEqual(t, "kind after the resend", resent.Code.CodeKind, "alphanumeric")
	owner.Verify(w.Code(t, ada, mails+1)).Want(http.StatusOK)
}

// one attempt at each of a thousand addresses, from as many networks, is detected. As soon as
// both instances know, within seconds, new codes have eight digits.
func TestSpraying_MakesCodesLongerAndIsLoggedOnce(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	processes := []*harness.Process{w.Run(t), w.Run(t)}
	spray(t, processes, 0, 60)
	probes := 0
	for _, p := range processes {
		harness.Eventually(t, "an instance does not notice", func() error {
			probes++
			length := codeLength(p.Open(t), fmt.Sprintf("probe%d@sana.example", probes))
			return harness.CountError(length, 8)
		})
	}
	harness.WantEqual(t, "lengths of the codes guessed at", spray(t, processes, 60, 1000),
		map[int]int{8: 940})
	harness.WantEqual(t, "tries", w.Count(t, `SELECT sum(tries) FROM challenges`), 1000)

	fresh := w.Run(t) // it reads the service's counts from the database
	person := fresh.Open(t)
	harness.WantEqual(t, "length of a person's code", codeLength(person, grace), 8)
	person.Verify(w.Code(t, grace, 1)).Want(http.StatusOK)
	for _, p := range append(processes, fresh) {
		harness.WantEqual(t, "warnings",
			strings.Count(p.Log.String(), "many wrong codes: new codes are longer"), 1)
	}
	harness.Eventually(t, "instances do not write their counts", func() error {
		return harness.CountError(w.Count(t, `SELECT sum(wrong) FROM service_attempts`), 1000)
	})
	w.Pass(t, time.Hour)
	harness.WantEqual(t, "length an hour later", codeLength(w.Run(t).Open(t), grace), 6)
}

// codeLength requests a code for an address that can get one, and returns its length.
func codeLength(b *harness.Browser, email string) int {
	return b.RequestCode(email).Want(http.StatusAccepted).CodeRequest().Code.CodeLength
}

// spray sends a wrong code for each of the addresses from..to-1, twenty at a time, each in a
// browser with its own IP address. It returns the number of codes by length. Every code must be
// compared.
func spray(t *testing.T, processes []*harness.Process, from, to int) map[int]int {
	t.Helper()
	const atOnce = 20
	lengths := map[int]int{}
	for ; from < to; from += atOnce {
		var length [atOnce]int
		answers := harness.Together(atOnce, func(i int) *harness.Answer {
			b := processes[i%len(processes)].Open(t)
			length[i] = codeLength(b, fmt.Sprintf("person%d@sana.example", from+i))
			return b.Verify(strings.Repeat("0", length[i]))
		})
		harness.WantEqual(t, "answers", tally(answers), map[string]int{"401 wrong_code": atOnce})
		for _, n := range length {
			lengths[n]++
		}
	}
	return lengths
}
