package mailgunfake

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"
)

// State is the state of the fake's domain and its webhooks. It starts as an active domain without
// webhooks.
type State struct {
	State       string              // "active", "unverified", "disabled"
	Reason      string              // of "disabled"
	FaultyDNS   bool                // the record for DKIM is not found
	Webhooks    map[string][]string // event type to URLs
	SendingOnly bool                // the key is a domain's sending key: it may only post messages
}

// SetState replaces the state of the domain.
func (f *Fake) SetState(s State) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.state = s
}

// AddEvent adds an event to every accepted message, past and future. The events of a message are
// listed in this order.
func (f *Fake) AddEvent(e Event) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.events = append(f.events, e)
}

// tell answers the queries that a domain's sending key may not make: GET /v4/domains/{domain}, GET
// /v3/domains/{domain}/webhooks, GET /v3/{domain}/events. It ignores other paths.
func (f *Fake) tell(w http.ResponseWriter, r *http.Request) (answered bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch path := r.URL.Path; {
	case r.Method != http.MethodGet:
		return false
	case path == "/v4/domains/"+f.domain:
		answer(w, f.description())
	case path == "/v3/domains/"+f.domain+"/webhooks":
		answer(w, map[string]any{"webhooks": f.webhooks()})
	case path == "/v3/"+f.domain+"/events":
		answer(w, f.happened(r.URL.Query().Get("message-id")))
	case strings.HasPrefix(path, "/v4/domains/"):
		refuse(w, http.StatusNotFound,
			"Domain not found: "+strings.TrimPrefix(path, "/v4/domains/"))
	default:
		return false
	}
	return true
}

// mayOnlySend reports whether the key is a sending key and the request is not a message.
func (f *Fake) mayOnlySend(r *http.Request) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.state.SendingOnly &&
		!(r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/messages"))
}

func (f *Fake) description() map[string]any {
	domain := map[string]any{
		"created_at": "Thu, 13 Oct 2011 18:02:00 GMT", "id": "123456789012345678901234",
		"name":        f.domain,
		"require_tls": true,
		"smtp_login":  "postmaster@" + f.domain, "spam_action": "disabled", "state": "active",
		"type":                          "custom",
		"use_automatic_sender_security": true, "web_prefix": "email", "web_scheme": "https",
	}
	if f.state.State != "" {
		domain["state"] = f.state.State
	}
	if f.state.Reason != "" {
		domain["disabled"] = map[string]any{"code": "blacklisted", "note": "", "permanently": false,
			"reason": f.state.Reason}
	}
	dkim := "valid"
	if f.state.FaultyDNS {
		dkim = "unknown"
	}
	record := func(kind, name, valid string) map[string]any {
		return map[string]any{"cached": []string{}, "is_active": true, "name": name,
			"record_type": kind,
			"valid":       valid, "value": "v"}
	}
	return map[string]any{
		"domain": domain,
		// a domain that only sends has none
		"receiving_dns_records": []any{record("MX", f.domain, "unknown")},
		"sending_dns_records": []any{record("TXT", f.domain, "valid"),
			record("TXT", "mx._domainkey."+f.domain, dkim)},
	}
}

func (f *Fake) webhooks() map[string]any {
	all := map[string]any{}
	for _, kind := range []string{"accepted", "clicked", "complained", "delivered", "opened",
		"permanent_fail", "temporary_fail", "unsubscribed"} {
		if all[kind] = nil; len(f.state.Webhooks[kind]) > 0 {
			all[kind] = map[string]any{"urls": f.state.Webhooks[kind]}
		}
	}
	return all
}

// happened lists the events of an accepted message, newest first as Mailgun does.
func (f *Fake) happened(id string) map[string]any {
	items := []any{}
	if f.taken(id) {
		for _, event := range f.events {
			event.At = time.Now()
			items = append([]any{event.data()}, items...)
		}
	}
	return map[string]any{"items": items,
		"paging": map[string]any{"first": "", "last": "", "next": "", "previous": ""}}
}

func (f *Fake) taken(id string) bool {
	for i := range f.messages {
		if id == f.id(i+1) {
			return true
		}
	}
	return false
}

func answer(w http.ResponseWriter, body map[string]any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(body) // fails if the client has disconnected
}
