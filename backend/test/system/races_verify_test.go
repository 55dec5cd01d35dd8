package system_test

import (
	"fmt"
	"net/http"
	"testing"

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
	f := newFleet(t)
	w, processes := f.w, f.on
	browser := processes[0].Open(t)
	browser.RequestCode("ada@sana.example").Want(http.StatusAccepted)
	code := w.Code(t, "ada@sana.example", 1)
	browsers := f.clones(browser, 2)

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
	inEachSetting(t, raceRightCodes)
}

func raceRightCodes(t *testing.T, f fleet) {
	w, processes := f.w, f.on
	rounds := f.rounds
	for round := range rounds {
		email := fmt.Sprintf("round%d@sana.example", round)
		browser := processes[0].Open(t)
		code := browser.GetCode(w, email)
		browsers := f.clones(browser, 18)
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
	f := newFleet(t)
	w, one, two := f.w, f.on[0], f.on[1]
	owner := one.Open(t)
	code := owner.GetCode(w, ada)
	attackers := strangers(t, w, ada, 3, one.Instance, two.Instance)
	harness.WantEqual(t, "compared", guessWith(t, attackers, longWrong), 10)
	owners := f.clones(owner, 2)

	answers := harness.Together(16, func(i int) *harness.Answer {
		b := owners[i%2]
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
	f := newFleet(t)
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
