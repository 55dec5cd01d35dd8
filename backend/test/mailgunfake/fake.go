// Package mailgunfake imitates Mailgun's message API and can fail on demand: it answers by a
// script, stalls, sends endless answers, and drops the connection. mailgun-go has a mock server,
// which always succeeds; our tests need the failures.
package mailgunfake

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
)

// Message is one message as posted, including refused ones.
type Message struct {
	// split on commas, as Mailgun does: more than one means that an address was not quoted
	To      []string
	From    string
	Subject string
	Text    string
	HTML    string
	Tags    []string
	// the o: fields but o:tag, without their prefix: "tracking", "require-tls"
	Options map[string]string
	Headers map[string]string // the h: fields, without their prefix
	Ref     string            // the field v:ref, which events return
	Status  int               // the status of the fake's answer, even if it was interrupted
}

// Answer is the fake's answer to one message.
type Answer struct {
	Status int         // zero means 200
	Header http.Header // added to the answer
	Body   string      // empty means Mailgun's JSON, with a fresh id
	// if not nil, the answer waits until it is closed or the client has disconnected
	Stall   <-chan struct{}
	Endless bool // the body is repeated until the client has disconnected
	Reset   bool // the connection is reset after the first half of the body
}

// Fake is the API for one domain, as an http.Handler. It is safe for concurrent use.
type Fake struct {
	domain string
	apiKey string

	mu       sync.Mutex
	script   []Answer
	messages []Message
	arrived  chan struct{} // closed and replaced with every message

	suppressed map[string][]string // list to addresses
	state      State
	events     []Event
}

// New returns a Fake that accepts messages for domain with apiKey.
func New(domain, apiKey string) *Fake {
	return &Fake{domain: domain, apiKey: apiKey, arrived: make(chan struct{})}
}

// Script appends answers, each for one message, in the order of arrival. After the last one every
// message is accepted.
func (f *Fake) Script(answers ...Answer) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.script = append(f.script, answers...)
}

// Messages returns the messages posted so far, in order. It omits requests without the right key or
// for another domain.
func (f *Fake) Messages() []Message {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.messages)
}

// Forget drops all messages: Messages and Wait start again from zero.
func (f *Fake) Forget() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.messages = nil
}

// Wait returns all messages as soon as n messages or more were posted, or ctx's error. A message
// counts as posted before it is answered.
func (f *Fake) Wait(ctx context.Context, n int) ([]Message, error) {
	for {
		f.mu.Lock()
		messages, arrived := slices.Clone(f.messages), f.arrived
		f.mu.Unlock()
		if len(messages) >= n {
			return messages, nil
		}
		select {
		case <-arrived:
		case <-ctx.Done():
			return messages,
				fmt.Errorf("mailgunfake: %d of %d messages: %w", len(messages), n, ctx.Err())
		}
	}
}

// ServeHTTP answers POST /v3/{domain}/messages, and operators' queries about the domain and
// suppressed addresses.
func (f *Fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	user, key, _ := r.BasicAuth()
	switch {
	case user != "api" || key != f.apiKey || f.mayOnlySend(r):
		http.Error(w, "Forbidden", http.StatusUnauthorized)
	case f.suppression(w, r), f.tell(w, r):
	case r.Method != http.MethodPost || r.URL.Path != "/v3/"+f.domain+"/messages":
		refuse(w, http.StatusNotFound, "Not Found")
	default:
		f.take(w, r)
	}
}

func (f *Fake) take(w http.ResponseWriter, r *http.Request) {
	err := r.ParseMultipartForm(1 << 20)
	if err != nil && !errors.Is(err, http.ErrNotMultipart) {
		refuse(w, http.StatusBadRequest, "unreadable form")
		return
	}
	for _, field := range []string{"from", "to"} {
		if r.PostForm.Get(field) == "" {
			refuse(w, http.StatusBadRequest, field+" parameter is missing")
			return
		}
	}
	f.record(r.PostForm).write(w, r)
}

// record stores the message and returns its answer.
func (f *Fake) record(form url.Values) Answer {
	f.mu.Lock()
	defer f.mu.Unlock()
	var answer Answer
	if len(f.script) > 0 {
		answer, f.script = f.script[0], f.script[1:]
	}
	if answer.Status == 0 {
		answer.Status = http.StatusOK
	}
	if answer.Body == "" {
		answer.Body = fmt.Sprintf(`{"id":"<%s>","message":"Queued. Thank you."}`,
			f.id(len(f.messages)+1))
	}
	f.messages = append(f.messages, read(form, answer.Status))
	close(f.arrived)
	f.arrived = make(chan struct{})
	return answer
}

// id returns the id of the n-th message.
func (f *Fake) id(n int) string { return fmt.Sprintf("%d@%s", n, f.domain) }

func read(form url.Values, status int) Message {
	m := Message{
		To: strings.FieldsFunc(strings.Join(form["to"], ","),
			func(r rune) bool { return r == ',' }),
		From:    form.Get("from"),
		Subject: form.Get("subject"),
		Text:    form.Get("text"),
		HTML:    form.Get("html"),
		Tags:    form["o:tag"],
		Ref:     form.Get("v:ref"),
		Options: map[string]string{},
		Headers: map[string]string{},
		Status:  status,
	}
	for field := range form {
		if name, ok := strings.CutPrefix(field, "o:"); ok && name != "tag" {
			m.Options[name] = form.Get(field)
		}
		if name, ok := strings.CutPrefix(field, "h:"); ok {
			m.Headers[name] = form.Get(field)
		}
	}
	return m
}

func (a Answer) write(w http.ResponseWriter, r *http.Request) {
	if a.Stall != nil {
		select {
		case <-a.Stall:
		case <-r.Context().Done():
			return
		}
	}
	w.Header().Set("Content-Type", "application/json")
	for name, values := range a.Header {
		w.Header()[http.CanonicalHeaderKey(name)] = values
	}
	w.WriteHeader(a.Status)
	switch {
	case a.Endless:
		repeat(w, a.Body)
	case a.Reset:
		reset(w, a.Body[:len(a.Body)/2])
	default:
		_, _ = io.WriteString(w, a.Body)
	}
}

// repeat writes body until the client has disconnected.
func repeat(w io.Writer, body string) {
	for {
		if _, err := io.WriteString(w, body); err != nil {
			return
		}
	}
}

// reset sends part of body, and then a TCP reset.
func reset(w http.ResponseWriter, body string) {
	_, _ = io.WriteString(w, body)
	control := http.NewResponseController(w)
	_ = control.Flush()
	conn, _, err := control.Hijack()
	if err != nil {
		panic(http.ErrAbortHandler) // HTTP/2: the closest equivalent
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}

func refuse(w http.ResponseWriter, status int, reason string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, `{"message":%q}`, reason)
}

// Server is a Fake that listens on a free port of 127.0.0.1, for use from other processes.
type Server struct {
	*Fake
	http *httptest.Server
}

// Start returns a running server. The caller closes it.
func Start(domain, apiKey string) *Server {
	fake := New(domain, apiKey)
	return &Server{Fake: fake, http: httptest.NewServer(fake)}
}

// URL returns the API base to configure: http://127.0.0.1:port/v3.
func (s *Server) URL() string { return s.http.URL + "/v3" }

// Close stops the server and ends stalled answers.
func (s *Server) Close() {
	s.http.CloseClientConnections()
	s.http.Close()
}
