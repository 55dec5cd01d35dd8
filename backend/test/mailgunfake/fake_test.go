package mailgunfake_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"sana/backend/test/mailgunfake"
)

// post sends form, URL-encoded, and returns the answer's status and body.
func post(t *testing.T, address, key string, form url.Values) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address,
		strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	r.SetBasicAuth("api", key)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(body)
}

func TestFake_ChecksKeyAndDomain(t *testing.T) {
	t.Parallel()
	fake := mailgunfake.Start("mg.example", "secret")
	t.Cleanup(fake.Close)
	whole := url.Values{"from": {"a@x.example"}, "to": {"b@y.example"}}
	messages := fake.URL() + "/mg.example/messages"
	for _, row := range []struct {
		name, address, key string
		form               url.Values
		want               int
	}{
		{"wrong key", messages, "guess", whole, http.StatusUnauthorized},
		{"other domain", fake.URL() + "/other.example/messages", "secret", whole,
			http.StatusNotFound},
		{"no recipient", messages, "secret", url.Values{"from": {"a@x.example"}},
			http.StatusBadRequest},
		{"no sender", messages, "secret", url.Values{"to": {"b@y.example"}}, http.StatusBadRequest},
	} {
		if got, _ := post(t, row.address, row.key, row.form); got != row.want {
			t.Errorf("%s: got %d, want %d", row.name, got, row.want)
		}
	}
	if got := len(fake.Messages()); got != 0 {
		t.Errorf("got %d messages, want none", got)
	}
	status, body := post(t, messages, "secret", whole)
	if status != http.StatusOK || !strings.Contains(body, `"id":"<1@mg.example>"`) {
		t.Errorf("got %d %s, want 200 with an id", status, body)
	}
}

func TestFake_FollowsTheScript(t *testing.T) {
	t.Parallel()
	fake := mailgunfake.Start("mg.example", "secret")
	t.Cleanup(fake.Close)
	fake.Script(mailgunfake.Answer{Status: 503}, mailgunfake.Answer{Status: 429, Body: "slowly"})
	var statuses []int
	for _, to := range []string{"a@x.example", "b@x.example,c@x.example", "d@x.example"} {
		status, _ := post(t, fake.URL()+"/mg.example/messages", "secret",
			url.Values{"from": {"s@x.example"}, "to": {to}})
		statuses = append(statuses, status)
	}
	if want := []int{503, 429, 200}; !slices.Equal(statuses, want) {
		t.Errorf("got %d, want %d", statuses, want)
	}
	got := fake.Messages()
	if got[0].Status != 503 || got[1].Status != 429 || got[2].Status != 200 {
		t.Errorf("got %v, want the statuses answered", got)
	}
	if want := []string{"b@x.example", "c@x.example"}; !slices.Equal(got[1].To, want) {
		t.Errorf("got recipients %q, want %q, as Mailgun would see them", got[1].To, want)
	}
}

func TestWait_EndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if _, err := mailgunfake.New("mg.example", "secret").Wait(ctx, 1); !errors.Is(err,
		context.DeadlineExceeded) {
		t.Errorf("got %v, want the context's error", err)
	}
}
