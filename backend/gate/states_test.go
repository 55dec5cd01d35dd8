package gate_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sana/backend/gate/appcookie"
	"sana/backend/keyring"
	"sana/backend/test/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }

const appsFile = `
groups:
  staff: ["@sana.example"]
  ops: [ada@sana.example]
apps:
  wiki:  {name: Wiki, access_keys: true, hosts: [wiki.example.org, "*.preview.example.net"],
    allow: [group:staff]}
  bank:  {name: Bank, hosts: [bank.example.com], allow: [group:staff], fresh: 12h}
  vault: {name: Vault, hosts: [vault.example.org], allow: [grace@sana.example]}
  trial: {name: Trial, hosts: [trial.example.org], allow: [group:everyone], until: 2020-01-31}
`

// instance is a running process with its gate.
type instance struct {
	*harness.Process
	w     *harness.World
	gate  string // URL
	file  string // the apps file
	maker *appcookie.Maker
}

// run starts a process with the apps of a file, in production's configuration.
func run(t *testing.T, w *harness.World, file string, override ...string) *instance {
	t.Helper()
	path := filepath.Join(t.TempDir(), "apps.yaml")
	if err := os.WriteFile(path, []byte(file), 0o600); err != nil {
		t.Fatal(err)
	}
	ring, err := keyring.Parse(harness.SecretKeys)
	if err != nil {
		t.Fatal(err)
	}
	address := fmt.Sprintf("127.0.0.1:%d", harness.FreePort(t))
	process := w.Run(t,
		append([]string{"APPS_FILE=" + path, "GATE_ADDR=" + address}, override...)...)
	return &instance{process, w, "http://" + address, path, appcookie.New(ring)}
}

// signIn signs in a new browser and returns the public id of its session.
func (i *instance) signIn(t *testing.T, email string) (id string, b *harness.Browser) {
	t.Helper()
	b = i.Open(t)
	return b.SignIn(i.w, email).Session.ID, b
}

// cookie returns the app cookie of a session at a host, issued now.
func (i *instance) cookie(t *testing.T, host, id string) string {
	t.Helper()
	return i.cookieOf(t, host, id, time.Now())
}

// cookieOf is cookie with a given time of issue.
func (i *instance) cookieOf(t *testing.T, host, id string, issued time.Time) string {
	t.Helper()
	var seed string
	err := i.w.DB.QueryRow(t.Context(), `
		SELECT convert_from(v, 'UTF8')::jsonb ->> 'seed'
		FROM sessions
		WHERE id = $1::uuid`, id).Scan(&seed)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := base64.StdEncoding.DecodeString(seed)
	if err != nil {
		t.Fatal(err)
	}
	return i.maker.Make(host, id, raw, issued)
}

// gateRequest is a request of a proxy.
type gateRequest struct {
	family string // nginx or forward
	app    string
	host   string
	target string
	method string
	cookie string // app cookie, "" for none
	page   bool   // a browser's navigation
	change func(*http.Request)
}

// gateResponse is a response of the gate.
type gateResponse struct {
	status int
	header http.Header
	body   string
}

func (a gateResponse) code(t *testing.T) string {
	t.Helper()
	var problem struct{ Code string }
	if strings.HasPrefix(a.header.Get("Content-Type"), "application/problem+json") {
		if err := json.Unmarshal([]byte(a.body), &problem); err != nil {
			t.Error(err)
		}
	}
	return problem.Code
}

var client = &http.Client{
	Timeout:       harness.Deadline,
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

func (i *instance) request(t *testing.T, q gateRequest) gateResponse {
	t.Helper()
	request, err := http.NewRequest(http.MethodGet, i.gate+"/gate/"+q.family+"/"+q.app, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	method, target := q.method, q.target
	if method == "" {
		method = http.MethodGet
	}
	if target == "" {
		target = "/"
	}
	if q.family == "nginx" {
		request.Header.Set("X-Original-URL", "https://"+q.host+target)
		request.Header.Set("X-Original-Method", method)
	} else {
		request.Header.Set("X-Forwarded-Host", q.host)
		request.Header.Set("X-Forwarded-Uri", target)
		request.Header.Set("X-Forwarded-Method", method)
		request.Header.Set("X-Forwarded-Proto", "https")
		request.Header.Set("X-Forwarded-For", "192.0.2.1")
	}
	request.Header.Set("Accept", "*/*")
	if q.page {
		request.Header.Set("Sec-Fetch-Mode", "navigate")
		request.Header.Set("Accept", "text/html")
	}
	if q.cookie != "" {
		request.AddCookie(&http.Cookie{Name: "theirs", Value: "1"})
		request.AddCookie(&http.Cookie{Name: "__Host-sana_app", Value: q.cookie})
	}
	if q.change != nil {
		q.change(request)
	}
	return do(t, request)
}

func do(t *testing.T, request *http.Request) gateResponse {
	t.Helper()
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	a := readResponse(t, response)
	checkResponse(t, a)
	return a
}

// readResponse reads a response to its end.
func readResponse(t *testing.T, response *http.Response) gateResponse {
	t.Helper()
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return gateResponse{response.StatusCode, response.Header, string(body)}
}

var identity = []string{"Remote-User", "Remote-Email", "Remote-Name", "Remote-Groups", "Remote-Id"}

// checkResponse checks the promises of every response: proxies forward it to the browsers of apps,
// and trust its identity headers.
func checkResponse(t *testing.T, a gateResponse) {
	t.Helper()
	for _, name := range []string{
		"Set-Cookie", "Strict-Transport-Security", "Content-Security-Policy", "Etag",
		"Clear-Site-Data",
		"Server",
		"Last-Modified",
	} {
		if a.header.Get(name) != "" {
			t.Errorf("%d with %s: %s", a.status, name, a.header.Get(name))
		}
	}
	if a.header.Get("Cache-Control") != "no-store" || a.status == http.StatusNotModified {
		t.Errorf("%d may be cached", a.status)
	}
	for _, name := range identity {
		values := a.header.Values(name)
		if a.status == http.StatusOK != (len(values) == 1 && values[0] != "") {
			t.Errorf("%d with %s: %q", a.status, name, values)
		}
	}
}

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

const (
	wiki  = "wiki.example.org"
	bank  = "bank.example.com"
	vault = "vault.example.org"
	ada   = "ada@sana.example"
)

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
