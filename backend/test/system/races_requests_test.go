package system_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"sana/backend/test/harness"
)

func TestResendCode_ParallelOnesSendOneMail(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	w, processes := f.w, f.on
	browser := processes[0].Open(t)
	browser.RequestCode("ada@sana.example").Want(http.StatusAccepted)
	w.Code(t, "ada@sana.example", 1)
	w.Pass(t, time.Minute)
	browsers := f.clones(browser, 2)

	answers := harness.Together(16,
		func(i int) *harness.Answer { return browsers[i%2].Resend() })

	harness.WantEqual(t, "answers", tally(answers), map[string]int{"202": 16})
	harness.WantEqual(t, "answers that say that a mail was queued", mailsIn(answers), 16)
	harness.WantEqual(t, "mails queued", w.Count(t, `SELECT count(*) FROM mails`), 2)
}

// Simultaneous copies of a code request create one challenge and one mail, and all get the same
// answer.
func TestRequestCode_SentTwiceMakesOneChallenge(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	w, processes := f.w, f.on
	for round := range f.rounds {
		browser := processes[0].Open(t)
		browser.Get("/").Want(http.StatusOK) // gives it a browser token
		browsers := f.clones(browser, 2)
		email := fmt.Sprintf("round%d@sana.example", round)

		answers := harness.Together(16,
			func(i int) *harness.Answer { return browsers[i%2].RequestCode(email) })

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
	f := newFleet(t)
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
