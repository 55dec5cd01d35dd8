package mailgun_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"sana/backend/mail"
	"sana/backend/mail/mailgun"
	"sana/backend/test/mailgunfake"
	"sana/backend/test/mailtest"
)

func TestUnsuppressTakesTheAddressOffEveryListAndSaysWhich(t *testing.T) {
	t.Parallel()
	fake := startFake(t)
	sender := aSender(t, fake)
	const other = "bob@people.example"
	for _, address := range []string{mailtest.Address, "a+b/c?d#e%41@people.example"} {
		for _, list := range []string{"bounces", "complaints", "unsubscribes"} {
			fake.Suppress(list, other)
			fake.Suppress(list, address)
			got, err := sender.Unsuppress(mailtest.WithDeadline(t), address)
			if err != nil || !slices.Equal(got, []string{list}) {
				t.Errorf("%s: got %q, %v; want that list", list, got, err)
			}
			if left := fake.Suppressed(list); slices.Contains(left, address) ||
				!slices.Contains(left, other) {
				t.Errorf("%s: got %q left, want the other address alone", list, left)
			}
		}
	}
	got, err := sender.Unsuppress(mailtest.WithDeadline(t), mailtest.Address)
	if err != nil || len(got) != 0 {
		t.Errorf("on no list: got %q, %v; want nothing", got, err)
	}
}

func TestUnsuppressSaysWhatStoppedIt(t *testing.T) {
	t.Parallel()
	fake := startFake(t)
	stranger := senderTo(t,
		mailgun.Config{Domain: domain, APIKey: "sending-only", APIBase: fake.URL()})
	if _, err := stranger.Unsuppress(mailtest.WithDeadline(t), mailtest.Address); !errors.Is(err,
		mail.ErrCredentials) {
		t.Errorf("another key: got %v, want ErrCredentials", err)
	}
	elsewhere := senderTo(t,
		mailgun.Config{Domain: "other.example", APIKey: apiKey, APIBase: fake.URL()})
	if got, err := elsewhere.Unsuppress(mailtest.WithDeadline(t), mailtest.Address); err == nil {
		t.Errorf("another domain: got %q and no error", got)
	}
	if _, err := aSender(t, fake).Unsuppress(mailtest.WithDeadline(t),
		"../../"+domain); err == nil {
		t.Error("no address: got no error")
	}
	fake.Close()
	_, err := aSender(t, fake).Unsuppress(mailtest.WithDeadline(t), mailtest.Address)
	if err == nil {
		t.Error("connection refused: got no error")
	}
	mailtest.NoSecretIn(t, err)
}

func TestUnsuppressSaysWhatWasDoneBeforeAFailure(t *testing.T) {
	t.Parallel()
	fake := mailgunfake.New(domain, apiKey)
	fake.Suppress("bounces", mailtest.Address)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v3/"+domain+"/complaints/"+mailtest.Address {
			http.Error(w, mailtest.Address, http.StatusBadGateway)
			return
		}
		fake.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	got, err := senderTo(t,
		mailgun.Config{Domain: domain, APIKey: apiKey, APIBase: server.URL + "/v3"}).Unsuppress(
		mailtest.WithDeadline(t), mailtest.Address)
	if err == nil || !slices.Equal(got, []string{"bounces"}) {
		t.Errorf("got %q, %v; want bounces and an error", got, err)
	}
	mailtest.NoSecretIn(t, err)
}
