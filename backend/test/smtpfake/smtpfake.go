// Package smtpfake is a real SMTP server on 127.0.0.1 for tests. It records what it accepts, and
// refuses commands on demand.
package smtpfake

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"math/big"
	"net"
	"sync"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// The credentials of the server.
const (
	User     = "sana@mg.sana.example"
	Password = "canary pass:wörd@/%"
)

// Server is one server. Configure it, then Start it, and Close it.
type Server struct {
	Mechanisms  []string // offered for authentication
	RefuseLogin error
	RefuseFrom  error
	RefuseTo    error
	RefuseData  error
	AtData      func(*smtp.Conn) // called when the whole message has arrived

	Port      int
	Authority []byte // PEM of the certificate authority: the server's own, self-signed certificate

	smtp *smtp.Server

	mu       sync.Mutex
	recorded Record
}

// Record is what clients have sent to a server.
type Record struct {
	Sessions int
	Logins   []string // "MECHANISM user password"
	Names    []string // of the clients, in EHLO
	From, To []string
	Messages []string
}

// Start starts the server: with TLS from the first byte ("tls"), with STARTTLS ("starttls"), or
// with neither.
func (s *Server) Start(encryption string) error {
	s.smtp = smtp.NewServer(smtp.BackendFunc(s.session))
	s.smtp.Domain = "mail.sana.example"
	s.smtp.ErrorLog = log.New(io.Discard, "", 0)
	s.smtp.EnableSMTPUTF8 = true
	s.smtp.ReadTimeout, s.smtp.WriteTimeout = 20*time.Second, 20*time.Second
	certificate, err := newCertificate()
	if err != nil {
		return err
	}
	s.Authority = pem.EncodeToMemory(
		&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Certificate[0]})
	config := &tls.Config{Certificates: []tls.Certificate{certificate}}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	s.Port = listener.Addr().(*net.TCPAddr).Port
	switch encryption {
	case "tls":
		listener = tls.NewListener(listener, config)
	case "starttls":
		s.smtp.TLSConfig = config
	default:
		// it requests the password over plain text: the client must refuse
		s.smtp.AllowInsecureAuth = true
	}
	go func() { _ = s.smtp.Serve(listener) }()
	return nil
}

// Close stops the server.
func (s *Server) Close() error { return s.smtp.Close() }

// newCertificate returns a self-signed certificate for 127.0.0.1 and localhost.
func newCertificate() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, IsCA: true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		NotBefore:             time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
}

func (s *Server) session(c *smtp.Conn) (smtp.Session, error) {
	s.note(func(r *Record) {
		r.Sessions++
		r.Names = append(r.Names, c.Hostname())
	})
	return &conversation{server: s, conn: c}, nil
}

func (s *Server) note(what func(*Record)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	what(&s.recorded)
}

// Recorded returns what clients have sent so far.
func (s *Server) Recorded() Record {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.recorded
}

type conversation struct {
	server   *Server
	conn     *smtp.Conn
	loggedIn bool
}

func (s *conversation) AuthMechanisms() []string { return s.server.Mechanisms }

func (s *conversation) Auth(mechanism string) (sasl.Server, error) {
	check := func(user, password string) error {
		s.server.note(
			func(r *Record) { r.Logins = append(r.Logins, mechanism+" "+user+" "+password) })
		switch {
		case s.server.RefuseLogin != nil:
			return s.server.RefuseLogin
		case user != User || password != Password:
			return &smtp.SMTPError{Code: 535, EnhancedCode: smtp.EnhancedCode{5, 7, 8},
				Message: "no: " + user + " " + password}
		}
		s.loggedIn = true
		return nil
	}
	switch mechanism {
	case "PLAIN":
		return sasl.NewPlainServer(
				func(_, user, password string) error { return check(user, password) }),
			nil
	case "LOGIN":
		return &loginServer{check: check}, nil
	default:
		return nil, smtp.ErrAuthUnknownMechanism
	}
}

// loginServer is the mechanism LOGIN, which the library supports for clients only.
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

func (s *conversation) Mail(from string, o *smtp.MailOptions) error {
	if o.UTF8 {
		return errors.New("SMTPUTF8 was requested")
	}
	if s.server.RefuseFrom == nil {
		s.server.note(func(r *Record) { r.From = append(r.From, from) })
	}
	return s.server.RefuseFrom
}

func (s *conversation) Rcpt(to string, _ *smtp.RcptOptions) error {
	if s.server.RefuseTo == nil {
		s.server.note(func(r *Record) { r.To = append(r.To, to) })
	}
	return s.server.RefuseTo
}

func (s *conversation) Data(r io.Reader) error {
	content, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if s.server.AtData != nil {
		s.server.AtData(s.conn)
	}
	if s.server.RefuseData == nil {
		s.server.note(func(r *Record) { r.Messages = append(r.Messages, string(content)) })
	}
	return s.server.RefuseData
}

func (*conversation) Reset()        {}
func (*conversation) Logout() error { return nil }
