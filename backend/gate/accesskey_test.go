package gate_test

import (
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"sana/backend/test/harness"
)

// newKey is the response to a request for an access key.
type newKey struct {
	Key       string
	AccessKey struct{ ID string } `json:"access_key"`
}

// createKey creates an access key in a browser that has just signed in.
func createKey(b *harness.Browser, app string) (created newKey) {
	b.Post("/api/account/access-keys",
		`{"app":"`+app+`","name":"Backup"}`).Want(http.StatusCreated).JSON(&created)
	return created
}

func bearer(key string) string { return "Bearer " + key }

func basic(key string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte("anybody:"+key))
}

// requestWith sends a request with an Authorization header.
func (i *instance) requestWith(t *testing.T, q gateRequest, authorization string) gateResponse {
	t.Helper()
	q.change = func(r *http.Request) { r.Header.Set("Authorization", authorization) }
	return i.request(t, q)
}

// An access key is valid only for its app, at its hosts. Its responses never redirect a program to
// the sign-in page. Sana's own host ignores it.
func TestAccessKey_OpensOnlyItsApp(t *testing.T) {
	t.Parallel()
	i := run(t, harness.NewWorld(t), appsFile)
	id, b := i.signIn(t, ada)
	created := createKey(b, "wiki")
	cookie := i.cookie(t, wiki, id)
	wrong := created.Key[:len(created.Key)-4] + "AAAA"
	for _, family := range []string{"nginx", "forward"} {
		for _, c := range []struct {
			name, app, host, authorization, cookie string
			want                                   int
		}{
			{"bearer", "wiki", wiki, bearer(created.Key), "", 200},
			{"bearer in capitals", "wiki", wiki,
				strings.Replace(bearer(created.Key), "Bearer", "BEARER", 1),
				"", 200},
			{"basic", "wiki", wiki, basic(created.Key), "", 200},
			{"wrong key", "wiki", wiki, bearer(wrong), "", 401},
			{"wrong key beside a good cookie", "wiki", wiki, bearer(wrong), cookie, 401},
			{"short key", "wiki", wiki, bearer("sana_key_x"), "", 401},
			{"session token", "wiki", wiki,
				bearer("sana_key_" + b.Cookies()["__Host-sana_session"]), "",
				401},
			{"another app", "bank", bank, bearer(created.Key), "", 401},
			{"the app's own", "wiki", wiki, bearer("their-token"), cookie, 200},
			{"the app's own, without a cookie", "wiki", wiki, "Basic YTpi", "", 401},
		} {
			q := gateRequest{family: family, app: c.app, host: c.host, cookie: c.cookie, page: true}
			got := i.requestWith(t, q, c.authorization)
			isKey := strings.Contains(c.authorization, "sana_key_") || c.name == "basic"
			switch {
			case c.name == "the app's own, without a cookie" && family == "forward":
				// As without the header, a browser is redirected to the sign-in.
				c.want = http.StatusFound
			case isKey && c.want == 401 && got.code(t) != "access_key_invalid":
				t.Errorf("%s %s: code %s", family, c.name, got.code(t))
			case isKey && got.header.Get("X-Sana-Start")+got.header.Get("Location") != "":
				t.Errorf("%s %s: leads to a sign-in", family, c.name)
			}
			if got.status != c.want {
				t.Errorf("%s %s: %d %s, want %d", family, c.name, got.status, got.body, c.want)
			}
			if got.status == 200 && got.header.Get("Remote-User") != ada {
				t.Errorf("%s %s: user %s", family, c.name, got.header.Get("Remote-User"))
			}
		}
	}

	otherBrowser := i.Open(t)
	for _, value := range []string{bearer(created.Key), basic(created.Key)} {
		otherBrowser.Get("/api/auth/session",
			harness.With("Authorization", value)).Want(http.StatusUnauthorized)
	}
	otherBrowser.Keep("__Host-sana_session", created.Key)
	otherBrowser.Get("/api/auth/session").Want(http.StatusUnauthorized)
}

// The list has the time and address of a key's last use, and neither the key nor its hash.
func TestAccessKey_ListHasItsUseAndNoSecret(t *testing.T) {
	t.Parallel()
	i := run(t, harness.NewWorld(t), appsFile)
	_, b := i.signIn(t, ada)
	created := createKey(b, "wiki")
	i.w.Mails(t, "access_key_made", ada, 1)
	i.requestWith(t, gateRequest{family: "forward", app: "wiki", host: wiki}, bearer(created.Key))
	harness.Eventually(t, "the use is not recorded", func() error {
		return harness.CountError(i.w.Count(t, `
			SELECT count(*)
			FROM access_keys
			WHERE last_used_ip = '192.0.2.1'`), 1)
	})
	list := string(b.Get("/api/account/access-keys").Want(http.StatusOK).Body)
	if strings.Contains(list, created.Key[9:]) ||
		!strings.Contains(list, `"last_used_ip":"192.0.2.1"`) {
		t.Errorf("the list is %s", list)
	}
	export := string(b.Get("/api/account/export").Want(http.StatusOK).Body)
	if !strings.Contains(export, created.AccessKey.ID) {
		t.Error("the export lacks the key")
	}
	b.Get("/api/account/events").Want(http.StatusOK)
}

// A key is created for an app that allows keys, with a name, for at most a year, after a fresh
// sign-in. A sign-in that is not fresh can revoke keys.
func TestAccessKey_CreationNeedsAFreshSignIn(t *testing.T) {
	t.Parallel()
	i := run(t, harness.NewWorld(t), appsFile)
	id, b := i.signIn(t, ada)
	created := createKey(b, "wiki")
	const path = "/api/account/access-keys"
	b.Post(path, `{"app":"bank","name":"x"}`).Want(http.StatusNotFound, "not_found")
	b.Post(path, `{"app":"wiki","name":" "}`).Want(http.StatusBadRequest, "invalid_name")
	b.Post(path, `{"app":"wiki","name":"x","days":366}`).Want(http.StatusBadRequest,
		"invalid_request")

	signedInAgo(11*time.Minute)(t, i, id, b)
	b.MoveTo(run(t, i.w, appsFile).Instance) // does not have the session in its cache
	b.Post(path, `{"app":"wiki","name":"x"}`).Want(http.StatusForbidden,
		"reauthentication_required")
	b.Delete(path + "/" + created.AccessKey.ID).Want(http.StatusNoContent)
	b.Delete(path + "/" + created.AccessKey.ID).Want(http.StatusNoContent)
}

// useKey returns a request of a program with a key at an instance.
func (i *instance) useKey(key string) func() (*http.Response, error) {
	return func() (*http.Response, error) {
		request, err := http.NewRequest(http.MethodGet, i.gate+"/gate/forward/wiki", http.NoBody)
		if err != nil {
			return nil, err
		}
		request.Header = http.Header{
			"X-Forwarded-Host": {wiki}, "X-Forwarded-Uri": {"/"}, "X-Forwarded-Method": {"GET"},
			"Authorization": {bearer(key)},
		}
		return client.Do(request)
	}
}

// Every instance refuses a revoked or expired key within two seconds, for each cause and under
// load.
func TestAccessKey_RevokedEverywhereWithinTwoSeconds(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	here, there := run(t, w, appsFile), run(t, w, appsFile)
	for _, c := range []struct {
		name string
		end  func(b *harness.Browser, id string)
	}{
		{"deleted", func(b *harness.Browser, id string) {
			b.Delete("/api/account/access-keys/" + id).Want(http.StatusNoContent)
		}},
		{"signed out everywhere", func(b *harness.Browser, _ string) {
			b.Delete("/api/sessions?access_keys=true").Want(http.StatusNoContent)
		}},
		{"blocked", func(*harness.Browser, string) { w.CLI(t, "people", "block", ada) }},
		{"account deleted", func(b *harness.Browser, _ string) {
			b.Delete("/api/account").Want(http.StatusNoContent)
		}},
	} {
		w.Exec(t, `UPDATE users SET blocked_at = NULL`)
		w.Pass(t, 24*time.Hour) // limits on mails
		_, b := here.signIn(t, ada)
		created := createKey(b, "wiki")
		var load traffic
		stop := load.start(t, here.useKey(created.Key), there.useKey(created.Key),
			here.useKey(created.Key), there.useKey(created.Key))
		load.measure(t)
		c.end(b, created.AccessKey.ID)
		load.wantRefusals(t, time.Now())
		stop()
		if t.Failed() {
			t.Fatal(c.name)
		}
	}
}

// An account has at most 20 keys, and creates at most 10 an hour.
func TestAccessKey_CreationIsLimited(t *testing.T) {
	t.Parallel()
	i := run(t, harness.NewWorld(t), appsFile)
	_, b := i.signIn(t, ada)
	for range 10 {
		createKey(b, "wiki")
	}
	b.Post("/api/account/access-keys", `{"app":"wiki","name":"x"}`).Want(http.StatusTooManyRequests,
		"too_many_requests")
	i.w.Exec(t, `
		INSERT INTO access_keys (k, user_id, app, name, by_operator, expires_at)
		SELECT i, users.id, 'wiki', 'x', false, now() + interval '1 day'
		FROM users, generate_series(1, 10) AS i`)
	i.w.Exec(t, `TRUNCATE uses`)
	b.Post("/api/account/access-keys", `{"app":"wiki","name":"x"}`).Want(http.StatusTooManyRequests,
		"too_many_requests")
	harness.WantEqual(t, "keys", i.w.Count(t, `SELECT count(*) FROM access_keys`), 20)
}

// keyThrough uses a key through a real proxy.
func keyThrough(t *testing.T, b proxiedBrowser, app *upstream) {
	t.Helper()
	_, browser := b.i.signIn(t, bob)
	created := createKey(browser, "wiki")
	request := func(authorization string) (status int, body string) {
		t.Helper()
		request, err := http.NewRequest(http.MethodPut, "https://"+wiki+"/backup",
			strings.NewReader("content"))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Authorization", authorization)
		response, err := b.through.RoundTrip(request)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		text, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		return response.StatusCode, string(text)
	}
	app.requests.Store(0)
	for _, authorization := range []string{bearer(created.Key), basic(created.Key)} {
		if status, body := request(authorization); status != http.StatusOK {
			t.Errorf("with a key: %d %s", status, body)
		}
	}
	harness.WantEqual(t, "requests that reached the app", app.requests.Load(), int64(2))
	browser.Delete("/api/account/access-keys/" + created.AccessKey.ID).Want(http.StatusNoContent)
	harness.Eventually(t, "the key is still good", func() error {
		status, body := request(bearer(created.Key))
		if status != http.StatusUnauthorized || !strings.Contains(body, "access_key_invalid") {
			return fmt.Errorf("%d %s", status, body)
		}
		return nil
	})
}

// A user who is blocked during the handoff does not reach the app. An open websocket stays open;
// the app sees the block with the next request, and the next websocket is refused.
func blockOnTheWay(t *testing.T, b proxiedBrowser) {
	t.Helper()
	const carol = "carol@sana.example"
	b.i.w.Exec(t, `TRUNCATE uses`) // limits on mails
	b.i.w.Exec(t, `UPDATE users SET blocked_at = NULL WHERE email = $1`, carol)
	b.signIn(carol)
	b.open("https://wiki.example.org/")
	status, send := b.openSocket()
	if status != http.StatusSwitchingProtocols || send("hello") != "hello" {
		t.Fatalf("no websocket: %d", status)
	}
	ticket := ticketFor(t, b.appBrowser, "https://x.preview.example.net/private")

	b.i.w.CLI(t, "people", "block", carol)
	harness.Eventually(t, "the app is still open", func() error {
		if p := b.open("https://wiki.example.org/_sana/me"); p.status != http.StatusUnauthorized {
			return fmt.Errorf("%d", p.status)
		}
		return nil
	})
	if status, _ := b.openSocket(); status != http.StatusUnauthorized {
		t.Errorf("another websocket: %d", status)
	}
	if p := b.open(ticket); p.url.Host != "sana.example" {
		t.Errorf("the ticket leads to %s (%d)", p.url, p.status)
	}
}
