package mail_test

import (
	"context"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"sana/backend/mail"
	"sana/backend/mail/mailgunfake"
)

// retry is what an error tells the caller to do.
type retry string

const (
	never     retry = "never"
	later     retry = "later"
	throttled retry = "throttled"
	accepted  retry = "accepted"
)

func retryOf(err error) retry {
	var held *mail.Throttled
	switch {
	case err == nil:
		return accepted
	case mail.IsPermanent(err):
		return never
	case errors.As(err, &held):
		return throttled
	default:
		return later
	}
}

// answers are all the ways in which a provider can answer, with what each means.
func answers() map[string]struct {
	answer mailgunfake.Answer
	want   retry
} {
	type row = struct {
		answer mailgunfake.Answer
		want   retry
	}
	status := func(code int, want retry) row {
		return row{mailgunfake.Answer{Status: code, Body: `{"message":"no: ` + canaryAddress + ` ` + canaryCode + `"}`}, want}
	}
	return map[string]row{
		"200":                 {mailgunfake.Answer{}, accepted},
		"202":                 {mailgunfake.Answer{Status: 202}, accepted},
		"200 with garbage":    {mailgunfake.Answer{Body: "<html>" + canaryCode}, later},
		"200 without an id":   status(200, later),
		"200, then a reset":   {mailgunfake.Answer{Reset: true}, later},
		"302":                 status(302, never),
		"307":                 status(307, never),
		"400":                 status(400, never),
		"401":                 status(401, never),
		"402":                 status(402, never),
		"403":                 status(403, never),
		"404":                 status(404, never),
		"408":                 status(408, later),
		"413":                 status(413, never),
		"425":                 status(425, later),
		"429":                 status(429, throttled),
		"500":                 status(500, later),
		"502":                 status(502, later),
		"503":                 status(503, later),
		"500 without an end":  {mailgunfake.Answer{Status: 500, Body: canaryCode, Endless: true}, later},
		"400 without an end":  {mailgunfake.Answer{Status: 400, Body: canaryCode, Endless: true}, never},
		"400, then a reset":   {mailgunfake.Answer{Status: 400, Reset: true}, never},
		"429, then no reason": {mailgunfake.Answer{Status: 429, Body: "\x00"}, throttled},
	}
}

func TestEachAnswerSaysWhetherToTryAgain(t *testing.T) {
	t.Parallel()
	for name, row := range answers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fake := startFake(t)
			fake.Script(row.answer)
			if err := aSender(t, fake).Send(withDeadline(t), aMessage()); retryOf(err) != row.want {
				t.Errorf("got %q (%v), want %q", retryOf(err), err, row.want)
			}
			if got := len(fake.Messages()); got != 1 {
				t.Errorf("got %d requests, want 1: trying again is the caller's to decide", got)
			}
		})
	}
}

func TestMailgun_QuotesRefusalWithoutSecrets(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		`{"message":"Free accounts: ` + canaryAddress + ` is not authorized, ` + canaryCode + `"}`: "400 message refused; " +
			"Mailgun says: Free accounts: […] is not authorized, […]",
		`{"message":""}`: "400 message refused",
		`<html>`:         "400 message refused",
	} {
		fake := startFake(t)
		fake.Script(mailgunfake.Answer{Status: http.StatusBadRequest, Body: body})
		err := aSender(t, fake).Send(withDeadline(t), aMessage())
		if err == nil || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", body, err, want)
		}
	}
}

func TestErrorsNeverCarryTheAddressOrTheCode(t *testing.T) {
	t.Parallel()
	for name, row := range answers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fake := startFake(t)
			fake.Script(row.answer)
			noSecretIn(t, aSender(t, fake).Send(withDeadline(t), aMessage()))
		})
	}
	for name, m := range badMessages() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			noSecretIn(t, aSender(t, startFake(t)).Send(withDeadline(t), m), m.To)
		})
	}
}

// noSecretIn looks into err and all that it wraps.
func noSecretIn(t *testing.T, err error, more ...string) {
	t.Helper()
	for ; err != nil; err = errors.Unwrap(err) {
		for _, secret := range append(more, canaryAddress, canaryCode, apiKey, domain, "127.0.0.1", "http:") {
			if secret != "" && strings.Contains(err.Error(), secret) {
				t.Errorf("got %q, want no %q in it", err, secret)
			}
		}
	}
}

func TestRefusedCredentialsCanBeToldApart(t *testing.T) {
	t.Parallel()
	fake := startFake(t)
	stranger := senderTo(t, mail.MailgunConfig{Domain: domain, APIKey: "another", APIBase: fake.URL()})
	if err := stranger.Send(withDeadline(t), aMessage()); !errors.Is(err, mail.ErrCredentials) || !mail.IsPermanent(err) {
		t.Errorf("wrong key: got %v, want a permanent ErrCredentials", err)
	}
	fake.Script(mailgunfake.Answer{Status: http.StatusBadRequest})
	if err := aSender(t, fake).Send(withDeadline(t), aMessage()); err == nil || errors.Is(err, mail.ErrCredentials) {
		t.Errorf("400: got %v, want another error than ErrCredentials", err)
	}
}

func TestThrottlingSaysForHowLong(t *testing.T) {
	t.Parallel()
	date := http.Header{"Date": {"Sun, 22 Nov 2026 14:05:00 GMT"}}
	for retryAfter, want := range map[string]time.Duration{
		"30":                            30 * time.Second,
		"0":                             0,
		"-5":                            0,
		"600":                           10 * time.Minute,
		"601":                           10 * time.Minute,
		"2147483647":                    10 * time.Minute,
		"99999999999999999999":          0,
		"soon":                          0,
		"":                              0,
		"Sun, 22 Nov 2026 14:05:42 GMT": 42 * time.Second,
		"Sun, 22 Nov 2026 14:04:00 GMT": 0,
		"Mon, 22 Nov 2027 14:05:00 GMT": 10 * time.Minute,
	} {
		fake := startFake(t)
		header := date.Clone()
		header.Set("Retry-After", retryAfter)
		fake.Script(mailgunfake.Answer{Status: http.StatusTooManyRequests, Header: header})
		err := aSender(t, fake).Send(withDeadline(t), aMessage())
		var throttled *mail.Throttled
		if !errors.As(err, &throttled) || throttled.After != want {
			t.Errorf("Retry-After %q: got %v, want throttled for %s", retryAfter, err, want)
		}
	}
}

func TestAStalledProviderIsGivenUpAfterTheTimeout(t *testing.T) {
	t.Parallel()
	fake := startFake(t)
	fake.Script(mailgunfake.Answer{Stall: make(chan struct{})})
	sender := senderTo(t, mail.MailgunConfig{
		Domain: domain, APIKey: apiKey, APIBase: fake.URL(), Timeout: 50 * time.Millisecond,
	})
	ctx := withDeadline(t)
	err := sender.Send(ctx, aMessage())
	if ctx.Err() != nil {
		t.Fatal("the sender gave up only with its context")
	}
	if retryOf(err) != later || !strings.HasSuffix(err.Error(), "timed out") {
		t.Errorf("got %v, want a temporary error that says timed out", err)
	}
}

func TestSendStopsWithItsContext(t *testing.T) {
	t.Parallel()
	fake := startFake(t)
	fake.Script(mailgunfake.Answer{Stall: make(chan struct{})})
	ctx, cancel := context.WithCancel(withDeadline(t))
	go func() {
		_, _ = fake.Wait(ctx, 1)
		cancel()
	}()
	err := aSender(t, fake).Send(ctx, aMessage())
	if !errors.Is(err, context.Canceled) || mail.IsPermanent(err) {
		t.Errorf("got %v, want context.Canceled, to be tried again", err)
	}
	noSecretIn(t, err)
}

func TestAnEndlessAnswerIsCutOff(t *testing.T) {
	t.Parallel()
	fake := startFake(t)
	fake.Script(mailgunfake.Answer{Endless: true, Body: strings.Repeat(" ", 1<<10)})
	ctx := withDeadline(t)
	err := senderTo(t, mail.MailgunConfig{
		Domain: domain, APIKey: apiKey, APIBase: fake.URL(), Timeout: time.Hour,
	}).Send(ctx, aMessage())
	if ctx.Err() != nil {
		t.Fatal("the sender read on until its context ended")
	}
	if retryOf(err) != later {
		t.Errorf("got %v, want a temporary error", err)
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	t.Parallel()
	elsewhere, fake := startFake(t), startFake(t)
	for _, status := range []int{301, 302, 303, 307, 308} {
		target := http.Header{"Location": {elsewhere.URL() + "/" + domain + "/messages"}}
		fake.Script(mailgunfake.Answer{Status: status, Header: target})
		if err := aSender(t, fake).Send(withDeadline(t), aMessage()); !mail.IsPermanent(err) {
			t.Errorf("%d: got %v, want a permanent error", status, err)
		}
	}
	if got := len(elsewhere.Messages()); got != 0 {
		t.Errorf("got %d messages where the redirect points, want none", got)
	}
}

func TestAProviderThatIsNotThereIsATemporaryFailure(t *testing.T) {
	t.Parallel()
	fake := startFake(t)
	sender := aSender(t, fake)
	fake.Close()
	err := sender.Send(withDeadline(t), aMessage())
	if retryOf(err) != later || !strings.HasSuffix(err.Error(), "connection refused") {
		t.Errorf("got %v, want a temporary error that says connection refused", err)
	}
	noSecretIn(t, err)
}

func TestAnUntrustedCertificateIsNamed(t *testing.T) {
	t.Parallel()
	server := httptest.NewUnstartedServer(mailgunfake.New(domain, apiKey))
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // the refused handshake is what is wanted
	server.StartTLS()
	t.Cleanup(server.Close)
	sender := senderTo(t, mail.MailgunConfig{Domain: domain, APIKey: apiKey, APIBase: server.URL + "/v3"})
	err := sender.Send(withDeadline(t), aMessage())
	if retryOf(err) != later || !strings.HasSuffix(err.Error(), "certificate not trusted") {
		t.Errorf("got %v, want a temporary error that says certificate not trusted", err)
	}
}
