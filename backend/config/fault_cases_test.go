package config_test

import "strings"

// faultCase is an environment with one fault, and the beginning of the line that names it.
type faultCase struct {
	environ []string
	want    string
}

// faultCases are the faults by subject.
var faultCases = []map[string]faultCase{
	serverFaults, secretFaults, sessionFaults, codeFaults, mailFaults, smtpFaults,
}

// serverFaults are faults in the settings of the address of the server, its proxies and its log.
var serverFaults = map[string]faultCase{
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
	"no number of proxies": {production("TRUSTED_PROXY_HOPS="),
		"TRUSTED_PROXY_HOPS is not set; it is 2 on Render, 1 behind one nginx, 0 without a " +
			"proxy. A wrong number makes all users share one client's limits"},
	"a negative number of proxies": {production("TRUSTED_PROXY_HOPS=-1"),
		"TRUSTED_PROXY_HOPS cannot be read as a number from 0 to 255: number of proxies"},
	"a log level that does not exist": {production("LOG_LEVEL=loud"),
		"LOG_LEVEL cannot be read as a log level: debug, info, warn or error"},
	"a log format that does not exist": {production("LOG_FORMAT=xml"),
		`LOG_FORMAT is "xml"; it must be json or text`},
}

// secretFaults are faults in the settings of the database and the keys.
var secretFaults = map[string]faultCase{
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
	"a key typed by hand": {production("SECRET_KEYS=" + strings.Repeat("changeme", 6)),
		"SECRET_KEYS cannot be used: key 1: is not random"},
}

// sessionFaults are faults in the settings of sessions.
var sessionFaults = map[string]faultCase{
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
}

// codeFaults are faults in the settings of codes, their limits and the sign-up.
var codeFaults = map[string]faultCase{
	"five digits": {production("CODE_LENGTH=5"),
		"CODE_LENGTH is 5; it must be 6, 7 or 8"},
	"nine digits": {production("CODE_LENGTH=9"),
		"CODE_LENGTH is 9; it must be 6, 7 or 8"},
	"a length in words": {production("CODE_LENGTH=six"),
		"CODE_LENGTH cannot be read as a whole number: digits of a code, 6 to 8"},
	"no codes for anybody": {production("CODES_PER_NETWORK=0"),
		"CODES_PER_NETWORK is 0; it must be 1 to 1000000"},
	"too many wrong codes": {production("WRONG_CODES_PER_NETWORK=1000001"),
		"WRONG_CODES_PER_NETWORK is 1000001; it must be 1 to 1000000"},
	"a sign-up for a word": {production("SIGN_UP=nobody"),
		`SIGN_UP has "nobody" in it; it must be open, closed, apps, or domains`},
}

// mailFaults are faults in the settings of the transport of mail and Mailgun.
var mailFaults = map[string]faultCase{
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
	"no API key": {production("MAILGUN_API_KEY="),
		"MAILGUN_API_KEY is not set; MAIL_TRANSPORT=mailgun needs it"},
	"Mailgun in development": {development("MAIL_TRANSPORT=mailgun", "MAILGUN_API_KEY=k"),
		"MAILGUN_DOMAIN is not set; MAIL_TRANSPORT=mailgun needs it"},
	"Mailgun's events without its key": {
		production("MAILGUN_API_KEY=", "MAILGUN_WEBHOOK_KEY=k"),
		"MAILGUN_API_KEY is not set; MAIL_TRANSPORT=mailgun needs it"},
	"an alarm below zero": {production("MAIL_ALARM=-1"),
		"MAIL_ALARM is -1; it must be 1 to 1000000"},
}

// smtpFaults are faults in the settings of the SMTP server.
var smtpFaults = map[string]faultCase{
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
	"no encryption with a password": {bySMTP("SMTP_URL=smtp://sana:canary@relay:25?tls=off"),
		"SMTP_URL has ?tls=off, which is for smtp:// and a relay without user"},
	"no encryption with TLS": {bySMTP("SMTP_URL=smtps://relay?tls=off"),
		"SMTP_URL has ?tls=off"},
}
