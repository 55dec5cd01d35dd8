package check

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"sana/backend/diagnose"
)

// account is who is signed in.
type account struct {
	ID    string `json:"id"`
	Email string `json:"email"`
}

// account reads an answer to a signed-in user.
func (a answer) account() (account, bool) {
	var body struct {
		User account `json:"user"`
	}
	good := a.status == http.StatusOK && a.json(&body) && body.User.ID != ""
	return body.User, good
}

// signIn asks for the code until it is right or no try is left.
func (r *run) signIn(ctx context.Context) diagnose.Result {
	before := r.client.session()
	prompt := "Code from the mail to " + printable(r.pending.Email) + ": "
	for range r.pending.TriesLeft {
		code, err := r.AskCode(ctx, prompt)
		if err != nil {
			return diagnose.Fail("no code was typed: "+printable(err.Error()), "run the check again and type the code, or pipe it in")
		}
		a := r.verify(ctx, code)
		if a.is(http.StatusUnauthorized, "wrong_code") && a.problem.TriesLeft != nil && *a.problem.TriesLeft > 0 || a.is(http.StatusBadRequest, "invalid_code") {
			prompt = "That is not the code. Again: "
			continue
		}
		return r.signedInBy(a, before)
	}
	return diagnose.Fail("the code was not typed right", "run the check again")
}

// signedInBy judges the answer to the last code. before is the cookie from before it.
func (r *run) signedInBy(a answer, before string) diagnose.Result {
	who, good := a.account()
	r.signedIn, r.account = good, who
	switch {
	case a.is(http.StatusForbidden, "sign_up_closed"):
		return diagnose.Warn("the code was right, and SIGN_UP does not let this address in", "use the address of somebody who has an account")
	case !good:
		return r.unexpected(a)
	case who.Email != r.pending.Email:
		return diagnose.Fail("somebody else is signed in: "+printable(who.Email), "switch caching of /api off in the proxy or CDN")
	case r.client.session() == "" || r.client.session() == before:
		return diagnose.Fail("the sign-in brought no new session cookie", hintCookies)
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
			return diagnose.Fail("somebody else is signed in: "+printable(who.Email), "switch caching of /api off in the proxy or CDN")
		}
		return diagnose.OK("")
	})
	if result.State == diagnose.Passed {
		result.Detail = fmt.Sprintf("known to %d of %d requests on new connections", r.Requests, r.Requests)
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
		return diagnose.Fail("the sign-out left the cookie", hintCookies)
	}
	r.signedIn = false
	if a := r.client.get(ctx, "/api/auth/session"); !a.is(http.StatusUnauthorized, "not_signed_in") {
		return r.unexpected(a)
	}
	return diagnose.OK("signed out, and the cookie is cleared")
}

// staleness is what instances are granted that keep for a moment what they read: after it a session that ended is over
// everywhere.
const staleness = 3 * time.Second

// oldCookie presents a cookie from before the sign-out, like a copy of it.
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
		return diagnose.OK("refused after the sign-out, as it must be")
	case accepted < r.Requests:
		return diagnose.Fail(fmt.Sprintf("taken by some instances after the sign-out: %d of %d requests", accepted, r.Requests),
			"give all instances the same DATABASE_URL and SESSION_STORE")
	}
	return diagnose.Warn("a copied cookie stays valid after the sign-out, until it expires",
		"that is what SESSION_STORE=cookie cannot do; SESSION_STORE=postgres can. If it is postgres, this is a fault")
}
