package mail_test

import (
	"errors"
	"slices"
	"testing"

	"sana/backend/mail"
	"sana/backend/mail/mailgunfake"

	"github.com/google/go-cmp/cmp"
)

func TestTheDomainsStateIsReadWithWhatIsWrongInItsDNS(t *testing.T) {
	t.Parallel()
	fake := startFake(t)
	sender := aSender(t, fake)
	for _, row := range []struct {
		set  mailgunfake.State
		want mail.Domain
	}{
		{mailgunfake.State{}, mail.Domain{State: "active"}},
		{mailgunfake.State{State: "unverified", FaultyDNS: true}, mail.Domain{State: "unverified", Faulty: []string{"TXT mx._domainkey." + domain}}},
		{mailgunfake.State{State: "disabled", Reason: "bad customer"}, mail.Domain{State: "disabled", Reason: "bad customer"}},
	} {
		fake.SetState(row.set)
		got, err := sender.Domain(withDeadline(t))
		if diff := cmp.Diff(row.want, got); diff != "" || err != nil {
			t.Errorf("%+v: %v (-want +got):\n%s", row.set, err, diff)
		}
	}
}

func TestAKeyThatMayOnlySendIsToldFromAWrongOne(t *testing.T) {
	t.Parallel()
	fake := startFake(t)
	fake.SetState(mailgunfake.State{SendingOnly: true})
	sender := aSender(t, fake)
	if _, err := sender.Domain(withDeadline(t)); !errors.Is(err, mail.ErrCredentials) {
		t.Errorf("a sending key asks for the domain: got %v, want ErrCredentials", err)
	}
	if err := sender.MaySend(withDeadline(t)); err != nil {
		t.Errorf("a sending key: got %v, want that it may send", err)
	}
	wrong := senderTo(t, mail.MailgunConfig{Domain: domain, APIKey: "guess", APIBase: fake.URL()})
	if err := wrong.MaySend(withDeadline(t)); !errors.Is(err, mail.ErrCredentials) {
		t.Errorf("a wrong key: got %v, want ErrCredentials", err)
	}
	if got := len(fake.Messages()); got != 0 {
		t.Errorf("got %d messages by asking, want none", got)
	}
}

func TestADomainThatMailgunDoesNotKnowIsSaidToBe(t *testing.T) {
	t.Parallel()
	fake := startFake(t)
	elsewhere := senderTo(t, mail.MailgunConfig{Domain: "other.example", APIKey: apiKey, APIBase: fake.URL()})
	_, err := elsewhere.Domain(withDeadline(t))
	_, onList := elsewhere.Suppressed(withDeadline(t), canaryAddress)
	for what, err := range map[string]error{"domain": err, "suppressed": onList, "may send": elsewhere.MaySend(withDeadline(t))} {
		if !errors.Is(err, mail.ErrUnknownDomain) {
			t.Errorf("%s: got %v, want ErrUnknownDomain", what, err)
		}
	}
	fake.Close()
	_, err = elsewhere.Domain(withDeadline(t))
	if err == nil {
		t.Error("nobody there: got no error")
	}
	noSecretIn(t, err)
}

func TestSuppressedNamesTheListsAndTakesNobodyOff(t *testing.T) {
	t.Parallel()
	fake := startFake(t)
	sender := aSender(t, fake)
	const odd = "a+b/c?d#e%41@people.example"
	fake.Suppress("complaints", odd)
	fake.Suppress("bounces", odd)
	for range 2 {
		if got, err := sender.Suppressed(withDeadline(t), odd); err != nil || !slices.Equal(got, []string{"bounces", "complaints"}) {
			t.Errorf("got %q, %v; want both lists", got, err)
		}
	}
	if got, err := sender.Suppressed(withDeadline(t), canaryAddress); err != nil || len(got) != 0 {
		t.Errorf("on no list: got %q, %v", got, err)
	}
}

func TestTheFateOfAMailIsTheFinalOneWhateverCameBetween(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		events []mailgunfake.Event
		want   mail.Fate
	}{
		"nothing yet":       {nil, mail.Unchanged},
		"accepted":          {[]mailgunfake.Event{{Event: "accepted"}}, mail.Unchanged},
		"put off":           {[]mailgunfake.Event{{Event: "failed", Severity: "temporary"}}, mail.Deferred},
		"late":              {[]mailgunfake.Event{{Event: "failed", Severity: "temporary"}, {Event: "delivered"}}, mail.Delivered},
		"no such mailbox":   {[]mailgunfake.Event{{Event: "failed", Severity: "permanent", Code: 550, Enhanced: "5.1.1"}}, mail.NoSuchMailbox},
		"blocked by a list": {[]mailgunfake.Event{{Event: "failed", Severity: "permanent", Reason: "suppress-bounce"}}, mail.Blocked},
	} {
		fake := startFake(t)
		sender := aSender(t, fake)
		id, err := sender.Post(withDeadline(t), aMessage())
		if err != nil || id != "1@"+domain {
			t.Fatalf("%s: got id %q, %v", name, id, err)
		}
		for _, event := range test.events {
			fake.Happens(event)
		}
		if got, err := sender.Fate(withDeadline(t), id); err != nil || got != test.want {
			t.Errorf("%s: got %q, %v; want %q", name, got, err, test.want)
		}
		if got, err := sender.Fate(withDeadline(t), "2@"+domain); err != nil || got != mail.Unchanged {
			t.Errorf("%s: got %q, %v for another mail", name, got, err)
		}
	}
}

func TestWebhooksAreListedByType(t *testing.T) {
	t.Parallel()
	fake := startFake(t)
	want := map[string][]string{"delivered": {"https://a.example/x", "https://b.example/y"}}
	fake.SetState(mailgunfake.State{Webhooks: want})
	got, err := aSender(t, fake).Webhooks(withDeadline(t))
	if err != nil || !slices.Equal(got["delivered"], want["delivered"]) || len(got["permanent_fail"]) != 0 {
		t.Errorf("got %q, %v; want %q", got, err, want)
	}
}
