// Package harness runs the whole program for tests: in this process or as other processes, on a
// real Postgres, with a fake Mailgun on loopback, and browsers that check every answer against the
// contract.
package harness

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"sana/backend/app"
	"sana/backend/config"
	"sana/backend/test/mailgunfake"
	"sana/backend/test/postgrestest"

	"github.com/jackc/pgx/v5/pgxpool"
)

// PublicURL is the PUBLIC_URL of the tested program. Browsers of this package send it as their
// origin.
const PublicURL = "https://sana.example"

// Deadline bounds every wait in a test; it is far longer than any wait should take.
const Deadline = postgrestest.Deadline

const (
	mailgunDomain = "mg.sana.example"
	mailgunKey    = "key-canary-mailgun"
	// SecretKeys is the key of all tested programs.
	SecretKeys = "k1:c2FuYS10ZXN0LWtleS0wMTIzNDU2Nzg5LWJjZGZnaCEh"
)

// WebhookKey is the key of Mailgun's event signatures.
const WebhookKey = "key-canary-webhook"

// World is the environment of the programs under test: a database and a Mailgun.
type World struct {
	DatabaseURL string
	DB          *pgxpool.Pool
	Mailgun     *mailgunfake.Server
	Program     string // the file that Run and Spawn start; "" for Sana, built from these sources
}

// NewWorld returns a world with a migrated database.
func NewWorld(t testing.TB) *World {
	t.Helper()
	return WorldOn(t, postgrestest.URL(t))
}

// NewEmptyWorld returns a world with an empty database.
func NewEmptyWorld(t testing.TB) *World {
	t.Helper()
	return WorldOn(t, postgrestest.EmptyURL(t))
}

// WorldOn returns a world with the database at an address.
func WorldOn(t testing.TB, url string) *World {
	t.Helper()
	mailgun := mailgunfake.Start(mailgunDomain, mailgunKey)
	t.Cleanup(mailgun.Close)
	return &World{DatabaseURL: url, DB: postgrestest.Pool(t, url), Mailgun: mailgun}
}

// poolSize is the maximum number of an instance's connections, unless DatabaseURL sets it: enough
// for concurrent requests to meet in the database, and fewer than in production, because a test is
// often over before the server has opened that many.
const poolSize = 6

// Environ returns production's configuration for this world; further NAME=value pairs override it.
func (w *World) Environ(override ...string) []string {
	database := w.DatabaseURL
	if !strings.Contains(database, "pool_max_conns=") {
		separator := "&"
		if !strings.Contains(database, "?") {
			separator = "?"
		}
		database += fmt.Sprintf("%spool_max_conns=%d", separator, poolSize)
	}
	return append([]string{
		"APP_ENV=production",
		"PUBLIC_URL=" + PublicURL,
		"DATABASE_URL=" + database,
		"SECRET_KEYS=" + SecretKeys,
		"MAIL_FROM=Sana <sign-in@mg.sana.example>",
		"MAILGUN_DOMAIN=" + mailgunDomain,
		"MAILGUN_API_KEY=" + mailgunKey,
		"MAILGUN_API_BASE=" + w.Mailgun.URL(),
		"MAILGUN_WEBHOOK_KEY=" + WebhookKey,
		"TRUSTED_PROXY_HOPS=1", // each Browser has its own IP address
	}, override...)
}

// Instance is one running program.
type Instance struct {
	URL        string // of its own address, without a slash at the end
	MetricsURL string // the same for metrics, "" without METRICS_ADDR; unknown for a Process
	Log        *Log
}

// Start runs the program in this process until the test ends, in production's configuration with
// further NAME=value pairs.
func (w *World) Start(t testing.TB, override ...string) *Instance {
	t.Helper()
	cfg, err := config.Load(w.Environ(append([]string{"PORT=0"}, override...)...))
	if err != nil {
		t.Fatal(err)
	}
	log := &Log{}
	program, err := app.Start(t.Context(), cfg, app.Options{Version: "test", Output: log})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := program.Stop(); err != nil {
			t.Errorf("stopping the program: %v", err)
		}
		if t.Failed() {
			t.Logf("the program's log:\n%s", log)
		}
	})
	instance := &Instance{
		URL: "http://" + strings.Replace(program.Addr, "[::]", "127.0.0.1", 1), Log: log,
	}
	if program.MetricsAddr != "" {
		instance.MetricsURL = "http://" + program.MetricsAddr
	}
	return instance
}

// StartError is Start for a program that must refuse to start; it returns the error.
func (w *World) StartError(t testing.TB, override ...string) error {
	t.Helper()
	cfg, err := config.Load(w.Environ(append([]string{"PORT=0"}, override...)...))
	if err != nil {
		return err
	}
	program, err := app.Start(t.Context(), cfg, app.Options{Version: "test", Output: &Log{}})
	if err == nil {
		return program.Stop()
	}
	return err
}

// Log collects a program's output. It is safe for concurrent use.
type Log struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

// Write appends to the log.
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buffer.Write(p)
}

// String returns the log so far.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buffer.String()
}

var codeAtStart = regexp.MustCompile(`^[0-9A-Z]{6,13}\b`)

// Code waits until Mailgun has accepted n mails with a code to an address and returns the code of
// the n-th.
func (w *World) Code(t testing.TB, address string, n int) string {
	t.Helper()
	mails := w.Mails(t, "sign_in_code", address, n)
	code := CodeIn(mails[n-1])
	if code == "" {
		t.Fatalf("the subject %q does not begin with a code", mails[n-1].Subject)
	}
	return code
}

// CodeIn returns the code of a mail, "" if it has none.
func CodeIn(m mailgunfake.Message) string { return codeAtStart.FindString(m.Subject) }

// Mails waits until Mailgun has accepted at least n mails of a kind to an address and returns all
// of them, oldest first.
func (w *World) Mails(t testing.TB, kind, address string, n int) []mailgunfake.Message {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), Deadline)
	defer cancel()
	for seen := 0; ; {
		all, err := w.Mailgun.Wait(ctx, seen+1)
		if err != nil {
			t.Fatalf("waiting for %s %d to %s: %v", kind, n, address, err)
		}
		seen = len(all)
		if accepted := acceptedFor(all, kind, address); len(accepted) >= n {
			return accepted
		}
	}
}

func acceptedFor(all []mailgunfake.Message, kind, address string) []mailgunfake.Message {
	var list []mailgunfake.Message
	for _, m := range all {
		if m.Status == 200 && slices.Equal(m.Tags, []string{kind}) &&
			slices.Equal(m.To, []string{address}) {
			list = append(list, m)
		}
	}
	return list
}

// AwaitMails waits until no mail is queued or in flight.
func (w *World) AwaitMails(t testing.TB) {
	t.Helper()
	Eventually(t, "mails are still under way", func() error {
		return CountError(w.Count(t, `SELECT count(*) FROM mails WHERE done_at IS NULL`), 0)
	})
}

// awaitCodes waits until no mail with a code for an address is queued or in flight. A mail whose
// challenge was deleted may be for any address.
func (w *World) awaitCodes(t testing.TB, address string) {
	t.Helper()
	Eventually(t, "mails with codes are still under way", func() error {
		return CountError(w.Count(t, `
			SELECT count(*)
			FROM mails
			LEFT JOIN challenges ON challenges.id = mails.ref
			WHERE done_at IS NULL
			  AND template = 'sign_in_code'
			  AND coalesce(email = $1, true)`, address), 0)
	})
}

// Pass simulates the passing of time for codes and limits in the database: their times become d
// older.
func (w *World) Pass(t testing.TB, d time.Duration) {
	t.Helper()
	w.Exec(t, `
		UPDATE challenges
		SET created_at = created_at - $1::interval,
		    sent_at = sent_at - $1::interval,
		    resend_at = resend_at - $1::interval,
		    expires_at = expires_at - $1::interval,
		    consumed_at = consumed_at - $1::interval`, d)
	w.Exec(t, `
		UPDATE uses
		SET at = at - $1::interval,
		    ends_at = ends_at - $1::interval`, d)
	// One by one, the oldest first: a single UPDATE could violate the unique key.
	w.Exec(t, fmt.Sprintf(`
		DO $$
		DECLARE old tid;
		BEGIN
			FOR old IN SELECT ctid FROM service_attempts ORDER BY minute LOOP
				UPDATE service_attempts
				SET minute = minute - interval '%d seconds'
				WHERE ctid = old;
			END LOOP;
		END $$`, int(d.Seconds())))
}

// Eventually polls check until it returns nil, at most Deadline.
func Eventually(t testing.TB, what string, check func() error) {
	t.Helper()
	postgrestest.Eventually(t, what, check)
}

// StatusError returns nil if an answer has this status, for use with Eventually.
func StatusError(a *Answer, status int) error {
	if a.Status != status {
		return fmt.Errorf("%s: got %d, want %d", a.name, a.Status, status)
	}
	return nil
}

// CountError returns nil if got is want, for use with Eventually.
func CountError(got, want int) error {
	if got != want {
		return fmt.Errorf("got %d, want %d", got, want)
	}
	return nil
}

// StopDatabase makes the database unavailable: it refuses new connections and closes the open ones.
func (w *World) StopDatabase(t testing.TB) {
	t.Helper()
	w.onServer(t, `ALTER DATABASE %s ALLOW_CONNECTIONS false`)
	w.onServer(t, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '%s'`)
}

// BringBack reverts StopDatabase.
func (w *World) BringBack(t testing.TB) {
	t.Helper()
	w.onServer(t, `ALTER DATABASE %s ALLOW_CONNECTIONS true`)
}

// onServer runs a statement about the world's database as the server's superuser.
func (w *World) onServer(t testing.TB, sql string) {
	t.Helper()
	postgrestest.AsSuperuser(t, "postgres",
		fmt.Sprintf(sql, w.DB.Config().ConnConfig.Database))
}

// Lock takes a lock in a transaction of the test's own. unlock releases it.
func (w *World) Lock(t testing.TB, sql string) (unlock func()) {
	t.Helper()
	tx := postgrestest.Begin(t, w.DB)
	for _, statement := range []string{
		`SET LOCAL idle_in_transaction_session_timeout = 0`, sql,
	} {
		if _, err := tx.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	return func() {
		t.Helper()
		if err := tx.Rollback(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// AwaitLock waits until another client's statement waits for a table.
func (w *World) AwaitLock(t testing.TB, table string) {
	t.Helper()
	Eventually(t, "no statement waits for "+table, func() error {
		return CountError(w.Count(t, `
			SELECT least(count(*), 1)
			FROM pg_locks
			WHERE NOT granted
			  AND relation = $1::regclass`, table), 1)
	})
}

// Exec runs a statement on the world's database.
func (w *World) Exec(t testing.TB, sql string, args ...any) {
	t.Helper()
	if _, err := w.DB.Exec(t.Context(), sql, args...); err != nil {
		t.Fatal(err)
	}
}

// Count returns the single number that a query selects.
func (w *World) Count(t testing.TB, sql string, args ...any) int {
	t.Helper()
	var n int
	if err := w.DB.QueryRow(t.Context(), sql, args...).Scan(&n); err != nil {
		t.Fatal(fmt.Errorf("%s: %w", sql, err))
	}
	return n
}

// Number reads a number from the environment, for tests whose size can be set.
func Number(t testing.TB, variable string, otherwise int) int {
	t.Helper()
	text := os.Getenv(variable)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("%s: %v", variable, err)
	}
	return n
}
