package doctor_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"net"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"testing"

	"sana/backend/diagnose"
	"sana/backend/diagnose/doctor"
	"sana/backend/test/postgrestest"
)

// encrypt puts Postgres's TLS in front of a database. It returns the address and a file with the
// certificate authority.
func encrypt(t *testing.T, address string) (encrypted, authority string) {
	t.Helper()
	encrypted, authority, _ = encryptFor(t, address, tls.NoClientCert)
	return encrypted, authority
}

// encryptFor is encrypt with a rule about client certificates. It also returns a file with the key
// of the authority's certificate, which is also used as a client's.
func encryptFor(
	t *testing.T, address string, clients tls.ClientAuthType,
) (encrypted, authority, key string) {
	t.Helper()
	borrowed := httptest.NewTLSServer(nil) // for its certificate
	t.Cleanup(borrowed.Close)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	config := borrowed.TLS.Clone()
	config.ClientAuth = clients
	target := parse(t, address).Host
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			go unwrap(client, config, target)
		}
	}()
	private, err := x509.MarshalPKCS8PrivateKey(config.Certificates[0].PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	authority = writePEM(t, "CERTIFICATE", borrowed.Certificate().Raw)
	key = writePEM(t, "PRIVATE KEY", private)
	return with(t, address, func(u *url.URL) { u.Host = listener.Addr().String() }), authority, key
}

// writePEM writes a file with one block.
func writePEM(t *testing.T, kind string, content []byte) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "x.pem")
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: content}),
		0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// unwrap answers an SSLRequest (eight bytes) with yes and forwards the decrypted bytes.
func unwrap(client net.Conn, config *tls.Config, target string) {
	defer client.Close()
	if _, err := io.ReadFull(client, make([]byte, 8)); err != nil {
		return
	}
	if _, err := client.Write([]byte("S")); err != nil {
		return
	}
	inner := tls.Server(client, config)
	database, err := net.Dial("tcp", target)
	if err != nil {
		return
	}
	go func() {
		_, _ = io.Copy(database, inner)
		_ = database.Close()
	}()
	_, _ = io.Copy(inner, database)
}

func TestDatabase_ReportsTLSOfTheConnection(t *testing.T) {
	t.Parallel()
	plain := postgrestest.EmptyURL(t)
	encrypted, authority := encrypt(t, plain)
	assert(t, "plain", look(t, doctor.Database{Pool: open(t, plain)})["database-tls"],
		diagnose.Passed, "without TLS, on this machine", "")
	unchecked := with(t, encrypted, parameter("sslmode", "require"))
	assert(t, "unchecked", look(t, doctor.Database{Pool: open(t, unchecked)})["database-tls"],
		diagnose.Passed, "TLS 1.3 on a private network; the certificate is not verified", "")
	checked := with(t, with(t, encrypted, parameter("sslmode", "verify-full")),
		parameter("sslrootcert", authority))
	assert(t, "checked", look(t, doctor.Database{Pool: open(t, checked)})["database-tls"],
		diagnose.Passed, "TLS 1.3, and the certificate is verified", "")
	ofNobody := with(t, encrypted, parameter("sslmode", "verify-full"))
	assert(t, "untrusted", look(t, doctor.Database{Pool: open(t, ofNobody)})["database"],
		diagnose.Failed, "is not trusted", "sslrootcert")
}

// ASVS 5.0, 13.2.1: Postgres can authenticate Sana by a certificate.
func TestDatabase_SendsClientCertificate(t *testing.T) {
	t.Parallel()
	address, certificate, key := encryptFor(t, postgrestest.EmptyURL(t), tls.RequireAnyClientCert)
	without := with(t, with(t, address, parameter("sslmode", "verify-full")),
		parameter("sslrootcert", certificate))
	assert(t, "without one", look(t, doctor.Database{Pool: open(t, without)})["database"],
		diagnose.Failed, "certificate required", "DATABASE_URL")
	shown := with(t, with(t, without, parameter("sslcert", certificate)), parameter("sslkey", key))
	assert(t, "with one", look(t, doctor.Database{Pool: open(t, shown)})["database-tls"],
		diagnose.Passed, "TLS 1.3, and the certificate is verified", "")
}
