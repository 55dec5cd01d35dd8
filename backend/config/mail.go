package config

import (
	"net/mail"
	"net/url"
	"strconv"
	"strings"
)

// exampleSMTPURL is what a fault shows to copy from.
const exampleSMTPURL = "smtps://user:password@mail.example.org:465"

// plainSMTP is the query of an SMTP_URL whose server offers no encryption.
const plainSMTP = "tls=off"

// SMTPServer is what SMTP_URL says.
type SMTPServer struct {
	Host     string
	Port     int    // 465 where the URL has none and begins with smtps, else 587
	TLS      bool   // from the first byte, smtps; else by STARTTLS
	Username string // empty: without logging in
	Password Secret
	Plain    bool // ?tls=off: without encryption, on a private network
}

// readSMTPURL reads SMTP_URL and never quotes it, since it has the password in it.
func (c *Config) readSMTPURL(f *faultList) {
	if c.MailTransport != SMTP {
		return
	}
	f.when(c.SMTPURL == "", "SMTP_URL", "is not set; MAIL_TRANSPORT=smtp needs it, e.g. %s",
		exampleSMTPURL)
	u, err := url.Parse(c.SMTPURL.Reveal())
	f.when(err != nil, "SMTP_URL",
		"is not a URL such as %s; special characters of the password are written as %%40 for @, "+
			"%%2F for /, %%25 for %%", exampleSMTPURL)
	if err != nil {
		return
	}
	password, _ := u.User.Password()
	server := SMTPServer{Host: u.Hostname(), Port: 587, TLS: u.Scheme == "smtps",
		Username: u.User.Username(), Password: Secret(password)}
	if server.TLS {
		server.Port = 465
	}
	if port := u.Port(); port != "" {
		server.Port, err = strconv.Atoi(port)
		f.when(err != nil || server.Port < 1 || server.Port > 65535, "SMTP_URL",
			"has a port that does not exist; the usual ones are 465 for smtps and 587 for smtp")
	}
	f.when(u.Scheme != "smtps" && u.Scheme != "smtp", "SMTP_URL",
		"must begin with smtps:// or smtp://, e.g. %s", exampleSMTPURL)
	f.when(server.Host == "", "SMTP_URL", "names no host; it looks like %s", exampleSMTPURL)
	f.when(server.Username != "" && password == "", "SMTP_URL",
		"has a user and no password; it looks like %s", exampleSMTPURL)
	f.when(server.Username == "" && password != "", "SMTP_URL",
		"has a password and no user; it looks like %s", exampleSMTPURL)
	server.Plain = u.RawQuery == plainSMTP
	f.when(strings.Trim(u.Path, "/")+strings.TrimPrefix(u.RawQuery, plainSMTP)+u.Fragment != "",
		"SMTP_URL", "must end after host and port; it looks like %s", exampleSMTPURL)
	f.when(server.Plain && (server.TLS || server.Username != ""), "SMTP_URL",
		"has ?tls=off, which is for smtp:// and a relay without user and password on a private "+
			"network")
	c.SMTPServer = server
}

// checkOtherTransport rejects settings of a transport that is not used: the operator may believe
// that mails are sent there. With the console transport they are allowed, so that developers can
// keep them.
func (c *Config) checkOtherTransport(f *faultList) {
	const unused = "is set, but MAIL_TRANSPORT is %s, which does not use it; take it away, or " +
		"set MAIL_TRANSPORT=%s"
	switch c.MailTransport {
	case Mailgun:
		f.when(c.SMTPURL != "", "SMTP_URL", unused, Mailgun, SMTP)
	case SMTP:
		f.when(c.MailgunDomain != "", "MAILGUN_DOMAIN", unused, SMTP, Mailgun)
		f.when(c.MailgunAPIKey != "", "MAILGUN_API_KEY", unused, SMTP, Mailgun)
		f.when(c.MailgunAPIBase != defaultOf("MAILGUN_API_BASE"), "MAILGUN_API_BASE",
			unused, SMTP, Mailgun)
		f.when(c.MailgunWebhookKey != "", "MAILGUN_WEBHOOK_KEY", unused, SMTP, Mailgun)
	}
}

func (c *Config) checkMail(f *faultList) {
	f.oneOf("MAIL_TRANSPORT", c.MailTransport, MailTransports...)
	f.when(c.MailTransport == Console && c.Env == Production,
		"MAIL_TRANSPORT", "is console, which writes codes to the output; in production it must be "+
			"mailgun or smtp")
	sender, err := mail.ParseAddress(c.MailFrom)
	f.when(c.MailFrom == "", "MAIL_FROM", "is not set; it is the sender of the mails, e.g. %s",
		exampleSender)
	f.when(err != nil, "MAIL_FROM", "is %q; it must be an address, e.g. %s", c.MailFrom,
		exampleSender)
	f.when(err == nil && !isSender(sender.Address, c.Env), "MAIL_FROM",
		"is %q; mail needs an address in ASCII with a whole domain, e.g. %s", c.MailFrom,
		exampleSender)
	if c.MailTransport == Mailgun {
		f.when(c.MailgunDomain == "", "MAILGUN_DOMAIN",
			"is not set; MAIL_TRANSPORT=mailgun needs it")
		f.when(c.MailgunAPIKey == "", "MAILGUN_API_KEY",
			"is not set; MAIL_TRANSPORT=mailgun needs it")
		f.when(c.MailgunDomain != "" && !isHostOfURL(strings.ToLower(c.MailgunDomain)),
			"MAILGUN_DOMAIN",
			"is %q; it must be the name of a domain alone, e.g. mg.example.org", c.MailgunDomain)
	}
	c.readSMTPURL(f)
	c.checkOtherTransport(f)
}

// isSender reports whether mail servers take an address as a sender: ASCII, with a domain of two
// labels or more, but for development.
func isSender(address, environment string) bool {
	domain := address[strings.LastIndexByte(address, '@')+1:]
	isASCII := !strings.ContainsFunc(address, func(r rune) bool { return r > '~' || r <= ' ' })
	return isASCII &&
		(environment == Development || strings.Contains(strings.Trim(domain, "."), "."))
}
