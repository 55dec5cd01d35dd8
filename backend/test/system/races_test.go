package system_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"sana/backend/test/harness"
)

// tally counts answers by status and problem code.
func tally(answers []*harness.Answer) map[string]int {
	counts := map[string]int{}
	for _, a := range answers {
		key := fmt.Sprint(a.Status)
		if a.Status >= 400 {
			key += " " + a.Problem().Code
		}
		counts[key]++
	}
	return counts
}

// five wrong codes are compared, whatever the timing.
func TestVerifyCode_ParallelWrongCodesFiveAreCompared(t *testing.T) {
	t.Parallel()
	raceWrongCodes(t, newFleet(t, harness.NewWorld(t)))
}

func raceWrongCodes(t *testing.T, f fleet) {
	w, processes := f.w, f.on
	browser := processes[0].Open(t)
	browser.RequestCode("ada@sana.example").Want(http.StatusAccepted)
	code := w.Code(t, "ada@sana.example", 1)
	browsers := [2]*harness.Browser{browser, browser.Clone()}
	browsers[1].MoveTo(processes[1].Instance)

	answers := harness.Together(100, func(i int) *harness.Answer {
		return browsers[i%2].Verify(harness.WrongCode(code))
	})

	harness.WantEqual(t, "answers", tally(answers),
		map[string]int{"401 wrong_code": 5, "429 too_many_tries": 95})
	triesLeft := map[int]int{}
	for _, a := range answers {
		if a.Status == http.StatusUnauthorized {
			triesLeft[*a.Problem().TriesLeft]++
		}
	}
	harness.WantEqual(t, "tries left that were told", triesLeft,
		map[int]int{0: 1, 1: 1, 2: 1, 3: 1, 4: 1})
	browser.Verify(code).Want(http.StatusTooManyRequests, "too_many_tries")
	harness.WantEqual(t, "tries counted", w.Count(t, `SELECT tries FROM challenges`), 5)
}

// of parallel submissions of the right code by one browser, one uses the code. All get the
// same answer with the same session, as a repeat does. A wrong code among them is refused, and so
// is the right one of another browser.
func TestVerifyCode_ParallelRightCodesCreateOneSession(t *testing.T) {
	t.Parallel()
	raceRightCodes(t, newFleet(t, harness.NewWorld(t)))
}

func raceRightCodes(t *testing.T, f fleet) {
	w, processes := f.w, f.on
	rounds := f.rounds
	for round := range rounds {
		email := fmt.Sprintf("round%d@sana.example", round)
		browser := processes[0].Open(t)
		code := browser.GetCode(w, email)
		var browsers [18]*harness.Browser
		for i := range browsers {
			browsers[i] = browser.Clone()
			browsers[i].MoveTo(processes[i%2].Instance)
		}
		browsers[17] = processes[1].Open(t)
		browsers[17].Get("/").Want(http.StatusOK) // gives it a browser token of its own

		answers := harness.Together(18, func(i int) *harness.Answer {
			switch i {
			case 16:
				return browsers[i].VerifyFor(email, harness.WrongCode(code))
			case 17:
				return browsers[i].VerifyFor(email, code)
			}
			return browsers[i].Verify(code)
		})

		sessions, tokens := map[string]bool{}, map[string]bool{}
		for i, a := range answers[:16] {
			in := a.Want(http.StatusOK).SignedIn()
			sessions[in.Session.ID] = true
			tokens[browsers[i].Cookies()[sessionCookie]] = true
			harness.WantEqual(t, "the user is new", in.Created, true)
		}
		harness.WantEqual(t, "sessions in the answers", len(sessions), 1)
		if f.inPostgres {
			harness.WantEqual(t, "tokens in the answers", len(tokens), 1)
		}
		answers[16].Want(http.StatusUnauthorized, "wrong_code")
		answers[17].Want(http.StatusNotFound, "no_pending_code")
	}
	for table, want := range map[string]int{
		"users":                                  rounds,
		"sessions":                               f.rows(rounds),
		"challenges WHERE outcome = 'signed_in'": rounds,
		"account_events":                         rounds,
		"mails WHERE template = 'new_device'":    0,
		"ended_sessions":                         0,
		"challenges WHERE tries = 1":             rounds,
	} {
		harness.WantEqual(t, "rows of "+table, w.Count(t, `SELECT count(*) FROM `+table), want)
	}
}

// An exhausted budget refuses the right code like a wrong one, on every instance.
func TestVerifyCode_FullBudgetRefusesParallelRightCodes(t *testing.T) {
	t.Parallel()
	raceAgainstFullBudget(t, newFleet(t, harness.NewWorld(t)))
}

func raceAgainstFullBudget(t *testing.T, f fleet) {
	w, one, two := f.w, f.on[0], f.on[1]
	owner := one.Open(t)
	code := owner.GetCode(w, ada)
	attackers := strangers(t, w, ada, 3, one.Instance, two.Instance)
	harness.WantEqual(t, "compared", guessWith(t, attackers, longWrong), 10)
	elsewhere := owner.Clone()
	elsewhere.MoveTo(two.Instance)

	answers := harness.Together(16, func(i int) *harness.Answer {
		b := [2]*harness.Browser{owner, elsewhere}[i%2]
		if i < 8 {
			return b.Verify(code)
		}
		return b.Verify(harness.WrongCode(code))
	})

	harness.WantEqual(t, "answers", tally(answers), map[string]int{"429 too_many_wrong_codes": 16})
	harness.WantEqual(t, "tries", w.Count(t, `SELECT sum(tries) FROM challenges`), 10)
	harness.WantEqual(t, "codes spent",
		w.Count(t, `SELECT count(*) FROM challenges WHERE consumed_at IS NOT NULL`), 0)
}

// Nine wrong codes are counted. Among five more wrong ones the right one is either refused, after
// the tenth, or accepted before any of them was counted; then the budget restarts.
func TestVerifyCode_RightCodeAtTheEdgeOfTheBudget(t *testing.T) {
	t.Parallel()
	raceAtTheEdge(t, newFleet(t, harness.NewWorld(t)))
}

func raceAtTheEdge(t *testing.T, f fleet) {
	w, one, two := f.w, f.on[0], f.on[1]
	outcomes := map[int]int{}
	for range f.rounds {
		owner := one.Open(t)
		code := owner.GetCode(w, ada)
		attackers := strangers(t, w, ada, 4, one.Instance, two.Instance)
		for range 3 {
			for _, b := range attackers[:3] {
				b.Verify(longWrong).Want(http.StatusUnauthorized, "wrong_code")
			}
		}

		answers := harness.Together(6, func(i int) *harness.Answer {
			if i == 0 {
				return owner.Verify(code)
			}
			return attackers[i%4].Verify(longWrong)
		})

		status := answers[0].Status
		counts := tally(answers)
		outcomes[status]++
		switch {
		case status == http.StatusTooManyRequests && counts["401 wrong_code"] == 1:
		case status == http.StatusOK:
			// Five requests count twice each, nine wrong codes by network, and later ones three
			// times.
			harness.WantEqual(t, "counts that are left", w.Count(t, `SELECT count(*) FROM uses`),
				5*2+9+3*counts["401 wrong_code"])
		default:
			t.Errorf("got %d for the right code, and the answers %v", status, counts)
		}
		w.Exec(t, `DELETE FROM uses`)
		w.Exec(t, `DELETE FROM challenges`)
	}
	t.Logf("answers to the right code: %v", outcomes)
}

// Two first sign-ins with one address at the same time create one user.
func TestSignUp_ParallelFirstSignInsMakeOneUser(t *testing.T) {
	t.Parallel()
	raceFirstSignIns(t, newFleet(t, harness.NewWorld(t)))
}

func raceFirstSignIns(t *testing.T, f fleet) {
	w, processes := f.w, f.on
	var browsers [4]*harness.Browser
	var codes [4]string
	for i := range browsers {
		browsers[i] = processes[i%2].Open(t)
		browsers[i].RequestCode("ada@sana.example").Want(http.StatusAccepted)
		codes[i] = w.Code(t, "ada@sana.example", i+1)
		w.Pass(t, time.Minute)
	}

	answers := harness.Together(4,
		func(i int) *harness.Answer { return browsers[i].Verify(codes[i]) })

	created := 0
	for _, a := range answers {
		if a.Want(http.StatusOK).SignedIn().Created {
			created++
		}
	}
	harness.WantEqual(t, "answers that say the user is new", created, 1)
	harness.WantEqual(t, "users", w.Count(t, `SELECT count(*) FROM users`), 1)
}

func TestResendCode_ParallelOnesSendOneMail(t *testing.T) {
	t.Parallel()
	raceResends(t, newFleet(t, harness.NewWorld(t)))
}

func raceResends(t *testing.T, f fleet) {
	w, processes := f.w, f.on
	browser := processes[0].Open(t)
	browser.RequestCode("ada@sana.example").Want(http.StatusAccepted)
	w.Code(t, "ada@sana.example", 1)
	w.Pass(t, time.Minute)
	second := browser.Clone()
	second.MoveTo(processes[1].Instance)

	answers := harness.Together(16, func(i int) *harness.Answer {
		return [2]*harness.Browser{browser, second}[i%2].Resend()
	})

	harness.WantEqual(t, "answers", tally(answers), map[string]int{"202": 16})
	harness.WantEqual(t, "answers that say that a mail was queued", mailsIn(answers), 16)
	harness.WantEqual(t, "mails queued", w.Count(t, `SELECT count(*) FROM mails`), 2)
}

// Simultaneous copies of a code request create one challenge and one mail, and all get the same
// answer.
func TestRequestCode_SentTwiceMakesOneChallenge(t *testing.T) {
	t.Parallel()
	raceRequestSentTwice(t, newFleet(t, harness.NewWorld(t)))
}

func raceRequestSentTwice(t *testing.T, f fleet) {
	w, processes := f.w, f.on
	for round := range f.rounds {
		browser := processes[0].Open(t)
		browser.Get("/").Want(http.StatusOK) // gives it a browser token
		second := browser.Clone()
		second.MoveTo(processes[1].Instance)
		email := fmt.Sprintf("round%d@sana.example", round)

		answers := harness.Together(16, func(i int) *harness.Answer {
			return [2]*harness.Browser{browser, second}[i%2].RequestCode(email)
		})

		ids := map[string]bool{}
		for _, a := range answers {
			r := a.Want(http.StatusAccepted).CodeRequest()
			if r.Code == nil {
				t.Fatalf("an answer has no code: %s", a.Body)
			}
			ids[r.Code.ID] = true
		}
		harness.WantEqual(t, "codes in the answers", len(ids), 1)
		harness.WantEqual(t, "answers that say that a mail was queued", mailsIn(answers), 16)
		harness.WantEqual(t, "mails queued", w.Count(t, `SELECT count(*) FROM mails`), round+1)
		harness.WantEqual(t, "challenges", w.Count(t, `SELECT count(*) FROM challenges`), round+1)
	}
}

// Simultaneous requests for one address from many browsers: the address gets one mail, and one
// browser a code.
func TestRequestCode_ParallelBrowsersGetOneMail(t *testing.T) {
	t.Parallel()
	raceBrowsers(t, newFleet(t, harness.NewWorld(t)))
}

func raceBrowsers(t *testing.T, f fleet) {
	w, processes := f.w, f.on
	var browsers [16]*harness.Browser
	for i := range browsers {
		browsers[i] = processes[i%2].Open(t)
		browsers[i].Get("/").Want(http.StatusOK)
	}
	for round := range f.rounds {
		name := fmt.Sprintf("round%d", round)
		addresses := [2]string{name + "@sana.example", name + "+tag@sana.example"}

		answers := harness.Together(16, func(i int) *harness.Answer {
			return browsers[i].RequestCode(addresses[i/2%2])
		})

		harness.WantEqual(t, "answers", tally(answers), map[string]int{"202": 16})
		harness.WantEqual(t, "answers that say that a mail was queued", mailsIn(answers), 1)
		harness.WantEqual(t, "mails queued", w.Count(t, `SELECT count(*) FROM mails`), round+1)
		harness.WantEqual(t, "challenges", w.Count(t, `SELECT count(*) FROM challenges`), round+1)
	}
}

// mailsIn counts the answers to code requests that report a queued mail.
func mailsIn(answers []*harness.Answer) (n int) {
	for _, a := range answers {
		if a.CodeRequest().Mail == "queued" {
			n++
		}
	}
	return n
}

// Parallel sign-ins of one user in many browsers each create a session, and ten sessions stay.
func raceSignIns(t *testing.T, f fleet) {
	const n = 16
	var browsers [n]*harness.Browser
	var codes [n]string
	for i := range browsers {
		browsers[i] = f.on[i%2].Open(t)
		codes[i] = browsers[i].GetCode(f.w, ada)
		f.w.Exec(t, `TRUNCATE uses`)
	}

	answers := harness.Together(n,
		func(i int) *harness.Answer { return browsers[i].Verify(codes[i]) })

	sessions := map[string]bool{}
	for _, a := range answers {
		sessions[a.Want(http.StatusOK).SignedIn().Session.ID] = true
	}
	harness.WantEqual(t, "sessions in the answers", len(sessions), n)
	harness.WantEqual(t, "sessions", f.w.Count(t, `SELECT count(*) FROM sessions`), f.rows(10))
	harness.WantEqual(t, "users", f.w.Count(t, `SELECT count(*) FROM users`), 1)
}

// Of parallel submissions of the right code of a step-up one renews the session. All get it with
// the same token. A wrong code among them is refused.
func TestStepUp_ParallelRightCodesRenewOnce(t *testing.T) {
	t.Parallel()
	raceStepUp(t, newFleet(t, harness.NewWorld(t)))
}

func raceStepUp(t *testing.T, f fleet) {
	for round := range f.rounds {
		email := fmt.Sprintf("round%d@sana.example", round)
		owner := f.on[0].Open(t)
		before := owner.SignIn(f.w, email)
		first := owner.Cookies()[sessionCookie]
		f.w.Exec(t, `TRUNCATE uses`)
		f.w.Pass(t, 2*time.Minute)
		code := owner.GetCode(f.w, email)
		browsers := f.clones(owner, 17)

		answers := harness.Together(17, func(i int) *harness.Answer {
			if i == 16 {
				return browsers[i].Verify(harness.WrongCode(code))
			}
			return browsers[i].Verify(code)
		})

		signedIn, tokens := map[time.Time]bool{}, map[string]bool{}
		for i, a := range answers[:16] {
			in := a.Want(http.StatusOK).SignedIn()
			harness.WantEqual(t, "session", in.Session.ID, before.Session.ID)
			signedIn[in.Session.SignedInAt.UTC()] = true
			tokens[browsers[i].Cookies()[sessionCookie]] = true
		}
		answers[16].Want(http.StatusUnauthorized, "wrong_code")
		harness.WantEqual(t, "times of the sign-in", len(signedIn), 1)
		if f.inPostgres {
			harness.WantEqual(t, "tokens in the answers", len(tokens), 1)
		}
		if tokens[first] {
			t.Error("the token is the one from before")
		}
	}
	for from, want := range map[string]int{
		"users": f.rounds, "sessions": f.rows(f.rounds), "replaced_tokens": f.rows(f.rounds),
		"account_events": 2 * f.rounds, "challenges WHERE tries = 1": f.rounds,
	} {
		harness.WantEqual(t, "rows of "+from, f.w.Count(t, `SELECT count(*) FROM `+from), want)
	}
}

// clones returns n copies of a browser, in turn at each process.
func (f fleet) clones(b *harness.Browser, n int) []*harness.Browser {
	list := make([]*harness.Browser, n)
	for i := range list {
		list[i] = b.Clone()
		list[i].MoveTo(f.on[i%2].Instance)
	}
	return list
}

// A change of address is requested, resent and confirmed, each many times at once: there is one
// code, one more mail and one change. Of the wrong codes five are compared.
func TestEmailChange_ParallelRequestsAndCodesCountOnce(t *testing.T) {
	t.Parallel()
	raceChange(t, newFleet(t, harness.NewWorld(t)))
}

func raceChange(t *testing.T, f fleet) {
	mails := func(email string) int {
		return f.w.Count(t, `
			SELECT count(*)
			FROM mails
			JOIN challenges ON challenges.id = mails.ref
			WHERE email = $1`, email)
	}
	for round := range f.rounds {
		old := fmt.Sprintf("old%d@sana.example", round)
		moved := fmt.Sprintf("new%d@sana.example", round)
		owner := f.on[0].Open(t)
		in := owner.SignIn(f.w, old)
		browsers := f.clones(owner, 16)

		answers := harness.Together(16, func(i int) *harness.Answer {
			return browsers[i].RequestChange(moved)
		})
		harness.WantEqual(t, "requests", tally(answers), map[string]int{"202": 16})
		harness.WantEqual(t, "mails of requests", mails(moved), 1)

		f.w.Pass(t, time.Minute)
		answers = harness.Together(16, func(i int) *harness.Answer {
			return browsers[i].Post("/api/account/email/resend", `{}`)
		})
		harness.WantEqual(t, "resends", tally(answers), map[string]int{"202": 16})
		harness.WantEqual(t, "mails of resends", mails(moved), 2)
		code := f.w.Code(t, moved, 1)
		harness.WantEqual(t, "code of the resend", f.w.Code(t, moved, 2), code)

		answers = harness.Together(16, func(i int) *harness.Answer {
			if i == 15 {
				return browsers[i].VerifyChange(harness.WrongCode(code))
			}
			return browsers[i].VerifyChange(code)
		})
		harness.WantEqual(t, "codes", tally(answers),
			map[string]int{"200": 15, "401 wrong_code": 1})
		for i, b := range browsers {
			got := b.Get("/api/auth/session").Want(http.StatusOK).SignedIn()
			harness.WantEqual(t, "session", got.Session.ID, in.Session.ID)
			if i < 15 { // a cookie of the last one still has the old address
				harness.WantEqual(t, "address", got.User.Email, moved)
			}
		}

		f.w.Exec(t, `TRUNCATE uses`)
		owner.ChangeCode(f.w, "other-"+moved)
		browsers = f.clones(owner, 20)
		answers = harness.Together(20, func(i int) *harness.Answer {
			return browsers[i].VerifyChange(longWrong)
		})
		harness.WantEqual(t, "wrong codes", tally(answers),
			map[string]int{"401 wrong_code": 5, "429 too_many_tries": 15})
		f.w.Exec(t, `TRUNCATE uses`)
	}
	for from, want := range map[string]int{
		"users WHERE email LIKE 'new%'": f.rounds, "users": f.rounds,
		"account_events WHERE kind = 'email_changed'": f.rounds,
		"mails WHERE template = 'address_changed'":    2 * f.rounds,
	} {
		harness.WantEqual(t, "rows of "+from, f.w.Count(t, `SELECT count(*) FROM `+from), want)
	}
}
