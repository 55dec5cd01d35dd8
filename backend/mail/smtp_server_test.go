package mail_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"log"
	"math/big"
	"net"
	"sync"
	"testing"
	"time"

	"sana/backend/mail"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

const (
	smtpUser     = "sana@mg.sana.example"
	smtpPassword = "canary pass:wörd@/%"
)

// mailServer is a real SMTP server on 127.0.0.1. What it is told to refuse it refuses; what it takes it records.
type mailServer struct {
	mechanisms  []string // offered for logging in
	refuseLogin error
	refuseFrom  error
	refuseTo    error
	refuseData  error
	atData      func(*smtp.Conn) // called when the whole message is there

	port int
	ca   *x509.CertPool

	mu       sync.Mutex
	recorded record
}

// record is what a server was told.
type record struct {
	sessions int
	logins   []string // "MECHANISM user password"
	names    []string // as which the clients introduced themselves
	from, to []string
	messages []string
}

// startSMTP runs a server until the test ends: with TLS from the first byte, with STARTTLS, or with neither.
func startSMTP(t *testing.T, s *mailServer, encryption string) *mailServer {
	t.Helper()
	server := smtp.NewServer(smtp.BackendFunc(s.session))
	server.Domain = "mail.sana.example"
	server.ErrorLog = log.New(io.Discard, "", 0)
	server.EnableSMTPUTF8 = true
	server.ReadTimeout, server.WriteTimeout = 20*time.Second, 20*time.Second
	var certificate tls.Certificate
	certificate, s.ca = newCertificate(t)
	config := &tls.Config{Certificates: []tls.Certificate{certificate}}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.port = listener.Addr().(*net.TCPAddr).Port
	switch encryption {
	case "tls":
		listener = tls.NewListener(listener, config)
	case "starttls":
		server.TLSConfig = config
	default:
		server.AllowInsecureAuth = true // it asks for the password in the clear: the client must not
	}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	return s
}

// newCertificate returns a certificate for 127.0.0.1 and localhost, and the authority that signed it.
func newCertificate(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	authority := x509.NewCertPool()
	authority.AddCert(parsed)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, authority
}

// config reaches the server with the right password.
func (s *mailServer) config(encryption string) mail.SMTPConfig {
	return mail.SMTPConfig{
		Host: "127.0.0.1", Port: s.port, TLS: encryption == "tls", Username: smtpUser, Password: smtpPassword, RootCAs: s.ca,
	}
}

func (s *mailServer) session(c *smtp.Conn) (smtp.Session, error) {
	s.note(func(r *record) {
		r.sessions++
		r.names = append(r.names, c.Hostname())
	})
	return &mailSession{server: s, conn: c}, nil
}

func (s *mailServer) note(what func(*record)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	what(&s.recorded)
}

// told is what the server was told so far.
func (s *mailServer) told() record {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.recorded
}

type mailSession struct {
	server   *mailServer
	conn     *smtp.Conn
	loggedIn bool
}

func (s *mailSession) AuthMechanisms() []string { return s.server.mechanisms }

func (s *mailSession) Auth(mechanism string) (sasl.Server, error) {
	check := func(user, password string) error {
		s.server.note(func(r *record) { r.logins = append(r.logins, mechanism+" "+user+" "+password) })
		switch {
		case s.server.refuseLogin != nil:
			return s.server.refuseLogin
		case user != smtpUser || password != smtpPassword:
			return &smtp.SMTPError{Code: 535, EnhancedCode: smtp.EnhancedCode{5, 7, 8}, Message: "no: " + user + " " + password}
		}
		s.loggedIn = true
		return nil
	}
	switch mechanism {
	case "PLAIN":
		return sasl.NewPlainServer(func(_, user, password string) error { return check(user, password) }), nil
	case "LOGIN":
		return &loginServer{check: check}, nil
	default:
		return nil, smtp.ErrAuthUnknownMechanism
	}
}

// loginServer is the mechanism LOGIN, which the library has for clients only.
type loginServer struct {
	check func(user, password string) error
	said  []string
}

func (l *loginServer) Next(response []byte) (challenge []byte, done bool, err error) {
	if response != nil {
		l.said = append(l.said, string(response))
	}
	switch len(l.said) {
	case 0:
		return []byte("Username:"), false, nil
	case 1:
		return []byte("Password:"), false, nil
	default:
		return nil, true, l.check(l.said[0], l.said[1])
	}
}

func (s *mailSession) Mail(from string, o *smtp.MailOptions) error {
	if o.UTF8 {
		return errors.New("SMTPUTF8 was asked for")
	}
	if s.server.refuseFrom == nil {
		s.server.note(func(r *record) { r.from = append(r.from, from) })
	}
	return s.server.refuseFrom
}

func (s *mailSession) Rcpt(to string, _ *smtp.RcptOptions) error {
	if s.server.refuseTo == nil {
		s.server.note(func(r *record) { r.to = append(r.to, to) })
	}
	return s.server.refuseTo
}

func (s *mailSession) Data(r io.Reader) error {
	content, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if s.server.atData != nil {
		s.server.atData(s.conn)
	}
	if s.server.refuseData == nil {
		s.server.note(func(r *record) { r.messages = append(r.messages, string(content)) })
	}
	return s.server.refuseData
}

func (*mailSession) Reset()        {}
func (*mailSession) Logout() error { return nil }

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
