package postgres

import (
	"crypto/tls"
	"errors"
	"net/url"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Diagnosis says why a database could not be used, for an operator. It never has a password.
type Diagnosis struct {
	IsPermanent bool   // waiting does not help: the operator must act
	Cause       string // what happened
	Hint        string // what to do
}

// Diagnose explains why the database that variable names could not be used.
func Diagnose(err error, variable string) Diagnosis {
	if answer, answered := errors.AsType[*pgconn.PgError](err); answered {
		return diagnoseAnswer(answer, variable)
	}
	_, isTLS := errors.AsType[tls.AlertError](err)
	_, isNotTLS := errors.AsType[tls.RecordHeaderError](err)
	_, isUntrusted := errors.AsType[*tls.CertificateVerificationError](err)
	switch {
	case strings.Contains(err.Error(), "refused TLS"):
		return Diagnosis{true, "the server offers no TLS, which " + variable + " wants",
			"switch TLS on there; on a private network sslmode=prefer in " + variable +
				" does without"}
	case isUntrusted:
		return Diagnosis{true, "the server's certificate is not trusted",
			"name its authority with sslrootcert in " + variable +
				", and the host as the certificate does"}
	case isTLS || isNotTLS:
		return Diagnosis{true, "no TLS connection: " + err.Error(),
			"check sslmode and the client certificate in " + variable}
	}
	return Diagnosis{false, "no answer: " + err.Error(),
		"check " + variable + ", that Postgres runs, and that its firewall lets this machine in"}
}

// diagnoseAnswer judges what a server, or a pooler in front of it, has answered (PostgreSQL
// documentation, appendix A).
func diagnoseAnswer(answer *pgconn.PgError, variable string) Diagnosis {
	message := answer.Message + " (SQLSTATE " + answer.Code + ")"
	switch code := answer.Code; {
	case strings.HasPrefix(code, "28"), code == "3D000":
		return Diagnosis{true, "the credentials were rejected: " + message,
			"check user, password and name in " + variable}
	case strings.Contains(message, "unsupported startup parameter"):
		return Diagnosis{true, "a pooler is in between: " + message,
			"set MIGRATE_DATABASE_URL to the address of the database itself, and remove " +
				"parameters that the pooler does not know from DATABASE_URL"}
	case code == "08P01":
		return Diagnosis{true, "the connection was rejected: " + message,
			"check that " + variable + " leads to Postgres"}
	case code == "42704", code == "22023", code == "42601", code == "0A000":
		return Diagnosis{true, "a parameter was rejected: " + message,
			"change or remove the parameter in " + variable}
	case code == "42501":
		return Diagnosis{true, "the role lacks a privilege: " + message, "run: sana doctor"}
	case strings.HasPrefix(code, "42"):
		return Diagnosis{true, "a statement was rejected: " + message, "run: sana doctor"}
	case code == "53300":
		return Diagnosis{false, "no connection is left: " + message,
			"lower pool_max_conns in " + variable + ", or raise max_connections"}
	}
	return Diagnosis{false, "the server answers: " + message, "look into its log"}
}

// parseURL parses a database's address. Its errors say what is wrong and never have a password: a
// part of an address that is no URL could be one.
func parseURL(address string) (*pgxpool.Config, error) {
	cfg, err := pgxpool.ParseConfig(address)
	if err == nil {
		return cfg, nil
	}
	const looksLike = "it looks like postgres://user:password@host:5432/name"
	if _, syntax := url.Parse(address); syntax != nil {
		return nil, errors.New("the database URL cannot be read; " + looksLike +
			", with special characters of the password as %40 for @, %2F for /, %25 for %")
	}
	_, cause, found := strings.Cut(err.Error(), "`: ")
	if !found {
		cause = "unknown form"
	}
	return nil, errors.New("the database URL cannot be used: " + cause + "; " + looksLike)
}
