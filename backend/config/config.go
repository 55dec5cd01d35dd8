// Package config reads the environment into one struct and reports every fault in it at once.
package config

import (
	"errors"
	"fmt"
	"log/slog"
	"net/mail"
	"net/url"
	"os"
	"reflect"
	"strings"
	"time"

	"sana/backend/keyring"

	"github.com/caarlos0/env/v11"
)

// The values of APP_ENV and MAIL_TRANSPORT.
const (
	Development = "development"
	Production  = "production"
	Mailgun     = "mailgun"
	Console     = "console"
)

// Secret is a value that no log, error or %v ever shows.
type Secret string

// String hides the value.
func (Secret) String() string { return "[redacted]" }

// LogValue hides the value from slog.
func (Secret) LogValue() slog.Value { return slog.StringValue("[redacted]") }

// MarshalText hides the value from encoders.
func (Secret) MarshalText() ([]byte, error) { return []byte("[redacted]"), nil }

// Reveal returns the value, for the one place that uses it.
func (s Secret) Reveal() string { return string(s) }

// Config is everything that an operator can set. Each variable of type Secret can also be given as NAME_FILE, the path
// of a file with the value.
type Config struct {
	Env                string        `env:"APP_ENV" envDefault:"production" help:"development or production"`
	Port               uint16        `env:"PORT" envDefault:"3000" help:"port to listen on; in development on 127.0.0.1 only"`
	PublicURL          string        `env:"PUBLIC_URL" help:"where people reach Sana, e.g. https://sana.example.org; default: RENDER_EXTERNAL_URL, in development http://localhost:PORT"`
	DatabaseURL        Secret        `env:"DATABASE_URL" help:"postgres://user:password@host:5432/name (required)"`
	MigrateDatabaseURL Secret        `env:"MIGRATE_DATABASE_URL" help:"the same database without a pooler in between, for migrations; default: DATABASE_URL"`
	SecretKeys         Secret        `env:"SECRET_KEYS" help:"id:base64 of at least 32 bytes, newest first, separated by commas; required in production, in development kept in .data/secret_keys"`
	SessionIdleTimeout time.Duration `env:"SESSION_IDLE_TIMEOUT" envDefault:"24h" help:"a session that is not used for so long ends"`
	SessionMaxAge      time.Duration `env:"SESSION_MAX_AGE" envDefault:"720h" help:"a session ends after so long, however it is used"`
	CodeLength         int           `env:"CODE_LENGTH" envDefault:"6" help:"digits of a code, 6 to 8"`
	MailTransport      string        `env:"MAIL_TRANSPORT" help:"mailgun or console; default: console in development, mailgun in production"`
	MailFrom           string        `env:"MAIL_FROM" help:"sender, e.g. Sana <sign-in@mg.example.org>; required in production"`
	MailgunDomain      string        `env:"MAILGUN_DOMAIN" help:"sending domain at Mailgun"`
	MailgunAPIKey      Secret        `env:"MAILGUN_API_KEY" help:"sending key at Mailgun"`
	MailgunAPIBase     string        `env:"MAILGUN_API_BASE" envDefault:"https://api.mailgun.net/v3" help:"https://api.eu.mailgun.net/v3 for EU domains"`
	TrustedProxyHops   uint8         `env:"TRUSTED_PROXY_HOPS" envDefault:"0" help:"how many proxies in front append to X-Forwarded-For"`
	LogLevel           slog.Level    `env:"LOG_LEVEL" envDefault:"info" help:"debug, info, warn or error"`
	LogFormat          string        `env:"LOG_FORMAT" help:"json or text; default: text in development, json in production"`

	Keys keyring.Ring `env:"-"` // read from SecretKeys
}

// Variable describes one environment variable.
type Variable struct{ Name, Default, Help string }

// Variables lists what Load reads, in the order of Config.
func Variables() []Variable {
	var list []Variable
	t := reflect.TypeFor[Config]()
	for i := range t.NumField() {
		tag := t.Field(i).Tag
		if name := tag.Get("env"); name != "-" {
			list = append(list, Variable{Name: name, Default: tag.Get("envDefault"), Help: tag.Get("help")})
		}
	}
	return list
}

// keyFile is where development keeps its key, below the working directory.
const keyFile = ".data/secret_keys"

// Load reads environ, a list of NAME=value. The error names every variable that is wrong and says what to do.
func Load(environ []string) (Config, error) {
	values := env.ToMap(environ)
	var faults faultList
	faults.add(readSecretFiles(values))
	var cfg Config
	faults.add(parseErrors(env.ParseWithOptions(&cfg, env.Options{Environment: values})))
	if faults.empty() { // the rest would only repeat what did not parse
		cfg.fillDefaults(values)
		faults.add(cfg.check())
		faults.add(cfg.readKeys())
	}
	return cfg, faults.err()
}

func (c *Config) fillDefaults(values map[string]string) {
	development := c.Env == Development
	c.PublicURL = strings.TrimSuffix(first(c.PublicURL, values["RENDER_EXTERNAL_URL"]), "/")
	c.MigrateDatabaseURL = first(c.MigrateDatabaseURL, c.DatabaseURL)
	if development {
		c.PublicURL = first(c.PublicURL, fmt.Sprintf("http://localhost:%d", c.Port))
		c.MailTransport = first(c.MailTransport, Console)
		c.MailFrom = first(c.MailFrom, "Sana <sana@localhost>")
		c.LogFormat = first(c.LogFormat, "text")
	}
	c.MailTransport = first(c.MailTransport, Mailgun)
	c.LogFormat = first(c.LogFormat, "json")
}

func first[T ~string](values ...T) T {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

func (c *Config) check() error {
	var faults faultList
	faults.add(oneOf("APP_ENV", c.Env, Development, Production))
	faults.add(oneOf("LOG_FORMAT", c.LogFormat, "json", "text"))
	faults.add(oneOf("MAIL_TRANSPORT", c.MailTransport, Mailgun, Console))
	faults.add(c.checkPublicURL())
	faults.add(c.checkMail())
	faults.when(c.DatabaseURL == "", "DATABASE_URL is not set; it looks like postgres://user:password@host:5432/name")
	faults.when(c.CodeLength < 6 || c.CodeLength > 8, "CODE_LENGTH is %d; it must be 6, 7 or 8", c.CodeLength)
	faults.when(c.SessionIdleTimeout < time.Minute, "SESSION_IDLE_TIMEOUT is %s; it must be at least 1m", c.SessionIdleTimeout)
	faults.when(c.SessionMaxAge < c.SessionIdleTimeout, "SESSION_MAX_AGE is %s; it must not be shorter than SESSION_IDLE_TIMEOUT (%s)", c.SessionMaxAge, c.SessionIdleTimeout)
	return faults.err()
}

func (c *Config) checkPublicURL() error {
	if c.PublicURL == "" {
		return errors.New("PUBLIC_URL is not set; it is where people reach Sana, e.g. https://sana.example.org")
	}
	u, err := url.Parse(c.PublicURL)
	if err != nil || u.Host == "" || u.Path != "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return fmt.Errorf("PUBLIC_URL is %q; it must be a scheme and a host and nothing more, e.g. https://sana.example.org", c.PublicURL)
	}
	if u.Scheme != "https" && (c.Env == Production || u.Scheme != "http") {
		return fmt.Errorf("PUBLIC_URL is %q; in production it must begin with https://, because browsers keep the session cookie only there", c.PublicURL)
	}
	return nil
}

func (c *Config) checkMail() error {
	var faults faultList
	if _, err := mail.ParseAddress(c.MailFrom); err != nil {
		faults.add(fmt.Errorf("MAIL_FROM is %q; it must be an address, e.g. Sana <sign-in@mg.example.org>", c.MailFrom))
	}
	faults.when(c.MailTransport == Console && c.Env == Production,
		"MAIL_TRANSPORT is console, which writes codes to the output; in production it must be mailgun")
	if c.MailTransport == Mailgun {
		faults.when(c.MailgunDomain == "", "MAILGUN_DOMAIN is not set; MAIL_TRANSPORT=mailgun needs it")
		faults.when(c.MailgunAPIKey == "", "MAILGUN_API_KEY is not set; MAIL_TRANSPORT=mailgun needs it")
	}
	return faults.err()
}

func (c *Config) readKeys() error {
	list := c.SecretKeys.Reveal()
	if list == "" && c.Env == Development {
		content, err := keyring.ReadOrCreateFile(keyFile)
		if err != nil {
			return fmt.Errorf("SECRET_KEYS is not set and %s cannot be used: %w", keyFile, err)
		}
		list = content
	}
	if list == "" {
		return errors.New("SECRET_KEYS is not set; without it every restart would lose pending sign-ins. Make a key once with: openssl rand -base64 32")
	}
	ring, err := keyring.Parse(list)
	if err != nil {
		return fmt.Errorf("SECRET_KEYS: %w", err)
	}
	c.Keys = ring
	return nil
}

// readSecretFiles puts the content of each NAME_FILE into values under NAME.
func readSecretFiles(values map[string]string) error {
	var faults faultList
	t := reflect.TypeFor[Config]()
	for i := range t.NumField() {
		name := t.Field(i).Tag.Get("env")
		path := values[name+"_FILE"]
		if t.Field(i).Type != reflect.TypeFor[Secret]() || path == "" {
			continue
		}
		content, err := os.ReadFile(path)
		faults.when(err != nil, "%s_FILE cannot be read: %v", name, err)
		faults.when(values[name] != "", "%s and %s_FILE are both set; keep one", name, name)
		values[name] = strings.TrimSpace(string(content))
	}
	return faults.err()
}

// parseErrors names the variable instead of the Go field.
func parseErrors(err error) error {
	aggregate, ok := errors.AsType[env.AggregateError](err)
	if !ok {
		return err
	}
	var faults faultList
	for _, e := range aggregate.Errors {
		parse, ok := errors.AsType[env.ParseError](e)
		if !ok {
			faults.add(e)
			continue
		}
		field, _ := reflect.TypeFor[Config]().FieldByName(parse.Name)
		faults.add(fmt.Errorf("%s cannot be read as %s: %s", field.Tag.Get("env"), kindInWords(parse.Type), field.Tag.Get("help")))
	}
	return faults.err()
}

func kindInWords(t reflect.Type) string {
	switch {
	case t == reflect.TypeFor[time.Duration]():
		return "a duration such as 90s, 15m or 24h"
	case t == reflect.TypeFor[slog.Level]():
		return "a log level"
	default:
		return "a number from 0 up"
	}
}

func oneOf(name, value string, allowed ...string) error {
	for _, a := range allowed {
		if value == a {
			return nil
		}
	}
	return fmt.Errorf("%s is %q; it must be %s", name, value, strings.Join(allowed, " or "))
}

// faultList gathers faults, one a line.
type faultList struct{ list []error }

func (f *faultList) add(err error) {
	if err != nil {
		f.list = append(f.list, err)
	}
}

func (f *faultList) when(wrong bool, format string, args ...any) {
	if wrong {
		f.add(fmt.Errorf(format, args...))
	}
}

func (f *faultList) empty() bool { return len(f.list) == 0 }

func (f *faultList) err() error { return errors.Join(f.list...) }
