package check

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// pendingCode is what the contract calls PendingCode, as far as it matters here.
type pendingCode struct {
	Email      string    `json:"email"`
	CodeKind   string    `json:"code_kind"`
	CodeLength int       `json:"code_length"`
	TriesLeft  int       `json:"tries_left"`
	ExpiresAt  time.Time `json:"expires_at"`
	ResendAt   time.Time `json:"resend_at"`
	Delivery   string    `json:"delivery"`
}

// pendingCode reads an answer as a pending sign-in.
func (a answer) pendingCode(status int) (pendingCode, bool) {
	var p pendingCode
	good := a.status == status && a.json(&p) && p.Email != "" && p.CodeLength > 0
	return p, good
}

func (r *run) codeRequest(ctx context.Context) Result {
	body, err := json.Marshal(map[string]string{"email": r.email})
	if err != nil {
		return fail(err.Error(), "")
	}
	a := r.client.write(ctx, http.MethodPost, "/api/auth/code", string(body))
	pending, good := a.pendingCode(http.StatusAccepted)
	if !good {
		return r.unexpected(a)
	}
	r.accepted, r.pending = a, pending
	return ok(fmt.Sprintf("accepted for %s: %d %s, %d tries", printable(addressee(pending.Email)), pending.CodeLength, printable(pending.CodeKind), pending.TriesLeft))
}

// addressee is an address as it is told: without what is random in it.
func addressee(email string) string {
	if strings.HasSuffix(email, "@check.invalid") {
		return "an address at check.invalid"
	}
	return email
}

func (r *run) cookie(context.Context) Result {
	var found []*http.Cookie
	for _, c := range r.accepted.cookies {
		if strings.TrimPrefix(c.Name, hostPrefix) == sessionCookie {
			found = append(found, c)
		}
	}
	if len(found) != 1 {
		return fail(fmt.Sprintf("the accepted code came with %d session cookies, not one", len(found)), "let the proxy pass Set-Cookie on unchanged")
	}
	return r.cookieResult(found[0])
}

// cookieResult judges the session's cookie by the scheme that it came over (RFC 6265bis, 4.1.3.2).
func (r *run) cookieResult(c *http.Cookie) Result {
	name, secure := sessionCookie, r.URL.Scheme == "https"
	if secure {
		name = hostPrefix + name
	}
	if c.Name != name {
		return fail(fmt.Sprintf("wrong PUBLIC_URL: the cookie is %s, over %s it must be %s", printable(c.Name), r.URL.Scheme, name),
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
		return fail(name+": "+strings.Join(wrong, ", "), "let the proxy pass Set-Cookie on unchanged")
	}
	return ok(name + " with the attributes it must have")
}

// pendingKept is what the predecessor could not do: whichever instance is asked, it knows who waits for a code.
func (r *run) pendingKept(ctx context.Context) Result {
	result := r.often(ctx, "/api/auth/code", func(a answer) Result {
		pending, good := a.pendingCode(http.StatusOK)
		switch {
		case !good:
			return r.unexpected(a)
		case pending.Email != r.pending.Email, !pending.ExpiresAt.Equal(r.pending.ExpiresAt), pending.TriesLeft != r.pending.TriesLeft:
			return fail("pending sign-in lost: the answer tells of another one", hintLost)
		}
		return ok("")
	})
	if result.Status == OK {
		result.Detail = fmt.Sprintf("known to %d of %d requests on new connections", r.Requests, r.Requests)
	}
	return result
}

func (r *run) wrongCode(ctx context.Context) Result {
	a := r.client.write(ctx, http.MethodPost, "/api/auth/verify", `{"code":"`+guess(r.pending.CodeKind, r.pending.CodeLength)+`"}`)
	if a.status == http.StatusOK {
		r.signedIn = true
		return fail("a code that was made up signed in", "run the check again: a guess is right once in a million; twice means that codes are not compared")
	}
	if !a.is(http.StatusUnauthorized, "wrong_code") || a.problem.TriesLeft == nil {
		return r.unexpected(a)
	}
	left := *a.problem.TriesLeft
	again := r.client.get(ctx, "/api/auth/code")
	pending, good := again.pendingCode(http.StatusOK)
	switch {
	case !good:
		return r.unexpected(again)
	case left != r.pending.TriesLeft-1, pending.TriesLeft != left:
		return fail(fmt.Sprintf("tries left before, in the answer and after: %d, %d, %d", r.pending.TriesLeft, left, pending.TriesLeft), hintLost)
	}
	return ok(fmt.Sprintf("refused as wrong (401 wrong_code), %d tries left", left))
}

// guess makes up a code of this kind and length.
func guess(kind string, length int) string {
	alphabet := "0123456789"
	if kind == "letters" {
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

// mail waits until the mail with the code has left, or will not.
func (r *run) mail(ctx context.Context) Result {
	enough := time.NewTimer(mailPatience)
	defer enough.Stop()
	again := time.NewTicker(mailInterval)
	defer again.Stop()
	for {
		a := r.client.get(ctx, "/api/auth/code")
		pending, good := a.pendingCode(http.StatusOK)
		if !good {
			return r.unexpected(a)
		}
		if pending.Delivery != "queued" {
			return r.delivered(pending)
		}
		select {
		case <-again.C:
		case <-enough.C:
			return warn(fmt.Sprintf("still queued after %s", mailPatience), "look for the mail provider's answers in the log; the mail is tried again by itself")
		case <-ctx.Done():
			return noAnswer(ctx.Err())
		}
	}
}

func (r *run) delivered(pending pendingCode) Result {
	switch {
	case pending.Delivery == "sent":
		return ok("the mail provider took the mail")
	case pending.Delivery == "held":
		return warn("held: this address has got enough mail", "come again after "+pending.ResendAt.UTC().Format(time.DateTime)+" UTC")
	case r.To == "":
		return warn("the mail provider refused a mail to an address that nobody has", "see with --to whether it takes others")
	}
	return fail("the mail provider refused the mail", "check MAIL_FROM, MAILGUN_DOMAIN and MAILGUN_API_KEY, and the provider's answer in the log")
}

// cleanup leaves nothing behind: neither a pending sign-in nor, when a check before failed half-way, a session. An
// instance that knows of none answers 204 and leaves the cookie, so the next one is asked.
func (r *run) cleanup(ctx context.Context) Result {
	method, path, body := http.MethodDelete, "/api/auth/code", ""
	if r.signedIn {
		method, path, body = http.MethodPost, "/api/auth/sign-out", "{}"
	}
	for range r.Requests {
		if r.client.session() == "" {
			break
		}
		if a := r.client.write(ctx, method, path, body); a.status != http.StatusNoContent {
			return r.unexpected(a)
		}
	}
	if r.client.session() != "" {
		return fail(fmt.Sprintf("none of %d requests to forget the sign-in cleared its cookie", r.Requests), hintLost)
	}
	return ok("the sign-in is forgotten")
}
