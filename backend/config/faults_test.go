package config_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sana/backend/config"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// assertEqual compares two configurations, secrets included, without their keys.
func assertEqual(t *testing.T, got, want config.Config) {
	t.Helper()
	reveal := cmp.Transformer("reveal", config.Secret.Reveal)
	if diff := cmp.Diff(want, got, reveal,
		cmpopts.IgnoreFields(config.Config{}, "Keys")); diff != "" {
		t.Errorf("configuration (-want +got):\n%s", diff)
	}
}

// file returns the path of a new file with this content.
func file(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// faults returns the lines of Load's error.
func faults(t *testing.T, environ []string) []string {
	t.Helper()
	_, err := config.Load(environ)
	if err == nil {
		return nil
	}
	return strings.Split(err.Error(), "\n")
}

func TestEachFaultNamesItsVariableAndSaysWhatToDo(t *testing.T) {
	t.Parallel()
	missing := filepath.Join(t.TempDir(), "missing")
	for name, test := range map[string]struct {
		environ []string
		want    string
	}{
		"an environment that does not exist": {production("APP_ENV=staging"),
			`APP_ENV is "staging"; it must be development or production`},
		"a port that is no number": {production("PORT=web"),
			"PORT cannot be read as a number from 0 to 65535: port to listen on"},
		"a port that does not exist": {production("PORT=65536"),
			"PORT cannot be read as a number from 0 to 65535: port to listen on"},
		"no public address": {production("PUBLIC_URL="),
			"PUBLIC_URL is not set; it is where people reach Sana, e.g. https://"},
		"http in production": {production("PUBLIC_URL=http://sana.example.org"),
			`PUBLIC_URL is "http://sana.example.org"; in production it must begin with https://, because browsers`},
		"Render's address is not https": {
			production("PUBLIC_URL=", "RENDER_EXTERNAL_URL=http://x.example"),
			`PUBLIC_URL is "http://x.example"; in production it must begin with https://`},
		"ftp in development": {development("PUBLIC_URL=ftp://localhost"),
			`PUBLIC_URL is "ftp://localhost"; it must begin with https://`},
		"no database": {production("DATABASE_URL="),
			"DATABASE_URL is not set; it looks like postgres://user:password@host:5432/name"},
		"no keys in production": {production("SECRET_KEYS="),
			"SECRET_KEYS is not set; without it every restart would lose pending sign-ins. Make " +
				"a key once with: sana keys new"},
		"a short key": {production("SECRET_KEYS=c2hvcnQ="),
			"SECRET_KEYS cannot be used: key 1: has 5 bytes, at least 32 are needed; make one " +
				"with: sana keys new"},
		"an example key": {production("SECRET_KEYS=" + strings.Repeat("A", 43) + "="),
			"SECRET_KEYS cannot be used: key 1: is a published example; make one"},
		"an example key in development": {
			development("SECRET_KEYS=" + strings.Repeat("A", 43) + "="),
			"SECRET_KEYS cannot be used: key 1: is a published example; make one"},
		"a store that does not exist": {production("SESSION_STORE=redis"),
			`SESSION_STORE is "redis"; it must be postgres or cookie`},
		"a cache of another kind": {production("SESSION_CACHE=redis"),
			`SESSION_CACHE is "redis"; it must be on or off`},
		"a cache of nothing": {production("SESSION_CACHE_MB=0"),
			"SESSION_CACHE_MB is 0; it must be 1 to 1048576, e.g. 64"},
		"idle for less than a minute": {production("SESSION_IDLE_TIMEOUT=59s"),
			"SESSION_IDLE_TIMEOUT is 59s; it must be at least 1m"},
		"a duration without a unit": {production("SESSION_IDLE_TIMEOUT=3600"),
			"SESSION_IDLE_TIMEOUT cannot be read as a duration such as 90s, 15m or 24h: a " +
				"session expires"},
		"an age below the idle time": {production("SESSION_MAX_AGE=23h"),
			"SESSION_MAX_AGE is 23h0m0s; it must not be shorter than SESSION_IDLE_TIMEOUT " +
				"(24h0m0s)"},
		"five digits": {production("CODE_LENGTH=5"),
			"CODE_LENGTH is 5; it must be 6, 7 or 8"},
		"nine digits": {production("CODE_LENGTH=9"),
			"CODE_LENGTH is 9; it must be 6, 7 or 8"},
		"a length in words": {production("CODE_LENGTH=six"),
			"CODE_LENGTH cannot be read as a whole number: digits of a code, 6 to 8"},
		"a transport that does not exist": {production("MAIL_TRANSPORT=pigeon"),
			`MAIL_TRANSPORT is "pigeon"; it must be mailgun or smtp or console`},
		"codes on the output in production": {production("MAIL_TRANSPORT=console"),
			"MAIL_TRANSPORT is console, which writes codes to the output; in production it must " +
				"be mailgun or smtp"},
		"no sender": {production("MAIL_FROM="),
			"MAIL_FROM is not set; it is the sender of the mails, e.g. Sana " +
				"<sign-in@mg.example.org>"},
		"a sender without an address": {production("MAIL_FROM=Sana"),
			`MAIL_FROM is "Sana"; it must be an address, e.g. Sana <sign-in@mg.example.org>`},
		"no domain": {production("MAILGUN_DOMAIN="),
			"MAILGUN_DOMAIN is not set; MAIL_TRANSPORT=mailgun needs it"},
		"no number of proxies": {production("TRUSTED_PROXY_HOPS="),
			"TRUSTED_PROXY_HOPS is not set; it is 2 on Render, 1 behind one nginx, 0 without a " +
				"proxy. A wrong number makes all users share one client's limits"},
		"no API key": {production("MAILGUN_API_KEY="),
			"MAILGUN_API_KEY is not set; MAIL_TRANSPORT=mailgun needs it"},
		"Mailgun in development": {development("MAIL_TRANSPORT=mailgun", "MAILGUN_API_KEY=k"),
			"MAILGUN_DOMAIN is not set; MAIL_TRANSPORT=mailgun needs it"},
		"an SMTP server beside Mailgun": {production("SMTP_URL=" + testSMTPURL),
			"SMTP_URL is set, but MAIL_TRANSPORT is mailgun, which does not use it; take it " +
				"away, or set MAIL_TRANSPORT=smtp"},
		"Mailgun's key beside SMTP": {bySMTP("MAILGUN_API_KEY=k"),
			"MAILGUN_API_KEY is set, but MAIL_TRANSPORT is smtp, which does not use it; take it " +
				"away, or set MAIL_TRANSPORT=mailgun"},
		"Mailgun's domain beside SMTP": {bySMTP("MAILGUN_DOMAIN=d"),
			"MAILGUN_DOMAIN is set, but MAIL_TRANSPORT is smtp, which does not use it; take it " +
				"away, or set MAIL_TRANSPORT=mailgun"},
		"Mailgun's events beside SMTP": {bySMTP("MAILGUN_WEBHOOK_KEY=k"),
			"MAILGUN_WEBHOOK_KEY is set, but MAIL_TRANSPORT is smtp, which does not use it; " +
				"take it away, or set MAIL_TRANSPORT=mailgun"},
		"Mailgun's region beside SMTP": {bySMTP("MAILGUN_API_BASE=https://api.eu.mailgun.net/v3"),
			"MAILGUN_API_BASE is set, but MAIL_TRANSPORT is smtp, which does not use it; take " +
				"it away, or set MAIL_TRANSPORT=mailgun"},
		"Mailgun's events without its key": {
			production("MAILGUN_API_KEY=", "MAILGUN_WEBHOOK_KEY=k"),
			"MAILGUN_API_KEY is not set; MAIL_TRANSPORT=mailgun needs it"},
		"no SMTP server": {bySMTP("SMTP_URL="),
			"SMTP_URL is not set; MAIL_TRANSPORT=smtp needs it, e.g. " +
				"smtps://user:password@mail.example.org:465"},
		"no SMTP server in development": {development("MAIL_TRANSPORT=smtp"),
			"SMTP_URL is not set; MAIL_TRANSPORT=smtp needs it, e.g. " +
				"smtps://user:password@mail.example.org:465"},
		"an SMTP server by its name": {bySMTP("SMTP_URL=mail.example.org"),
			"SMTP_URL must begin with smtps:// or smtp://, e.g. smtps://"},
		"an SMTP server over HTTPS": {bySMTP("SMTP_URL=https://mail.example.org"),
			"SMTP_URL must begin with smtps:// or smtp://, e.g. smtps://"},
		"an SMTP server without a host": {bySMTP("SMTP_URL=smtps://u:canary@:465"),
			"SMTP_URL names no host; it looks like smtps://"},
		"an SMTP user without a password": {bySMTP("SMTP_URL=smtps://canary@mail.example.org"),
			"SMTP_URL has a user and no password; it looks like smtps://"},
		"an SMTP password without a user": {bySMTP("SMTP_URL=smtps://:canary@mail.example.org"),
			"SMTP_URL has a password and no user; it looks like smtps://"},
		"an SMTP port that does not exist": {
			bySMTP("SMTP_URL=smtps://u:canary@mail.example.org:65536"),
			"SMTP_URL has a port that does not exist; the usual ones are 465 for smtps and 587 " +
				"for smtp"},
		"an SMTP server with a path": {bySMTP("SMTP_URL=smtps://u:canary@mail.example.org/inbox"),
			"SMTP_URL must end after host and port; it looks like smtps://"},
		"an SMTP server with options": {
			bySMTP("SMTP_URL=smtps://u:canary@mail.example.org?insecure=1"),
			"SMTP_URL must end after host and port; it looks like smtps://"},
		"an SMTP password as it is": {bySMTP("SMTP_URL=smtps://u:canary%/@mail.example.org"),
			"SMTP_URL is not a URL such as smtps://user:password@mail.example.org:465; special " +
				"characters of the password are written as %40 for @"},
		"no codes for anybody": {production("CODES_PER_NETWORK=0"),
			"CODES_PER_NETWORK is 0; it must be 1 to 1000000"},
		"too many wrong codes": {production("WRONG_CODES_PER_NETWORK=1000001"),
			"WRONG_CODES_PER_NETWORK is 1000001; it must be 1 to 1000000"},
		"an alarm below zero": {production("MAIL_ALARM=-1"),
			"MAIL_ALARM is -1; it must be 1 to 1000000"},
		"a sign-up for a word": {production("SIGN_UP=nobody"),
			`SIGN_UP has "nobody" in it; it must be open, closed, apps, or domains`},
		"a negative number of proxies": {production("TRUSTED_PROXY_HOPS=-1"),
			"TRUSTED_PROXY_HOPS cannot be read as a number from 0 to 255: number of proxies"},
		"a log level that does not exist": {production("LOG_LEVEL=loud"),
			"LOG_LEVEL cannot be read as a log level: debug, info, warn or error"},
		"a log format that does not exist": {production("LOG_FORMAT=xml"),
			`LOG_FORMAT is "xml"; it must be json or text`},
		"no encryption with a password": {bySMTP("SMTP_URL=smtp://sana:canary@relay:25?tls=off"),
			"SMTP_URL has ?tls=off, which is for smtp:// and a relay without user"},
		"no encryption with TLS": {bySMTP("SMTP_URL=smtps://relay?tls=off"),
			"SMTP_URL has ?tls=off"},
		"a key typed by hand": {production("SECRET_KEYS=" + strings.Repeat("changeme", 6)),
			"SECRET_KEYS cannot be used: key 1: is not random"},
		"a value and a file": {production("SECRET_KEYS_FILE=" + file(t, testKeys)),
			"SECRET_KEYS and SECRET_KEYS_FILE are both set; keep one"},
		"a file that is not there": {
			production("MAILGUN_API_KEY=", "MAILGUN_API_KEY_FILE="+missing),
			"MAILGUN_API_KEY cannot be read from MAILGUN_API_KEY_FILE: open " + missing},
		"a file with nothing in it": {
			production("DATABASE_URL=", "DATABASE_URL_FILE="+file(t, "\n")),
			"DATABASE_URL is not set"},
	} {
		got := faults(t, test.environ)
		if len(got) != 1 || !strings.HasPrefix(got[0], test.want) {
			t.Errorf("%s: got %q, want %q alone", name, got, test.want)
		}
	}
}

func TestAPublicURLWithMoreThanAHostIsRefusedWithoutQuotingIt(t *testing.T) {
	t.Parallel()
	for _, given := range []string{
		"https://sana.example.org/app", "https://sana.example.org//", "https://sana.example.org?",
		"https://sana.example.org/?q=1",
		"https://sana.example.org#top", "https://user:canary-password@sana.example.org",
		"sana.example.org", "//sana.example.org",
		"https://", "https://:443", "https://sana.example.org:port", "https://sana example.org",
		"https:sana.example.org",
	} {
		got := faults(t, production("PUBLIC_URL="+given))
		want := "PUBLIC_URL must be a scheme and a host and nothing more, e.g. " +
			"https://sana.example.org"
		if len(got) != 1 || got[0] != want {
			t.Errorf("PUBLIC_URL=%s: got %q, want %q", given, got, want)
		}
	}
}

// docker run --env-file keeps the quotes that a shell would take away.
func TestQuotes_AreNamedInEveryVariable(t *testing.T) {
	t.Parallel()
	for _, quoted := range []string{`DATABASE_URL="` + testAddress + `"`,
		`DATABASE_URL='` + testAddress + `'`, `PORT="3000"`,
		`PUBLIC_URL="https://sana.example.org"`,
		`SECRET_KEYS="` + testKeys + `"`, `MAIL_FROM='sana@mg.example.org'`,
		`TRUSTED_PROXY_HOPS="1"`,
		`MAILGUN_API_KEY="canary"`, `LOG_LEVEL='info'`, `SESSION_IDLE_TIMEOUT="24h"`} {
		variable, _, _ := strings.Cut(quoted, "=")
		got := faults(t, production(quoted))
		if want := variable +
			" is in quotes, which docker's --env-file keeps; take them away"; len(got) != 1 ||
			got[0] != want {
			t.Errorf("%s: got %q, want %q", quoted, got, want)
		}
	}
	if _, err := config.Load(production(`MAIL_FROM="Sana" <sana@mg.example.org>`)); err != nil {
		t.Errorf("a quoted name in MAIL_FROM: %v", err)
	}
	_, err := config.LoadMigrateDatabaseURL([]string{`DATABASE_URL="` + testAddress + `"`})
	if err == nil || !strings.HasPrefix(err.Error(), "DATABASE_URL is in quotes") {
		t.Errorf("migrate: got %v", err)
	}
}

func TestDatabaseURL_MustBeAURLOfPostgres(t *testing.T) {
	t.Parallel()
	for _, given := range []string{"canary://", "host=db user=sana", "mysql://sana:canary@db/sana",
		"sana:canary@db:5432/sana"} {
		for _, variable := range []string{"DATABASE_URL", "MIGRATE_DATABASE_URL"} {
			got := faults(t, production(variable+"="+given))
			want := variable +
				" must begin with postgres://; it looks like " +
				"postgres://user:password@host:5432/name"
			if len(got) != 1 || got[0] != want {
				t.Errorf("%s=%s: got %q, want %q", variable, given, got, want)
			}
		}
	}
	load(t, production("DATABASE_URL=postgresql://sana@db/sana"))
}

func TestEveryFaultIsReportedAtOnceAndOnce(t *testing.T) {
	t.Parallel()
	got := faults(t, []string{
		"PORT=web", "PUBLIC_URL=http://x/y", "SECRET_KEYS=short", "SESSION_IDLE_TIMEOUT=soon",
		"SESSION_MAX_AGE=never", "CODE_LENGTH=six",
		"MAIL_TRANSPORT=mailgun", "MAIL_FROM=x", "MAILGUN_API_KEY=a", "MAILGUN_API_KEY_FILE=/b",
		"TRUSTED_PROXY_HOPS=many", "LOG_LEVEL=loud", "LOG_FORMAT=xml",
	})
	var variables []string
	for _, line := range got {
		name, _, _ := strings.Cut(line, " ")
		variables = append(variables, name)
	}
	want := []string{
		"PORT", "PUBLIC_URL", "DATABASE_URL", "SECRET_KEYS", "SESSION_IDLE_TIMEOUT",
		"SESSION_MAX_AGE",
		"CODE_LENGTH", "MAIL_FROM",
		"MAILGUN_DOMAIN", "MAILGUN_API_KEY", "TRUSTED_PROXY_HOPS", "LOG_LEVEL", "LOG_FORMAT",
	}
	less := func(a, b string) bool { return a < b }
	if diff := cmp.Diff(want, variables, cmpopts.SortSlices(less)); diff != "" {
		t.Errorf("variables with a fault (-want +got):\n%s\n%s", diff, strings.Join(got, "\n"))
	}
}

func TestAMigrationNamesTheVariableItMisses(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		environ []string
		want    string
	}{
		"nothing": {production("DATABASE_URL="),
			"DATABASE_URL is not set; it looks like postgres://user:password@host:5432/name"},
		"both": {production("DATABASE_URL_FILE=" + file(t, testAddress)),
			"DATABASE_URL and DATABASE_URL_FILE are both set; keep one"},
		"missing file": {[]string{"DATABASE_URL_FILE=/missing"},
			"DATABASE_URL cannot be read from DATABASE_URL_FILE: open /missing: no such file or " +
				"directory"},
	} {
		if _, err := config.LoadMigrateDatabaseURL(test.environ); err == nil ||
			err.Error() != test.want {
			t.Errorf("%s: got %v, want %s", name, err, test.want)
		}
	}
}

func TestAnSMTPServerWithoutItsTransportIsNamedWithWhatTheDefaultOneMisses(t *testing.T) {
	t.Parallel()
	var named []string
	for _, line := range faults(t,
		production("MAILGUN_DOMAIN=", "MAILGUN_API_KEY=", "SMTP_URL="+testSMTPURL)) {
		variable, _, _ := strings.Cut(line, " ")
		named = append(named, variable)
	}
	if want := []string{"MAILGUN_DOMAIN", "MAILGUN_API_KEY", "SMTP_URL"}; !slices.Equal(named,
		want) {
		t.Errorf("got %q named, want %q", named, want)
	}
}

func TestMisspeltVariables_AreNamed(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		"SESION_STORE=cookie": "SESION_STORE is no variable of Sana; it looks like SESSION_STORE " +
			"misspelt",
		"SESSION_STORES=cookie": "SESSION_STORES is no variable of Sana; it looks like " +
			"SESSION_STORE misspelt",
		"SESSION_STROE=cookie": "SESSION_STROE is no variable of Sana; it looks like " +
			"SESSION_STORE misspelt",
		"SECRET_KEY_FILE=/x": "SECRET_KEY_FILE is no variable of Sana; it looks like " +
			"SECRET_KEYS_FILE misspelt",
		"TRUSTED_PROXY_HOP5=1": "TRUSTED_PROXY_HOP5 is no variable of Sana; it looks like " +
			"TRUSTED_PROXY_HOPS misspelt",
		"TRUSTED_PROXY_HOPS=99":   "TRUSTED_PROXY_HOPS is 99; it must be 0 to 20",
		"SESSION_MAX_AGE=100000h": "SESSION_MAX_AGE is 100000h0m0s; it must be at most 9600h",
	} {
		if got := faults(t, production(given)); len(got) != 1 || !strings.HasPrefix(got[0], want) {
			t.Errorf("%s: got %q, want %s", given, got, want)
		}
	}
	load(t, production("HOST=x", "POST=x", "OTEL_EXPORTER_OTLP_TRACES_HEADERS=x", "HTTP_URL=x",
		"SESSION_SECRET=x"))
}
