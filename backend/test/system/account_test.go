package system_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"sana/backend/session"
	"sana/backend/test/harness"
)

// Two accounts are changed to the same address at the same time, by two processes.
func TestEmailChange_OneOfTwoAccountsGetsTheAddress(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	processes := []*harness.Process{w.Run(t), w.Run(t)}
	for round := range 10 {
		wanted := fmt.Sprintf("wanted%d@sana.example", round)
		var browsers [2]*harness.Browser
		var codes [2]string
		for i := range browsers {
			browsers[i] = processes[i].Open(t)
			browsers[i].SignIn(w, fmt.Sprintf("person%d-%d@sana.example", round, i))
			codes[i] = browsers[i].ChangeCode(w, wanted)
			w.Pass(t, time.Minute)
		}

		answers := harness.Together(2,
			func(i int) *harness.Answer { return browsers[i].VerifyChange(codes[i]) })

		harness.WantEqual(t, "answers", tally(answers),
			map[string]int{"200": 1, "409 email_taken": 1})
		loser := slices.IndexFunc(answers,
			func(a *harness.Answer) bool { return a.Status == http.StatusConflict })
		harness.WantEqual(t, "address of the other",
			browsers[loser].Get("/api/account").Want(http.StatusOK).Account().Email,
			fmt.Sprintf("person%d-%d@sana.example", round, loser))
	}
	harness.WantEqual(t, "events",
		w.Count(t, `SELECT count(*) FROM account_events WHERE kind = 'email_changed'`), 10)
	harness.WantEqual(t, "codes that wait",
		w.Count(t, `SELECT count(*) FROM challenges WHERE consumed_at IS NULL`), 0)
	w.AwaitMails(t)
	harness.WantEqual(t, "mails about it",
		w.Count(t, `SELECT count(*) FROM mails WHERE template = 'address_changed'`), 20)
}

// The page reads its session right after the change, at any instance. The response waits until they
// have polled for changes.
func TestEmailChange_AnswersWhenInstancesHavePolled(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	b := w.Start(t).Open(t)
	b.SignIn(w, ada)
	code := b.ChangeCode(w, "moved@sana.example")
	began := time.Now()
	b.VerifyChange(code).Want(http.StatusOK)
	if took := time.Since(began); took < session.PollTime {
		t.Errorf("the response came after %s, want at least %s", took, session.PollTime)
	}
}

// A first sign-in with an address, while an account is changed to it.
func TestEmailChange_BesideFirstSignInMakesOneAccount(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	processes := []*harness.Process{w.Run(t), w.Run(t)}
	for round := range 10 {
		wanted := fmt.Sprintf("wanted%d@sana.example", round)
		person, newcomer := processes[0].Open(t), processes[1].Open(t)
		person.SignIn(w, fmt.Sprintf("person%d@sana.example", round))
		change := person.ChangeCode(w, wanted)
		w.Pass(t, time.Minute)
		in := newcomer.GetCode(w, wanted)

		answers := harness.Together(2, func(i int) *harness.Answer {
			if i == 0 {
				return person.VerifyChange(change)
			}
			return newcomer.Verify(in)
		})

		signedIn := answers[1].Want(http.StatusOK).SignedIn()
		if changed := answers[0].Status == http.StatusOK; changed == signedIn.Created {
			t.Errorf("round %d: the change is answered %d, the sign-in says that the account is "+
				"new: %v", round, answers[0].Status, signedIn.Created)
		}
		harness.WantEqual(t, "accounts with the address",
			w.Count(t, `SELECT count(*) FROM users WHERE email = $1`, wanted), 1)
		w.Pass(t, time.Hour)
	}
}

// An account is deleted while its user's browsers send other requests, over two processes: no data
// of it is left, and no request fails because of that.
func TestDeletion_LeavesNothingBesideOtherRequests(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	processes := []*harness.Process{w.Run(t), w.Run(t)}
	calls := []func(b *harness.Browser) *harness.Answer{
		func(b *harness.Browser) *harness.Answer { return b.RequestCode("grace@sana.example") },
		func(b *harness.Browser) *harness.Answer { return b.RequestChange("grace@sana.example") },
		func(b *harness.Browser) *harness.Answer { return b.Rename("Ada") },
		func(b *harness.Browser) *harness.Answer { return b.Post("/api/auth/sign-out", "{}") },
		func(b *harness.Browser) *harness.Answer { return b.Get("/api/account/export") },
		func(b *harness.Browser) *harness.Answer { return b.Delete("/api/account") },
	}
	for round := range 6 {
		email := fmt.Sprintf("ada%d@sana.example", round)
		browsers := make([]*harness.Browser, len(calls))
		var in harness.SignedIn
		for i := range calls {
			browsers[i] = processes[i%2].Open(t)
			in = browsers[i].SignIn(w, email)
			w.Exec(t, `TRUNCATE uses`)
		}
		late := processes[1].Open(t)
		code := late.GetCode(w, email)
		w.Exec(t, `TRUNCATE uses`)

		deleter := browsers[len(calls)-1].Clone()
		answers := harness.Together(len(calls)+2, func(i int) *harness.Answer {
			switch i {
			case len(calls):
				return late.Verify(code)
			case len(calls) + 1:
				return deleter.Delete("/api/account")
			}
			return calls[i](browsers[i])
		})

		for i, a := range answers {
			if a.Status >= 500 {
				t.Errorf("round %d: call %d is answered %d: %s", round, i, a.Status, a.Body)
			}
		}
		answers[len(calls)-1].Want(http.StatusNoContent)
		answers[len(calls)+1].Want(http.StatusNoContent) // a repeat of the deletion
		harness.WantEqual(t, "mails about deletions",
			w.Count(t, `SELECT count(*) FROM mails WHERE template = 'account_deleted'`), round+1)
		for _, table := range []string{"sessions", "account_events", "challenges"} {
			harness.WantEqual(t, "rows of the deleted account in "+table,
				w.Count(t, `SELECT count(*) FROM `+table+` WHERE user_id = $1`, in.User.ID), 0)
		}
		harness.WantEqual(t, "users with the old id",
			w.Count(t, `SELECT count(*) FROM users WHERE id = $1`, in.User.ID), 0)
		if last := answers[len(calls)]; last.Status == http.StatusOK && last.SignedIn().Created {
			harness.WantEqual(t, "the new account",
				late.Get("/api/account").Want(http.StatusOK).Account().ID, last.SignedIn().User.ID)
		}
		w.AwaitMails(t)
		w.Exec(t, `TRUNCATE challenges, uses`)
	}
}

// A revoked session stays revoked, although its browser requests a code at the same time, or enters
// the code of a step-up, which replaces the session's token.
func TestRevokedSession_StaysRevokedBesideItsCodes(t *testing.T) {
	t.Parallel()
	type call func(b *harness.Browser, code string) *harness.Answer
	for name, call := range map[string]call{
		"requests a code": func(b *harness.Browser, _ string) *harness.Answer {
			return b.RequestCode(grace)
		},
		"types the code of a step-up": func(b *harness.Browser, code string) *harness.Answer {
			return b.Verify(code)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := harness.NewWorld(t)
			processes := []*harness.Process{w.Run(t), w.Run(t)}
			for round := range 10 {
				email := fmt.Sprintf("ada%d@sana.example", round)
				phone, laptop := processes[0].Open(t), processes[1].Open(t)
				phone.SignIn(w, email)
				w.Pass(t, time.Minute)
				laptop.SignIn(w, email)
				w.Pass(t, 3*time.Minute) // too late to repeat the code of a sign-in
				code := phone.GetCode(w, email)
				pending := phone.Get("/api/auth/code").Pending()
				harness.WantEqual(t, "purpose", pending.Purpose, "step_up")
				before := phone.Clone()

				answers := harness.Together(2, func(i int) *harness.Answer {
					if i == 0 {
						return call(phone, code)
					}
					return laptop.Delete("/api/sessions")
				})

				if a := answers[0]; a.Status >= 300 && a.Status != http.StatusGone {
					t.Errorf("round %d: the call is answered %d: %s", round, a.Status, a.Body)
				}
				answers[1].Want(http.StatusNoContent)
				for i := range 4 {
					b := [2]*harness.Browser{phone, before}[i/2]
					b.MoveTo(processes[i%2].Instance)
					harness.Eventually(t, "the session is still valid", func() error {
						a := b.Get("/api/auth/session")
						return harness.StatusError(a, http.StatusUnauthorized)
					})
				}
				phone.VerifyFor(email, code).Want(http.StatusGone, "code_expired")
				laptop.Get("/api/auth/session").Want(http.StatusOK)
				w.Exec(t, `TRUNCATE uses`)
			}
		})
	}
}

// for codes of address changes: until a code was right, the address of an
// account and an unknown one get the same answers, byte for byte, and cause the same rows.
func TestEnumeration_EmailChangeRevealsNoAccount(t *testing.T) {
	t.Parallel()
	for _, signUp := range []string{"open", "closed", "sana.example"} {
		t.Run(signUp, func(t *testing.T) {
			t.Parallel()
			w := harness.NewWorld(t)
			first := w.Run(t)
			first.Open(t).SignIn(w, "known@sana.example")
			person := first.Open(t)
			person.SignIn(w, "ada@sana.example")
			w.Pass(t, 24*time.Hour)
			person.MoveTo(w.Run(t, "SIGN_UP="+signUp).Instance)
			harness.WantEqual(t, "a user without an account",
				changeInVain(t, w, person, "other@sana.example"),
				changeInVain(t, w, person, "known@sana.example"))
		})
	}
}

// changeInVain sends all requests that need no right code. It returns the answers and the numbers
// of rows.
func changeInVain(
	t *testing.T, w *harness.World, b *harness.Browser, email string,
) (faces []string) {
	t.Helper()
	rows := func() (counts string) {
		w.AwaitMails(t)
		for _, table := range []string{"users", "challenges", "account_events", "mails", "uses"} {
			counts += fmt.Sprintf("%s %d, ", table, w.Count(t, `SELECT count(*) FROM `+table))
		}
		w.Exec(t, `TRUNCATE challenges, mails, uses, service_attempts`)
		return counts
	}
	rows()
	faces = append(faces, face(b.RequestChange(email)))
	w.AwaitMails(t)
	faces = append(faces,
		face(b.RequestChange(email)),
		face(b.Post("/api/account/email/resend", "{}")),
		face(b.Get("/api/account/email")))
	for range 6 {
		faces = append(faces, face(b.VerifyChange("000000")))
	}
	return append(faces,
		face(b.VerifyChange("nonsense")),
		face(b.Get("/api/account")),
		face(b.Delete("/api/account/email")),
		rows())
}

// The mail must say whether its code signs in or changes the address of an account.
func TestMail_SaysWhatItsCodeIsFor(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	b := w.Start(t).Open(t)
	b.SignIn(w, "ada@sana.example")
	b.RequestChange("grace@sana.example").Want(http.StatusAccepted)
	const changes = "confirm this address for your account"
	for address, want := range map[string]bool{"ada@sana.example": false,
		"grace@sana.example": true} {
		text := w.Mails(t, "sign_in_code", address, 1)[0].Text
		if got := strings.Contains(text, changes); got != want {
			t.Errorf("to %s: %q is in the mail: %t, want %t:\n%s", address, changes, got, want,
				text)
		}
	}
}
