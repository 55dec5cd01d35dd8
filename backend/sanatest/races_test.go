package sanatest_test

import (
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"sana/backend/sanatest"
)

// together runs n calls as nearly at once as goroutines behind a barrier can be, and returns what
// they returned.
func together(n int, call func(i int) *sanatest.Answer) []*sanatest.Answer {
	answers := make([]*sanatest.Answer, n)
	barrier := make(chan struct{})
	var group sync.WaitGroup
	for i := range n {
		group.Go(func() {
			<-barrier
			answers[i] = call(i)
		})
	}
	close(barrier)
	group.Wait()
	return answers
}

// tally counts answers by status and problem code.
func tally(answers []*sanatest.Answer) map[string]int {
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

// whatever the timing, five guesses are compared.
func TestOfAHundredParallelWrongCodesOverTwoProcessesFiveAreCompared(t *testing.T) {
	t.Parallel()
	w := sanatest.NewWorld(t)
	processes := []*sanatest.Process{w.Run(t), w.Run(t)}
	browser := processes[0].Open(t)
	browser.RequestCode("ada@sana.example").Want(http.StatusAccepted)
	code := w.Code(t, "ada@sana.example", 1)
	browsers := [2]*sanatest.Browser{browser, browser.Clone()}
	browsers[1].MoveTo(processes[1].Instance)

	answers := together(100, func(i int) *sanatest.Answer {
		return browsers[i%2].Verify(sanatest.WrongCode(code))
	})

	sanatest.WantEqual(t, "answers", tally(answers), map[string]int{"401 wrong_code": 5, "429 too_many_tries": 95})
	triesLeft := map[int]int{}
	for _, a := range answers {
		if a.Status == http.StatusUnauthorized {
			triesLeft[*a.Problem().TriesLeft]++
		}
	}
	sanatest.WantEqual(t, "tries left that were told", triesLeft, map[int]int{0: 1, 1: 1, 2: 1, 3: 1, 4: 1})
	browser.Verify(code).Want(http.StatusTooManyRequests, "too_many_tries")
	sanatest.WantEqual(t, "tries counted", w.Count(t, `SELECT tries FROM challenges`), 5)
}

// of parallel submissions of the right code by one browser, one uses the code up. All get the
// same answer with the same session, as a repeat does. A wrong code among them is refused, and so
// is the right one of another browser.
func TestOfSixteenParallelRightCodesOverTwoProcessesOneSignsIn(t *testing.T) {
	t.Parallel()
	w := sanatest.NewWorld(t)
	processes := []*sanatest.Process{w.Run(t), w.Run(t)}
	const rounds = 20
	for round := range rounds {
		email := fmt.Sprintf("round%d@sana.example", round)
		browser := processes[0].Open(t)
		code := browser.GetCode(w, email)
		var browsers [18]*sanatest.Browser
		for i := range browsers {
			browsers[i] = browser.Clone()
			browsers[i].MoveTo(processes[i%2].Instance)
		}
		browsers[17] = processes[1].Open(t)
		browsers[17].Get("/").Want(http.StatusOK) // gives it a browser token of its own

		answers := together(18, func(i int) *sanatest.Answer {
			switch i {
			case 16:
				return browsers[i].VerifyFor(email, sanatest.WrongCode(code))
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
			sanatest.WantEqual(t, "the user is new", in.Created, true)
		}
		sanatest.WantEqual(t, "sessions in the answers", len(sessions), 1)
		sanatest.WantEqual(t, "tokens in the answers", len(tokens), 1)
		answers[16].Want(http.StatusUnauthorized, "wrong_code")
		answers[17].Want(http.StatusNotFound, "no_pending_code")
	}
	for table, want := range map[string]int{
		"users":                                  rounds,
		"sessions":                               rounds,
		"challenges WHERE outcome = 'signed_in'": rounds,
		"account_events":                         rounds,
		"mails WHERE template = 'new_device'":    0,
		"ended_sessions":                         0,
		"challenges WHERE tries = 1":             rounds,
	} {
		sanatest.WantEqual(t, "rows of "+table, w.Count(t, `SELECT count(*) FROM `+table), want)
	}
}

// A full budget refuses the right code as it does a wrong one, on every instance.
func TestVerifyCode_FullBudgetRefusesParallelRightCodes(t *testing.T) {
	t.Parallel()
	w := sanatest.NewWorld(t)
	one, two := w.Run(t), w.Run(t)
	owner := one.Open(t)
	code := owner.GetCode(w, ada)
	attackers := strangers(t, w, ada, 3, one.Instance, two.Instance)
	sanatest.WantEqual(t, "compared", guess(t, attackers), 10)
	elsewhere := owner.Clone()
	elsewhere.MoveTo(two.Instance)

	answers := together(16, func(i int) *sanatest.Answer {
		b := [2]*sanatest.Browser{owner, elsewhere}[i%2]
		if i < 8 {
			return b.Verify(code)
		}
		return b.Verify(sanatest.WrongCode(code))
	})

	sanatest.WantEqual(t, "answers", tally(answers), map[string]int{"429 too_many_wrong_codes": 16})
	sanatest.WantEqual(t, "tries", w.Count(t, `SELECT sum(tries) FROM challenges`), 10)
	sanatest.WantEqual(t, "codes spent",
		w.Count(t, `SELECT count(*) FROM challenges WHERE consumed_at IS NOT NULL`), 0)
}

// Nine wrong codes are counted. Among five more wrong ones the right one is either refused, after
// the tenth, or accepted before any of them was counted; then the budget begins anew.
func TestVerifyCode_RightCodeAtTheEdgeOfTheBudget(t *testing.T) {
	t.Parallel()
	w := sanatest.NewWorld(t)
	const longest = "CODE_LENGTH=8" // as codes are anyway after so many wrong ones
	one, two := w.Run(t, longest), w.Run(t, longest)
	outcomes := map[int]int{}
	for range 10 {
		owner := one.Open(t)
		code := owner.GetCode(w, ada)
		attackers := strangers(t, w, ada, 4, one.Instance, two.Instance)
		for range 3 {
			for _, b := range attackers[:3] {
				b.Verify("00000000").Want(http.StatusUnauthorized, "wrong_code")
			}
		}

		answers := together(6, func(i int) *sanatest.Answer {
			if i == 0 {
				return owner.Verify(code)
			}
			return attackers[i%4].Verify("00000000")
		})

		status := answers[0].Status
		counts := tally(answers)
		outcomes[status]++
		switch {
		case status == http.StatusTooManyRequests && counts["401 wrong_code"] == 1:
		case status == http.StatusOK:
			// Five requests count twice each, nine wrong codes by network, and later ones three
			// times.
			sanatest.WantEqual(t, "counts that are left", w.Count(t, `SELECT count(*) FROM uses`),
				5*2+9+3*counts["401 wrong_code"])
		default:
			t.Errorf("got %d for the right code, and the answers %v", status, counts)
		}
		w.Exec(t, `DELETE FROM uses`)
		w.Exec(t, `DELETE FROM challenges`)
	}
	t.Logf("answers to the right code: %v", outcomes)
}

// Two first sign-ins with one address at the same time make one user.
func TestParallelFirstSignInsWithOneAddressMakeOneUser(t *testing.T) {
	t.Parallel()
	w := sanatest.NewWorld(t)
	processes := []*sanatest.Process{w.Run(t), w.Run(t)}
	var browsers [4]*sanatest.Browser
	var codes [4]string
	for i := range browsers {
		browsers[i] = processes[i%2].Open(t)
		browsers[i].RequestCode("ada@sana.example").Want(http.StatusAccepted)
		codes[i] = w.Code(t, "ada@sana.example", i+1)
		w.Pass(t, time.Minute)
	}

	answers := together(4, func(i int) *sanatest.Answer { return browsers[i].Verify(codes[i]) })

	created := 0
	for _, a := range answers {
		if a.Want(http.StatusOK).SignedIn().Created {
			created++
		}
	}
	sanatest.WantEqual(t, "answers that say the user is new", created, 1)
	sanatest.WantEqual(t, "users", w.Count(t, `SELECT count(*) FROM users`), 1)
}

func TestOfParallelResendsOneSendsAMail(t *testing.T) {
	t.Parallel()
	w := sanatest.NewWorld(t)
	processes := []*sanatest.Process{w.Run(t), w.Run(t)}
	browser := processes[0].Open(t)
	browser.RequestCode("ada@sana.example").Want(http.StatusAccepted)
	w.Code(t, "ada@sana.example", 1)
	w.Pass(t, time.Minute)
	second := browser.Clone()
	second.MoveTo(processes[1].Instance)

	answers := together(16, func(i int) *sanatest.Answer {
		return [2]*sanatest.Browser{browser, second}[i%2].Resend()
	})

	sanatest.WantEqual(t, "answers", tally(answers), map[string]int{"202": 16})
	sanatest.WantEqual(t, "answers that say that a mail was queued", mailsIn(answers), 16)
	sanatest.WantEqual(t, "mails queued", w.Count(t, `SELECT count(*) FROM mails`), 2)
}

// A request for a code that is sent many times at once makes one challenge and one mail, and all
// get the same answer.
func TestRequestCode_SentTwiceMakesOneChallenge(t *testing.T) {
	t.Parallel()
	w := sanatest.NewWorld(t)
	processes := []*sanatest.Process{w.Run(t), w.Run(t)}
	for round := range 10 {
		browser := processes[0].Open(t)
		browser.Get("/").Want(http.StatusOK) // gives it a browser token
		second := browser.Clone()
		second.MoveTo(processes[1].Instance)
		email := fmt.Sprintf("round%d@sana.example", round)

		answers := together(16, func(i int) *sanatest.Answer {
			return [2]*sanatest.Browser{browser, second}[i%2].RequestCode(email)
		})

		ids := map[string]bool{}
		for _, a := range answers {
			r := a.Want(http.StatusAccepted).CodeRequest()
			if r.Code == nil {
				t.Fatalf("an answer has no code: %s", a.Body)
			}
			ids[r.Code.ID] = true
		}
		sanatest.WantEqual(t, "codes in the answers", len(ids), 1)
		sanatest.WantEqual(t, "answers that say that a mail was queued", mailsIn(answers), 16)
		sanatest.WantEqual(t, "mails queued", w.Count(t, `SELECT count(*) FROM mails`), round+1)
		sanatest.WantEqual(t, "challenges", w.Count(t, `SELECT count(*) FROM challenges`), round+1)
	}
}

// Requests for one address from many browsers at once: the address gets one mail, and one browser a
// code.
func TestRequestCode_ParallelBrowsersGetOneMail(t *testing.T) {
	t.Parallel()
	w := sanatest.NewWorld(t)
	processes := []*sanatest.Process{w.Run(t), w.Run(t)}
	var browsers [16]*sanatest.Browser
	for i := range browsers {
		browsers[i] = processes[i%2].Open(t)
		browsers[i].Get("/").Want(http.StatusOK)
	}
	for round := range 10 {
		name := fmt.Sprintf("round%d", round)
		addresses := [2]string{name + "@sana.example", name + "+tag@sana.example"}

		answers := together(16, func(i int) *sanatest.Answer {
			return browsers[i].RequestCode(addresses[i/2%2])
		})

		sanatest.WantEqual(t, "answers", tally(answers), map[string]int{"202": 16})
		sanatest.WantEqual(t, "answers that say that a mail was queued", mailsIn(answers), 1)
		sanatest.WantEqual(t, "mails queued", w.Count(t, `SELECT count(*) FROM mails`), round+1)
		sanatest.WantEqual(t, "challenges", w.Count(t, `SELECT count(*) FROM challenges`), round+1)
	}
}

// mailsIn counts the answers to requests for codes that say that a mail was queued.
func mailsIn(answers []*sanatest.Answer) (n int) {
	for _, a := range answers {
		if a.CodeRequest().Mail == "queued" {
			n++
		}
	}
	return n
}
