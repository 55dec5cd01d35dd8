package gate_test

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"

	"sana/backend/test/harness"
)

// The app receives the name that the user chose, unchanged.
func TestGate_IdentityHeadersFollowTheAccount(t *testing.T) {
	t.Parallel()
	i := run(t, harness.NewWorld(t), appsFile)
	id, b := i.signIn(t, "bob@other.example")
	cookie := i.cookie(t, "trial.example.org", id)
	if err := os.WriteFile(i.file, []byte(strings.Replace(appsFile, "2020-01-31", "2120-01-31", 1)),
		0o600); err != nil {
		t.Fatal(err)
	}
	i.reload(t, "apps file reloaded", 1)
	for _, name := range []string{"", "Zoë <b>", ""} {
		b.Rename(name).Want(http.StatusOK)
		want := cmp.Or(name, "bob@other.example")
		a := i.request(t,
			gateRequest{family: "nginx", app: "trial", host: "trial.example.org", cookie: cookie})
		if got := a.header.Get("Remote-Name"); got != want ||
			a.header.Get("Remote-Groups") != "everyone" || a.header.Get("Remote-Id") == "" {
			t.Errorf("Remote-Name is %q of %q, want %q of everyone", got,
				a.header.Get("Remote-Groups"), want)
		}
	}
}

// reload sends SIGHUP and waits until the log has a line n times.
func (i *instance) reload(t *testing.T, line string, n int) {
	t.Helper()
	i.Signal(t, syscall.SIGHUP)
	harness.Eventually(t, "the file is not reloaded", func() error {
		return harness.CountError(strings.Count(i.Log.String(), line), n)
	})
}

func TestReload_AppliesValidFilesAndKeepsTheOldOneOtherwise(t *testing.T) {
	t.Parallel()
	i := run(t, harness.NewWorld(t), appsFile)
	id, _ := i.signIn(t, ada)
	asked := gateRequest{family: "forward", app: "wiki", host: wiki, cookie: i.cookie(t, wiki, id)}
	want := func(when string, status int, code string) {
		t.Helper()
		if a := i.request(t, asked); a.status != status || status != http.StatusOK &&
			a.code(t) != code {
			t.Errorf("%s: %d %s, want %d %s", when, a.status, a.body, status, code)
		}
	}
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(i.file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want("at the start", http.StatusOK, "")

	write("apps: {wiki: {name: Wiki}")
	i.reload(t, "apps file not reloaded: the previous one stays in use", 1)
	want("a file with a mistake", http.StatusOK, "")

	write(strings.Replace(appsFile,
		"allow: [group:staff]}\n  bank", "allow: [grace@sana.example]}\n  bank", 1))
	i.reload(t, "apps file reloaded", 1)
	want("a rule that does not name them", http.StatusForbidden, "not_allowed")

	write("apps: {}")
	i.reload(t, "apps file reloaded", 2)
	want("the app was taken out", http.StatusForbidden, "gate_misconfigured")
}

// Without a lease and a database, requests are refused, but not as signed out.
func TestGate_WithoutDatabaseIsUnavailable(t *testing.T) {
	t.Parallel()
	i := run(t, harness.NewWorld(t), appsFile)
	id, _ := i.signIn(t, ada)
	q := gateRequest{family: "forward", app: "wiki", host: wiki, cookie: i.cookie(t, wiki, id)}
	if a := i.request(t, q); a.status != http.StatusOK {
		t.Fatalf("signed in: %d", a.status)
	}
	i.w.StopDatabase(t)
	harness.Eventually(t, "the gate still answers from its cache", func() error {
		if a := i.request(t, q); a.status != http.StatusServiceUnavailable {
			return fmt.Errorf("got %d", a.status)
		}
		return nil
	})
	for _, family := range []string{"nginx", "forward"} {
		q.family = family
		if a := i.request(t, q); a.code(t) != "unavailable" || a.header.Get("Retry-After") == "" {
			t.Errorf("%s: %d %s, want unavailable with Retry-After", family, a.status, a.body)
		}
	}
	q.page = true
	if a := i.request(t, q); a.status != http.StatusServiceUnavailable ||
		!strings.Contains(a.body, "Wiki can’t be opened right now") {
		t.Errorf("as a page: %d %s", a.status, a.body)
	}
	i.w.BringBack(t)
	q.page = false
	harness.Eventually(t, "the gate does not recover", func() error {
		if a := i.request(t, q); a.status != http.StatusOK {
			return fmt.Errorf("got %d", a.status)
		}
		return nil
	})
}

// Sana does not start with an invalid gate configuration.
func TestStart_RefusesInvalidGateSettings(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	dir := t.TempDir()
	file := func(name, text string) string {
		path := dir + "/" + name
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return "APPS_FILE=" + path
	}
	good := file("good.yaml", appsFile)
	for want, override := range map[string][]string{
		"GATE_ADDR is not set":                        {good},
		"APPS_FILE is not set; GATE_ADDR needs it":    {"GATE_ADDR=127.0.0.1:0"},
		"APPS_FILE is not set; SIGN_UP=apps needs it": {"SIGN_UP=apps"},
		"APPS_FILE is set, and SESSION_STORE=cookie": {good, "GATE_ADDR=127.0.0.1:0",
			"SESSION_STORE=cookie"},
		"GATE_ADDR is \"3001\"": {good, "GATE_ADDR=3001"},
		"GATE_ADDR is \"127.0.0.1:3999\", which PORT": {good, "GATE_ADDR=127.0.0.1:3999",
			"PORT=3999"},
		"APPS_FILE cannot be read": {"APPS_FILE=/none",
			"GATE_ADDR=127.0.0.1:0"},
		"line 1: hosts of app \"a\": \"sana.example\" has the": {
			file("own.yaml",
				`apps: {a: {name: A, hosts: [sana.example], allow: [group:everyone]}}`),
			"GATE_ADDR=127.0.0.1:0"},
		"line 2: app \"b\" has no name\nline 2: app \"b\" has no hosts": {
			file("bad.yaml", "apps:\n  b: {allow: [group:everyone]}"), "GATE_ADDR=127.0.0.1:0",
		},
	} {
		err := w.StartError(t, override...)
		if err == nil {
			err = errors.New("it started")
		}
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, want %s", override, err, want)
		}
	}
}

// With SIGN_UP=apps only users of the apps may sign up.
func TestSignUp_IsOpenToUsersOfApps(t *testing.T) {
	t.Parallel()
	file := strings.Replace(appsFile, "allow: [group:everyone], until",
		"allow: [\"@old.example\"], until", 1)
	i := run(t, harness.NewWorld(t), file, "SIGN_UP=apps")
	for email, want := range map[string]int{bob: 200, "grace@sana.example": 200,
		"eve@evil.example": 403, "eve@old.example": 403} {
		b := i.Open(t)
		if got := b.Verify(b.GetCode(i.w, email)).Status; got != want {
			t.Errorf("%s: %d, want %d", email, got, want)
		}
	}
}
