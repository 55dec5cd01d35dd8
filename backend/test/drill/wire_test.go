package drill

import (
	"fmt"
	"net/http"
	"strings"

	"sana/backend/test/harness"
)

// figures are the costs of a store, in bytes on the wire and in round trips to the database.
type figures struct {
	CookieHeader int // bytes of the Cookie line of a request, with the session cookie only
	SetCookie    int // bytes of the session's Set-Cookie line at sign-in

	// round trips of GET session (twice), POST code, POST verify
	Anonymous, SignedIn, Code, Verify int
}

// measured is the number of requests of each kind.
const measured = 12

// measure makes users sign in, with a counting proxy between the program and the database.
func measure(s *scene) figures {
	s.t.Helper()
	counted := harness.CountRoundTrips(s.t, s.world.DatabaseURL)
	// A connection prepares each statement once, which costs a round trip: with few connections,
	// all of them have done so.
	s.open("DATABASE_URL=" + counted.URL + "&pool_max_conns=2")
	letGo := s.world.HoldMails(s.t)

	var f figures
	var people []*person
	for i := range measured {
		people = append(people, &person{
			Browser: s.browser(),
			email:   fmt.Sprintf("person%x@sana.example", i), // all of the same length
		})
	}
	name := cookieOf(s.store)
	fewest := func(do func(*person)) int {
		return len(counted.Fewest(len(people), func(i int) { do(people[i]) }))
	}
	f.Anonymous = fewest(
		func(p *person) { p.Get("/api/auth/session").Want(http.StatusUnauthorized) })
	f.Code = fewest(func(p *person) { p.RequestCode(p.email).Want(http.StatusAccepted) })
	letGo()
	for _, p := range people {
		p.code = s.world.Code(s.t, p.email, 1)
	}
	s.world.AwaitMails(s.t)
	f.Verify = fewest(func(p *person) {
		answer := p.verify().Want(http.StatusOK)
		for _, line := range answer.Header["Set-Cookie"] {
			if strings.HasPrefix(line, name+"=") {
				f.SetCookie = len("Set-Cookie: " + line + "\r\n")
			}
		}
	})
	f.SignedIn = fewest(func(p *person) { p.Get("/api/auth/session").Want(http.StatusOK) })
	f.CookieHeader = len("Cookie: " + name + "=" + people[0].Cookies()[name] + "\r\n")
	return f
}

// cookieOf returns the name of a store's session cookie.
func cookieOf(store string) string {
	if store == postgres || store == cookie {
		return "__Host-sana_session"
	}
	return predecessorCookie
}
