package system_test

import (
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"sana/backend/test/harness"
)

// Two first sign-ins with one address at the same time create one user.
func TestSignUp_ParallelFirstSignInsMakeOneUser(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
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

// Parallel sign-ins of one user in many browsers each create a session, and ten sessions stay.
func TestSignIn_ParallelOnesOfOneUserKeepTenSessions(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
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
	inEachSetting(t, raceStepUp)
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
	inEachSetting(t, raceChange)
}

func raceChange(t *testing.T, f fleet) {
	for round := range f.rounds {
		f.raceOneChange(t, fmt.Sprintf("old%d@sana.example", round),
			fmt.Sprintf("new%d@sana.example", round))
	}
	for from, want := range map[string]int{
		"users WHERE email LIKE 'new%'": f.rounds, "users": f.rounds,
		"account_events WHERE kind = 'email_changed'": f.rounds,
		"mails WHERE template = 'address_changed'":    2 * f.rounds,
	} {
		harness.WantEqual(t, "rows of "+from, f.w.Count(t, `SELECT count(*) FROM `+from), want)
	}
}

// raceOneChange changes the address of a new user.
func (f fleet) raceOneChange(t *testing.T, old, moved string) {
	t.Helper()
	owner := f.on[0].Open(t)
	in := owner.SignIn(f.w, old)
	browsers := f.clones(owner, 16)
	together := func(n int, call func(i int) *harness.Answer) map[string]int {
		return tally(harness.Together(n, call))
	}
	wantMails := func(n int) {
		t.Helper()
		harness.WantEqual(t, "mails", f.w.Count(t, `
			SELECT count(*)
			FROM mails
			JOIN challenges ON challenges.id = mails.ref
			WHERE email = $1`, moved), n)
	}

	// The code is requested and resent.
	harness.WantEqual(t, "requests", together(16, func(i int) *harness.Answer {
		return browsers[i].RequestChange(moved)
	}), map[string]int{"202": 16})
	wantMails(1)
	f.w.Pass(t, time.Minute)
	harness.WantEqual(t, "resends", together(16, func(i int) *harness.Answer {
		return browsers[i].Post("/api/account/email/resend", `{}`)
	}), map[string]int{"202": 16})
	wantMails(2)
	code := f.w.Code(t, moved, 1)
	harness.WantEqual(t, "code of the resend", f.w.Code(t, moved, 2), code)

	// The code is typed, and a wrong one.
	harness.WantEqual(t, "codes", together(16, func(i int) *harness.Answer {
		if i == 15 {
			return browsers[i].VerifyChange(harness.WrongCode(code))
		}
		return browsers[i].VerifyChange(code)
	}), map[string]int{"200": 15, "401 wrong_code": 1})
	for i, b := range browsers {
		harness.Eventually(t, "the browser has the old address", func() error {
			got := b.Get("/api/auth/session").Want(http.StatusOK).SignedIn()
			harness.WantEqual(t, "session", got.Session.ID, in.Session.ID)
			if i == 15 || got.User.Email == moved { // a cookie of the last one has the old address
				return nil
			}
			return errors.New(got.User.Email)
		})
	}

	// Only wrong codes are typed.
	f.w.Exec(t, `TRUNCATE uses`)
	owner.ChangeCode(f.w, "other-"+moved)
	browsers = f.clones(owner, 20)
	harness.WantEqual(t, "wrong codes", together(20, func(i int) *harness.Answer {
		return browsers[i].VerifyChange(longWrong)
	}), map[string]int{"401 wrong_code": 5, "429 too_many_tries": 15})
	f.w.Exec(t, `TRUNCATE uses`)
}
