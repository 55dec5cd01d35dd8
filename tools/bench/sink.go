package main

import (
	"bufio"
	"fmt"
	"io"
	"log"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/emersion/go-smtp"
)

// sink is a mail server on 127.0.0.1 that takes everything, gives each code to whoever waits for it, and keeps count.
type sink struct {
	port int
	smtp *smtp.Server

	mu      sync.Mutex
	taken   map[string]int         // mails by recipient
	waiting map[string]chan string // codes by recipient
}

func startSink() (*sink, error) {
	s := &sink{taken: map[string]int{}, waiting: map[string]chan string{}}
	s.smtp = smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return &delivery{sink: s}, nil }))
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

// expect returns where the code for an address will come.
func (s *sink) expect(address string) <-chan string {
	code := make(chan string, 1)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiting[address] = code
	return code
}

func (s *sink) take(address, code string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.taken[address]++
	if waiting, ok := s.waiting[address]; ok {
		delete(s.waiting, address)
		waiting <- code
	}
}

// tally is what became of the mails of some addresses: how many came, never or more than once.
func (s *sink) tally(asked []string) (once, lost, again int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, address := range asked {
		switch s.taken[address] {
		case 0:
			lost++
		case 1:
			once++
		default:
			again++
		}
	}
	return once, lost, again
}

// delivery is one conversation.
type delivery struct {
	sink *sink
	to   string
}

func (*delivery) Mail(string, *smtp.MailOptions) error { return nil }

func (d *delivery) Rcpt(to string, _ *smtp.RcptOptions) error {
	d.to = to
	return nil
}

// Data finds the code where a person does: at the beginning of the subject.
func (d *delivery) Data(content io.Reader) error {
	lines, code := bufio.NewScanner(content), ""
	for lines.Scan() {
		if subject, ok := strings.CutPrefix(lines.Text(), "Subject: "); ok {
			code, _, _ = strings.Cut(subject, " ")
		}
	}
	if code == "" {
		return fmt.Errorf("a mail without a code to %s", d.to)
	}
	d.sink.take(d.to, code)
	return lines.Err()
}

func (*delivery) Reset()        {}
func (*delivery) Logout() error { return nil }
