package config_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"

	"sana/backend/config"
)

// verbs are all of fmt's, because a wrong one prints the value too.
var verbs = []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%c", "%08.3f", "%10s"}

func TestNoPrintShowsASecret(t *testing.T) {
	t.Parallel()
	secret := config.Secret("canary-value")
	for name, value := range map[string]any{
		"secret":        secret,
		"pointer":       &secret,
		"slice":         []config.Secret{secret},
		"map":           map[string]config.Secret{"key": secret},
		"configuration": load(t, production()),
		"with SMTP":     load(t, bySMTP()),
	} {
		for form, printed := range prints(value) {
			if strings.Contains(printed, "canary") || strings.Contains(printed, "63616e") ||
				strings.Contains(printed, "Y2FuYXJ5") {
				t.Errorf("%s as %s: %s", name, form, printed)
			}
		}
	}
}

// prints returns what a value looks like in every print, log, encoding and error.
func prints(value any) map[string]string {
	forms := map[string]string{
		"Sprint": fmt.Sprint(value),
		"error":  errors.Join(fmt.Errorf("wrapped: %v", value)).Error(),
	}
	for _, verb := range verbs {
		forms[verb] = fmt.Sprintf(verb, value)
	}
	if encoded, err := json.Marshal(value); err == nil {
		forms["JSON"] = string(encoded)
	}
	var text, lines bytes.Buffer
	slog.New(slog.NewTextHandler(&text, nil)).Info("m", "value", value)
	slog.New(slog.NewJSONHandler(&lines, nil)).Info("m", "value", value)
	forms["slog text"], forms["slog JSON"] = text.String(), lines.String()
	return forms
}

func TestASecretSaysThatItIsHidden(t *testing.T) {
	t.Parallel()
	if got := fmt.Sprintf("%v %#v %d", config.Secret("a"), config.Secret("a"),
		config.Secret("a")); got != "[redacted] [redacted] [redacted]" {
		t.Errorf("got %q", got)
	}
	if got := config.Secret("canary").Reveal(); got != "canary" {
		t.Errorf("Reveal: got %q", got)
	}
}

func TestNoFaultShowsASecret(t *testing.T) {
	t.Parallel()
	for name, environ := range map[string][]string{
		"nothing fits": {"DATABASE_URL=canary", "SECRET_KEYS=canary",
			"MAILGUN_API_KEY=canary", "DATABASE_URL_FILE=/x", "MAILGUN_API_KEY_FILE=/x"},
		"keys in a file": production("SECRET_KEYS=",
			"SECRET_KEYS_FILE="+file(t, "canary:canary")),
		"a key as the id": production(
			"SECRET_KEYS=" + strings.TrimPrefix(testKeys, "k1:") + ":" + testKeys),
		"an SMTP URL that is none":     bySMTP("SMTP_URL=smtps://canary:canary%/@mail.example.org"),
		"an SMTP URL without a scheme": bySMTP("SMTP_URL=canary:canary@mail.example.org"),
		"an SMTP URL with more": bySMTP(
			"SMTP_URL=smtps://canary:canary@mail.example.org:99999/canary?canary#canary"),
		"an SMTP URL beside Mailgun": production("SMTP_URL=smtps://canary:canary@mail.example.org"),
	} {
		lines := faults(t, environ)
		if len(lines) == 0 || strings.Contains(strings.Join(lines, "\n"), "canary") ||
			strings.Contains(strings.Join(lines, "\n"), "Y2FuYXJ5") {
			t.Errorf("%s: %q", name, lines)
		}
	}
}

func TestASecretComesFromAFileWithoutItsLastNewline(t *testing.T) {
	t.Parallel()
	for name, content := range map[string]string{"none": "", "Unix": "\n", "Windows": "\r\n"} {
		got := load(t, production(
			"DATABASE_URL=", "DATABASE_URL_FILE="+file(t, "postgres://from-a-file/sana"+content),
			"SECRET_KEYS=",
			"SECRET_KEYS_FILE="+file(t, "new:"+strings.TrimPrefix(testKeys, "k1:")+content),
			"MAILGUN_API_KEY=", "MAILGUN_API_KEY_FILE="+file(t, "key-from-a-file"+content),
		))
		if got.DatabaseURL != "postgres://from-a-file/sana" ||
			got.MailgunAPIKey != "key-from-a-file" ||
			got.Keys.Current().ID != "new" {
			t.Errorf("newline of %s: got %q, %q and key %q", name, got.DatabaseURL.Reveal(),
				got.MailgunAPIKey.Reveal(), got.Keys.Current().ID)
		}
	}
}

func TestProductionRefusesASecretThatEveryUserOfTheMachineCanRead(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"DATABASE_URL", "MIGRATE_DATABASE_URL", "SECRET_KEYS",
		"MAILGUN_API_KEY", "MAILGUN_WEBHOOK_KEY", "SMTP_URL"} {
		path, environ := file(t, testKeys), production
		if name == "SMTP_URL" {
			path, environ = file(t, testSMTPURL), bySMTP
		}
		if strings.HasSuffix(name, "DATABASE_URL") {
			path = file(t, testAddress)
		}
		for mode, refused := range map[os.FileMode]bool{0o644: true, 0o604: true, 0o444: true,
			0o640: false, 0o440: false, 0o600: false, 0o400: false} {
			if err := os.Chmod(path, mode); err != nil {
				t.Fatal(err)
			}
			want := name + " is in " + path +
				", which every user of the machine can read; run: chmod 600 " +
				path +
				", or mount it with defaultMode: 0400 (Kubernetes), mode: 0400 (Docker)"
			got := faults(t, environ(name+"=", name+"_FILE="+path))
			if refused && (len(got) != 1 || got[0] != want) {
				t.Errorf("%s_FILE of mode %o: got %q, want %q alone", name, mode, got, want)
			}
			if !refused && len(got) != 0 {
				t.Errorf("%s_FILE of mode %o: got %q, want it to be taken", name, mode, got)
			}
		}
	}
}

func TestAMigrationRefusesADatabaseURLThatEveryUserOfTheMachineCanRead(t *testing.T) {
	t.Parallel()
	path := file(t, testAddress)
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	want := "DATABASE_URL is in " + path + ", which every user of the machine can read"
	if _, err := config.LoadMigrateDatabaseURL([]string{"DATABASE_URL_FILE=" + path}); err == nil ||
		!strings.HasPrefix(err.Error(), want) {
		t.Errorf("production: got %v, want %s …", err, want)
	}
	got, err := config.LoadMigrateDatabaseURL(
		[]string{"APP_ENV=development", "DATABASE_URL_FILE=" + path})
	if got != testAddress || err != nil {
		t.Errorf("development: got %q and %v, want it to be taken", got.Reveal(), err)
	}
}

func TestEverySecretVariableCanBeAFileAndNoOther(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"DATABASE_URL", "MIGRATE_DATABASE_URL", "SECRET_KEYS",
		"MAILGUN_API_KEY", "MAILGUN_WEBHOOK_KEY", "SMTP_URL"} {
		got := faults(t, production(name+"=", name+"_FILE=/missing"))
		if len(got) != 1 || !strings.HasPrefix(got[0], name+" cannot be read from "+name+"_FILE") {
			t.Errorf("%s_FILE: got %q", name, got)
		}
	}
	if got := faults(t, production("MAIL_FROM_FILE=/missing")); len(got) != 0 {
		t.Errorf("MAIL_FROM_FILE: got %q", got)
	}
}
