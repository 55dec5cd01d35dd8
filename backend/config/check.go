package config

import (
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"sana/backend/keyring"

	"golang.org/x/net/idna"
)

const (
	maxAge  = 400 * 24 * time.Hour // RFC 6265bis, 5.5
	maxHops = 20                   // more than there are proxies in front of anything
)

func (c *Config) check(f *faultList) {
	f.oneOf("APP_ENV", c.Env, Development, Production)
	f.oneOf("SESSION_STORE", c.SessionStore, StorePostgres, StoreCookie)
	f.oneOf("SESSION_CACHE", c.SessionCache, On, Off)
	f.when(c.SessionCacheMB < 1 || c.SessionCacheMB > 1<<20, "SESSION_CACHE_MB",
		"is %d; it must be 1 to 1048576, e.g. 64", c.SessionCacheMB)
	f.oneOf("LOG_FORMAT", c.LogFormat, "json", "text")
	c.checkPublicURL(f)
	c.Database.check(f)
	c.checkMail(f)
	c.readSignUp(f)
	c.checkObservers(f)
	c.checkGate(f)
	c.readBrand(f)
	f.when(c.DatabaseURL == "", "DATABASE_URL", "is not set; it looks like %s", exampleDatabaseURL)
	f.when(c.CodeLength < 6 || c.CodeLength > 8, "CODE_LENGTH",
		"is %d; it must be 6, 7 or 8", c.CodeLength)
	f.atLeastOne("CODES_PER_NETWORK", c.CodesPerNetwork)
	f.atLeastOne("WRONG_CODES_PER_NETWORK", c.WrongPerNetwork)
	f.atLeastOne("MAIL_ALARM", c.MailAlarm)
	f.when(c.SessionIdleTimeout < time.Minute, "SESSION_IDLE_TIMEOUT",
		"is %s; it must be at least 1m", c.SessionIdleTimeout)
	f.when(c.SessionMaxAge > maxAge, "SESSION_MAX_AGE",
		"is %s; it must be at most 9600h (400 days), as browsers keep cookies no longer",
		c.SessionMaxAge)
	f.when(c.TrustedProxyHops > maxHops, "TRUSTED_PROXY_HOPS", "is %d; it must be 0 to %d",
		c.TrustedProxyHops, maxHops)
	f.when(c.SessionMaxAge < c.SessionIdleTimeout, "SESSION_MAX_AGE",
		"is %s; it must not be shorter than SESSION_IDLE_TIMEOUT (%s)",
		c.SessionMaxAge, c.SessionIdleTimeout)
}

func (c *Config) checkPublicURL(f *faultList) {
	f.when(c.PublicURL == "", "PUBLIC_URL",
		"is not set; it is where people reach Sana, e.g. https://sana.example.org")
	u, err := url.Parse(c.PublicURL)
	f.when(err != nil || u.Hostname() == "" || u.Scheme+"://"+u.Host != c.PublicURL,
		"PUBLIC_URL", "must be a scheme and a host and nothing more, e.g. https://sana.example.org")
	if err != nil {
		return
	}
	f.when(!isHostOfURL(u.Hostname()), "PUBLIC_URL",
		"has a host that no browser reaches, %q; e.g. sana.example.org", u.Hostname())
	f.when(!isPort(u.Port()), "PUBLIC_URL", "has a port that does not exist, %q", u.Port())
	f.when(c.Env == Production && !strings.HasPrefix(c.PublicURL, "https://"),
		"PUBLIC_URL",
		"is %q; in production it must begin with https://, because browsers keep the session "+
			"cookie only there", c.PublicURL)
	f.when(u.Scheme != "https" && u.Scheme != "http", "PUBLIC_URL",
		"is %q; it must begin with https://", c.PublicURL)
}

// checkObservers checks the settings of metrics, tracing and other outputs.
func (c *Config) checkObservers(f *faultList) {
	if c.MetricsAddr != "" {
		_, port, err := splitAddr(c.MetricsAddr)
		f.when(err != nil, "METRICS_ADDR",
			"is %q; it must be host:port, e.g. 127.0.0.1:9090, or :9090 for all interfaces",
			c.MetricsAddr)
		f.when(port != 0 && port == c.Port, "METRICS_ADDR",
			"is %q, and PORT is %d too; metrics need a port of their own, which the public does "+
				"not reach", c.MetricsAddr, c.Port)
	}
	if c.OTLPEndpoint != "" {
		u, err := url.Parse(c.OTLPEndpoint)
		f.when(err != nil || u.Scheme != "http" && u.Scheme != "https" ||
			u.Hostname() == "", "OTEL_EXPORTER_OTLP_ENDPOINT",
			"must be the address of a collector that takes OTLP over HTTP, e.g. "+
				"http://127.0.0.1:4318")
	}
}

// checkGate is about the apps behind the gate. The file itself is read at the start.
func (c *Config) checkGate(f *faultList) {
	f.when(c.SignUp == ByApps && c.AppsFile == "", "APPS_FILE", "is not set; SIGN_UP=apps needs it")
	f.when(c.AppsFile == "" && c.GateAddr != "", "APPS_FILE", "is not set; GATE_ADDR needs it")
	if c.AppsFile == "" {
		return
	}
	f.when(c.SessionStore == StoreCookie, "APPS_FILE",
		"is set, and SESSION_STORE=cookie has no sessions that the gate could look up; use "+
			"SESSION_STORE=postgres")
	f.when(c.GateAddr == "", "GATE_ADDR", "is not set; APPS_FILE needs it, e.g. 127.0.0.1:3001")
	_, port, err := splitAddr(c.GateAddr)
	f.when(err != nil, "GATE_ADDR",
		"is %q; it must be host:port, e.g. 127.0.0.1:3001, or :3001 for all interfaces", c.GateAddr)
	isTaken := port != 0 && (port == c.Port || c.GateAddr == c.MetricsAddr)
	f.when(isTaken, "GATE_ADDR",
		"is %q, which PORT, LISTEN_ADDR or METRICS_ADDR has too; the gate needs a port of its own",
		c.GateAddr)
}

// isPort reports whether the port of a URL can be connected to; none stands for the scheme's own.
func isPort(port string) bool {
	number, err := strconv.ParseUint(port, 10, 16)
	return port == "" || err == nil && number > 0
}

func (c *Config) readSignUp(f *faultList) {
	if c.SignUp == Open || c.SignUp == Closed || c.SignUp == ByApps {
		return
	}
	for domain := range strings.SplitSeq(c.SignUp, ",") {
		ascii, err := idna.Lookup.ToASCII(strings.TrimSpace(domain))
		f.when(err != nil || !strings.Contains(strings.Trim(ascii, "."), "."),
			"SIGN_UP",
			"has %q in it; it must be open, closed, apps, or domains such as "+
				"example.org,example.net", domain)
		c.SignUpDomains = append(c.SignUpDomains, strings.ToLower(ascii))
	}
}

func (c *Config) readKeys(f *faultList, readFile func(path string) (string, error)) {
	list, source := c.SecretKeys.Reveal(), ""
	if list == "" && c.Env == Development {
		content, err := readFile(keyFile)
		f.when(err != nil, "SECRET_KEYS", "is not set and %s cannot be used: %v", keyFile, err)
		list, source = content, " (from "+keyFile+")"
	}
	f.when(list == "", "SECRET_KEYS",
		"is not set; without it every restart would lose pending sign-ins. Make a key once "+
			"with: sana keys new")
	ring, err := keyring.Parse(list)
	if err == nil {
		err = ring.CheckRandom()
	}
	f.when(err != nil, "SECRET_KEYS", "cannot be used%s: %v", source, err)
	c.Keys = ring
}

// isHostOfURL reports whether browsers can reach a host by this name or address.
func isHostOfURL(host string) bool {
	if _, err := netip.ParseAddr(host); err == nil {
		return true
	}
	ascii, err := idna.Lookup.ToASCII(host)
	return err == nil && ascii == host && strings.Trim(host, ".") == host
}
