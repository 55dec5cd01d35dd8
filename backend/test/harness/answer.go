package harness

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"
)

// Answer is the answer to a request.
type Answer struct {
	t      testing.TB
	name   string
	Status int
	Header http.Header
	Body   []byte
	Set    []*http.Cookie // by this answer
}

// Want fails the test unless the answer has this status, and this problem code if one is given. It
// returns the answer.
func (a *Answer) Want(status int, code ...string) *Answer {
	a.t.Helper()
	got := ""
	if len(code) > 0 {
		got = a.Problem().Code
	}
	if a.Status != status || len(code) > 0 && got != code[0] {
		a.t.Fatalf("%s: got %d %s, want %d %v; body: %s", a.name, a.Status, got, status, code,
			a.Body)
	}
	return a
}

// Problem is an answer's problem details.
type Problem struct {
	Type       string `json:"type"`
	Title      string `json:"title"`
	Status     int    `json:"status"`
	Detail     string `json:"detail"`
	Code       string `json:"code"`
	RequestID  string `json:"request_id"`
	RetryAfter int    `json:"retry_after"`
	TriesLeft  *int   `json:"tries_left"`
	SignedOut  struct {
		Reason string    `json:"reason"`
		At     time.Time `json:"at"`
		By     string    `json:"by"`
	} `json:"signed_out"`
}

// Problem decodes the body as problem details.
func (a *Answer) Problem() Problem {
	a.t.Helper()
	if got := a.Header.Get("Content-Type"); got != "application/problem+json" {
		a.t.Fatalf("%s: got %d with Content-Type %q, want problem+json; body: %.200s", a.name,
			a.Status, got, a.Body)
	}
	var p Problem
	a.JSON(&p)
	return p
}

// PendingCode is the body of GET /api/auth/code, and a part of a CodeRequest.
type PendingCode struct {
	ID         string    `json:"id"`
	Email      string    `json:"email"`
	Purpose    string    `json:"purpose"`
	CodeKind   string    `json:"code_kind"`
	CodeLength int       `json:"code_length"`
	TriesLeft  int       `json:"tries_left"`
	Now        time.Time `json:"now"`
	ExpiresAt  time.Time `json:"expires_at"`
	ResendAt   time.Time `json:"resend_at"`
	Delivery   string    `json:"delivery"`
	Reason     string    `json:"delivery_reason"`
}

// Pending decodes the body as a pending code.
func (a *Answer) Pending() PendingCode {
	a.t.Helper()
	var p PendingCode
	a.JSON(&p)
	return p
}

// CodeRequest is the body of POST /api/auth/code and of its resend.
type CodeRequest struct {
	Email    string       `json:"email"`
	Mail     string       `json:"mail"`
	Now      time.Time    `json:"now"`
	ResendAt time.Time    `json:"resend_at"`
	Code     *PendingCode `json:"code"`
}

// CodeRequest decodes the body as the answer to a code request.
func (a *Answer) CodeRequest() CodeRequest {
	a.t.Helper()
	var r CodeRequest
	a.JSON(&r)
	return r
}

// SignedIn is the body of /api/auth/verify and, without Created, of /api/auth/session.
type SignedIn struct {
	User struct {
		ID    string `json:"id"`
		Email string `json:"email"`
	} `json:"user"`
	Session struct {
		ID         string    `json:"id"`
		SignedInAt time.Time `json:"signed_in_at"`
		ExpiresAt  time.Time `json:"expires_at"`
	} `json:"session"`
	Created bool `json:"created"`
}

// SignedIn decodes the body as a signed-in user.
func (a *Answer) SignedIn() SignedIn {
	a.t.Helper()
	var s SignedIn
	a.JSON(&s)
	return s
}

// Listed is one session in the list of /api/sessions.
type Listed struct {
	ID         string    `json:"id"`
	Current    bool      `json:"current"`
	Browser    string    `json:"browser"`
	System     string    `json:"system"`
	IP         string    `json:"ip"`
	SignedInAt time.Time `json:"signed_in_at"`
	LastSeenAt time.Time `json:"last_seen_at"`
	ExpiresAt  time.Time `json:"expires_at"`
}

// Sessions decodes the body as the list of a user's sessions; complete is false if the store knows
// only one.
func (a *Answer) Sessions() (list []Listed, complete bool) {
	a.t.Helper()
	var body struct {
		Complete bool     `json:"complete"`
		Sessions []Listed `json:"sessions"`
	}
	a.JSON(&body)
	return body.Sessions, body.Complete
}

// JSON decodes the body into target.
func (a *Answer) JSON(target any) {
	a.t.Helper()
	if err := json.Unmarshal(a.Body, target); err != nil {
		a.t.Fatalf("%s: %d is not the JSON that was expected: %v; body: %.200s", a.name, a.Status,
			err, a.Body)
	}
}

// Account is the body of /api/account.
type Account struct {
	ID        string    `json:"id"`
	Email     string    `json:"email"`
	Name      string    `json:"name"`
	CreatedAt time.Time `json:"created_at"`
}

// Account decodes the body as an account.
func (a *Answer) Account() Account {
	a.t.Helper()
	var account Account
	a.JSON(&account)
	return account
}

// Event is an event of an account.
type Event struct {
	ID       string    `json:"id"`
	Kind     string    `json:"kind"`
	At       time.Time `json:"at"`
	Browser  string    `json:"browser"`
	System   string    `json:"system"`
	IP       string    `json:"ip"`
	Ended    string    `json:"ended"`
	Reason   string    `json:"reason"`
	OldEmail string    `json:"old_email"`
	NewEmail string    `json:"new_email"`
}

// Events decodes the body as a page of events; next is "" on the last page.
func (a *Answer) Events() (list []Event, next string) {
	a.t.Helper()
	var body struct {
		Events []Event `json:"events"`
		Next   string  `json:"next"`
	}
	a.JSON(&body)
	return body.Events, body.Next
}
