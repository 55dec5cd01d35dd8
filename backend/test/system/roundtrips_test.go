package system_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"sana/backend/test/harness"
)

// someone is a user with a browser.
type someone struct {
	*harness.Browser
	email, code string
}

// wantRoundTrips calls do for every user.
func wantRoundTrips(
	t *testing.T, wire *harness.RoundTrips, what string, want int, people []*someone,
	do func(*someone),
) {
	t.Helper()
	if trips := wire.Fewest(len(people), func(i int) { do(people[i]) }); len(trips) != want {
		t.Errorf("%s: %d round trips to the database, want %d: %q", what, len(trips), want, trips)
	}
}

func TestSignIn_CostsFourRoundTripsToTheDatabase(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	release := w.HoldMails(t)
	wire := harness.CountRoundTrips(t, w.DatabaseURL)
	// One connection prepares each statement once.
	instance := w.Start(t, "DATABASE_URL="+wire.URL+"&pool_max_conns=2", "SESSION_CACHE=off")
	var people []*someone
	for i := range 12 {
		people = append(people,
			&someone{Browser: instance.Open(t), email: fmt.Sprintf("person%d@sana.example", i)})
	}
	collect := func() { // the newest code of each user
		release()
		w.AwaitMails(t)
		for _, p := range people {
			all := w.Mails(t, "sign_in_code", p.email, 1)
			p.code = harness.CodeIn(all[len(all)-1])
		}
	}
	request := func(p *someone) { p.RequestCode(p.email).Want(http.StatusAccepted) }
	verify := func(p *someone) { p.Verify(p.code).Want(http.StatusOK) }
	signIn := func(who string) {
		wantRoundTrips(t, wire, "a first page of "+who, 0, people, func(p *someone) {
			p.Get("/api/auth/session").Want(http.StatusUnauthorized)
		})
		wantRoundTrips(t, wire, "a code for "+who, 2, people, request)
		wantRoundTrips(t, wire, "a code again for "+who, 1, people, request)
		collect()
		wantRoundTrips(t, wire, "a wrong code of "+who, 2, people, func(p *someone) {
			p.Verify(harness.WrongCode(p.code)).Want(http.StatusUnauthorized, "wrong_code")
		})
		wantRoundTrips(t, wire, "the right code of "+who, 2, people, verify)
		wantRoundTrips(t, wire, "the current user, without a cache", 1, people, func(p *someone) {
			p.Get("/api/auth/session").Want(http.StatusOK)
		})
	}
	signIn("a new user")

	// Signed in: the session is read first, and for a step-up its user.
	wantRoundTrips(t, wire, "a code for another address", 3, people, func(p *someone) {
		p.RequestCode("other-" + p.email).Want(http.StatusAccepted)
	})
	wantRoundTrips(t, wire, "a code for a step-up", 4, people, request)
	collect()
	wantRoundTrips(t, wire, "the right code of a step-up", 3, people, verify)

	w.Pass(t, 2*time.Minute)
	for _, p := range people {
		p.Browser = instance.Open(t) // an unknown one, so that a second mail is sent
	}
	signIn("a known user")
}

func TestCache_ReadCostsNoRoundTrip(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	wire := harness.CountRoundTrips(t, w.DatabaseURL)
	instance := w.Start(t, "DATABASE_URL="+wire.URL)
	var people []*someone
	for i := range 12 {
		p := &someone{Browser: instance.Open(t), email: fmt.Sprintf("person%d@sana.example", i)}
		p.SignIn(w, p.email)
		p.Get("/api/auth/session").Want(http.StatusOK)
		people = append(people, p)
	}
	wantRoundTrips(t, wire, "who is signed in", 0, people,
		func(p *someone) { p.Get("/api/auth/session").Want(http.StatusOK) })
}
