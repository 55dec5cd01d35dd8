package mailgun_test

import (
	"errors"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sana/backend/mail"
	"sana/backend/mail/mailgun"
	"sana/backend/test/mailgunfake"
	"sana/backend/test/mailtest"
)

const (
	domain = "mg.sana.example"
	apiKey = "key-canary-0815"
)

func startFake(t *testing.T) *mailgunfake.Server {
	t.Helper()
	fake := mailgunfake.Start(domain, apiKey)
	t.Cleanup(fake.Close)
	return fake
}

func senderTo(t *testing.T, c mailgun.Config) *mailgun.Sender {
	t.Helper()
	sender, err := mailgun.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return sender
}

// aSender sends to fake with timeouts that only a failing test meets.
func aSender(t *testing.T, fake *mailgunfake.Server) *mailgun.Sender {
	t.Helper()
	return senderTo(t, mailgun.Config{Domain: domain, APIKey: apiKey, APIBase: fake.URL()})
}

func TestMailgunGetsTheMessageAsItIs(t *testing.T) {
	t.Parallel()
	fake := startFake(t)
	sent := mailtest.Message()
	if err := aSender(t, fake).Send(mailtest.WithDeadline(t), sent); err != nil {
		t.Fatal(err)
	}
	got := fake.Messages()
	if len(got) != 1 {
		t.Fatalf("got %d messages, want 1", len(got))
	}
	m := got[0]
	if !slices.Equal(m.To, []string{sent.To}) || m.From != sent.From || m.Subject != sent.Subject {
		t.Errorf("got to %q, from %q, subject %q, want those of %#v", m.To, m.From, m.Subject, sent)
	}
	if m.Text != sent.Text || m.HTML != sent.HTML || !maps.Equal(m.Headers, sent.Headers) {
		t.Errorf("got text %q, HTML %q, headers %q, want those of %#v", m.Text, m.HTML, m.Headers,
			sent)
	}
	if !slices.Equal(m.Tags, []string{sent.Kind}) {
		t.Errorf("got tags %q, want the kind %q alone", m.Tags, sent.Kind)
	}
}

func TestTrackingIsOffAndTLSIsRequired(t *testing.T) {
	t.Parallel()
	fake := startFake(t)
	if err := aSender(t, fake).Send(mailtest.WithDeadline(t), mailtest.Message()); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"tracking": "no", "tracking-clicks": "no", "tracking-opens": "no",
		"require-tls": "true"}
	if got := fake.Messages()[0].Options; !maps.Equal(got, want) {
		t.Errorf("got options %q, want %q", got, want)
	}
}

func TestCommaInAddressIsRefused(t *testing.T) {
	t.Parallel()
	fake := startFake(t)
	m := mailtest.Message()
	m.To = "ada@people.example,eve@people.example"
	if err := aSender(t, fake).Send(mailtest.WithDeadline(t), m); !mail.IsPermanent(err) {
		t.Errorf("got %v, want a permanent error", err)
	}
	if got := fake.Messages(); len(got) != 0 {
		t.Errorf("got %d messages sent, want none", len(got))
	}
}

func TestNothingThatCouldReachAnyoneElseIsSent(t *testing.T) {
	t.Parallel()
	fake := startFake(t)
	sender := aSender(t, fake)
	for name, m := range mailtest.BadMessages() {
		if err := sender.Send(mailtest.WithDeadline(t), m); !mail.IsPermanent(err) {
			t.Errorf("%s: got %v, want a permanent error", name, err)
		}
	}
	if got := fake.Messages(); len(got) != 0 {
		t.Errorf("got %d messages sent, want none", len(got))
	}
}

// P-38: with few kept connections a slow provider holds up the queue.
func TestSixtyFourConnectionsAreKept(t *testing.T) {
	t.Parallel()
	const atOnce = 64
	fake := mailgunfake.New(domain, apiKey)
	var connections atomic.Int64
	server := httptest.NewUnstartedServer(fake)
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
		}
	}
	server.Start()
	t.Cleanup(server.Close)
	sender := senderTo(t,
		mailgun.Config{Domain: domain, APIKey: apiKey, APIBase: server.URL + "/v3"})
	for round := 1; round <= 3; round++ {
		sendAtOnce(t, sender, fake, atOnce, round*atOnce)
	}
	if got := connections.Load(); got != atOnce {
		t.Errorf("got %d connections for three rounds of %d messages, want %d", got, atOnce, atOnce)
	}
}

// sendAtOnce has n messages under way at the same time, which brings the fake's count to total.
func sendAtOnce(t *testing.T, sender mail.Sender, fake *mailgunfake.Fake, n, total int) {
	t.Helper()
	ctx := mailtest.WithDeadline(t)
	release := make(chan struct{})
	for range n {
		fake.Script(mailgunfake.Answer{Stall: release})
	}
	var group sync.WaitGroup
	for range n {
		group.Go(func() {
			if err := sender.Send(ctx, mailtest.Message()); err != nil {
				t.Error(err)
			}
		})
	}
	if _, err := fake.Wait(ctx, total); err != nil {
		t.Error(err)
	}
	close(release)
	group.Wait()
}

// Each of many concurrent messages must get its own answer: the pause of one must not end up with
// another.
func TestConcurrentMessagesDoNotMixTheirAnswers(t *testing.T) {
	t.Parallel()
	fake := startFake(t)
	sender := aSender(t, fake)
	release := make(chan struct{})
	want := map[time.Duration]int{}
	for i := range 32 {
		header := http.Header{"Retry-After": {strconv.Itoa(i)}}
		fake.Script(mailgunfake.Answer{Status: 429, Header: header, Stall: release})
		want[time.Duration(i)*time.Second]++
	}
	got := map[time.Duration]int{}
	var mu sync.Mutex
	var group sync.WaitGroup
	for range 32 {
		group.Go(func() {
			throttled := &mail.Throttled{After: -1}
			errors.As(sender.Send(mailtest.WithDeadline(t), mailtest.Message()), &throttled)
			mu.Lock()
			defer mu.Unlock()
			got[throttled.After]++
		})
	}
	if _, err := fake.Wait(mailtest.WithDeadline(t), 32); err != nil {
		t.Error(err)
	}
	close(release)
	group.Wait()
	if !maps.Equal(got, want) {
		t.Errorf("got pauses %v, want each of %v once", got, want)
	}
}

func TestAWrongConfigurationIsRefusedWithoutItsKey(t *testing.T) {
	t.Parallel()
	good := mailgun.Config{Domain: domain, APIKey: apiKey, APIBase: "https://api.eu.mailgun.net/v3"}
	for name, spoil := range map[string]func(*mailgun.Config){
		"no domain":         func(c *mailgun.Config) { c.Domain = "" },
		"a path as domain":  func(c *mailgun.Config) { c.Domain = "../domains" },
		"no key":            func(c *mailgun.Config) { c.APIKey = "" },
		"a line end in key": func(c *mailgun.Config) { c.APIKey = apiKey + "\n" },
		"no version":        func(c *mailgun.Config) { c.APIBase = "https://api.mailgun.net" },
		"no URL":            func(c *mailgun.Config) { c.APIBase = "api.mailgun.net/v3" },
		"key over the open": func(c *mailgun.Config) { c.APIBase = "http://api.mailgun.net/v3" },
		"an odd scheme":     func(c *mailgun.Config) { c.APIBase = "ftp://127.0.0.1/v3" },
		"not quite loopback": func(
			c *mailgun.Config) {
			c.APIBase = "http://127.0.0.1.evil.example/v3"
		},
	} {
		config := good
		spoil(&config)
		_, err := mailgun.New(config)
		if err == nil {
			t.Errorf("%s: got no error", name)
			continue
		}
		if strings.Contains(err.Error(), apiKey) {
			t.Errorf("%s: got %q, want no key in it", name, err)
		}
	}
	for _, base := range []string{
		"", "https://api.eu.mailgun.net/v3", "https://api.eu.mailgun.net/v3/", "http://[::1]:1/v3",
		"http://localhost:1/v3",
	} {
		good.APIBase = base
		if _, err := mailgun.New(good); err != nil {
			t.Errorf("base %q: got %v, want it taken", base, err)
		}
	}
}
