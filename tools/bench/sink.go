package main

import (
	"bufio"
	"io"
	"log"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/emersion/go-smtp"
)

// sink is a mail server on 127.0.0.1 that accepts everything, passes each code to its waiting user,
// and counts mails.
type sink struct {
	port int
	smtp *smtp.Server

	mu       sync.Mutex
	received map[string]mails       // by recipient
	waiting  map[string]chan string // codes by recipient
}

// mails counts the mails of one user.
type mails struct{ codes, notices int }

func startSink() (*sink, error) {
	s := &sink{received: map[string]mails{}, waiting: map[string]chan string{}}
	s.smtp = smtp.NewServer(
		smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return &delivery{sink: s}, nil }))
	s.smtp.Domain = "mail." + publicHost
	s.smtp.ErrorLog = log.New(io.Discard, "", 0)
	s.smtp.ReadTimeout, s.smtp.WriteTimeout = 20*time.Second, 20*time.Second
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s.port = listener.Addr().(*net.TCPAddr).Port
	go func() { _ = s.smtp.Serve(listener) }()
	return s, nil
}

func (s *sink) close() { _ = s.smtp.Close() }

// expect returns the channel for the code of an address.
func (s *sink) expect(address string) <-chan string {
	code := make(chan string, 1)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiting[address] = code
	return code
}

// receive counts a mail; code is "" in a notice.
func (s *sink) receive(address, code string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	counts := s.received[address]
	if code == "" {
		counts.notices++
	} else {
		counts.codes++
	}
	s.received[address] = counts
	if waiting, ok := s.waiting[address]; ok && code != "" {
		delete(s.waiting, address)
		waiting <- code
	}
}

// tally counts the addresses with the expected mails, one code and the given number of notices, and
// those with fewer and with more.
func (s *sink) tally(addresses []string, notices int) (right, fewer, more int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, address := range addresses {
		switch got := s.received[address]; {
		case got.codes > 1 || got.notices > notices:
			more++
		case got.codes < 1 || got.notices < notices:
			fewer++
		default:
			right++
		}
	}
	return right, fewer, more
}

// delivery is one SMTP session.
type delivery struct {
	sink *sink
	to   string
}

func (*delivery) Mail(string, *smtp.MailOptions) error { return nil }

func (d *delivery) Rcpt(to string, _ *smtp.RcptOptions) error {
	d.to = to
	return nil
}

// Data reads the code where a user does: at the beginning of the subject.
func (d *delivery) Data(content io.Reader) error {
	lines, code := bufio.NewScanner(content), ""
	for lines.Scan() {
		if subject, ok := strings.CutPrefix(lines.Text(), "Subject: "); ok {
			code, _, _ = strings.Cut(subject, " ")
		}
	}
	if strings.Trim(code, "0123456789") != "" {
		code = ""
	}
	d.sink.receive(d.to, code)
	return lines.Err()
}

func (*delivery) Reset()        {}
func (*delivery) Logout() error { return nil }
