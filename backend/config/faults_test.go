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
	fileFaults := map[string]faultCase{
		"a value and a file": {production("SECRET_KEYS_FILE=" + file(t, testKeys)),
			"SECRET_KEYS and SECRET_KEYS_FILE are both set; keep one"},
		"a file that is not there": {
			production("MAILGUN_API_KEY=", "MAILGUN_API_KEY_FILE="+missing),
			"MAILGUN_API_KEY cannot be read from MAILGUN_API_KEY_FILE: open " + missing},
		"a file with nothing in it": {
			production("DATABASE_URL=", "DATABASE_URL_FILE="+file(t, "\n")),
			"DATABASE_URL is not set"},
	}
	for _, cases := range append(faultCases, fileFaults) {
		for name, test := range cases {
			got := faults(t, test.environ)
			if len(got) != 1 || !strings.HasPrefix(got[0], test.want) {
				t.Errorf("%s: got %q, want %q alone", name, got, test.want)
			}
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
