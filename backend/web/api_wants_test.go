package web_test

import (
	"net/http"
	"testing"

	"sana/backend/sanatest"
)

// scene is what a scenario plays in.
type scene struct {
	*testing.T
	world *sanatest.World
	app   *sanatest.Process
	b     *sanatest.Browser
	// sealed is whether sessions are in the cookie: then a copy of one outlives its end, and there is no list.
	sealed bool
}

// scenario is a promise of the API.
type scenario struct {
	promise string
	play    func(s scene)
}

func wantNothingKept(s scene) {
	s.Helper()
	for _, table := range []string{"users", "challenges", "sessions", "river_job WHERE kind = 'mail'", "throttle", "throttle_service"} {
		sanatest.WantEqual(s, "rows in "+table, s.world.Count(s, `SELECT count(*) FROM `+table), 0)
	}
}

func wantNobodySignedIn(s scene) {
	s.Helper()
	sanatest.WantEqual(s, "users", s.world.Count(s, `SELECT count(*) FROM users`), 0)
	sanatest.WantEqual(s, "sessions of users", s.world.Count(s, `SELECT count(user_id) FROM sessions`), 0)
	s.b.Get("/api/auth/session").Want(http.StatusUnauthorized, "not_signed_in")
}

// wantSessions counts the rows, of which sealed sessions have none.
func wantSessions(s scene, want int) {
	s.Helper()
	if s.sealed {
		want = 0
	}
	sanatest.WantEqual(s, "sessions", s.world.Count(s, `SELECT count(*) FROM sessions`), want)
}

func namesOf(h http.Header) map[string]bool {
	names := map[string]bool{}
	for name := range h {
		names[name] = true
	}
	return names
}
