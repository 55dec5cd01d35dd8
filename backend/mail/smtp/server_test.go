package smtp_test

import (
	"crypto/x509"
	"net"
	"testing"

	"sana/backend/mail/smtp"
	"sana/backend/test/smtpfake"
)

// startSMTP runs a server until the test ends.
func startSMTP(t *testing.T, s *smtpfake.Server, encryption string) *smtpfake.Server {
	t.Helper()
	if err := s.Start(encryption); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// reaching is a configuration for a server, with the right password.
func reaching(s *smtpfake.Server, encryption string) smtp.Config {
	authority := x509.NewCertPool()
	authority.AppendCertsFromPEM(s.Authority)
	return smtp.Config{
		Host: "127.0.0.1", Port: s.Port, TLS: encryption == "tls", Username: smtpfake.User,
		Password: smtpfake.Password, RootCAs: authority,
	}
}

// startRaw runs a server that is nothing but do, on each connection.
func startRaw(t *testing.T, do func(net.Conn)) (port int) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				do(conn)
			}()
		}
	}()
	return listener.Addr().(*net.TCPAddr).Port
}
