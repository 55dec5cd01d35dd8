package chaos

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"sana/backend/cli"
	"sana/backend/test/harness"
	"sana/backend/test/mailgunfake"
)

// releaseWalk uses every function of the program, so that every statement of it is recorded.
type releaseWalk struct {
	*testing.T
	w             *harness.World
	app           *harness.Process
	override      []string // of the configuration
	gate          string   // URL
	laptop, phone *harness.Browser
}

const walker, walkerMoved = "ada@sana.example", "moved@sana.example"

func newReleaseWalk(t *testing.T, w *harness.World) *releaseWalk {
	t.Helper()
	file := filepath.Join(t.TempDir(), "apps.yaml")
	apps := "apps:\n  wiki: {name: Wiki, access_keys: true, hosts: [" + wikiHost +
		"], allow: [\"@sana.example\"]}\n"
	if err := os.WriteFile(file, []byte(apps), 0o600); err != nil {
		t.Fatal(err)
	}
	gate := fmt.Sprintf("127.0.0.1:%d", harness.FreePort(t))
	r := &releaseWalk{T: t, w: w, gate: "http://" + gate,
		override: []string{"APPS_FILE=" + file, "GATE_ADDR=" + gate}}
	r.app = w.Run(t, r.override...)
	r.laptop, r.phone = r.app.Open(t), r.app.Open(t)
	return r
}

func (r *releaseWalk) everything() {
	r.Helper()
	r.codes()
	r.sessions()
	r.account()
	r.passkeys()
	r.recoveries()
	r.apps()
	r.operator()
	r.w.AwaitMails(r)
	harness.Eventually(r, "nothing is swept", func() error {
		return harness.CountError(min(1,
			r.w.Count(r, `SELECT count(*) FROM periodic WHERE name = 'sweep sessions'`)), 1)
	})
	if err := r.app.Terminate(r); err != nil {
		r.Error(err)
	}
}

func (r *releaseWalk) codes() {
	r.Helper()
	r.laptop.RequestCode(walker).Want(http.StatusAccepted)
	code := r.w.Code(r, walker, 1)
	r.laptop.Get("/api/auth/code").Want(http.StatusOK)
	r.laptop.Verify(harness.WrongCode(code)).Want(http.StatusUnauthorized)
	r.w.Pass(r, time.Minute)
	r.laptop.Resend().Want(http.StatusAccepted)
	r.laptop.Verify(r.w.Code(r, walker, 2)).Want(http.StatusOK)
	r.laptop.Verify(r.w.Code(r, walker, 2)).Want(http.StatusOK) // repeated
	r.w.Pass(r, time.Minute)
	r.laptop.SignIn(r.w, walker) // a step-up
	r.laptop.Get("/api/auth/session").Want(http.StatusOK)
	r.app.Open(r).RequestCode("grace@sana.example").Want(http.StatusAccepted)
	r.w.AwaitMails(r)
	sent := r.w.Mails(r, "sign_in_code", "grace@sana.example", 1)[0]
	failed := mailgunfake.Event{Event: "failed", Severity: "permanent", Reason: "generic",
		Ref: sent.Ref, To: "grace@sana.example", At: time.Now()}
	r.app.Open(r).Post("/api/webhooks/mailgun", failed.Body(harness.WebhookKey)).Want(http.StatusOK)
	cancelled := r.app.Open(r)
	cancelled.RequestCode("alan@sana.example").Want(http.StatusAccepted)
	cancelled.Do(http.MethodDelete, "/api/auth/code", "").Want(http.StatusNoContent)
}

var notYouLink = regexp.MustCompile(`/not-you#t=(\S+)`)

func (r *releaseWalk) sessions() {
	r.Helper()
	r.w.Pass(r, time.Minute)
	in := r.phone.SignIn(r.w, walker) // a new device: with a notice
	r.laptop.Get("/api/sessions").Want(http.StatusOK)
	r.laptop.Do(http.MethodDelete, "/api/sessions/"+in.Session.ID, "").Want(http.StatusNoContent)
	r.phone.Get("/api/auth/session").Want(http.StatusUnauthorized)
	r.laptop.Delete("/api/sessions").Want(http.StatusNoContent)
	notice := r.w.Mails(r, "new_device", walker, 1)[0].Text
	r.app.Open(r).Post("/api/auth/not-you",
		`{"token":"`+notYouLink.FindStringSubmatch(notice)[1]+`"}`).Want(http.StatusNoContent)
}

func (r *releaseWalk) account() {
	r.Helper()
	r.laptop.Get("/api/account").Want(http.StatusOK)
	r.laptop.Rename("Ada").Want(http.StatusOK)
	r.laptop.RequestChange("cancelled@sana.example").Want(http.StatusAccepted)
	r.laptop.Get("/api/account/email").Want(http.StatusOK)
	r.laptop.Delete("/api/account/email").Want(http.StatusNoContent)
	r.w.Pass(r, time.Minute)
	change := r.laptop.ChangeCode(r.w, walkerMoved)
	r.laptop.VerifyChange(harness.WrongCode(change)).Want(http.StatusUnauthorized)
	r.laptop.VerifyChange(change).Want(http.StatusOK)
	r.laptop.Get("/api/account/events").Want(http.StatusOK)
	r.laptop.Get("/api/account/export").Want(http.StatusOK)
	deleted := r.app.Open(r)
	deleted.SignIn(r.w, "deleted@sana.example")
	deleted.Delete("/api/account").Want(http.StatusNoContent)
}

func (r *releaseWalk) passkeys() {
	r.Helper()
	first := harness.NewAuthenticator(r)
	added := r.laptop.AddPasskey(first)
	removed := r.laptop.AddPasskey(harness.NewAuthenticator(r))
	r.laptop.Get("/api/account/passkeys").Want(http.StatusOK)
	r.laptop.Do(http.MethodPatch, "/api/account/passkeys/"+added.ID,
		`{"name":"Laptop"}`).Want(http.StatusOK)
	r.laptop.UsePasskey(first).Want(http.StatusOK) // a step-up
	r.phone.UsePasskey(first).Want(http.StatusOK)
	r.laptop.Do(http.MethodPut, "/api/account/codes",
		`{"for":"recovery"}`).Want(http.StatusNoContent)
	r.laptop.Delete("/api/account/passkeys/" + removed.ID).Want(http.StatusNoContent)
}

var stopRecoveryLink = regexp.MustCompile(`/recovery#stop=(\S+)`)

// recoveries begins a recovery three times: the browser stops one, the link in the mail another,
// and the last one ends.
func (r *releaseWalk) recoveries() {
	r.Helper()
	for n := range 3 {
		r.w.Pass(r, time.Hour)
		b := r.app.Open(r)
		b.Verify(b.GetCode(r.w, walkerMoved)).Want(http.StatusConflict, "recovery_required")
		b.Post("/api/auth/recovery", "{}").Want(http.StatusAccepted)
		b.Get("/api/auth/recovery").Want(http.StatusOK)
		mail := r.w.Mails(r, "recovery_begun", walkerMoved, n+1)[n].Text
		switch n {
		case 0:
			b.Delete("/api/auth/recovery").Want(http.StatusNoContent)
		case 1:
			b.Post("/api/auth/recovery/stop",
				`{"token":"`+stopRecoveryLink.FindStringSubmatch(mail)[1]+`"}`).
				Want(http.StatusNoContent)
		case 2:
			r.w.Exec(r, `UPDATE recoveries SET began_at = began_at - interval '2 days',
				ends_at = ends_at - interval '2 days'`)
			r.w.Exec(r, `DELETE FROM periodic WHERE name = 'finish recoveries'`)
			r.w.Mails(r, "recovered", walkerMoved, 1)
		}
	}
}

// apps uses an app with a browser and with an access key.
func (r *releaseWalk) apps() {
	r.Helper()
	r.w.Pass(r, time.Hour)
	r.laptop.SignIn(r.w, walkerMoved)
	r.laptop.Get("/api/apps").Want(http.StatusOK)
	r.laptop.Get("/api/apps/" + wikiHost).Want(http.StatusOK)
	cookie := r.handOff()
	harness.WantEqual(r, "the app with its cookie", openApp(r, r.gate, "Cookie", cookie),
		http.StatusOK)
	made := string(r.laptop.Post("/api/account/access-keys",
		`{"app":"wiki","name":"Backup"}`).Want(http.StatusCreated).Body)
	harness.WantEqual(r, "the app with a key",
		openApp(r, r.gate, "Authorization", "Bearer "+between(made, `"key":"`, `"`)), http.StatusOK)
	r.laptop.Get("/api/account/access-keys").Want(http.StatusOK)
	r.laptop.Delete("/api/account/access-keys/" + between(made, `"id":"`, `"`)).
		Want(http.StatusNoContent)
}

// handOff opens an app in the laptop's browser and returns the app cookie that it gets.
func (r *releaseWalk) handOff() (cookie string) {
	r.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		r.Fatal(err)
	}
	for name, value := range r.laptop.Cookies() {
		jar.SetCookies(&url.URL{Scheme: "https", Host: "sana.example"},
			[]*http.Cookie{{Name: name, Value: value, Path: "/", Secure: true}})
	}
	client := http.Client{Jar: jar, Timeout: harness.Deadline, Transport: hostsOf{r.app.URL},
		CheckRedirect: func(request *http.Request, _ []*http.Request) error {
			if request.URL.Host == wikiHost && request.URL.Path == "/" { // the app itself
				return http.ErrUseLastResponse
			}
			return nil
		}}
	answer, err := client.Get("https://" + wikiHost + "/_sana/start?path=/")
	if err != nil {
		r.Fatal(err)
	}
	answer.Body.Close()
	for _, c := range jar.Cookies(&url.URL{Scheme: "https", Host: wikiHost}) {
		if c.Name == "__Host-sana_app" {
			return c.Name + "=" + c.Value
		}
	}
	r.Fatalf("the app got no cookie; the last page is %s: %s", answer.Request.URL, answer.Status)
	return ""
}

// hostsOf sends the requests of all hosts to one instance, as a proxy does.
type hostsOf struct{ instance string }

// RoundTrip implements http.RoundTripper.
func (h hostsOf) RoundTrip(r *http.Request) (*http.Response, error) {
	to, err := url.Parse(h.instance + r.URL.RequestURI())
	if err != nil {
		return nil, err
	}
	sent := r.Clone(r.Context())
	sent.URL, sent.Host = to, r.URL.Host
	sent.Header.Set("Sec-Fetch-Mode", "navigate")
	sent.Header.Set("X-Forwarded-For", "198.51.100.7")
	answer, err := direct.Transport.RoundTrip(sent)
	if answer != nil {
		answer.Request = r
	}
	return answer, err
}

// operator uses the commands that read or write the database.
func (r *releaseWalk) operator() {
	r.Helper()
	const hired = "hired@sana.example"
	keyID := ""
	for _, args := range [][]string{
		{"doctor"},
		{"sessions", "list", walkerMoved},
		{"mail", "explain", walkerMoved},
		{"people", "list"},
		{"people", "show", walkerMoved},
		{"people", "add", hired},
		{"access-keys", "make", hired, "wiki", "--name", "Backup", "--json"},
		{"access-keys", "end", "KEY"},
		{"people", "block", hired},
		{"people", "unblock", hired},
		{"people", "allow-codes", hired},
		{"people", "end", hired, "--keys"},
		{"people", "delete", hired},
		{"sessions", "end", "--user", walkerMoved},
		{"sessions", "end", "--all"},
	} {
		if args[0] == "access-keys" && args[1] == "end" {
			args[2] = keyID
		}
		var out bytes.Buffer
		exit := cli.Run(args, r.w.Environ(r.override...), strings.NewReader(""), &out, &out, "test")
		if exit != 0 && args[0] != "doctor" { // which finds no such host
			r.Fatalf("sana %v: %s", args, &out)
		}
		if args[0] == "access-keys" {
			keyID = between(out.String(), `"id": "`, `"`)
		}
	}
	harness.Eventually(r, "the laptop is still signed in", func() error {
		return harness.StatusError(r.laptop.Get("/api/auth/session"), http.StatusUnauthorized)
	})
}
