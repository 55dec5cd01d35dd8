package mailgun

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"sana/backend/mail"
)

// ErrUnknownDomain is in the chain of an error when Mailgun does not know our domain, for this
// account in this region.
var ErrUnknownDomain = errors.New("domain unknown")

// Domain is what Mailgun knows of our sending domain.
type Domain struct {
	State  string   // active, unverified, disabled
	Reason string   // of disabled
	Faulty []string // the DNS records for sending that it does not find, as "TXT mg.example.org"
}

// Domain returns the state of our domain (documentation.mailgun.com, "Domains"). A key that may
// only send is refused: ErrCredentials; MaySend tells it from a wrong one.
func (s *Sender) Domain(ctx context.Context) (Domain, error) {
	var answer struct {
		Domain struct {
			State    string `json:"state"`
			Disabled struct {
				Reason string `json:"reason"`
			} `json:"disabled"`
		} `json:"domain"`
		Records []struct {
			Type  string `json:"record_type"`
			Name  string `json:"name"`
			Valid string `json:"valid"`
		} `json:"sending_dns_records"`
	}
	v4 := strings.TrimSuffix(s.client.APIBase(), "/v3") + "/v4"
	if err := s.ask(ctx, v4+"/domains/"+s.client.Domain(), &answer); err != nil {
		return Domain{}, err
	}
	found := Domain{State: answer.Domain.State, Reason: answer.Domain.Disabled.Reason}
	for _, record := range answer.Records {
		if record.Valid == "invalid" || record.Valid == "unknown" {
			found.Faulty = append(found.Faulty, record.Type+" "+record.Name)
		}
	}
	return found, nil
}

// MaySend returns nil when the key may send for our domain. It posts a message with nothing in it,
// which Mailgun refuses as such (400) only after it has looked at the key.
func (s *Sender) MaySend(ctx context.Context) error {
	status, _, err := s.request(ctx, http.MethodPost,
		s.client.APIBase()+"/"+s.client.Domain()+"/messages")
	switch {
	case err != nil:
		return err
	case status == http.StatusBadRequest:
		return nil
	case status == http.StatusNotFound:
		return fmt.Errorf("mail: mailgun: %d %w", status, ErrUnknownDomain)
	}
	return refusal(&answer{status: status})
}

// Webhooks lists the URLs to which Mailgun posts events of each type: delivered, permanent_fail,
// temporary_fail, …
func (s *Sender) Webhooks(ctx context.Context) (map[string][]string, error) {
	var answer struct {
		Webhooks map[string]struct {
			URLs []string `json:"urls"`
		} `json:"webhooks"`
	}
	if err := s.ask(ctx, s.client.APIBase()+"/domains/"+s.client.Domain()+"/webhooks",
		&answer); err != nil {
		return nil, err
	}
	hooks := map[string][]string{}
	for kind, hook := range answer.Webhooks {
		hooks[kind] = hook.URLs
	}
	return hooks, nil
}

// suppressions are Mailgun's lists of addresses to which it sends nothing any more.
var suppressions = []string{"bounces", "complaints", "unsubscribes"}

// Suppressed returns the names of the lists that an address is on, for our domain.
func (s *Sender) Suppressed(ctx context.Context, address string) (lists []string, err error) {
	if !mail.IsPlainAddress(address) {
		return nil, errors.New("mail: mailgun: the address is not one plain address")
	}
	for _, list := range suppressions {
		err := s.ask(ctx,
			s.client.APIBase()+"/"+s.client.Domain()+"/"+list+"/"+url.PathEscape(address),
			&struct{}{})
		switch {
		case err == nil:
			lists = append(lists, list)
		case !errors.Is(err, errNotThere):
			return nil, err
		}
	}
	return lists, nil
}

// Fate returns the delivery status of a message that Post has sent, Unchanged if there is none. A
// temporary failure is reported only while no status is final.
func (s *Sender) Fate(ctx context.Context, id string) (mail.Fate, error) {
	var answer struct {
		Items []mailgunEventData `json:"items"`
	}
	query := url.Values{"message-id": {id}, "limit": {"25"}}
	if err := s.ask(ctx, s.client.APIBase()+"/"+s.client.Domain()+"/events?"+query.Encode(),
		&answer); err != nil {
		return mail.Unchanged, err
	}
	found := mail.Unchanged
	for _, event := range answer.Items {
		if fate := event.fate(); fate != mail.Unchanged &&
			(found == mail.Unchanged || found == mail.Deferred) {
			found = fate
		}
	}
	return found, nil
}

// errNotThere is a 404 that is not about our domain.
var errNotThere = errors.New("not there")

// ask reads the JSON at an address into target.
func (s *Sender) ask(ctx context.Context, address string, target any) error {
	status, body, err := s.request(ctx, http.MethodGet, address)
	switch {
	case err != nil:
		return err
	case status == http.StatusNotFound && bytes.Contains(body, []byte("Domain not found")):
		return fmt.Errorf("mail: mailgun: %d %w", status, ErrUnknownDomain)
	case status == http.StatusNotFound:
		return fmt.Errorf("mail: mailgun: %d %w", status, errNotThere)
	case status != http.StatusOK:
		return refusal(&answer{status: status})
	case json.Unmarshal(body, target) != nil:
		return fmt.Errorf("mail: mailgun: %d answer unreadable", status)
	}
	return nil
}

// request is one question that mailgun-go does not ask, or not of the version that is documented.
func (s *Sender) request(
	ctx context.Context, method, address string,
) (status int, body []byte, err error) {
	request, err := http.NewRequestWithContext(ctx, method, address, nil)
	if err != nil {
		return 0, nil, errors.New("mail: mailgun: the request cannot be made")
	}
	request.SetBasicAuth("api", s.client.APIKey())
	if method == http.MethodPost {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	response, err := s.asking.Do(request)
	if err != nil {
		return 0, nil, noAnswer(ctx, err)
	}
	defer response.Body.Close()
	body, err = io.ReadAll(response.Body) // capped by the client
	if err != nil {
		return 0, nil, noAnswer(ctx, err)
	}
	return response.StatusCode, body, nil
}
