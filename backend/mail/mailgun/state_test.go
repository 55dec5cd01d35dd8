package mailgun_test

import (
	"errors"
	"slices"
	"testing"

	"sana/backend/mail"
	"sana/backend/mail/mailgun"
	"sana/backend/test/mailgunfake"
	"sana/backend/test/mailtest"

	"github.com/google/go-cmp/cmp"
)

func TestTheDomainsStateIsReadWithWhatIsWrongInItsDNS(t *testing.T) {
	t.Parallel()
	fake := startFake(t)
	sender := aSender(t, fake)
	for _, row := range []struct {
		set  mailgunfake.State
		want mailgun.Domain
	}{
		{mailgunfake.State{}, mailgun.Domain{State: "active"}},
		{mailgunfake.State{State: "unverified", FaultyDNS: true},
			mailgun.Domain{State: "unverified", Faulty: []string{"TXT mx._domainkey." + domain}}},
		{mailgunfake.State{State: "disabled", Reason: "bad customer"},
			mailgun.Domain{State: "disabled", Reason: "bad customer"}},
	} {
		fake.SetState(row.set)
		got, err := sender.Domain(mailtest.WithDeadline(t))
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
	if _, err := sender.Domain(mailtest.WithDeadline(t)); !errors.Is(err, mail.ErrCredentials) {
		t.Errorf("a sending key asks for the domain: got %v, want ErrCredentials", err)
	}
	if err := sender.MaySend(mailtest.WithDeadline(t)); err != nil {
		t.Errorf("a sending key: got %v, want that it may send", err)
	}
	wrong := senderTo(t, mailgun.Config{Domain: domain, APIKey: "guess", APIBase: fake.URL()})
	if err := wrong.MaySend(mailtest.WithDeadline(t)); !errors.Is(err, mail.ErrCredentials) {
		t.Errorf("a wrong key: got %v, want ErrCredentials", err)
	}
	if got := len(fake.Messages()); got != 0 {
		t.Errorf("got %d messages by asking, want none", got)
	}
}

func TestADomainThatMailgunDoesNotKnowIsSaidToBe(t *testing.T) {
	t.Parallel()
	fake := startFake(t)
	elsewhere := senderTo(t,
		mailgun.Config{Domain: "other.example", APIKey: apiKey, APIBase: fake.URL()})
	_, err := elsewhere.Domain(mailtest.WithDeadline(t))
	_, onList := elsewhere.Suppressed(mailtest.WithDeadline(t), mailtest.Address)
	for what, err := range map[string]error{"domain": err, "suppressed": onList,
		"may send": elsewhere.MaySend(mailtest.WithDeadline(t))} {
		if !errors.Is(err, mailgun.ErrUnknownDomain) {
			t.Errorf("%s: got %v, want ErrUnknownDomain", what, err)
		}
	}
	fake.Close()
	_, err = elsewhere.Domain(mailtest.WithDeadline(t))
	if err == nil {
		t.Error("connection refused: got no error")
	}
	mailtest.NoSecretIn(t, err)
}

func TestSuppressedNamesTheListsAndTakesNobodyOff(t *testing.T) {
	t.Parallel()
	fake := startFake(t)
	sender := aSender(t, fake)
	const odd = "a+b/c?d#e%41@people.example"
	fake.Suppress("complaints", odd)
	fake.Suppress("bounces", odd)
	for range 2 {
		if got, err := sender.Suppressed(mailtest.WithDeadline(t), odd); err != nil ||
			!slices.Equal(got, []string{"bounces", "complaints"}) {
			t.Errorf("got %q, %v; want both lists", got, err)
		}
	}
	if got, err := sender.Suppressed(mailtest.WithDeadline(t), mailtest.Address); err != nil ||
		len(got) != 0 {
		t.Errorf("on no list: got %q, %v", got, err)
	}
}

func TestTheFateOfAMailIsTheFinalOneWhateverCameBetween(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		events []mailgunfake.Event
		want   mail.Fate
	}{
		"nothing yet": {nil, mail.Unchanged},
		"accepted":    {[]mailgunfake.Event{{Event: "accepted"}}, mail.Unchanged},
		"put off": {[]mailgunfake.Event{{Event: "failed", Severity: "temporary"}},
			mail.Deferred},
		"late": {
			[]mailgunfake.Event{{Event: "failed", Severity: "temporary"}, {Event: "delivered"}},
			mail.Delivered},
		"no such mailbox": {
			[]mailgunfake.Event{
				{Event: "failed", Severity: "permanent", Code: 550, Enhanced: "5.1.1"}},
			mail.NoSuchMailbox},
		"blocked by a list": {
			[]mailgunfake.Event{
				{Event: "failed", Severity: "permanent", Reason: "suppress-bounce"}},
			mail.Blocked},
	} {
		fake := startFake(t)
		sender := aSender(t, fake)
		id, err := sender.Post(mailtest.WithDeadline(t), mailtest.Message())
		if err != nil || id != "1@"+domain {
			t.Fatalf("%s: got id %q, %v", name, id, err)
		}
		for _, event := range test.events {
			fake.AddEvent(event)
		}
		if got, err := sender.Fate(mailtest.WithDeadline(t), id); err != nil || got != test.want {
			t.Errorf("%s: got %q, %v; want %q", name, got, err, test.want)
		}
		if got, err := sender.Fate(mailtest.WithDeadline(t), "2@"+domain); err != nil ||
			got != mail.Unchanged {
			t.Errorf("%s: got %q, %v for another mail", name, got, err)
		}
	}
}

func TestWebhooksAreListedByType(t *testing.T) {
	t.Parallel()
	fake := startFake(t)
	want := map[string][]string{"delivered": {"https://a.example/x", "https://b.example/y"}}
	fake.SetState(mailgunfake.State{Webhooks: want})
	got, err := aSender(t, fake).Webhooks(mailtest.WithDeadline(t))
	if err != nil || !slices.Equal(got["delivered"], want["delivered"]) ||
		len(got["permanent_fail"]) != 0 {
		t.Errorf("got %q, %v; want %q", got, err, want)
	}
}
