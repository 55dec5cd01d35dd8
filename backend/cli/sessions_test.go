package cli_test

import (
	"bytes"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"sana/backend/cli"
	"sana/backend/test/harness"
)

const (
	firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
	ada     = "ada@sana.example"
)

// operator runs commands like an operator of a world.
type operator struct {
	*testing.T
	environ []string
}

// types returns a command's output; the command must exit with this code.
func (o operator) types(code int, input string, args ...string) string {
	o.Helper()
	for tries := 1; ; tries++ {
		var out bytes.Buffer
		switch got := cli.Run(args, o.environ, strings.NewReader(input), &out, &out, "test"); {
		case got == code:
			return masked(out.String())
		// the machine may be stalled for longer than the command's deadline
		case tries == 3 || !strings.Contains(out.String(), "deadline exceeded"):
			o.Fatalf("sana %v ends with %d, want %d:\n%s", args, got, code, &out)
		}
	}
}

var variable = []struct {
	pattern *regexp.Regexp
	name    string
}{
	{regexp.MustCompile(`[0-9a-f]{32}`), "ID"},
	{regexp.MustCompile(`\d{4}-\d\d-\d\d \d\d:\d\d UTC`), "TIME"},
	{regexp.MustCompile(`198\.1\d\.\d+\.\d+ *`), "IP  "},
}

func masked(text string) string {
	for _, v := range variable {
		text = v.pattern.ReplaceAllString(text, v.name)
	}
	return regexp.MustCompile(`  +`).ReplaceAllString(text, "  ")
}

// awaitSignedOut waits until the server has received an operator's revocation.
func awaitSignedOut(t *testing.T, b *harness.Browser) {
	t.Helper()
	harness.Eventually(t, "the server does not hear of it", func() error {
		return harness.StatusError(b.Get("/api/auth/session"), http.StatusUnauthorized)
	})
}

func TestSessions_ListEndAndExplain(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	app := w.Start(t)
	o := operator{t, w.Environ()}
	laptop, phone := app.Open(t), app.Open(t)
	code := laptop.GetCode(w, ada)
	in := laptop.Post("/api/auth/verify", `{"code":"`+code+`"}`,
		harness.With("User-Agent", firefox)).Want(http.StatusOK).SignedIn()
	w.Pass(t, time.Minute)
	phone.SignIn(w, ada)
	cookie := "__Host-sana_session=" + laptop.Cookies()["__Host-sana_session"]

	list := o.types(0, "", "sessions", "list", " Ada@SANA.example")
	for _, want := range []string{
		"ID  BROWSER  ADDRESS  SIGNED IN  LAST USED  EXPIRES\n",
		"ID  Firefox on Linux  IP  TIME  TIME  TIME\n",
		"ID  unknown  IP  TIME  TIME  TIME\n",
	} {
		if !strings.Contains(list, want) {
			t.Errorf("the list has no line %q:\n%s", want, list)
		}
	}
	harness.WantEqual(t, "a living session", o.types(0, cookie+"\n", "sessions", "explain"),
		"The server answers 200: ada@sana.example is signed in, since TIME, until TIME at the "+
			"latest (session ID).\n")

	harness.WantEqual(t, "ending one", o.types(0, "", "sessions", "end", in.Session.ID),
		"Revoked.\n")
	awaitSignedOut(t, laptop)
	harness.WantEqual(t, "reason",
		laptop.Get("/api/auth/session").Want(http.StatusUnauthorized).Problem().SignedOut.Reason,
		"ended_by_operator")
	harness.WantEqual(t, "ending it again", o.types(1, "", "sessions", "end", in.Session.ID),
		"sana: no valid session has the id ID; sana sessions list ADDRESS lists them\n")
	harness.WantEqual(t, "an ended session",
		o.types(0, "Cookie: x=y; "+cookie, "sessions", "explain"),
		"The server answers 401 not_signed_in: an operator revoked it, at TIME.\n")

	phone.Get("/api/auth/session").Want(http.StatusOK)
	harness.WantEqual(t, "ending all", o.types(0, "", "sessions", "end", "--user", ada),
		"Revoked sessions of ada@sana.example: 1\n")
	awaitSignedOut(t, phone)
	told := w.Count(t, `SELECT count(*) FROM account_events
		WHERE kind = 'session_ended' AND platform = '' AND ip = ''
		    AND details->>'reason' = 'ended_by_operator'`)
	harness.WantEqual(t, "ends that the user is told of", told, 2)
	harness.WantEqual(t, "an empty list", o.types(0, "", "sessions", "list", ada),
		"ada@sana.example has no sessions.\n")
}

const noReason = "The server answers 401 not_signed_in without a reason: no session has this " +
	"token. It was never valid, a later code in the same browser has replaced it, or its " +
	"session was revoked or expired more than a week ago.\n"

func TestSessions_ReportInvalidArguments(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	o := operator{t, w.Environ()}
	harness.WantEqual(t, "a stranger", o.types(1, "", "sessions", "list", "eve@sana.example"),
		"sana: there is no account with the address eve@sana.example\n")
	harness.WantEqual(t, "neither", o.types(1, "", "sessions", "end"),
		"sana: name one session by its id, or a user, or all: sana sessions end ID, sana "+
			"sessions end --user ADDRESS, or sana sessions end --all\n")
	harness.WantEqual(t, "no cookie of ours", o.types(0, "nonsense", "sessions", "explain"),
		noReason)

	waiting := w.Start(t).Open(t)
	waiting.RequestCode(ada).Want(http.StatusAccepted)
	harness.WantEqual(t, "a browser token",
		o.types(0, waiting.Cookies()["__Host-sana_browser"], "sessions", "explain"),
		noReason)
}

func TestSessions_CookieStoreReportsItsLimits(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	b := w.Start(t, "SESSION_STORE=cookie").Open(t)
	b.SignIn(w, ada)
	o := operator{t, w.Environ("SESSION_STORE=cookie")}
	cannot := "sana: sessions are in cookies (SESSION_STORE=cookie): they cannot be listed, and " +
		"only their own browser can sign out\n"
	harness.WantEqual(t, "list", o.types(1, "", "sessions", "list", ada), cannot)
	harness.WantEqual(t, "end", o.types(1, "", "sessions", "end", "--user", ada), cannot)
	token := b.Cookies()["__Host-sana_session"]
	harness.WantEqual(t, "explain", o.types(0, token, "sessions", "explain"),
		"The server answers 200: ada@sana.example is signed in, since TIME, until TIME at the "+
			"latest (session ID).\n")
	rolled := operator{t,
		w.Environ("SESSION_STORE=cookie",
			"SECRET_KEYS=k2:YW5vdGhlci10ZXN0LWtleS0wMTIzNDU2Nzg5LWJjZGZnIQ==")}
	harness.WantEqual(t, "without its key", rolled.types(0, token, "sessions", "explain"),
		"The server answers 401 not_signed_in: the key that sealed it is no longer in "+
			"SECRET_KEYS.\n")
}

// A session id that an operator has read stays valid: a step-up changes the token only, and the
// revocation covers all tokens.
func TestSessionsEnd_RevokesEveryTokenOfASession(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	o := operator{t, w.Environ()}
	b := w.Start(t).Open(t)
	id := b.SignIn(w, ada).Session.ID
	older := b.Clone()
	w.Pass(t, time.Minute)
	b.SignIn(w, ada)
	older.Get("/api/auth/session").Want(http.StatusOK)
	token := older.Cookies()["__Host-sana_session"]
	if token == b.Cookies()["__Host-sana_session"] {
		t.Fatal("the step-up did not change the token")
	}

	harness.WantEqual(t, "ending it", o.types(0, "", "sessions", "end", id), "Revoked.\n")
	awaitSignedOut(t, b)
	awaitSignedOut(t, older)
	harness.WantEqual(t, "the older token", o.types(0, token, "sessions", "explain"),
		"The server answers 401 not_signed_in: an operator revoked it, at TIME.\n")
}

func TestPeopleAdd_LetsAUserInWhenSignUpIsClosed(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	app := w.Start(t, "SIGN_UP=closed")
	o := operator{t, w.Environ("SIGN_UP=closed")}
	stranger := app.Open(t)
	stranger.Verify(stranger.GetCode(w, "bob@sana.example")).Want(http.StatusForbidden,
		"sign_up_closed")

	harness.WantEqual(t, "output", o.types(0, "", "people", "add", " Ada@SANA.example"),
		ada+" can sign in now.\n")
	harness.WantEqual(t, "output again", o.types(0, "", "people", "add", ada),
		ada+" has an account; nothing to do.\n")
	o.types(1, "", "people", "add", "ada")
	harness.WantEqual(t, "no address", o.types(1, "", "sessions", "list", "ada"),
		"sana: Mail cannot be sent to this address. An email address looks like ada@example.org.\n")
	b := app.Open(t)
	harness.WantEqual(t, "address", b.SignIn(w, ada).User.Email, ada)
	harness.WantEqual(t, "accounts", w.Count(t, `SELECT count(*) FROM users`), 1)
	harness.WantEqual(t, "events", w.Count(t, `
		SELECT count(*)
		FROM account_events
		WHERE kind = 'account_created'`), 1)
}
