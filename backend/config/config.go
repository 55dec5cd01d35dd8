// Package config reads the environment into one struct and reports all faults together.
package config

import (
	"cmp"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/netip"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"sana/backend/brand"
	"sana/backend/keyring"

	"github.com/caarlos0/env/v11"
	"golang.org/x/net/idna"
)

// The values of APP_ENV, SESSION_STORE, SESSION_CACHE, MAIL_TRANSPORT and SIGN_UP.
const (
	Development   = "development"
	Production    = "production"
	StorePostgres = "postgres"
	StoreCookie   = "cookie"
	Mailgun       = "mailgun"
	SMTP          = "smtp"
	Console       = "console"
	On            = "on"
	Off           = "off"
	Open          = "open"
	Closed        = "closed"
	ByApps        = "apps"
)

// MailTransports are the values of MAIL_TRANSPORT.
var MailTransports = []string{Mailgun, SMTP, Console}

const redacted = "[redacted]"

// Secret is a value that no log, error or print ever shows.
type Secret string

// String hides the value.
func (Secret) String() string { return redacted }

// Format hides the value from every verb of fmt, %#v and wrong ones such as %d included.
func (Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// MarshalText hides the value from encoders and from slog.
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// Reveal returns the value, for the one place that uses it.
func (s Secret) Reveal() string { return string(s) }

// Config is everything that an operator can set. Each variable of type Secret can also be given as
// NAME_FILE, the path of a file with the value.
type Config struct {
	Env        string `env:"APP_ENV" envDefault:"production" help:"development or production"`
	Port       uint16 `env:"PORT" envDefault:"3000" help:"port to listen on, on all interfaces; in development on 127.0.0.1 only"`
	ListenAddr string `env:"LISTEN_ADDR" help:"host:port to listen on instead of PORT; 127.0.0.1:3000 if the proxy is on the same machine"`
	PublicURL  string `env:"PUBLIC_URL" help:"address at which users reach Sana, e.g. https://sana.example.org; default: RENDER_EXTERNAL_URL"`
	Database
	SecretKeys         Secret        `env:"SECRET_KEYS" help:"keys as sana keys new prints them, newest first, separated by commas; required in production"`
	SessionStore       string        `env:"SESSION_STORE" envDefault:"postgres" help:"postgres, or cookie, which keeps sessions encrypted in the browser; copies of a cookie stay valid until they expire"`
	SessionCache       string        `env:"SESSION_CACHE" envDefault:"on" help:"on caches sessions in memory, and a revocation at another instance takes effect within 2 seconds; off reads the database"`
	SessionCacheMB     int           `env:"SESSION_CACHE_MB" envDefault:"64" help:"memory for cached sessions in megabytes; a session takes about 900 bytes"`
	SessionIdleTimeout time.Duration `env:"SESSION_IDLE_TIMEOUT" envDefault:"24h" help:"a session expires after this time without use"`
	SessionMaxAge      time.Duration `env:"SESSION_MAX_AGE" envDefault:"720h" help:"a session expires this long after its sign-in"`
	CodeLength         int           `env:"CODE_LENGTH" envDefault:"6" help:"digits of a code, 6 to 8"`
	SignUp             string        `env:"SIGN_UP" envDefault:"open" help:"who may create an account: open (any address), closed (sana people add creates accounts), apps (addresses that an app in APPS_FILE allows), or domains, separated by commas"`
	CodesPerNetwork    int           `env:"CODES_PER_NETWORK" envDefault:"60" help:"codes that an IPv4 address or an IPv6 /64 may request in an hour; a /56 twice, a /48 six times as many"`
	WrongPerNetwork    int           `env:"WRONG_CODES_PER_NETWORK" envDefault:"60" help:"the same for wrong codes"`
	MailAlarm          int           `env:"MAIL_ALARM" envDefault:"1000" help:"mails in an hour above which sana_mail_alarm is 1; none is delayed"`
	MailTransport      string        `env:"MAIL_TRANSPORT" help:"mailgun, smtp or console; default: console in development, mailgun in production"`
	MailFrom           string        `env:"MAIL_FROM" help:"sender, e.g. Sana <sign-in@mg.example.org>; required in production"`
	MailgunDomain      string        `env:"MAILGUN_DOMAIN" help:"sending domain at Mailgun"`
	MailgunAPIKey      Secret        `env:"MAILGUN_API_KEY" help:"sending key at Mailgun"`
	MailgunAPIBase     string        `env:"MAILGUN_API_BASE" envDefault:"https://api.mailgun.net/v3" help:"https://api.eu.mailgun.net/v3 for EU domains"`
	MailgunWebhookKey  Secret        `env:"MAILGUN_WEBHOOK_KEY" help:"webhook signing key at Mailgun; webhooks report the delivery status to PUBLIC_URL/api/webhooks/mailgun"`
	SMTPURL            Secret        `env:"SMTP_URL" help:"smtps://user:password@host:465 (TLS) or smtp://user:password@host:587 (STARTTLS); smtp://relay:25?tls=off for a relay on a private network"`
	TrustedProxyHops   uint8         `env:"TRUSTED_PROXY_HOPS" help:"number of proxies that append to X-Forwarded-For: 2 on Render, 1 behind one nginx, 0 without a proxy (required in production)"`
	AppsFile           string        `env:"APPS_FILE" help:"path of the YAML file with the apps; read at startup and on SIGHUP"`
	GateAddr           string        `env:"GATE_ADDR" help:"host:port for the proxies of apps, e.g. 127.0.0.1:3001; only they should reach it; required with APPS_FILE"`
	BrandName          string        `env:"BRAND_NAME" envDefault:"Sana" help:"name on pages and in mails, at most 40 characters"`
	BrandColor         string        `env:"BRAND_COLOR" help:"color of buttons and links in the light theme, e.g. #1d5a4c, with a contrast of at least 4.5 to the page"`
	BrandColorDark     string        `env:"BRAND_COLOR_DARK" help:"the same in the dark theme; default: made from BRAND_COLOR"`
	BrandLogoFile      string        `env:"BRAND_LOGO_FILE" help:"path of a PNG or SVG file of at most 64 kB for pages"`
	HelpURL            string        `env:"HELP_URL" help:"where people get help, linked on every page and in mails"`
	PrivacyURL         string        `env:"PRIVACY_URL" help:"privacy notice, linked likewise"`
	TermsURL           string        `env:"TERMS_URL" help:"terms of use, linked likewise"`
	SupportEmail       string        `env:"SUPPORT_EMAIL" help:"address that people can write to, shown likewise"`
	LogLevel           slog.Level    `env:"LOG_LEVEL" envDefault:"info" help:"debug, info, warn or error"`
	LogFormat          string        `env:"LOG_FORMAT" help:"json or text; default: text in development, json in production"`
	MetricsAddr        string        `env:"METRICS_ADDR" help:"host:port that serves /metrics, e.g. 127.0.0.1:9090; only Prometheus should reach it"`
	OTLPEndpoint       string        `env:"OTEL_EXPORTER_OTLP_ENDPOINT" help:"collector of traces, OTLP over HTTP, e.g. http://127.0.0.1:4318"`
	OTLPHeaders        Secret        `env:"OTEL_EXPORTER_OTLP_HEADERS" help:"headers for the collector as name=value, separated by commas"`

	Keys keyring.Ring `env:"-"` // read from SecretKeys
	// read from SignUp, in punycode; nil when it is open or closed
	SignUpDomains []string    `env:"-"`
	Brand         brand.Brand `env:"-"` // read from BrandName and what follows it
	SMTPServer    SMTPServer  `env:"-"` // read from SMTPURL; zero with another transport
}

// Database is where the data is.
type Database struct {
	DatabaseURL        Secret `env:"DATABASE_URL" help:"postgres://user:password@host:5432/name (required)"`
	MigrateDatabaseURL Secret `env:"MIGRATE_DATABASE_URL" help:"the same database without a pooler, for migrations, if DATABASE_URL goes through one such as PgBouncer"`
}

// IsPooled reports whether there is a pooler between the program and the database: then migrations
// have an address of their own.
func (d Database) IsPooled() bool { return d.MigrateDatabaseURL != d.DatabaseURL }

// check looks at the form of both addresses, and never quotes them.
func (d Database) check(f *faultList) {
	const wrong = "must begin with postgres://; it looks like %s"
	f.when(isNotPostgres(d.DatabaseURL), "DATABASE_URL", wrong, exampleDatabaseURL)
	f.when(d.IsPooled() && isNotPostgres(d.MigrateDatabaseURL),
		"MIGRATE_DATABASE_URL", wrong, exampleDatabaseURL)
}

func isNotPostgres(address Secret) bool {
	scheme, _, _ := strings.Cut(address.Reveal(), "://")
	return address != "" && scheme != "postgres" && scheme != "postgresql"
}

// Variable describes one environment variable.
type Variable struct{ Name, Default, Help string }

// Variables lists what Load reads, in the order of Config.
func Variables() []Variable {
	var list []Variable
	for _, field := range fields[Config]() {
		list = append(list, Variable{
			Name: field.Tag.Get("env"), Default: field.Tag.Get("envDefault"),
			Help: field.Tag.Get("help"),
		})
	}
	return list
}

func defaultOf(name string) string {
	list := Variables()
	return list[slices.IndexFunc(list, func(v Variable) bool { return v.Name == name })].Default
}

// fields lists the fields of T, embedded ones included, that are read from a variable.
func fields[T any]() []reflect.StructField {
	var list []reflect.StructField
	for _, field := range reflect.VisibleFields(reflect.TypeFor[T]()) {
		if name := field.Tag.Get("env"); name != "" && name != "-" {
			list = append(list, field)
		}
	}
	return list
}

// Examples in error messages.
const (
	exampleDatabaseURL = "postgres://user:password@host:5432/name"
	exampleSender      = "Sana <sign-in@mg.example.org>"
)

// keyFile is where development keeps its key, below the working directory.
const keyFile = ".data/secret_keys"

// Load reads environ, a list of NAME=value. The error names every variable that is wrong, one a
// line, and says what to do.
func Load(environ []string) (Config, error) { return load(environ, keyring.ReadOrCreateFile) }

// Look is Load without side effects: a key file of development that does not exist yet is a fault.
func Look(environ []string) (Config, error) { return load(environ, keyring.ReadFile) }

func load(environ []string, readKeyFile func(path string) (string, error)) (Config, error) {
	var faults faultList
	var cfg Config
	values := env.ToMap(environ)
	faults.misspelt(fields[Config](), values)
	faults.read(&cfg, fields[Config](), values)
	cfg.readListenAddr(&faults, values)
	cfg.fillDefaults(values)
	faults.when(cfg.Env == Production && values["TRUSTED_PROXY_HOPS"] == "", "TRUSTED_PROXY_HOPS",
		"is not set; it is 2 on Render, 1 behind one nginx, 0 without a proxy. A wrong number "+
			"makes all users share one client's limits")
	cfg.check(&faults)
	cfg.readKeys(&faults, readKeyFile)
	return cfg, faults.err()
}

// LoadMigrateDatabaseURL reads what a migration needs and nothing else: MIGRATE_DATABASE_URL, else
// DATABASE_URL.
func LoadMigrateDatabaseURL(environ []string) (Secret, error) {
	var faults faultList
	var db Database
	faults.read(&db, fields[Database](), env.ToMap(environ))
	url := cmp.Or(db.MigrateDatabaseURL, db.DatabaseURL)
	faults.when(url == "", "DATABASE_URL", "is not set; it looks like %s", exampleDatabaseURL)
	db.check(&faults)
	return url, faults.err()
}

// LoadListenAddr reads PORT and LISTEN_ADDR only. It returns the address, host:port, at which a
// server with this environment answers on the same machine.
func LoadListenAddr(environ []string) (string, error) {
	var faults faultList
	var cfg Config
	values := env.ToMap(environ)
	maps.DeleteFunc(values,
		func(name, _ string) bool { return name != "PORT" && name != "LISTEN_ADDR" })
	faults.read(&cfg, fields[Config](), values)
	cfg.readListenAddr(&faults, values)
	host, port, _ := net.SplitHostPort(cfg.ListenAddr)
	if ip, err := netip.ParseAddr(host); host == "" || err == nil && ip.IsUnspecified() {
		host = loopback
	}
	return net.JoinHostPort(host, port), faults.err()
}

// GateSettings are what commands about apps read. Each may be empty.
type GateSettings struct{ AppsFile, GateAddr, PublicURL, Env string }

// LoadGate reads APPS_FILE, GATE_ADDR, PUBLIC_URL and APP_ENV only.
func LoadGate(environ []string) GateSettings {
	values := env.ToMap(environ)
	return GateSettings{
		AppsFile: values["APPS_FILE"], GateAddr: values["GATE_ADDR"],
		PublicURL: origin(cmp.Or(values["PUBLIC_URL"], values["RENDER_EXTERNAL_URL"])),
		Env:       values["APP_ENV"],
	}
}

// loopback is the interface that other machines do not reach.
const loopback = "127.0.0.1"

// readListenAddr sets ListenAddr, if it is empty, by Port, else Port by ListenAddr. Development
// listens on loopback only, because its inbox shows codes.
func (c *Config) readListenAddr(f *faultList, values map[string]string) {
	if c.ListenAddr == "" {
		host := ""
		if c.Env == Development {
			host = loopback
		}
		c.ListenAddr = net.JoinHostPort(host, strconv.Itoa(int(c.Port)))
		return
	}

	host, port, err := splitAddr(c.ListenAddr)
	f.when(err != nil, "LISTEN_ADDR",
		"is %q; it must be host:port, e.g. 127.0.0.1:3000, or :3000 for all interfaces",
		c.ListenAddr)
	f.when(err == nil && values["PORT"] != "" && c.Port != port, "LISTEN_ADDR",
		"is %q, and PORT is %d; keep one of them", c.ListenAddr, c.Port)
	ip, err := netip.ParseAddr(host)
	f.when(c.Env == Development && host != "localhost" &&
		(err != nil || !ip.IsLoopback()), "LISTEN_ADDR",
		"is %q; in development it must be on this machine, e.g. 127.0.0.1:3000, because the inbox "+
			"shows codes",
		c.ListenAddr)
	c.Port = port
}

// splitAddr splits host:port; the host can be empty.
func splitAddr(addr string) (host string, port uint16, err error) {
	host, text, err := net.SplitHostPort(addr)
	if err != nil {
		return "", 0, err
	}
	number, err := strconv.ParseUint(text, 10, 16)
	return host, uint16(number), err
}

func (c *Config) fillDefaults(values map[string]string) {
	development := c.Env == Development
	c.PublicURL = origin(cmp.Or(c.PublicURL, values["RENDER_EXTERNAL_URL"]))
	c.MigrateDatabaseURL = cmp.Or(c.MigrateDatabaseURL, c.DatabaseURL)
	if development {
		c.PublicURL = cmp.Or(c.PublicURL, fmt.Sprintf("http://localhost:%d", c.Port))
		c.MailTransport = cmp.Or(c.MailTransport, Console)
		c.MailFrom = cmp.Or(c.MailFrom, "Sana <sana@localhost>")
		c.LogFormat = cmp.Or(c.LogFormat, "text")
	}
	c.MailTransport = cmp.Or(c.MailTransport, Mailgun)
	c.LogFormat = cmp.Or(c.LogFormat, "json")
}

// origin returns a URL as browsers write its origin (WHATWG URL, 4.7): in small letters, the host
// in punycode, without the scheme's own port and without a slash at the end. Any other text is
// returned unchanged, for checkPublicURL.
func origin(given string) string {
	text := strings.ToLower(strings.TrimSuffix(given, "/"))
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme+"://"+u.Host != text {
		return text
	}
	host, port := u.Hostname(), u.Port()
	if ascii, err := idna.Lookup.ToASCII(host); err == nil {
		host = ascii
	}
	if ip, err := netip.ParseAddr(host); err == nil && ip.Is6() {
		host = "[" + ip.String() + "]"
	}
	isDefault := u.Scheme == "https" && port == "443" || u.Scheme == "http" && port == "80"
	if port != "" && !isDefault {
		host += ":" + port
	}
	return u.Scheme + "://" + host
}
