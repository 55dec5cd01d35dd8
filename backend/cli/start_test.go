package cli_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"sana/backend/app"
	"sana/backend/cli"
	"sana/backend/config"
	"sana/backend/test/harness"
	"sana/backend/test/postgrestest"
	"sana/backend/test/smtpfake"

	"github.com/jackc/pgx/v5/pgproto3"
)

// start starts the program in production's configuration with further NAME=value pairs; it is
// stopped when the test ends.
func start(ctx context.Context, t *testing.T, log io.Writer, override ...string) error {
	t.Helper()
	cfg, err := config.Load(append([]string{
		"PORT=0",
		"PUBLIC_URL=https://sana.example",
		"SECRET_KEYS=k1:c2FuYS10ZXN0LWtleS0wMTIzNDU2Nzg5LWJjZGZnaCEh",
		"MAIL_FROM=sana@mg.sana.example",
		"MAILGUN_DOMAIN=mg.sana.example",
		"MAILGUN_API_KEY=canary",
		"TRUSTED_PROXY_HOPS=0",
	}, override...))
	if err != nil {
		t.Fatal(err)
	}
	program, err := app.Start(ctx, cfg, app.Options{Version: "test", Output: log})
	if err == nil {
		t.Cleanup(func() {
			if err := program.Stop(); err != nil {
				t.Error(err)
			}
		})
	}
	return err
}

func TestStart_EndsWithItsContextWithoutDatabase(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	log := &harness.Log{}
	err := start(ctx, t, log, "DATABASE_URL=postgres://sana:canary@127.0.0.1:1/sana")
	if err == nil || !strings.HasPrefix(err.Error(), "connect to database: no answer: ") {
		t.Errorf("got %v, want that DATABASE_URL is to be checked", err)
	}
	assertWaited(t, log)
	if err != nil && strings.Contains(err.Error()+log.String(), "canary") {
		t.Errorf("the password is shown: %v\n%s", err, log)
	}
}

func TestStart_DoesNotWaitForRejectedCredentials(t *testing.T) {
	t.Parallel()
	good, err := url.Parse(postgrestest.EmptyURL(t))
	if err != nil {
		t.Fatal(err)
	}
	wrongName, wrongPassword := *good, *good
	wrongName.Path = "/no_such_database"
	wrongPassword.User = url.UserPassword(good.User.Username(), "canary")
	for name, wrong := range map[string]url.URL{"name": wrongName, "password": wrongPassword} {
		log := &harness.Log{}
		err := start(t.Context(), t, log, "DATABASE_URL="+wrong.String())
		if err == nil ||
			!strings.HasPrefix(err.Error(),
				"connect to database: the credentials were rejected: ") ||
			!strings.HasSuffix(err.Error(), "; check user, password and name in DATABASE_URL") {
			t.Errorf("%s: got %v", name, err)
		}
		if err != nil && strings.Contains(err.Error()+log.String(), "canary") {
			t.Errorf("%s: the password is shown: %v", name, err)
		}
	}
}

func TestStart_NamesInvalidMailgunVariables(t *testing.T) {
	t.Parallel()
	err := start(t.Context(), t, &harness.Log{}, "DATABASE_URL="+postgrestest.URL(t),
		"MAILGUN_API_BASE=https://api.mailgun.net")
	if err == nil || !strings.Contains(err.Error(), "MAILGUN_API_BASE") {
		t.Errorf("got %v, want the variable's name", err)
	}
}

func TestStart_WaitsForAStartingDatabase(t *testing.T) {
	t.Parallel()
	log := &harness.Log{}
	if err := start(t.Context(), t, log,
		"DATABASE_URL="+lateDatabase(t, postgrestest.URL(t), 10)); err != nil {
		t.Fatal(err)
	}
	assertWaited(t, log)
	if !strings.Contains(log.String(), `"msg":"serving"`) {
		t.Errorf("the log does not say that the program serves:\n%s", log)
	}
}

// Errors that an operator must correct are reported immediately, not after half a minute.
func TestStart_DoesNotWaitForPermanentErrors(t *testing.T) {
	t.Parallel()
	address := postgrestest.EmptyURL(t)
	for name, test := range map[string]struct{ address, want string }{
		"parameter of a pooler": {
			refusingDatabase(t, "08P01", "unsupported startup parameter: statement_timeout"),
			"a pooler is in between: unsupported startup parameter: statement_timeout (SQLSTATE " +
				"08P01); set MIGRATE_DATABASE_URL",
		},
		"protocol": {refusingDatabase(t, "08P01", "no such thing"),
			"the connection was rejected: no such thing"},
		"unknown parameter": {address + "&canary_parameter=1",
			`unrecognized configuration parameter "canary_parameter"`},
		"wrong value": {address + "&work_mem=canary", "a parameter was rejected: "},
		"syntax": {refusingDatabase(t, "42601", "syntax error"),
			"a parameter was rejected: syntax error"},
		"no TLS": {strings.Replace(address, "sslmode=disable", "sslmode=require", 1),
			"the server offers no TLS"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			log := &harness.Log{}
			err := start(t.Context(), t, log, "DATABASE_URL="+test.address)
			if err == nil || !strings.HasPrefix(err.Error(), "connect to database: ") ||
				!strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %s", err, test.want)
			}
			if strings.Contains(log.String(), "database unavailable") {
				t.Errorf("the program waits:\n%s", log)
			}
		})
	}
}

// refusingDatabase returns the address of a server that answers each connection with an error.
func refusingDatabase(t *testing.T, code, message string) string {
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
			backend := pgproto3.NewBackend(conn, conn)
			if _, err := backend.ReceiveStartupMessage(); err == nil {
				backend.Send(
					&pgproto3.ErrorResponse{Severity: "FATAL", Code: code, Message: message})
				_ = backend.Flush()
			}
			_ = conn.Close()
		}
	}()
	return "postgres://sana:canary@" + listener.Addr().String() + "/sana?sslmode=disable"
}

// runCommand runs a command with a database and returns its exit code and output.
func runCommand(database string, args ...string) (code int, stdout, stderr string) {
	var out, errors bytes.Buffer
	code = cli.Run(args, []string{
		"DATABASE_URL=" + database,
		"PUBLIC_URL=https://sana.example",
		"SECRET_KEYS=" + harness.SecretKeys,
		"MAIL_FROM=sana@mg.sana.example",
		"MAILGUN_DOMAIN=mg.sana.example",
		"MAILGUN_API_KEY=canary",
		"TRUSTED_PROXY_HOPS=0",
	}, strings.NewReader(""), &out, &errors, "test")
	return code, out.String(), errors.String()
}

// Every command waits for a database that is starting, and immediately reports an error that
// waiting does not solve.
func TestCommands_WaitForADatabaseAsServeDoes(t *testing.T) {
	t.Parallel()
	for name, args := range map[string][]string{
		"migrate": {"migrate"}, "list": {"sessions", "list", "ada@sana.example"},
		"mail": {"mail", "explain", "ada@sana.example"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, stdout, stderr := runCommand(lateDatabase(t, postgrestest.URL(t), 3), args...)
			if strings.Count(stderr, "database unavailable: retrying") != 1 {
				t.Errorf("got %q, want a line that says that it waits", stderr)
			}
			if strings.Contains(stderr, "connect to database") {
				t.Errorf("got %q and %q", stdout, stderr)
			}
			refusing := refusingDatabase(t, "28P01", "password authentication failed")
			code, _, stderr := runCommand(refusing, args...)
			const want = "sana: connect to database: the credentials were rejected: password " +
				"authentication failed"
			if code != 1 || !strings.HasPrefix(stderr, want) {
				t.Errorf("got %d and %q, want %q", code, stderr, want)
			}
		})
	}
}

// assertWaited fails the test unless the log says once that the program waits.
func assertWaited(t *testing.T, log *harness.Log) {
	t.Helper()
	if got := strings.Count(log.String(), "database unavailable: retrying"); got != 1 {
		t.Errorf("the log says %d times that the program waits, want once:\n%s", got, log)
	}
}

// lateDatabase returns the address of a proxy that drops the first connections and forwards all
// others to the database.
func lateDatabase(t *testing.T, address string, drop int) string {
	t.Helper()
	target, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for seen := 1; ; seen++ {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			if seen <= drop {
				_ = client.Close()
				continue
			}
			go join(client, target.Host)
		}
	}()
	late := *target
	late.Host = listener.Addr().String()
	return late.String()
}

// join copies in both directions until one side closes.
func join(client net.Conn, host string) {
	defer client.Close()
	server, err := net.Dial("tcp", host)
	if err != nil {
		return
	}
	defer server.Close()
	go func() {
		_, _ = io.Copy(server, client)
		_ = server.Close()
	}()
	_, _ = io.Copy(client, server)
}

func TestStart_ReportsAPortInUse(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	port := strconv.Itoa(taken.Addr().(*net.TCPAddr).Port)
	err = start(t.Context(), t, io.Discard, "DATABASE_URL="+postgrestest.URL(t), "PORT="+port)
	if want := "cannot listen on :" + port + " (LISTEN_ADDR, else PORT): "; err == nil ||
		!strings.HasPrefix(err.Error(), want) {
		t.Errorf("got %v, want %s…", err, want)
	}
}

func TestListenAddr_OtherInterfacesDoNotAnswer(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	port := strconv.Itoa(harness.FreePort(t))
	instance := w.Start(t, "PORT=", "LISTEN_ADDR=127.0.0.2:"+port)
	harness.WantEqual(t, "address", instance.URL, "http://127.0.0.2:"+port)
	if conn, err := net.Dial("tcp", "127.0.0.1:"+port); err == nil {
		conn.Close()
		t.Error("127.0.0.1 answers too")
	}
}

// Otherwise every mail would be delayed until its code expires. A password requires encryption even
// for a server on this machine.
func TestStart_RefusesAnSMTPServerWithoutEncryption(t *testing.T) {
	t.Parallel()
	server := &smtpfake.Server{}
	if err := server.Start("none"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	database := "DATABASE_URL=" + postgrestest.URL(t)
	for address, want := range map[string]string{
		// Only the resolver knows that this name is the local machine.
		"LOCALHOST:%d":             "smtp://relay:25?tls=off",
		"LOCALHOST:%d?tls=off":     "",
		"sana:canary@127.0.0.1:%d": "the server offers no encryption",
	} {
		err := start(t.Context(), t, io.Discard, database, "MAIL_TRANSPORT=smtp",
			"SMTP_URL=smtp://"+fmt.Sprintf(address, server.Port), "MAILGUN_DOMAIN=",
			"MAILGUN_API_KEY=")
		if (err == nil) != (want == "") || err != nil && (!strings.Contains(err.Error(), want) ||
			strings.Contains(err.Error(), "canary")) {
			t.Errorf("%s: got %v, want %q", address, err, want)
		}
	}
	if got := server.Recorded(); len(got.Logins)+len(got.Messages) != 0 {
		t.Errorf("the server got logins %q and messages %q", got.Logins, got.Messages)
	}
}
