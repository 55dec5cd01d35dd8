package web_test

import (
	"net/http"
	"testing"

	"sana/backend/test/harness"
	"sana/backend/visitor"
)

// scene is the environment of a scenario.
type scene struct {
	*testing.T
	world *harness.World
	app   *harness.Instance
	b     *harness.Browser
	// sealed is true if sessions are in cookies: a copy of one stays valid after its revocation,
	// and there is no list of sessions.
	sealed bool
}

// wantEqual fails the test if got differs from want.
func (s scene) wantEqual(what string, got, want any) {
	s.Helper()
	harness.WantEqual(s, what, got, want)
}

// count returns the single number that a query selects.
func (s scene) count(sql string, args ...any) int {
	s.Helper()
	return s.world.Count(s, sql, args...)
}

// current is the user and the session of a browser.
func current(b *harness.Browser) harness.SignedIn {
	return b.Get("/api/auth/session").Want(http.StatusOK).SignedIn()
}

// scenario tests a promise of the API.
type scenario struct {
	promise string
	play    func(s scene)
}

func wantNothingKept(s scene) {
	s.Helper()
	for _, table := range []string{
		"users", "account_events", "challenges", "sessions", "replaced_tokens", "ended_sessions",
		"mails",
		"uses", "service_attempts",
	} {
		harness.WantEqual(s, "rows in "+table, s.world.Count(s, `SELECT count(*) FROM `+table), 0)
	}
}

func wantNobodySignedIn(s scene) {
	s.Helper()
	harness.WantEqual(s, "users", s.world.Count(s, `SELECT count(*) FROM users`), 0)
	wantSessions(s, 0)
	s.b.Get("/api/auth/session").Want(http.StatusUnauthorized, "not_signed_in")
}

// wantSessions counts the rows of sessions. Sealed sessions have none.
func wantSessions(s scene, want int) {
	s.Helper()
	if s.sealed {
		want = 0
	}
	harness.WantEqual(s, "sessions", s.world.Count(s, `SELECT count(*) FROM sessions`), want)
}

// wantBrowserCookie fails the test unless a cookie is a browser token with the right attributes.
func wantBrowserCookie(t testing.TB, got *http.Cookie) {
	t.Helper()
	if visitor.ParseBrowser(got.Value) == "" {
		t.Errorf("got the browser token %q", got.Value)
	}
	harness.WantEqual(t, "cookie", http.Cookie{
		Name: got.Name, Path: got.Path, Domain: got.Domain, MaxAge: got.MaxAge,
		HttpOnly: got.HttpOnly, Secure: got.Secure, SameSite: got.SameSite,
	}, http.Cookie{
		Name: browserToken, Path: "/", MaxAge: 24 * 60 * 60, HttpOnly: true, Secure: true,
		SameSite: http.SameSiteLaxMode,
	})
}

func namesOf(h http.Header) map[string]bool {
	names := map[string]bool{}
	for name := range h {
		names[name] = true
	}
	return names
}
