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

// pendingCode is what the contract calls PendingCode, as far as the checks need it.
type pendingCode struct {
	ID         string    `json:"id"`
	Email      string    `json:"email"`
	CodeKind   string    `json:"code_kind"`
	CodeLength int       `json:"code_length"`
	TriesLeft  int       `json:"tries_left"`
	ExpiresAt  time.Time `json:"expires_at"`
	Delivery   string    `json:"delivery"`
}

// isComplete reports whether an answer had what a pending code must have.
func (p pendingCode) isComplete() bool { return p.ID != "" && p.Email != "" && p.CodeLength > 0 }

// codeRequest is what the contract calls CodeRequest, likewise.
type codeRequest struct {
	Email    string       `json:"email"`
	Mail     string       `json:"mail"`
	ResendAt time.Time    `json:"resend_at"`
	Code     *pendingCode `json:"code"`
}

// pendingCode reads an answer as a pending code.
func (a answer) pendingCode() (pendingCode, bool) {
	var p pendingCode
	good := a.status == http.StatusOK && a.json(&p) && p.isComplete()
	return p, good
}

// codeRequest reads an answer as that to a request for a code.
func (a answer) codeRequest() (codeRequest, bool) {
	var c codeRequest
	good := a.status == http.StatusAccepted && a.json(&c) && c.Email != "" && (c.Code == nil || c.Code.isComplete())
	return c, good
}

// codePath is the address of the pending code that was requested.
func (r *run) codePath() string { return "/api/auth/code?id=" + url.QueryEscape(r.pending.ID) }

// verify types a code for the address that codes are requested for.
func (r *run) verify(ctx context.Context, code string) answer {
	body := jsonOf(map[string]string{"code": code, "email": r.pending.Email})
	return r.client.write(ctx, http.MethodPost, "/api/auth/verify", body)
}

func jsonOf(body map[string]string) string {
	text, _ := json.Marshal(body) // never fails for strings
	return string(text)
}

// codeRequest requests a code as a page does: once more if the browser token was missing.
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
		return diagnose.Warn("no mail: this address has had enough mail for now",
			"run the check again after "+request.ResendAt.UTC().Format(time.DateTime)+" UTC")
	}
	r.accepted, r.pending = a, *request.Code
	return diagnose.OK(fmt.Sprintf("accepted for %s: %d %s, %d tries",
		printable(addressee(r.pending.Email)), r.pending.CodeLength, printable(r.pending.CodeKind), r.pending.TriesLeft))
}

// addressee is an address as it is told: without what is random in it.
func addressee(email string) string {
	if strings.HasSuffix(email, "@check.invalid") {
		return "an address at check.invalid"
	}
	return email
}

// cookie judges the browser token, which each request for a code sends again.
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

// judgeCookie judges the cookie of this name by the scheme that it came over (RFC 6265bis,
// 4.1.3.2).
func (r *run) judgeCookie(cookies []*http.Cookie, base string) diagnose.Result {
	found := ofName(cookies, base)
	if len(found) != 1 {
		return diagnose.Fail(fmt.Sprintf("the answer sets %d cookies %s, not one", len(found), base), hintCookies)
	}
	c, name, secure := found[0], base, r.URL.Scheme == "https"
	if secure {
		name = hostPrefix + name
	}
	if c.Name != name {
		return diagnose.Fail(fmt.Sprintf("wrong PUBLIC_URL: the cookie is %s, over %s it must be %s", printable(c.Name), r.URL.Scheme, name),
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
		{"SameSite is not Lax or Strict", c.SameSite == http.SameSiteLaxMode || c.SameSite == http.SameSiteStrictMode},
		{"there is a Domain", c.Domain == ""},
	} {
		if !attribute.good {
			wrong = append(wrong, attribute.what)
		}
	}
	if len(wrong) > 0 {
		return diagnose.Fail(name+": "+strings.Join(wrong, ", "), hintCookies)
	}
	return diagnose.OK(name + " with the attributes it must have")
}

// pendingKept checks what the predecessor could not do: every instance knows the code that the
// browser waits for.
func (r *run) pendingKept(ctx context.Context) diagnose.Result {
	result := r.often(ctx, r.codePath(), func(a answer) diagnose.Result {
		pending, good := a.pendingCode()
		switch {
		case !good:
			return r.unexpected(a)
		case pending.ID != r.pending.ID, pending.Email != r.pending.Email,
			!pending.ExpiresAt.Equal(r.pending.ExpiresAt), pending.TriesLeft != r.pending.TriesLeft:
			return diagnose.Fail("pending sign-in lost: the answer is about another one", hintLost)
		}
		return diagnose.OK("")
	})
	if result.State == diagnose.Passed {
		r.isShared = true
		result.Detail = fmt.Sprintf("known to %d of %d requests on new connections", r.Requests, r.Requests)
	}
	return result
}

func (r *run) wrongCode(ctx context.Context) diagnose.Result {
	a := r.verify(ctx, guess(r.pending.CodeKind, r.pending.CodeLength))
	if a.status == http.StatusOK {
		r.signedIn = true
		return diagnose.Fail("a code that was made up signed in", "run the check again: a guess is right once in a million; twice means that codes are not compared")
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
		return diagnose.Fail(fmt.Sprintf("tries left before, in the answer and after: %d, %d, %d", r.pending.TriesLeft, left, pending.TriesLeft), hintLost)
	}
	return diagnose.OK(fmt.Sprintf("refused as wrong (401 wrong_code), %d tries left", left))
}

// guess makes up a code of this kind and length.
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
	mailPatience = 20 * time.Second // for the provider to take a mail
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
			return diagnose.Warn(fmt.Sprintf("still %s after %s", pending.Delivery, mailPatience),
				"look for the mail provider's answers in the log; the mail is tried again by itself")
		case <-ctx.Done():
			return noAnswer(ctx.Err())
		}
	}
}

func (r *run) delivered(delivery string) diagnose.Result {
	switch {
	case delivery == "sent":
		return diagnose.OK("the mail provider took the mail")
	case delivery == "delivered":
		return diagnose.OK("the recipient's server took the mail")
	case delivery != "failed":
		return diagnose.Warn("the mail is in a state that this version does not know: "+printable(delivery),
			"run the check of the deployment's version")
	case r.To == "":
		return diagnose.Warn("the mail provider refused a mail to an address that nobody has", "see with --to whether it takes others")
	}
	return diagnose.Fail("the mail provider refused the mail", "check MAIL_FROM, MAILGUN_DOMAIN and MAILGUN_API_KEY, and the provider's answer in the log")
}

// cleanup withdraws the pending code, and ends the session if a check failed half-way. Instances
// that do not share a database are all asked.
func (r *run) cleanup(ctx context.Context) diagnose.Result {
	if r.signedIn {
		if a := r.client.write(ctx, http.MethodPost, "/api/auth/sign-out", "{}"); a.status != http.StatusNoContent {
			return r.unexpected(a)
		}
		if r.client.session() != "" {
			return diagnose.Fail("the sign-out left the cookie", hintCookies)
		}
		return diagnose.OK("the sign-in is forgotten")
	}
	times := 1
	if !r.isShared {
		times = r.Requests
	}
	for range times {
		if a := r.client.write(ctx, http.MethodDelete, r.codePath(), ""); a.status != http.StatusNoContent {
			return r.unexpected(a)
		}
	}
	a := r.client.get(ctx, r.codePath())
	if _, isThere := a.pendingCode(); isThere {
		return diagnose.Fail("the pending code is still there", hintLost)
	}
	if !a.is(http.StatusNotFound, "no_pending_code") {
		return r.unexpected(a)
	}
	return diagnose.OK("the sign-in is forgotten")
}
