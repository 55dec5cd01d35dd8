package check

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"sana/backend/diagnose"
)

// account is the current user.
type account struct {
	ID    string `json:"id"`
	Email string `json:"email"`
}

// account parses the answer to a signed-in user.
func (a answer) account() (account, bool) {
	var body struct {
		User account `json:"user"`
	}
	good := a.status == http.StatusOK && a.json(&body) && body.User.ID != ""
	return body.User, good
}

// signIn prompts for the code until it is right or no attempt is left.
func (r *run) signIn(ctx context.Context) diagnose.Result {
	before := r.client.session()
	prompt := "Code from the mail to " + printable(r.pending.Email) + ": "
	for range r.pending.TriesLeft {
		code, err := r.AskCode(ctx, prompt)
		if err != nil {
			return diagnose.Fail("no code was typed: "+printable(err.Error()),
				"run the check again and type the code, or pipe it in")
		}
		a := r.verify(ctx, code)
		if a.is(http.StatusUnauthorized, "wrong_code") && a.problem.TriesLeft != nil &&
			*a.problem.TriesLeft > 0 ||
			a.is(http.StatusBadRequest, "invalid_code") {
			prompt = "That is not the code. Again: "
			continue
		}
		return r.signedInBy(a, before)
	}
	return diagnose.Fail("all typed codes were wrong", "run the check again")
}

// signedInBy judges the answer to the last code. before is the cookie from before it.
func (r *run) signedInBy(a answer, before string) diagnose.Result {
	who, good := a.account()
	r.signedIn, r.account = good, who
	switch {
	case a.is(http.StatusForbidden, "sign_up_closed"):
		return diagnose.Warn("the code was right, but SIGN_UP does not allow this address",
			"use the address of an existing account")
	case !good:
		return r.unexpected(a)
	case who.Email != r.pending.Email:
		return diagnose.Fail("another user is signed in: "+printable(who.Email),
			"disable caching of /api in the proxy or CDN")
	case r.client.session() == "" || r.client.session() == before:
		return diagnose.Fail("the sign-in set no new session cookie", hintCookies)
	}
	if result := r.judgeCookie(a.cookies, sessionCookie); result.State != diagnose.Passed {
		return result
	}
	return diagnose.OK("signed in as " + printable(who.Email) + ", with a new cookie")
}

func (r *run) sessionKept(ctx context.Context) diagnose.Result {
	result := r.often(ctx, "/api/auth/session", func(a answer) diagnose.Result {
		who, good := a.account()
		switch {
		case !good:
			return r.unexpected(a)
		case who != r.account:
			return diagnose.Fail("another user is signed in: "+printable(who.Email),
				"disable caching of /api in the proxy or CDN")
		}
		return diagnose.OK("")
	})
	if result.State == diagnose.Passed {
		result.Detail = fmt.Sprintf("known to %d of %d requests on new connections", r.Requests,
			r.Requests)
	}
	return result
}

func (r *run) signOut(ctx context.Context) diagnose.Result {
	r.old = r.client.with(r.client.cookies).cookies
	a := r.client.write(ctx, http.MethodPost, "/api/auth/sign-out", "{}")
	if a.status != http.StatusNoContent {
		return r.unexpected(a)
	}
	if r.client.session() != "" {
		return diagnose.Fail("the sign-out did not clear the cookie", hintCookies)
	}
	r.signedIn = false
	if a := r.client.get(ctx, "/api/auth/session"); !a.is(http.StatusUnauthorized,
		"not_signed_in") {
		return r.unexpected(a)
	}
	return diagnose.OK("signed out, and the cookie is cleared")
}

// staleness is the time after which no instance may serve a revoked session from its cache.
const staleness = 3 * time.Second

// oldCookie sends a cookie from before the sign-out, like an attacker with a copy of it.
func (r *run) oldCookie(ctx context.Context) diagnose.Result {
	thief := *r
	thief.client = r.client.with(r.old)
	accepted := 0
	judge := func(a answer) diagnose.Result {
		if _, good := a.account(); good {
			accepted++
			return diagnose.OK("")
		}
		if a.is(http.StatusUnauthorized, "not_signed_in") {
			return diagnose.OK("")
		}
		return r.unexpected(a)
	}
	result := thief.often(ctx, "/api/auth/session", judge)
	if result.State == diagnose.Passed && accepted > 0 {
		select {
		case <-time.After(staleness):
		case <-ctx.Done():
			return noAnswer(ctx.Err())
		}
		accepted = 0
		result = thief.often(ctx, "/api/auth/session", judge)
	}
	switch {
	case result.State != diagnose.Passed:
		return result
	case accepted == 0:
		return diagnose.OK("refused after the sign-out")
	case accepted < r.Requests:
		return diagnose.Fail(
			fmt.Sprintf("accepted by some instances after the sign-out: %d of %d requests",
				accepted, r.Requests), "give all instances the same DATABASE_URL and SESSION_STORE")
	}
	return diagnose.Warn("a copied cookie stays valid after the sign-out, until it expires",
		"SESSION_STORE=cookie cannot revoke cookies; use SESSION_STORE=postgres. If it is "+
			"postgres, this is a fault")
}
