package doctor_test

import (
	"io"
	"net"
	"testing"

	"github.com/emersion/go-smtp"
)

// relay is a local mail server that accepts everything.
type relay struct{}

func (relay) Mail(string, *smtp.MailOptions) error { return nil }
func (relay) Rcpt(string, *smtp.RcptOptions) error { return nil }
func (relay) Reset()                               {}
func (relay) Logout() error                        { return nil }
func (relay) Data(r io.Reader) error {
	_, err := io.Copy(io.Discard, r)
	return err
}

// startRelay returns the address of a relay.
func startRelay(t *testing.T) string {
	t.Helper()
	server := smtp.NewServer(
		smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return relay{}, nil }))
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	return listener.Addr().String()
}
