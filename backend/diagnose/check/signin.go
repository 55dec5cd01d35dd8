package check

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"sana/backend/diagnose"
)

// pendingCode has the fields of the contract's PendingCode that the checks use.
type pendingCode struct {
	ID         string    `json:"id"`
	Email      string    `json:"email"`
	CodeKind   string    `json:"code_kind"`
	CodeLength int       `json:"code_length"`
	TriesLeft  int       `json:"tries_left"`
	ExpiresAt  time.Time `json:"expires_at"`
	Delivery   string    `json:"delivery"`
}

// isComplete reports whether an answer had the required fields.
func (p pendingCode) isComplete() bool { return p.ID != "" && p.Email != "" && p.CodeLength > 0 }

// codeRequest has the fields of the contract's CodeRequest that the checks use.
type codeRequest struct {
	Email    string       `json:"email"`
	Mail     string       `json:"mail"`
	ResendAt time.Time    `json:"resend_at"`
	Code     *pendingCode `json:"code"`
}

// pendingCode parses an answer as a pending code.
func (a answer) pendingCode() (pendingCode, bool) {
	var p pendingCode
	good := a.status == http.StatusOK && a.json(&p) && p.isComplete()
	return p, good
}

// codeRequest parses the answer to a code request.
func (a answer) codeRequest() (codeRequest, bool) {
	var c codeRequest
	good := a.status == http.StatusAccepted && a.json(&c) && c.Email != "" &&
		(c.Code == nil || c.Code.isComplete())
	return c, good
}

// codePath returns the path of the requested pending code.
func (r *run) codePath() string { return "/api/auth/code?id=" + url.QueryEscape(r.pending.ID) }

// verify sends a code for the address that requested codes.
func (r *run) verify(ctx context.Context, code string) answer {
	body := jsonOf(map[string]string{"code": code, "email": r.pending.Email})
	return r.client.write(ctx, http.MethodPost, "/api/auth/verify", body)
}

func jsonOf(body map[string]string) string {
	text, _ := json.Marshal(body) // never fails for strings
	return string(text)
}

// codeRequest requests a code as a page does: it retries once if the browser token was missing.
func (r *run) codeRequest(ctx context.Context) diagnose.Result {
	body := jsonOf(map[string]string{"email": r.email})
	a := r.client.write(ctx, http.MethodPost, "/api/auth/code", body)
	if a.is(http.StatusConflict, "browser_token_missing") {
		a = r.client.write(ctx, http.MethodPost, "/api/auth/code", body)
	}
	request, good := a.codeRequest()
	switch {
	case !good:
		return r.unexpected(a)
	case request.Code == nil:
		return r.untried("no mail: the rate limit of this address is reached",
			"run the check again after "+request.ResendAt.UTC().Format(time.DateTime)+" UTC")
	}
	r.accepted, r.pending = a, *request.Code
	return diagnose.OK(
		fmt.Sprintf("accepted for %s: %d %s, %d attempts", printable(addressee(r.pending.Email)),
			r.pending.CodeLength, printable(r.pending.CodeKind), r.pending.TriesLeft))
}

// addressee returns an address for output, without its random part.
func addressee(email string) string {
	if strings.HasSuffix(email, "@check.invalid") {
		return "an address at check.invalid"
	}
	return email
}

// cookie judges the browser token, which each code request sets again.
func (r *run) cookie(context.Context) diagnose.Result {
	return r.judgeCookie(r.accepted.cookies, browserCookie)
}

// ofName returns the cookies of this name, with and without the prefix.
func ofName(cookies []*http.Cookie, base string) (found []*http.Cookie) {
	for _, c := range cookies {
		if strings.TrimPrefix(c.Name, hostPrefix) == base {
			found = append(found, c)
		}
	}
	return found
}

// judgeCookie judges the cookie of this name by the scheme of the request (RFC 6265bis, 4.1.3.2).
func (r *run) judgeCookie(cookies []*http.Cookie, base string) diagnose.Result {
	found := ofName(cookies, base)
	if len(found) != 1 {
		return diagnose.Fail(
			fmt.Sprintf("the answer sets %d cookies %s, not one", len(found), base), hintCookies)
	}
	c, name, secure := found[0], base, r.URL.Scheme == "https"
	if secure {
		name = hostPrefix + name
	}
	if c.Name != name {
		return diagnose.Fail(
			fmt.Sprintf("wrong PUBLIC_URL: the cookie is %s, over %s it must be %s",
				printable(c.Name), r.URL.Scheme, name),
			"set PUBLIC_URL="+r.client.origin+" on every instance")
	}
	var wrong []string
	for _, attribute := range []struct {
		what string
		good bool
	}{
		{"Secure is missing", c.Secure || !secure},
		{"Secure over plain http", !c.Secure || secure},
		{"HttpOnly is missing", c.HttpOnly},
		{"Path is not /", c.Path == "/"},
		{"SameSite is not Lax or Strict", c.SameSite == http.SameSiteLaxMode ||
			c.SameSite == http.SameSiteStrictMode},
		{"Domain is set", c.Domain == ""},
	} {
		if !attribute.good {
			wrong = append(wrong, attribute.what)
		}
	}
	if len(wrong) > 0 {
		return diagnose.Fail(name+": "+strings.Join(wrong, ", "), hintCookies)
	}
	return diagnose.OK(name + " with the required attributes")
}

// pendingKept checks that every instance knows the code that the browser waits for.
func (r *run) pendingKept(ctx context.Context) diagnose.Result {
	result := r.often(ctx, r.codePath(), func(a answer) diagnose.Result {
		pending, good := a.pendingCode()
		switch {
		case !good:
			return r.unexpected(a)
		case pending.ID != r.pending.ID, pending.Email != r.pending.Email,
			!pending.ExpiresAt.Equal(r.pending.ExpiresAt), pending.TriesLeft != r.pending.TriesLeft:
			return diagnose.Fail("pending sign-in lost: the answer is about another sign-in",
				hintLost)
		}
		return diagnose.OK("")
	})
	if result.State == diagnose.Passed {
		r.isShared = true
		result.Detail = fmt.Sprintf("known to %d of %d requests on new connections", r.Requests,
			r.Requests)
	}
	return result
}

func (r *run) wrongCode(ctx context.Context) diagnose.Result {
	a := r.verify(ctx, guess(r.pending.CodeKind, r.pending.CodeLength))
	if a.status == http.StatusOK {
		r.signedIn = true
		return diagnose.Fail("a random code signed in",
			"run the check again: a random code is right once in a million; if it is right "+
				"twice, codes are not compared")
	}
	if !a.is(http.StatusUnauthorized, "wrong_code") || a.problem.TriesLeft == nil {
		return r.unexpected(a)
	}
	left := *a.problem.TriesLeft
	again := r.client.get(ctx, r.codePath())
	pending, good := again.pendingCode()
	switch {
	case !good:
		return r.unexpected(again)
	case left != r.pending.TriesLeft-1, pending.TriesLeft != left:
		return diagnose.Fail(
			fmt.Sprintf("attempts left before, in the answer and after: %d, %d, %d",
				r.pending.TriesLeft, left, pending.TriesLeft), hintLost)
	}
	return diagnose.OK(fmt.Sprintf("refused as wrong (401 wrong_code), %d attempts left", left))
}

// guess returns a random code of this kind and length.
func guess(kind string, length int) string {
	alphabet := "0123456789"
	if kind == "alphanumeric" {
		alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
	}
	code := make([]byte, min(length, 64))
	_, _ = rand.Read(code) // never fails
	for i, b := range code {
		code[i] = alphabet[int(b)%len(alphabet)]
	}
	return string(code)
}

const (
	mailPatience = 20 * time.Second // for the provider to accept a mail
	mailInterval = 500 * time.Millisecond
)

// mail waits until the mail with the code was sent or has failed.
func (r *run) mail(ctx context.Context) diagnose.Result {
	enough := time.NewTimer(mailPatience)
	defer enough.Stop()
	again := time.NewTicker(mailInterval)
	defer again.Stop()
	for {
		a := r.client.get(ctx, r.codePath())
		pending, good := a.pendingCode()
		if !good {
			return r.unexpected(a)
		}
		if pending.Delivery != "queued" && pending.Delivery != "delayed" {
			return r.delivered(pending.Delivery)
		}
		select {
		case <-again.C:
		case <-enough.C:
			return r.untried(fmt.Sprintf("still %s after %s", pending.Delivery, mailPatience),
				"look for the mail provider's answers in the log; Sana retries the mail")
		case <-ctx.Done():
			return noAnswer(ctx.Err())
		}
	}
}

// untried is the result of a check that ends before the sign-in: with --to that is a failure.
func (r *run) untried(detail, hint string) diagnose.Result {
	if r.To == "" {
		return diagnose.Warn(detail, hint)
	}
	return diagnose.Fail(detail, hint)
}

func (r *run) delivered(delivery string) diagnose.Result {
	switch {
	case delivery == "sent":
		return diagnose.OK("the mail provider accepted the mail")
	case delivery == "delivered":
		return diagnose.OK("the recipient's server accepted the mail")
	case delivery != "failed":
		return diagnose.Warn(
			"the mail is in a state that this version does not know: "+printable(delivery),
			"run the check of the deployment's version")
	case r.To == "":
		return diagnose.Warn("the mail provider refused a mail to an address that does not exist",
			"use --to to check whether it accepts others")
	}
	return diagnose.Fail("the mail provider refused the mail",
		"check MAIL_FROM, MAILGUN_DOMAIN and MAILGUN_API_KEY, and the provider's answer in the log")
}

// cleanup cancels the pending code, and signs out if a check failed half-way. It sends the requests
// to every instance, because they may not share a database.
func (r *run) cleanup(ctx context.Context) diagnose.Result {
	if r.signedIn {
		if a := r.client.write(ctx, http.MethodPost, "/api/auth/sign-out",
			"{}"); a.status != http.StatusNoContent {
			return r.unexpected(a)
		}
		if r.client.session() != "" {
			return diagnose.Fail("the sign-out did not clear the cookie", hintCookies)
		}
		return diagnose.OK("signed out")
	}
	times := 1
	if !r.isShared {
		times = r.Requests
	}
	for range times {
		if a := r.client.write(ctx, http.MethodDelete, r.codePath(),
			""); a.status != http.StatusNoContent {
			return r.unexpected(a)
		}
	}
	a := r.client.get(ctx, r.codePath())
	if _, isThere := a.pendingCode(); isThere {
		return diagnose.Fail("the pending code still exists", hintLost)
	}
	if !a.is(http.StatusNotFound, "no_pending_code") {
		return r.unexpected(a)
	}
	return diagnose.OK("the code is cancelled")
}
