package gate_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"sana/backend/test/harness"
)

// state is a row of the table of states: the state of a browser, and the expected responses.
type state struct {
	name   string
	app    string
	host   string
	method string
	cookie func(t *testing.T, i *instance) string
	// page and other are the expected responses to a page and to any other request: the status, and
	// a code or a text of the page.
	page, other    int
	pageText, code string
	startsSignIn   bool
	identityEmail  string
}

func none(*testing.T, *instance) string { return "" }

// signedIn returns the cookie of a new session; then is called with it.
func signedIn(
	email, host string, then func(t *testing.T, i *instance, id string, b *harness.Browser),
) func(t *testing.T, i *instance) string {
	return func(t *testing.T, i *instance) string {
		id, b := i.signIn(t, email)
		cookie := i.cookie(t, host, id)
		if then != nil {
			then(t, i, id, b)
		}
		return cookie
	}
}

// signedInAgo sets the time of the newest sign-in of a session.
func signedInAgo(d time.Duration) func(t *testing.T, i *instance, id string, b *harness.Browser) {
	return func(t *testing.T, i *instance, id string, _ *harness.Browser) {
		i.w.Exec(t, `
			UPDATE sessions
			SET v = convert_to(jsonb_set(convert_from(v, 'UTF8')::jsonb, '{user,signed_in_at}',
			        to_jsonb(now() - $2::interval))::text, 'UTF8')
			WHERE id = $1::uuid`, id, d)
	}
}

var states = []state{
	{name: "new", app: "wiki", host: wiki, cookie: none, page: 302, other: 401,
		code: "sign_in_required", startsSignIn: true},
	{name: "in", app: "wiki", host: wiki, cookie: signedIn(ada, wiki, nil), page: 200, other: 200,
		identityEmail: ada},
	{
		name: "in, at a host with *", app: "wiki", host: "a.preview.example.net",
		cookie: signedIn(ada, "a.preview.example.net", nil), page: 200, other: 200,
		identityEmail: ada,
	},
	{
		name: "not for them", app: "vault", host: vault, cookie: signedIn(ada, vault, nil),
		page: 403, other: 403, pageText: "You can’t use Vault", code: "not_allowed",
	},
	{
		name: "the app's time is over", app: "trial", host: "trial.example.org",
		cookie: signedIn(ada, "trial.example.org", nil),
		page:   403, other: 403, pageText: "You can’t use Trial", code: "not_allowed",
	},
	{
		name: "signed out", app: "wiki", host: wiki,
		cookie: signedIn(ada, wiki, func(_ *testing.T, _ *instance, _ string, b *harness.Browser) {
			b.Post("/api/auth/sign-out", `{}`).Want(http.StatusNoContent)
		}),
		page: 302, other: 401, code: "sign_in_required", startsSignIn: true,
	},
	{
		name: "idle", app: "wiki", host: wiki,
		cookie: signedIn(ada, wiki, func(t *testing.T, i *instance, id string, _ *harness.Browser) {
			i.w.Exec(t,
				`UPDATE sessions SET last_used_at = now() - interval '25 hours' WHERE id = $1::uuid`,
				id)
		}),
		page: 302, other: 401, code: "sign_in_required", startsSignIn: true,
	},
	{
		name: "after a fresh code", app: "bank", host: bank,
		cookie: signedIn(ada, bank, func(t *testing.T, i *instance, id string, b *harness.Browser) {
			signedInAgo(13*time.Hour)(t, i, id, b)
			i.w.Pass(t, time.Hour) // limits on mails
			if got := b.Verify(b.GetCode(i.w, ada)).Want(
				http.StatusOK).SignedIn().Session.ID; got != id {
				t.Errorf("the session is %s, want %s", got, id)
			}
		}),
		page: 200, other: 200, identityEmail: ada,
	},
	{
		name: "fresh is over", app: "bank", host: bank,
		cookie: signedIn(ada, bank, signedInAgo(13*time.Hour)),
		page:   302, other: 401, code: "reauthentication_required", startsSignIn: true,
	},
	{
		name: "signed in in the future, before the clock was set back", app: "bank", host: bank,
		cookie: signedIn(ada, bank, signedInAgo(-time.Hour)), page: 302, other: 401,
		code:         "reauthentication_required",
		startsSignIn: true,
	},
	{
		name: "POST as a page", app: "wiki", host: wiki, method: http.MethodPost, cookie: none,
		page: 401, other: 401, pageText: "You need to sign in again", code: "sign_in_required",
	},
	{
		name: "POST as a page where fresh is over", app: "bank", host: bank,
		method: http.MethodPost,
		cookie: signedIn(ada, bank, signedInAgo(13*time.Hour)),
		page:   401, other: 401, pageText: "You need to sign in again",
		code: "reauthentication_required",
	},
	{
		name: "WebDAV", app: "wiki", host: wiki, method: "PROPFIND",
		cookie: signedIn(ada, wiki, nil),
		page:   200, other: 200,
		identityEmail: ada,
	},
	{
		name: "cookie of a neighbour host", app: "wiki", host: wiki,
		cookie: signedIn(ada, vault, nil),
		page:   302, other: 401, code: "sign_in_required", startsSignIn: true,
	},
	{
		name: "cookie of a neighbour label", app: "wiki", host: "b.preview.example.net",
		cookie: signedIn(ada, "a.preview.example.net", nil), page: 302, other: 401,
		code: "sign_in_required", startsSignIn: true,
	},
	{
		name: "forged cookie", app: "wiki", host: wiki,
		cookie: func(t *testing.T, i *instance) string {
			id, _ := i.signIn(t, ada)
			return i.maker.Make(wiki, id, []byte("not the seed ..."), time.Now())
		},
		page: 302, other: 401, code: "sign_in_required", startsSignIn: true,
	},
}

// stateTarget is the target of the requests in each state, and stateStart its form in the address
// of a sign-in.
const (
	stateTarget = "/a?b=c&d=%2f"
	stateStart  = "/_sana/start?path=%2Fa%3Fb%3Dc%26d%3D%252f"
)

// The test covers every row of the table of states, with the requests of nginx and of Caddy and
// Traefik.
func TestGate_RespondsToEveryStateAsDesigned(t *testing.T) {
	t.Parallel()
	i := run(t, harness.NewWorld(t), appsFile)
	for _, s := range states {
		t.Run(s.name, func(t *testing.T) {
			i.w.Pass(t, 24*time.Hour) // limits on mails
			cookie := s.cookie(t, i)
			for _, family := range []string{"nginx", "forward"} {
				for _, page := range []bool{true, false} {
					a := i.request(t, gateRequest{
						family: family, app: s.app, host: s.host, method: s.method, cookie: cookie,
						page:   page,
						target: stateTarget,
					})
					s.check(t, family, page, a)
					if got := a.header.Get("Remote-Email"); got != s.identityEmail {
						t.Errorf("%s: Remote-Email is %q, want %q", family, got, s.identityEmail)
					}
				}
			}
		})
	}
}

func (s state) check(t *testing.T, family string, page bool, a gateResponse) {
	t.Helper()
	what := fmt.Sprintf("%s, a page is asked for: %v", family, page)
	want, code, start := s.other, s.code, ""
	if page {
		want = s.page
	}
	if page && s.startsSignIn {
		start = "https://" + s.host + stateStart
	}
	location := a.header.Get("Location")
	if family == "nginx" {
		location = a.header.Get("X-Sana-Start")
		if want == http.StatusFound {
			want = http.StatusUnauthorized // nginx turns a redirect into 500
		}
	}
	if a.status != want || location != start {
		t.Errorf("%s: %d to %q, want %d to %q", what, a.status, location, want, start)
	}
	isHTML := family == "forward" && page && s.pageText != ""
	if isHTML && !strings.Contains(a.body, s.pageText) {
		t.Errorf("%s: the page does not contain %q:\n%s", what, s.pageText, a.body)
	}
	if !isHTML && a.status >= 400 && a.code(t) != code {
		t.Errorf("%s: code %q, want %q; body: %s", what, a.code(t), code, a.body)
	}
}

// The app's since invalidates older cookies after a leak. A browser whose session is valid gets a
// new cookie without seeing a page.
func TestSince_VoidsOlderCookiesOfTheApp(t *testing.T) {
	t.Parallel()
	since := time.Now().Add(-time.Hour).UTC()
	file := strings.Replace(appsFile, "allow: [group:staff]}",
		"allow: [group:staff], since: "+since.Format(time.RFC3339)+"}", 1)
	i := run(t, harness.NewWorld(t), file)
	id, _ := i.signIn(t, ada)
	for _, c := range []struct {
		name, app, host string
		issued          time.Time
		want            int
	}{
		{"issued before", "wiki", wiki, since.Add(-time.Minute), http.StatusUnauthorized},
		{"issued after", "wiki", wiki, since.Add(time.Minute), http.StatusOK},
		{"issued before, at another app", "bank", bank, since.Add(-time.Minute), http.StatusOK},
	} {
		q := gateRequest{family: "forward", app: c.app, host: c.host,
			cookie: i.cookieOf(t, c.host, id, c.issued)}
		if got := i.request(t, q); got.status != c.want {
			t.Errorf("%s: %d %s, want %d", c.name, got.status, got.body, c.want)
		}
	}

	s := newAppBrowser(t, i)
	s.signIn(bob)
	s.wantPage(s.open("https://wiki.example.org/deep"), "https://wiki.example.org/deep",
		"page for "+bob)
}
