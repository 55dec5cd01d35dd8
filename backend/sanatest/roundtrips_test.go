package sanatest_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"sana/backend/sanatest"
)

// someone is a browser of a person.
type someone struct {
	*sanatest.Browser
	email, code string
}

// wantRoundTrips calls do for everybody.
func wantRoundTrips(t *testing.T, wire *sanatest.RoundTrips, what string, want int, people []*someone, do func(*someone)) {
	t.Helper()
	if fewest := wire.Fewest(len(people), func(i int) { do(people[i]) }); fewest != want {
		t.Errorf("%s: %d round trips to the database, want %d", what, fewest, want)
	}
}

func TestASignInCostsFiveRoundTripsToTheDatabase(t *testing.T) {
	t.Parallel()
	w := sanatest.NewWorld(t)
	letGo := w.HoldMails(t)
	wire := sanatest.CountRoundTrips(t, w.DatabaseURL)
	// One connection prepares each statement once.
	instance := w.Start(t, "DATABASE_URL="+wire.URL+"&pool_max_conns=2", "SESSION_CACHE=off")
	var people []*someone
	for i := range 12 {
		people = append(people, &someone{Browser: instance.Open(t), email: fmt.Sprintf("person%d@sana.example", i)})
	}
	signIn := func(who string) {
		mails := len(w.Mailgun.Messages())
		wantRoundTrips(t, wire, "a code for "+who, 1, people, func(p *someone) { p.RequestCode(p.email).Want(http.StatusAccepted) })
		wantRoundTrips(t, wire, "a code again for "+who, 2, people, func(p *someone) { p.RequestCode(p.email).Want(http.StatusAccepted) })
		letGo()
		sanatest.Eventually(t, "the codes do not arrive", func() error {
			return sanatest.CountError(len(w.Mailgun.Messages())-mails, len(people))
		})
		w.AwaitMails(t)
		for _, p := range people {
			all := w.Mails(t, "sign_in_code", p.email, 1)
			p.code = sanatest.CodeIn(all[len(all)-1])
		}
		wantRoundTrips(t, wire, "a wrong code of "+who, 2, people, func(p *someone) {
			p.Verify(sanatest.WrongCode(p.code)).Want(http.StatusUnauthorized, "wrong_code")
		})
		wantRoundTrips(t, wire, "the right code of "+who, 3, people, func(p *someone) { p.Verify(p.code).Want(http.StatusOK) })
		wantRoundTrips(t, wire, "who is signed in, without a cache", 1, people, func(p *someone) {
			p.Get("/api/auth/session").Want(http.StatusOK)
		})
	}
	signIn("somebody new")
	wantRoundTrips(t, wire, "a code for another address", 2, people, func(p *someone) {
		p.RequestCode("other-" + p.email).Want(http.StatusAccepted)
	})
	letGo()
	w.AwaitMails(t)
	w.Pass(t, 2*time.Minute)
	for _, p := range people {
		p.Browser = instance.Open(t) // a browser that is not known, so that a second mail goes
	}
	signIn("somebody known")
}

func TestAReadFromTheCacheCostsNoRoundTrip(t *testing.T) {
	t.Parallel()
	w := sanatest.NewWorld(t)
	wire := sanatest.CountRoundTrips(t, w.DatabaseURL)
	instance := w.Start(t, "DATABASE_URL="+wire.URL)
	var people []*someone
	for i := range 12 {
		p := &someone{Browser: instance.Open(t), email: fmt.Sprintf("person%d@sana.example", i)}
		p.SignIn(w, p.email)
		p.Get("/api/auth/session").Want(http.StatusOK)
		people = append(people, p)
	}
	wantRoundTrips(t, wire, "who is signed in", 0, people, func(p *someone) { p.Get("/api/auth/session").Want(http.StatusOK) })
}
