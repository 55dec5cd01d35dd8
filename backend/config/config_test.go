package config_test

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"time"

	"sana/backend/brand"
	"sana/backend/config"
)

const (
	testKeys    = "k1:Y2FuYXJ5LWtleS0wMTIzNDU2Nzg5LWJkZmdoaWpsbW8h"
	testAddress = "postgres://sana:canary-password@db.example:5432/sana"
	testSMTPURL = "smtps://sana:canary-password@mail.example.org"
)

// production is an environment that Load accepts; further NAME=value pairs override it.
func production(override ...string) []string {
	return append([]string{
		"APP_ENV=production",
		"PUBLIC_URL=https://sana.example.org",
		"DATABASE_URL=" + testAddress,
		"SECRET_KEYS=" + testKeys,
		"MAIL_FROM=Sana <sign-in@mg.example.org>",
		"MAILGUN_DOMAIN=mg.example.org",
		"MAILGUN_API_KEY=canary-api-key",
		"TRUSTED_PROXY_HOPS=2",
	}, override...)
}

// bySMTP is production with the other transport.
func bySMTP(override ...string) []string {
	return production(
		append([]string{
			"MAIL_TRANSPORT=smtp", "MAILGUN_DOMAIN=", "MAILGUN_API_KEY=", "SMTP_URL=" + testSMTPURL,
		}, override...)...)
}

func development(override ...string) []string {
	return append(
		[]string{"APP_ENV=development", "DATABASE_URL=" + testAddress, "SECRET_KEYS=" + testKeys},
		override...)
}

func load(t *testing.T, environ []string) config.Config {
	t.Helper()
	cfg, err := config.Load(environ)
	if err != nil {
		t.Fatalf("Load: %v", err)
	}
	return cfg
}

func TestProductionNeedsEightVariablesAndTheRestHasDefaults(t *testing.T) {
	t.Parallel()
	got := load(t, production())
	got.Keys = config.Config{}.Keys
	want := config.Config{
		Env:                "production",
		BrandName:          "Sana",
		Brand:              brand.Default,
		Port:               3000,
		ListenAddr:         ":3000",
		PublicURL:          "https://sana.example.org",
		SecretKeys:         testKeys,
		SessionStore:       "postgres",
		SessionCache:       "on",
		SessionCacheMB:     64,
		SessionIdleTimeout: 24 * time.Hour,
		SessionMaxAge:      30 * 24 * time.Hour,
		CodeLength:         6,
		SignUp:             "open",
		CodesPerNetwork:    60,
		WrongPerNetwork:    60,
		MailAlarm:          1000,
		MailTransport:      "mailgun",
		MailFrom:           "Sana <sign-in@mg.example.org>",
		MailgunDomain:      "mg.example.org",
		MailgunAPIKey:      "canary-api-key",
		TrustedProxyHops:   2,
		MailgunAPIBase:     "https://api.mailgun.net/v3",
		LogFormat:          "json",
		Database: config.Database{DatabaseURL: testAddress,
			MigrateDatabaseURL: testAddress},
	}
	assertEqual(t, got, want)
}

func TestDevelopmentNeedsADatabaseOnly(t *testing.T) {
	t.Chdir(t.TempDir())
	got := load(t, []string{"APP_ENV=development", "PORT=4321", "DATABASE_URL=" + testAddress})
	if got.Keys.Current().ID == "" {
		t.Error("development has no key")
	}
	got.Keys = config.Config{}.Keys
	want := config.Config{
		Env:                "development",
		BrandName:          "Sana",
		Brand:              brand.Default,
		Port:               4321,
		ListenAddr:         "127.0.0.1:4321",
		PublicURL:          "http://localhost:4321",
		SessionStore:       "postgres",
		SessionCache:       "on",
		SessionCacheMB:     64,
		SessionIdleTimeout: 24 * time.Hour,
		SessionMaxAge:      30 * 24 * time.Hour,
		CodeLength:         6,
		SignUp:             "open",
		CodesPerNetwork:    60,
		WrongPerNetwork:    60,
		MailAlarm:          1000,
		MailTransport:      "console",
		MailFrom:           "Sana <sana@localhost>",
		MailgunAPIBase:     "https://api.mailgun.net/v3",
		LogFormat:          "text",
		Database: config.Database{DatabaseURL: testAddress,
			MigrateDatabaseURL: testAddress},
	}
	assertEqual(t, got, want)
}

func TestTheSMTPServerIsReadFromItsURL(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]config.SMTPServer{
		testSMTPURL: {Host: "mail.example.org", Port: 465, TLS: true, Username: "sana",
			Password: "canary-password"},
		"smtp://sana:canary-password@mail.example.org": {Host: "mail.example.org", Port: 587,
			Username: "sana", Password: "canary-password"},
		"smtps://a%40b.example:p%2F%25%3A@[::1]:2465/": {Host: "::1", Port: 2465, TLS: true,
			Username: "a@b.example", Password: "p/%:"},
		"smtp://127.0.0.1:1025":   {Host: "127.0.0.1", Port: 1025},
		"smtp://relay:25?tls=off": {Host: "relay", Port: 25, Plain: true},
	} {
		if got := load(t, bySMTP("SMTP_URL="+given)).SMTPServer; got != want {
			t.Errorf("SMTP_URL=%s: got %s:%d, TLS %t, as %q with %q", given, got.Host, got.Port,
				got.TLS, got.Username, got.Password.Reveal())
		}
	}
	if got := load(t,
		bySMTP("SMTP_URL=",
			"SMTP_URL_FILE="+
				file(t, testSMTPURL+"\n"))).SMTPServer.Host; got != "mail.example.org" {
		t.Errorf("from a file: got the host %q", got)
	}
	if got := load(t,
		development("MAIL_TRANSPORT=console", "SMTP_URL="+testSMTPURL,
			"MAILGUN_API_KEY=k")); got.SMTPServer != (config.SMTPServer{}) {
		t.Errorf("with the console: got the host %q", got.SMTPServer.Host)
	}
}

func TestAnEmptyVariableIsOneThatIsNotSet(t *testing.T) {
	t.Parallel()
	var empty []string
	for _, v := range config.Variables() {
		if v.Default != "" {
			empty = append(empty, v.Name+"=")
		}
	}
	empty = append(empty, "MAIL_TRANSPORT=", "LOG_FORMAT=", "MIGRATE_DATABASE_URL=",
		"DATABASE_URL_FILE=", "RENDER_EXTERNAL_URL=")
	got, want := load(t, production(empty...)), load(t, production())
	got.Keys, want.Keys = config.Config{}.Keys, config.Config{}.Keys
	assertEqual(t, got, want)
}

func TestPublicURLIsAnOriginAsBrowsersWriteIt(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		"https://sana.example.org":      "https://sana.example.org",
		"https://sana.example.org/":     "https://sana.example.org",
		"https://sana.example.org:8443": "https://sana.example.org:8443",
		"HTTPS://Sana.Example.ORG":      "https://sana.example.org",
		"https://[2001:db8::1]:8443":    "https://[2001:db8::1]:8443",
		"https://[2001:DB8:0::1]":       "https://[2001:db8::1]",
		"https://sana.example.org:443":  "https://sana.example.org",
		"https://sana.example.org:443/": "https://sana.example.org",
		"https://sana.example.org:80":   "https://sana.example.org:80",
		"https://Bücher.example":        "https://xn--bcher-kva.example",
		"https://bücher.example:8443":   "https://xn--bcher-kva.example:8443",
	} {
		if got := load(t, production("PUBLIC_URL="+given)).PublicURL; got != want {
			t.Errorf("PUBLIC_URL=%s: got %q, want %q", given, got, want)
		}
	}
}

func TestRenderSaysWhereItIsUnlessPublicURLDoes(t *testing.T) {
	t.Parallel()
	const render = "RENDER_EXTERNAL_URL=https://sana.onrender.com"
	if got := load(t,
		production("PUBLIC_URL=", render)).PublicURL; got != "https://sana.onrender.com" {
		t.Errorf("without PUBLIC_URL: got %q, want Render's", got)
	}
	if got := load(t, production(render)).PublicURL; got != "https://sana.example.org" {
		t.Errorf("with PUBLIC_URL: got %q, want that one", got)
	}
}

func TestMigrationsGoToTheDirectAddress(t *testing.T) {
	t.Parallel()
	const direct = "postgres://direct.example/sana"
	for name, test := range map[string]struct {
		environ []string
		want    config.Secret
	}{
		"the same as the program's": {[]string{"DATABASE_URL=" + testAddress}, testAddress},
		"their own": {
			[]string{"DATABASE_URL=" + testAddress, "MIGRATE_DATABASE_URL=" + direct}, direct},
		"their own and no other": {[]string{"MIGRATE_DATABASE_URL=" + direct}, direct},
		"from a file": {[]string{"MIGRATE_DATABASE_URL_FILE=" + file(t, direct+"\n")},
			direct},
		"whatever else is not right": {
			[]string{"DATABASE_URL=" + direct, "APP_ENV=x", "PORT=x", "CODE_LENGTH=x"}, direct},
	} {
		got, err := config.LoadMigrateDatabaseURL(test.environ)
		if err != nil || got != test.want {
			t.Errorf("%s: got %q, %v; want %q", name, got.Reveal(), err, test.want.Reveal())
		}
	}
	if got := load(t,
		production("MIGRATE_DATABASE_URL="+direct)); got.MigrateDatabaseURL != direct ||
		got.DatabaseURL != testAddress {
		t.Errorf("Load: got %q and %q", got.MigrateDatabaseURL.Reveal(), got.DatabaseURL.Reveal())
	}
}

func TestDevelopmentMakesItsKeyOnce(t *testing.T) {
	t.Chdir(t.TempDir())
	environ := []string{"APP_ENV=development", "DATABASE_URL=" + testAddress}
	first := load(t, environ).Keys.Current().Derive("test")
	info, err := os.Stat(".data/secret_keys")
	if err != nil {
		t.Fatal(err)
	}
	if got := info.Mode().Perm(); got != 0o600 {
		t.Errorf("mode of the key file: got %o, want 600", got)
	}
	if second := load(t, environ).Keys.Current().Derive("test"); !bytes.Equal(second, first) {
		t.Error("the second start has another key")
	}
	if given := load(t, development()).Keys.Current(); given.ID != "k1" {
		t.Errorf("SECRET_KEYS gives way to the file: got key %q", given.ID)
	}
}

func TestAKeyFileThatCannotBeUsedIsNamed(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.MkdirAll(".data", 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(".data/secret_keys", []byte("c2hvcnQ=\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := config.Load([]string{"APP_ENV=development", "DATABASE_URL=" + testAddress})
	want := "SECRET_KEYS cannot be used (from .data/secret_keys): key 1: has 5 bytes"
	if err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("got %v, want %s …", err, want)
	}
}

func TestDevelopmentRefusesItsKeyFileOnceOthersCanReadIt(t *testing.T) {
	t.Chdir(t.TempDir())
	environ := []string{"APP_ENV=development", "DATABASE_URL=" + testAddress}
	load(t, environ)
	if err := os.Chmod(".data/secret_keys", 0o640); err != nil {
		t.Fatal(err)
	}
	want := "SECRET_KEYS is not set and .data/secret_keys cannot be used: others than its owner " +
		"can read it; run: chmod 600 .data/secret_keys"
	if got := faults(t, environ); len(got) != 1 || got[0] != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestTheCookieStoreCanBeChosen(t *testing.T) {
	t.Parallel()
	if got := load(t, production("SESSION_STORE=cookie")).SessionStore; got != config.StoreCookie {
		t.Errorf("got %q, want %q", got, config.StoreCookie)
	}
}

func TestProductionNeverMakesAKey(t *testing.T) {
	t.Chdir(t.TempDir())
	if _, err := config.Load(production("SECRET_KEYS=")); err == nil {
		t.Error("no fault is reported")
	}
	if entries, err := os.ReadDir("."); err != nil || len(entries) != 0 {
		t.Errorf("files were made: %v, %v", entries, err)
	}
}

func TestMetricsAndTracesNeedAnAddressThatCanBe(t *testing.T) {
	t.Parallel()
	for variable, want := range map[string]string{
		"METRICS_ADDR=9090":                          "METRICS_ADDR is \"9090\"; it must be host:port",
		"METRICS_ADDR=127.0.0.1:http":                "METRICS_ADDR is \"127.0.0.1:http\"; it must be host:port",
		"METRICS_ADDR=:3000":                         "and PORT is 3000 too; metrics need a port of their own",
		"METRICS_ADDR=10.0.0.1:3000":                 "and PORT is 3000 too; metrics need a port of their own",
		"OTEL_EXPORTER_OTLP_ENDPOINT=collector:4317": "OTEL_EXPORTER_OTLP_ENDPOINT must be the address of a collector",
		"OTEL_EXPORTER_OTLP_ENDPOINT=grpc://c:4317":  "OTEL_EXPORTER_OTLP_ENDPOINT must be the address of a collector",
	} {
		if _, err := config.Load(production(variable)); err == nil ||
			!strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", variable, err, want)
		}
	}
	got := load(t,
		production("METRICS_ADDR=:9090",
			"OTEL_EXPORTER_OTLP_ENDPOINT=https://otlp.example.org/base"))
	if got.MetricsAddr != ":9090" || got.OTLPEndpoint != "https://otlp.example.org/base" {
		t.Errorf("got %q and %q", got.MetricsAddr, got.OTLPEndpoint)
	}
}

func TestListenAddr_SetsThePort(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]uint16{
		"LISTEN_ADDR=127.0.0.1:3000": 3000, "LISTEN_ADDR=:80": 80, "LISTEN_ADDR=[::1]:8080": 8080,
	} {
		got := load(t, production(given))
		if "LISTEN_ADDR="+got.ListenAddr != given || got.Port != want {
			t.Errorf("%s: got %s and port %d", given, got.ListenAddr, got.Port)
		}
	}
	if got := load(t, production("PORT=4000", "LISTEN_ADDR=127.0.0.1:4000")); got.Port != 4000 {
		t.Errorf("the same port twice: got %d", got.Port)
	}
	got := load(t, development("LISTEN_ADDR=localhost:4000"))
	if got.PublicURL != "http://localhost:4000" {
		t.Errorf("PUBLIC_URL of development: got %s", got.PublicURL)
	}
}

func TestListenAddr_RefusesWhatCannotBe(t *testing.T) {
	t.Parallel()
	const inDevelopment = "; in development it must be on this machine"
	for want, environ := range map[string][]string{
		`is "127.0.0.1"; it must be host:port`:      production("LISTEN_ADDR=127.0.0.1"),
		`is "127.0.0.1:http"; it must be host:port`: production("LISTEN_ADDR=127.0.0.1:http"),
		`is "127.0.0.1:3000", and PORT is 4000`: production("PORT=4000",
			"LISTEN_ADDR=127.0.0.1:3000"),
		`is ":3000"` + inDevelopment:             development("LISTEN_ADDR=:3000"),
		`is "192.0.2.1:3000"` + inDevelopment:    development("LISTEN_ADDR=192.0.2.1:3000"),
		`is "sana.example:3000"` + inDevelopment: development("LISTEN_ADDR=sana.example:3000"),
	} {
		got := faults(t, environ)
		if len(got) != 1 || !strings.HasPrefix(got[0], "LISTEN_ADDR "+want) {
			t.Errorf("got %q, want LISTEN_ADDR %s", got, want)
		}
	}
}

func TestLoadListenAddr_IsReachableFromThisMachine(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		"PORT=":                       "127.0.0.1:3000",
		"PORT=4000":                   "127.0.0.1:4000",
		"LISTEN_ADDR=:4000":           "127.0.0.1:4000",
		"LISTEN_ADDR=0.0.0.0:4000":    "127.0.0.1:4000",
		"LISTEN_ADDR=[::]:4000":       "127.0.0.1:4000",
		"LISTEN_ADDR=10.0.0.7:4000":   "10.0.0.7:4000",
		"LISTEN_ADDR=[2001:db8::]:80": "[2001:db8::]:80",
	} {
		got, err := config.LoadListenAddr([]string{"CODE_LENGTH=x", given})
		if err != nil || got != want {
			t.Errorf("%s: got %s, %v; want %s", given, got, err, want)
		}
	}
}

// Nothing is accepted that cannot work.
func TestSettings_ThatCannotWorkAreRefused(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		"PUBLIC_URL=https://sana_example.org!":    "PUBLIC_URL has a host that no browser reaches",
		"PUBLIC_URL=https://sana.example.org.":    "PUBLIC_URL has a host that no browser reaches",
		"PUBLIC_URL=https://-x-.example.org":      "PUBLIC_URL has a host that no browser reaches",
		"PUBLIC_URL=https://sana.example:0":       "PUBLIC_URL has a port that does not exist",
		"PUBLIC_URL=https://sana.example:9999999": "PUBLIC_URL has a port that does not exist",
		"MAIL_FROM=Sana <sana@localhost>":         "MAIL_FROM is",
		"MAIL_FROM=Sana <sana@bücher.example>":    "MAIL_FROM is",
		"MAILGUN_DOMAIN=https://mg.example.org":   "MAILGUN_DOMAIN is",
		"MAILGUN_DOMAIN=mg.example.org/":          "MAILGUN_DOMAIN is",
	} {
		got := faults(t, production(given))
		if len(got) != 1 || !strings.HasPrefix(got[0], want) {
			t.Errorf("%s: got %q, want %s", given, got, want)
		}
	}
}
