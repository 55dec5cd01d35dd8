package doctor_test

import (
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"sana/backend/diagnose"
	"sana/backend/diagnose/doctor"
	"sana/backend/mail"
	"sana/backend/mail/mailgun"
	"sana/backend/mail/smtp"
	"sana/backend/test/harness"
	"sana/backend/test/mailgunfake"
)

const (
	domain = "mg.sana.example"
	apiKey = "key-canary"
	ada    = "ada@people.example"
)

func startMailgun(t *testing.T) *mailgunfake.Server {
	t.Helper()
	fake := mailgunfake.Start(domain, apiKey)
	t.Cleanup(fake.Close)
	return fake
}

// byMailgun returns a configuration for a Mailgun at base; change is applied before the sender is
// created.
func byMailgun(t *testing.T, base string, change ...func(*mailgun.Config)) doctor.Mail {
	t.Helper()
	c := mailgun.Config{Domain: domain, APIKey: apiKey, APIBase: base}
	for _, do := range change {
		do(&c)
	}
	sender, err := mailgun.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return doctor.Mail{
		From:      "Sana <sign-in@mg.sana.example>",
		PublicURL: &url.URL{Scheme: "https", Host: "sana.example"}, Mailgun: sender,
		MailgunDomain: c.Domain, Webhook: true,
	}
}

func bySMTP(t *testing.T, address, user, password string) doctor.Mail {
	t.Helper()
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	number, err := net.LookupPort("tcp", port)
	if err != nil {
		t.Fatal(err)
	}
	sender, err := smtp.New(
		smtp.Config{Host: host, Port: number, Username: user, Password: password})
	if err != nil {
		t.Fatal(err)
	}
	return doctor.Mail{From: "sana@sana.example",
		PublicURL: &url.URL{Scheme: "https", Host: "sana.example"}, SMTP: sender,
		SMTPServer: address}
}

func webhooksAt(address string, kinds ...string) map[string][]string {
	hooks := map[string][]string{}
	for _, kind := range kinds {
		hooks[kind] = []string{"https://elsewhere.example/hook", address}
	}
	return hooks
}

func TestMail_ChecksMailgunDomainWebhooksAndSender(t *testing.T) {
	t.Parallel()
	const ours = "https://sana.example/api/webhooks/mailgun"
	all := webhooksAt(ours, "delivered", "permanent_fail", "temporary_fail")
	for name, test := range map[string]struct {
		set          mailgunfake.State
		change       func(*mailgun.Config)
		check        string
		state        diagnose.State
		detail, hint string
	}{
		"active": {mailgunfake.State{}, nil, "mail-provider", diagnose.Passed,
			"Mailgun: mg.sana.example is active", ""},
		"unverified": {mailgunfake.State{State: "unverified", FaultyDNS: true}, nil,
			"mail-provider", diagnose.Failed, "is unverified; it does not find TXT mx._domainkey.",
			"DNS records"},
		"disabled": {mailgunfake.State{State: "disabled", Reason: "too many bounces"},
			nil, "mail-provider", diagnose.Failed, "is disabled too many bounces", "support"},
		"a record that went away": {mailgunfake.State{FaultyDNS: true}, nil, "mail-provider",
			diagnose.Warned, "is active; it does not find", "spam"},
		"a sending key": {mailgunfake.State{SendingOnly: true}, nil, "mail-provider",
			diagnose.Warned, "the key may only send for mg.sana.example", "a key of the account"},
		"a wrong key": {mailgunfake.State{}, func(c *mailgun.Config) { c.APIKey = "guess" },
			"mail-provider", diagnose.Failed, "the key is refused", "MAILGUN_API_KEY"},
		"another domain": {mailgunfake.State{},
			func(c *mailgun.Config) { c.Domain = "other.sana.example" }, "mail-provider",
			diagnose.Failed,
			"does not know other.sana.example", "api.eu.mailgun.net"},
		"webhooks": {mailgunfake.State{Webhooks: all}, nil, "mail-events",
			diagnose.Passed, ours, ""},
		"a webhook too few": {
			mailgunfake.State{Webhooks: webhooksAt(ours, "delivered", "permanent_fail")}, nil,
			"mail-events",
			diagnose.Warned, "does not post temporary_fail to " + ours, "Webhooks"},
		"webhooks to another host": {
			mailgunfake.State{
				Webhooks: webhooksAt("https://x.example/api/webhooks/mailgun", "delivered")},
			nil, "mail-events", diagnose.Warned,
			"does not post delivered, permanent_fail, temporary_fail",
			"Webhooks"},
		"webhooks, a sending key": {mailgunfake.State{SendingOnly: true}, nil, "mail-events",
			diagnose.Warned, "has no access", "a key of the account"},
		"the sender": {mailgunfake.State{}, nil, "suppression", diagnose.Passed,
			"sign-in@mg.sana.example is on none", ""},
		"the sender, sending key": {mailgunfake.State{SendingOnly: true}, nil, "suppression",
			diagnose.Warned, "has no access", "a key of the account"},
	} {
		fake := startMailgun(t)
		fake.SetState(test.set)
		change := test.change
		if change == nil {
			change = func(*mailgun.Config) {}
		}
		got := results(t, byMailgun(t, fake.URL(), change).Checks())
		assert(t, name, got[test.check], test.state, test.detail, test.hint)
		if got["mail-provider"].State == diagnose.Failed {
			assert(t, name, got["suppression"], diagnose.Skipped, "needs mail-provider", "")
		}
		harness.WantEqual(t, name+": mails", len(fake.Messages()), 0)
	}
}

func TestMail_ReportsSuppressionLists(t *testing.T) {
	t.Parallel()
	fake := startMailgun(t)
	fake.Suppress("bounces", "sign-in@mg.sana.example")
	fake.Suppress("unsubscribes", "sign-in@mg.sana.example")
	assert(t, "the sender", results(t, byMailgun(t, fake.URL()).Checks())["suppression"],
		diagnose.Failed,
		"on its list of bounces, and of unsubscribes",
		"sana mail unsuppress sign-in@mg.sana.example")
	fake.Suppress("complaints", ada)
	got := results(t, trip(t, byMailgun(t, fake.URL())))
	assert(t, "the recipient", got["recipient"], diagnose.Failed,
		ada+", which is on its list of complaints", "sana mail unsuppress "+ada)
	assert(t, "the mail", got["roundtrip"], diagnose.Skipped, "needs recipient", "")
	harness.WantEqual(t, "mails", len(fake.Messages()), 0)
}

func TestMail_ReportsUnavailableMailgun(t *testing.T) {
	t.Parallel()
	busy := httptest.NewServer(
		http.HandlerFunc(
			func(w http.ResponseWriter,
				_ *http.Request) {
				w.WriteHeader(http.StatusTooManyRequests)
			}))
	t.Cleanup(busy.Close)
	away := startMailgun(t)
	away.Close()
	assert(t, "throttled", results(t, byMailgun(t, busy.URL+"/v3").Checks())["mail-provider"],
		diagnose.Warned, "rate limit reached", "again")
	assert(t, "away", results(t, byMailgun(t, away.URL()).Checks())["mail-provider"],
		diagnose.Failed, "connection refused", "MAILGUN_API_BASE")
}

func TestMail_ComparesSenderDomains(t *testing.T) {
	t.Parallel()
	fake := startMailgun(t)
	for name, test := range map[string]struct {
		from, domain, site string
		state              diagnose.State
		detail, hint       string
	}{
		"all alike": {"Sana <a@mg.sana.example>", "mg.sana.example", "sana.example",
			diagnose.Passed, "a@mg.sana.example", ""},
		"siblings": {"a@sana.example", "mg.sana.example", "www.sana.example:8443",
			diagnose.Passed, "a@sana.example", ""},
		"a site of others": {"a@mg.sana.example", "mg.sana.example", "sana.onrender.com",
			diagnose.Warned, "another domain than the site, sana.onrender.com",
			"serve PUBLIC_URL below sana.example"},
		"a signature of others": {"a@sana.example", "mg.other.example", "sana.example",
			diagnose.Failed, "DMARC", "below other.example"},
		"neighbours below a public name": {"a@one.co.uk", "mg.one.co.uk", "two.co.uk",
			diagnose.Warned,
			"another domain than the site", "below two.co.uk"},
		"a signature by a public sibling": {"a@one.co.uk", "mg.two.co.uk", "one.co.uk",
			diagnose.Failed,
			"DMARC", "below two.co.uk"},
	} {
		m := byMailgun(t, fake.URL(), func(c *mailgun.Config) { c.Domain = test.domain })
		m.From, m.PublicURL = test.from, &url.URL{Scheme: "https", Host: test.site}
		assert(t, name, results(t, m.Checks())["mail-sender"], test.state, test.detail, test.hint)
	}
	console := doctor.Mail{Console: true, From: "sana@localhost",
		PublicURL: &url.URL{Host: "localhost"}}
	assert(t, "console", results(t, console.Checks())["mail-sender"], diagnose.Passed, "", "")
	assert(t, "console", results(t, console.Checks())["mail-provider"], diagnose.Passed,
		"is not sent", "")
	unknown := doctor.Mail{From: "sana@localhost", PublicURL: &url.URL{Host: "localhost"}}
	assert(t, "a provider without a check", results(t, unknown.Checks())["mail-provider"],
		diagnose.Failed, "no check", "bug")
}

// trip sends a mail and waits only briefly for its delivery.
func trip(t *testing.T, m doctor.Mail) []diagnose.Check {
	t.Helper()
	message := mail.Message{To: ada, From: m.From, Subject: "Sana test mail K7QX2M", Text: "K7QX2M",
		Kind: "test"}
	r := doctor.RoundTrip{Mail: m, To: ada, Message: message, Word: "K7QX2M",
		Patience: 50 * time.Millisecond, Pause: time.Millisecond}
	return append(m.Checks(), r.Checks()...)
}

func TestRoundTrip_ReportsDeliveryStatus(t *testing.T) {
	t.Parallel()
	const taken = "Mailgun accepted the mail K7QX2M to ada@people.example (1@mg.sana.example)"
	late := []mailgunfake.Event{{Event: "failed", Severity: "temporary"}}
	for name, test := range map[string]struct {
		events       []mailgunfake.Event
		answer       mailgunfake.Answer
		sending      bool
		state        diagnose.State
		detail, hint string
	}{
		"delivered": {[]mailgunfake.Event{{Event: "accepted"}, {Event: "delivered"}},
			mailgunfake.Answer{}, false, diagnose.Passed,
			taken + ", and the recipient's server accepted it",
			""},
		"late": {append(late, mailgunfake.Event{Event: "delivered"}), mailgunfake.Answer{},
			false, diagnose.Passed, taken, ""},
		"put off": {late, mailgunfake.Answer{}, false, diagnose.Warned,
			taken + ", but the recipient's server has deferred it", "retries"},
		"bounced": {
			[]mailgunfake.Event{{Event: "failed", Severity: "permanent", Enhanced: "5.1.1"}},
			mailgunfake.Answer{}, false, diagnose.Failed,
			taken + ", and it failed permanently: no_such_mailbox", "Logs"},
		"nothing": {nil, mailgunfake.Answer{}, false, diagnose.Warned,
			taken + ", and its delivery status is unknown after 50ms", "mailbox"},
		"a sending key": {nil, mailgunfake.Answer{}, true, diagnose.Warned,
			taken + "; a sending key cannot read the delivery status", "mailbox"},
		"not taken": {nil, mailgunfake.Answer{Status: 400}, false, diagnose.Failed,
			"400 message refused",
			"MAILGUN_API_BASE"},
	} {
		fake := startMailgun(t)
		fake.Script(test.answer)
		for _, event := range test.events {
			fake.AddEvent(event)
		}
		if test.sending {
			fake.SetState(mailgunfake.State{SendingOnly: true})
		}
		got := results(t, trip(t, byMailgun(t, fake.URL())))
		assert(t, name, got["roundtrip"], test.state, test.detail, test.hint)
		if test.sending { // the suppression state is unknown too, which does not prevent sending
			assert(t, name, got["recipient"], diagnose.Warned, "has no access",
				"a key of the account")
		}
		harness.WantEqual(t, name+": mails", len(fake.Messages()), 1)
	}
}

func TestMail_ReportsSMTPLogin(t *testing.T) {
	t.Parallel()
	address := startRelay(t)
	assert(t, "a relay", results(t, bySMTP(t, address, "", "").Checks())["mail-provider"],
		diagnose.Passed, address+" accepts the login", "")
	assert(t, "a relay with a password",
		results(t, bySMTP(t, address, "sana", "canary").Checks())["mail-provider"], diagnose.Failed,
		"no encryption", "SMTP_URL")
	assert(t, "nothing listens",
		results(t, bySMTP(t, "127.0.0.1:1", "", "").Checks())["mail-provider"], diagnose.Failed,
		"connection refused", "SMTP_URL")
	got := results(t, trip(t, bySMTP(t, address, "", "")))["roundtrip"]
	assert(t, "a mail", got, diagnose.Passed, address+" accepted the mail K7QX2M to "+ada, "")
	assert(t, "console",
		results(t, trip(t, doctor.Mail{Console: true, PublicURL: &url.URL{}}))["roundtrip"],
		diagnose.Warned, "goes to the console", "MAIL_TRANSPORT")
	if strings.Contains(got.Detail, "canary") {
		t.Error("the password is shown")
	}
}
