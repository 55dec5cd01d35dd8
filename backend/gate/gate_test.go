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

const (
	wiki  = "wiki.example.org"
	bank  = "bank.example.com"
	vault = "vault.example.org"
	ada   = "ada@sana.example"
	bob   = "bob@sana.example"
)

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

var client = &http.Client{Timeout: harness.Deadline, CheckRedirect: stay}

// stay makes a client return redirects instead of following them.
func stay(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

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
