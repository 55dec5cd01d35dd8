package check

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"syscall"
	"time"

	"sana/backend/diagnose"
)

// Hints of more than one answer.
const (
	hintServer = "check the address, that sana serve runs, and the proxies in between"
	hintLost   = "give all instances the same DATABASE_URL and the same SECRET_KEYS; " +
		"let the proxy pass Host, Cookie and Set-Cookie on unchanged"
	hintCookies  = "let the proxy pass Cookie and Set-Cookie on unchanged"
	hintDatabase = "check that Postgres runs, DATABASE_URL on every instance, and that sana " +
		"migrate has run"
)

// unexpected returns the result for an answer that a check does not expect.
func (r *run) unexpected(a answer) diagnose.Result {
	if a.err != nil {
		return noAnswer(a.err)
	}
	switch a.problem.Code {
	case "misdirected_request":
		return diagnose.Fail(
			"wrong PUBLIC_URL, or the proxy changes Host: this host is refused (421 "+
				"misdirected_request)", "set PUBLIC_URL="+r.client.origin+
				" on every instance; if it is, let the proxy pass the Host header on unchanged")
	case "cross_origin_request":
		return diagnose.Fail(
			"wrong PUBLIC_URL: its own origin is refused (403 cross_origin_request)",
			"set PUBLIC_URL="+r.client.origin+
				" on every instance, scheme and port included; if it is, let the proxy pass "+
				"Origin on unchanged")
	case "unavailable":
		return diagnose.Fail(fmt.Sprintf("database unavailable: %s%s", described(a), retryAfter(a)),
			hintDatabase)
	case "browser_token_missing":
		return diagnose.Fail("cookies do not arrive: "+described(a), hintCookies)
	case "no_pending_code", "code_expired":
		return diagnose.Fail("pending sign-in lost: "+described(a), hintLost)
	case "not_signed_in":
		return diagnose.Fail("session lost: "+described(a), hintLost)
	case "internal_error":
		return diagnose.Fail("failed: "+described(a),
			"look for request id "+printable(a.problem.RequestID)+" in the log of the instances")
	}
	switch {
	case a.status == http.StatusTooManyRequests:
		return diagnose.Warn("rate limit: "+described(a)+retryAfter(a),
			"run this check less often from one network; the limit is not a fault")
	case a.problem.Code != "":
		return diagnose.Fail("refused: "+described(a),
			"look for request id "+printable(a.problem.RequestID)+" in the log of the instances")
	case a.status >= 300 && a.status < 400:
		return diagnose.Fail(
			fmt.Sprintf("redirects elsewhere: %d to %s", a.status,
				printable(a.header.Get("Location"))), "check the address that it redirects to")
	case a.status >= 502 && a.status <= 504:
		return diagnose.Fail(fmt.Sprintf("the proxy in front answers %d, not Sana", a.status),
			"check that sana serve runs and that the proxy forwards to its PORT")
	}
	return diagnose.Fail("not Sana's answer: "+described(a), hintServer)
}

// noAnswer returns the result for a failed request.
func noAnswer(err error) diagnose.Result {
	if outer, is := errors.AsType[*url.Error](err); is {
		err = outer.Err
	}
	var timeout net.Error
	switch {
	case errors.Is(err, context.Canceled):
		return diagnose.Fail("interrupted", "")
	case errors.As(err, new(*tls.CertificateVerificationError)):
		return diagnose.Fail("certificate refused: "+printable(err.Error()),
			"renew the certificate or name its authority with --cacert")
	case errors.As(err, new(tls.RecordHeaderError)), errors.Is(err, http.ErrSchemeMismatch):
		return diagnose.Fail("no TLS here", "check the port, or begin the address with http://")
	case errors.As(err, new(*net.DNSError)):
		return diagnose.Fail("unknown host: "+printable(err.Error()),
			"check the address and its DNS record")
	case errors.Is(err, syscall.ECONNREFUSED):
		return diagnose.Fail("connection refused: "+printable(err.Error()), hintServer)
	case errors.As(err, &timeout) && timeout.Timeout():
		return diagnose.Fail(fmt.Sprintf("no answer within %s", requestTimeout), hintServer)
	}
	return diagnose.Fail("no answer: "+printable(err.Error()), hintServer)
}

// described describes an answer in a few words: its status, and its code or title.
func described(a answer) string {
	if a.problem.Code != "" {
		return fmt.Sprintf("%d %s: %s", a.status, printable(a.problem.Code),
			printable(a.problem.Detail))
	}
	kind := cmp.Or(a.header.Get("Content-Type"), "nothing")
	return fmt.Sprintf("%d with %s", a.status, printable(kind))
}

// retryAfter returns the text of the answer's Retry-After, "" if there is none.
func retryAfter(a answer) string {
	seconds, err := strconv.Atoi(a.header.Get("Retry-After"))
	if err != nil {
		return ""
	}
	return fmt.Sprintf(" Retry in %s.", time.Duration(seconds)*time.Second)
}

// printable shortens text from a remote server to one line.
func printable(s string) string { return diagnose.Printable(s, 200) }

// often sends a GET Requests times, each on a connection of its own. judge returns diagnose.Passed
// for a correct answer. often returns the first result of the worst state. It stops if there is no
// answer.
func (r *run) often(
	ctx context.Context, path string, judge func(answer) diagnose.Result,
) diagnose.Result {
	worst := diagnose.Result{State: diagnose.Passed}
	wrong, asked := 0, 0
	for asked < r.Requests {
		asked++
		a := r.client.get(ctx, path)
		found := judge(a)
		if found.State == diagnose.Passed {
			continue
		}
		wrong++
		if worst.State == diagnose.Passed ||
			found.State == diagnose.Failed && worst.State == diagnose.Warned {
			worst = found
		}
		if a.err != nil {
			break
		}
	}
	if wrong > 0 {
		worst.Detail = fmt.Sprintf("%d of %d requests: %s", wrong, asked, worst.Detail)
	}
	return worst
}
