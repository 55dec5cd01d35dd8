package mailgun_test

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
	"sana/backend/mail/mailgun"
	"sana/backend/test/mailgunfake"
	"sana/backend/test/mailtest"
)

// answers are all the ways in which a provider can answer, with what each means.
func answers() map[string]struct {
	answer mailgunfake.Answer
	want   mailtest.Retry
} {
	type row = struct {
		answer mailgunfake.Answer
		want   mailtest.Retry
	}
	status := func(code int, want mailtest.Retry) row {
		return row{
			mailgunfake.Answer{Status: code,
				Body: `{"message":"no: ` + mailtest.Address + ` ` + mailtest.Code + `"}`}, want}
	}
	return map[string]row{
		"200":               {mailgunfake.Answer{}, mailtest.Accepted},
		"202":               {mailgunfake.Answer{Status: 202}, mailtest.Accepted},
		"200 with garbage":  {mailgunfake.Answer{Body: "<html>" + mailtest.Code}, mailtest.Later},
		"200 without an id": status(200, mailtest.Later),
		"200, then a reset": {mailgunfake.Answer{Reset: true}, mailtest.Later},
		"302":               status(302, mailtest.Never),
		"307":               status(307, mailtest.Never),
		"400":               status(400, mailtest.Never),
		"401":               status(401, mailtest.Never),
		"402":               status(402, mailtest.Never),
		"403":               status(403, mailtest.Never),
		"404":               status(404, mailtest.Never),
		"408":               status(408, mailtest.Later),
		"413":               status(413, mailtest.Never),
		"425":               status(425, mailtest.Later),
		"429":               status(429, mailtest.Throttled),
		"500":               status(500, mailtest.Later),
		"502":               status(502, mailtest.Later),
		"503":               status(503, mailtest.Later),
		"500 without an end": {mailgunfake.Answer{Status: 500, Body: mailtest.Code, Endless: true},
			mailtest.Later},
		"400 without an end": {mailgunfake.Answer{Status: 400, Body: mailtest.Code, Endless: true},
			mailtest.Never},
		"400, then a reset":   {mailgunfake.Answer{Status: 400, Reset: true}, mailtest.Never},
		"429, then no reason": {mailgunfake.Answer{Status: 429, Body: "\x00"}, mailtest.Throttled},
	}
}

func TestEachAnswerSaysWhetherToTryAgain(t *testing.T) {
	t.Parallel()
	for name, row := range answers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fake := startFake(t)
			fake.Script(row.answer)
			if err := aSender(t, fake).Send(mailtest.WithDeadline(t),
				mailtest.Message()); mailtest.RetryOf(err) != row.want {
				t.Errorf("got %q (%v), want %q", mailtest.RetryOf(err), err, row.want)
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
		`{"message":"Free accounts: ` + mailtest.Address + ` is not authorized, ` + mailtest.Code +
			`"}`: "400 message refused; " +
			"Mailgun says: Free accounts: […] is not authorized, […]",
		`{"message":""}`: "400 message refused",
		`<html>`:         "400 message refused",
	} {
		fake := startFake(t)
		fake.Script(mailgunfake.Answer{Status: http.StatusBadRequest, Body: body})
		err := aSender(t, fake).Send(mailtest.WithDeadline(t), mailtest.Message())
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
			mailtest.NoSecretIn(t,
				aSender(t, fake).Send(mailtest.WithDeadline(t), mailtest.Message()), apiKey, domain)
		})
	}
	for name, m := range mailtest.BadMessages() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			mailtest.NoSecretIn(t, aSender(t, startFake(t)).Send(mailtest.WithDeadline(t), m), m.To,
				apiKey, domain)
		})
	}
}

func TestRefusedCredentialsCanBeToldApart(t *testing.T) {
	t.Parallel()
	fake := startFake(t)
	stranger := senderTo(t, mailgun.Config{Domain: domain, APIKey: "another", APIBase: fake.URL()})
	if err := stranger.Send(mailtest.WithDeadline(t), mailtest.Message()); !errors.Is(err,
		mail.ErrCredentials) || !mail.IsPermanent(err) {
		t.Errorf("wrong key: got %v, want a permanent ErrCredentials", err)
	}
	fake.Script(mailgunfake.Answer{Status: http.StatusBadRequest})
	if err := aSender(t, fake).Send(mailtest.WithDeadline(t), mailtest.Message()); err == nil ||
		errors.Is(err, mail.ErrCredentials) {
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
		err := aSender(t, fake).Send(mailtest.WithDeadline(t), mailtest.Message())
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
	sender := senderTo(t, mailgun.Config{
		Domain: domain, APIKey: apiKey, APIBase: fake.URL(), Timeout: 50 * time.Millisecond,
	})
	ctx := mailtest.WithDeadline(t)
	err := sender.Send(ctx, mailtest.Message())
	if ctx.Err() != nil {
		t.Fatal("the sender gave up only with its context")
	}
	if mailtest.RetryOf(err) != mailtest.Later || !strings.HasSuffix(err.Error(), "timed out") {
		t.Errorf("got %v, want a temporary error that says timed out", err)
	}
}

func TestSendStopsWithItsContext(t *testing.T) {
	t.Parallel()
	fake := startFake(t)
	fake.Script(mailgunfake.Answer{Stall: make(chan struct{})})
	ctx, cancel := context.WithCancel(mailtest.WithDeadline(t))
	go func() {
		_, _ = fake.Wait(ctx, 1)
		cancel()
	}()
	err := aSender(t, fake).Send(ctx, mailtest.Message())
	if !errors.Is(err, context.Canceled) || mail.IsPermanent(err) {
		t.Errorf("got %v, want context.Canceled, to be tried again", err)
	}
	mailtest.NoSecretIn(t, err)
}

func TestAnEndlessAnswerIsCutOff(t *testing.T) {
	t.Parallel()
	fake := startFake(t)
	fake.Script(mailgunfake.Answer{Endless: true, Body: strings.Repeat(" ", 1<<10)})
	ctx := mailtest.WithDeadline(t)
	err := senderTo(t, mailgun.Config{
		Domain: domain, APIKey: apiKey, APIBase: fake.URL(), Timeout: time.Hour,
	}).Send(ctx, mailtest.Message())
	if ctx.Err() != nil {
		t.Fatal("the sender read on until its context ended")
	}
	if mailtest.RetryOf(err) != mailtest.Later {
		t.Errorf("got %v, want a temporary error", err)
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	t.Parallel()
	elsewhere, fake := startFake(t), startFake(t)
	for _, status := range []int{301, 302, 303, 307, 308} {
		target := http.Header{"Location": {elsewhere.URL() + "/" + domain + "/messages"}}
		fake.Script(mailgunfake.Answer{Status: status, Header: target})
		if err := aSender(t, fake).Send(mailtest.WithDeadline(t),
			mailtest.Message()); !mail.IsPermanent(err) {
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
	err := sender.Send(mailtest.WithDeadline(t), mailtest.Message())
	if mailtest.RetryOf(err) != mailtest.Later ||
		!strings.HasSuffix(err.Error(), "connection refused") {
		t.Errorf("got %v, want a temporary error that says connection refused", err)
	}
	mailtest.NoSecretIn(t, err)
}

func TestAnUntrustedCertificateIsNamed(t *testing.T) {
	t.Parallel()
	server := httptest.NewUnstartedServer(mailgunfake.New(domain, apiKey))
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // the refused handshake is what is wanted
	server.StartTLS()
	t.Cleanup(server.Close)
	sender := senderTo(t, mailgun.Config{
		// for a busy machine
		Domain: domain, APIKey: apiKey, APIBase: server.URL + "/v3", Timeout: time.Minute,
	})
	err := sender.Send(t.Context(), mailtest.Message())
	if mailtest.RetryOf(err) != mailtest.Later ||
		!strings.HasSuffix(err.Error(), "certificate not trusted") {
		t.Errorf("got %v, want a temporary error that says certificate not trusted", err)
	}
}
