package check_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"sana/backend/diagnose/check"
	"sana/backend/test/harness"
	"sana/backend/test/mailgunfake"
)

var (
	errTyping   = errors.New("end of input")
	refusedMail = mailgunfake.Answer{Status: http.StatusBadRequest}
)

// typing returns a user who types these codes; an empty code stands for the one from the mail.
func typing(
	t *testing.T, w *harness.World, address string, codes ...string,
) func(context.Context, string) (string, error) {
	return func(_ context.Context, prompt string) (string, error) {
		if len(codes) == 0 {
			return "", errTyping
		}
		code := codes[0]
		codes = codes[1:]
		if code == "" {
			code = w.Code(t, address, 1)
		}
		if !strings.HasSuffix(prompt, ": ") {
			t.Errorf("the prompt is %q", prompt)
		}
		return code, nil
	}
}

// to returns options for a complete sign-in.
func to(t *testing.T, w *harness.World, f *front, codes ...string) check.Options {
	t.Helper()
	o := f.options(t)
	o.To = "ada@sana.example"
	o.AskCode = typing(t, w, o.To, codes...)
	return o
}

func TestCheck_SignsInOverEveryInstance(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	list := results(t, to(t, w, newFront(w.Run(t, atHome), w.Run(t, atHome)), "nonsense", ""))
	wantAllBut(t, list, map[string]string{
		"ready":      "ok instances seen in 20 requests: 2",
		"session":    "ok known to 20 of 20 requests",
		"old-cookie": "ok refused after the sign-out",
	})
	wantNothingLeft(t, w)
}

func TestCheck_MissingCodeFailsOnlyTheSignIn(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	wantAllBut(t, results(t, to(t, w, newFront(w.Run(t, atHome)))), map[string]string{
		"sign-in": "fail no code was typed: end of input",
	})
	wantNothingLeft(t, w)
}

func TestCheck_SignUpRefusalIsAWarning(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	wantAllBut(t, results(t, to(t, w, newFront(w.Run(t, atHome, "SIGN_UP=closed")), "")),
		map[string]string{
			"sign-in": "warn SIGN_UP does not allow this address",
		})
}

func TestCheck_MailLimitHintsWhenToRetry(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	instance := w.Run(t, atHome)
	request(visitor(t, instance), "ada@sana.example").Want(http.StatusAccepted)
	list := results(t, to(t, w, newFront(instance), ""))
	wantAllBut(t, list, map[string]string{
		"code-request": "fail no mail: the rate limit of this address is reached",
	})
	for _, r := range list {
		if r.Name == "code-request" && !strings.HasPrefix(r.Hint, "run the check again after 2") {
			t.Errorf("the hint does not say when to retry: %s", r.Hint)
		}
	}
}

// With --to an operator wants to see a sign-in: a mail that does not arrive fails the check.
func TestCheck_FailsIfTheMailIsDelayed(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	w.Mailgun.Script(mailgunfake.Answer{Status: 429, Header: http.Header{"Retry-After": {"300"}}})
	list := results(t, to(t, w, newFront(w.Run(t, atHome)), ""))
	wantAllBut(t, list, map[string]string{
		"mail": "fail still delayed after 20s",
	})
}

// forgetful answers sign-outs itself and does not forward them. The cookie stays valid, as with a
// session that is stored in the cookie alone.
func forgetful(f *front) *front {
	f.own = only(http.MethodPost, "/api/auth/sign-out", own{
		http.StatusNoContent,
		http.Header{
			"Set-Cookie": {
				"__Host-sana_session=; Max-Age=0; Path=/; Secure; HttpOnly; SameSite=Lax"}}, "",
	})
	return f
}

func TestCheck_WarnsOfCookiesValidAfterSignOut(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	list := results(t, to(t, w, newFront(w.Run(t, atHome, "SESSION_STORE=cookie")), ""))
	wantAllBut(t, list,
		map[string]string{"old-cookie": "warn a copied cookie stays valid after the sign-out"})
	if hint := list[len(list)-2].Hint; !strings.Contains(hint, "SESSION_STORE=cookie") {
		t.Errorf("the hint does not explain it: %s", hint)
	}
}

// One of two instances accepts the old cookie, as with two session stores or databases.
func TestCheck_FailsIfSomeInstancesAcceptOldCookies(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	f := forgetful(newFront(w.Run(t, atHome)))
	asked, signOut := 0, f.own
	over := false
	f.own = func(r *http.Request) *own {
		if answer := signOut(r); answer != nil {
			over = true
			return answer
		}
		if asked++; over && r.URL.Path == "/api/auth/session" && asked%2 == 0 {
			return &own{http.StatusUnauthorized,
				http.Header{"Content-Type": {"application/problem+json"}},
				`{"code":"not_signed_in"}`}
		}
		return nil
	}
	wantAllBut(t, results(t, to(t, w, f, "")),
		map[string]string{
			"old-cookie": "fail accepted by some instances after the sign-out: 10 of 20 requests"})
}

func TestCheck_ReportsRefusedMail(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	w.Mailgun.Script(refusedMail, refusedMail)
	instance := w.Run(t, atHome)
	wantAllBut(t, results(t, newFront(instance).options(t)),
		map[string]string{"mail": "warn to an address that does not exist"})
	wantAllBut(t, results(t, to(t, w, newFront(instance))), map[string]string{
		"mail": "fail the mail provider refused the mail",
	})
}

func TestCheck_JudgesSessionCookieAtSignIn(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	f := newFront(w.Run(t, atHome))
	f.response = func(r *http.Response) {
		for i, cookie := range r.Header["Set-Cookie"] {
			if strings.HasPrefix(cookie, "__Host-sana_session=") {
				r.Header["Set-Cookie"][i] = strings.Replace(cookie, " HttpOnly;", "", 1)
			}
		}
	}
	wantAllBut(t, results(t, to(t, w, f, "")), map[string]string{
		"sign-in": "fail __Host-sana_session: HttpOnly is missing",
	})
	wantNothingLeft(t, w)
}
