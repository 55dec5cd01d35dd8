package sanatest_test

import (
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"sana/backend/sanatest"
)

// together runs n calls as nearly at once as goroutines behind a barrier can be, and returns what they returned.
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

// of N parallel submissions of the right code, one makes a session and the others get the ordinary error.
func TestOfSixteenParallelRightCodesOverTwoProcessesOneSignsIn(t *testing.T) {
	t.Parallel()
	w := sanatest.NewWorld(t)
	processes := []*sanatest.Process{w.Run(t), w.Run(t)}
	for round := range 20 {
		email := fmt.Sprintf("round%d@sana.example", round)
		browser := processes[0].Open(t)
		browser.RequestCode(email).Want(http.StatusAccepted)
		code := w.Code(t, email, 1)
		var browsers [16]*sanatest.Browser // each keeps the cookie that it had, whatever the others are answered
		for i := range browsers {
			browsers[i] = browser.Clone()
			browsers[i].MoveTo(processes[i%2].Instance)
		}

		counts := tally(together(16, func(i int) *sanatest.Answer { return browsers[i].Verify(code) }))

		refused := counts["410 code_expired"] + counts["429 too_many_tries"] + counts["404 no_pending_code"]
		if counts["200"] != 1 || refused != 15 {
			t.Fatalf("round %d: got %v, want one 200 and fifteen refusals", round, counts)
		}
		sanatest.WantEqual(t, "sessions of the user", w.Count(t, `
			SELECT count(*) FROM sessions JOIN users ON users.id = user_id WHERE email = $1`, email), 1)
	}
	sanatest.WantEqual(t, "users", w.Count(t, `SELECT count(*) FROM users`), 20)
	sanatest.WantEqual(t, "consumed challenges", w.Count(t, `SELECT count(*) FROM challenges WHERE consumed_at IS NOT NULL`), 20)
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
		return [2]*sanatest.Browser{browser, second}[i%2].Post("/api/auth/code/resend", "{}")
	})

	sanatest.WantEqual(t, "answers", tally(answers), map[string]int{"202": 16})
	sanatest.WantEqual(t, "mails queued", w.Count(t, `SELECT count(*) FROM river_job WHERE kind = 'mail'`), 2)
}
