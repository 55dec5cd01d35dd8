package doctor

import (
	"context"
	"errors"
	"fmt"
	netmail "net/mail"
	"net/url"
	"slices"
	"strings"

	"sana/backend/diagnose"
	"sana/backend/mail"
	"sana/backend/mail/mailgun"
	"sana/backend/mail/smtp"

	"golang.org/x/net/publicsuffix"
)

// Mail has the inputs of the mail checks. Exactly one of Mailgun and SMTP is set if mail is sent;
// both are nil if it goes to the console.
type Mail struct {
	Console   bool   // MAIL_TRANSPORT is console
	From      string // MAIL_FROM
	PublicURL *url.URL

	Mailgun       *mailgun.Sender
	MailgunDomain string
	Webhook       bool // MAILGUN_WEBHOOK_KEY is set

	SMTP       *smtp.Sender
	SMTPServer string // host:port
}

// providerLimit bounds a check that needs several answers of a mail provider.
const providerLimit = 2 * diagnose.UsualLimit

// Checks returns the checks of the configured transport.
func (m Mail) Checks() []diagnose.Check {
	sender := diagnose.Check{
		Name: "mail-sender", Needs: []string{"MAIL_FROM", "PUBLIC_URL", "MAILGUN_DOMAIN"},
		Do: m.sender,
	}
	mailgun := []string{
		"MAIL_TRANSPORT", "MAILGUN_DOMAIN", "MAILGUN_API_KEY", "MAILGUN_API_BASE", "MAIL_FROM",
	}
	switch {
	case m.Mailgun != nil:
		asked := append(mailgun, "mail-provider")
		return []diagnose.Check{
			sender,
			{Name: "mail-provider", Needs: mailgun, Limit: providerLimit, Do: m.domain},
			{Name: "mail-events", Needs: append(asked, "PUBLIC_URL"), Do: m.webhooks},
			{
				Name: "suppression", Needs: asked, Limit: providerLimit,
				Do: func(ctx context.Context) diagnose.Result {
					return m.suppressed(ctx, bare(m.From))
				},
			},
		}
	case m.SMTP != nil:
		needs := []string{"MAIL_TRANSPORT", "SMTP_URL", "MAIL_FROM"}
		return []diagnose.Check{
			sender,
			{Name: "mail-provider", Needs: needs, Limit: providerLimit, Do: m.logIn},
		}
	}
	// If a variable is wrong, this check does not run.
	return []diagnose.Check{
		sender,
		{Name: "mail-provider", Needs: append(mailgun, "SMTP_URL"), Do: m.unsent},
	}
}

func (m Mail) unsent(context.Context) diagnose.Result {
	if !m.Console {
		return diagnose.Fail("there is no check for this MAIL_TRANSPORT",
			"report this as a bug of Sana")
	}
	return diagnose.OK("none: mail goes to the console and is not sent")
}

// bare returns the address of a mailbox.
func bare(mailbox string) string {
	parsed, err := netmail.ParseAddress(mailbox)
	if err != nil {
		return ""
	}
	return parsed.Address
}

// organisation returns the registered domain of a subdomain: example.org for mg.example.org.
func organisation(domain string) string {
	registered, err := publicsuffix.EffectiveTLDPlusOne(strings.ToLower(domain))
	if err != nil {
		return domain // localhost, an address
	}
	return registered
}

// sender compares the domains of MAIL_FROM, the signature and the site. DMARC requires the sender's
// and the signature's to be of one organisation (RFC 7489, 3.1.1). Users expect the domain of the
// site.
func (m Mail) sender(context.Context) diagnose.Result {
	from := bare(m.From)
	domain := from[strings.LastIndexByte(from, '@')+1:]
	site := m.PublicURL.Hostname()
	switch {
	case m.Mailgun != nil && organisation(domain) != organisation(m.MailgunDomain):
		return diagnose.Fail(
			fmt.Sprintf("%s is of another domain than %s, which signs: mail servers treat it as "+
				"forged (DMARC)", from, m.MailgunDomain),
			"set MAIL_FROM to an address below "+organisation(m.MailgunDomain)+
				", or MAILGUN_DOMAIN to a domain below "+organisation(domain))
	case m.Mailgun == nil && m.SMTP == nil:
		return diagnose.OK(from)
	case organisation(domain) != organisation(site):
		return diagnose.Warn(
			fmt.Sprintf("%s is of another domain than the site, %s: users and filters may treat "+
				"it as fraud", from, site),
			"send from a domain below "+organisation(site)+", or serve PUBLIC_URL below "+
				organisation(domain))
	}
	return diagnose.OK(fmt.Sprintf("%s, of the same domain as the site", from))
}

const hintKey = "check MAILGUN_API_KEY; it must be a key of the account, or a sending key of " +
	"MAILGUN_DOMAIN"

func (m Mail) domain(ctx context.Context) diagnose.Result {
	domain, err := m.Mailgun.Domain(ctx)
	switch {
	case errors.Is(err, mail.ErrCredentials):
		return m.sendingKey(ctx)
	case err != nil:
		return m.refused(err)
	}
	detail := fmt.Sprintf("Mailgun: %s is %s", m.MailgunDomain, domain.State)
	switch {
	case domain.State == "disabled":
		return diagnose.Fail(detail+" "+domain.Reason,
			"ask Mailgun's support why; until then no mail is sent")
	case domain.State != "active":
		return diagnose.Fail(detail+missingRecords(domain),
			"create the DNS records that Mailgun lists, then choose Verify in its domain settings")
	case len(domain.Faulty) > 0:
		return diagnose.Warn(detail+missingRecords(domain),
			"correct the DNS records: mail without them is treated as spam")
	}
	return diagnose.OK(detail)
}

func missingRecords(d mailgun.Domain) string {
	if len(d.Faulty) == 0 {
		return ""
	}
	return "; it does not find " + strings.Join(d.Faulty, ", ")
}

// sendingKey follows a refusal of Mailgun's domain query, which a wrong key causes as well.
func (m Mail) sendingKey(ctx context.Context) diagnose.Result {
	if err := m.Mailgun.MaySend(ctx); err != nil {
		return m.refused(err)
	}
	return diagnose.Warn(
		"Mailgun: the key may only send for "+m.MailgunDomain+", so the domain's state is unknown",
		"this is not a fault; to see the state, run this once with MAILGUN_API_KEY set to a key "+
			"of the account")
}

// refused returns the result for an error that prevents every query and every mail.
func (m Mail) refused(err error) diagnose.Result {
	switch {
	case errors.Is(err, mail.ErrCredentials):
		return diagnose.Fail("Mailgun: the key is refused ("+err.Error()+")",
			hintKey+"; with a key of the EU region set "+
				"MAILGUN_API_BASE=https://api.eu.mailgun.net/v3")
	case errors.Is(err, mailgun.ErrUnknownDomain):
		return diagnose.Fail("Mailgun does not know "+m.MailgunDomain,
			"check MAILGUN_DOMAIN; for a domain of the EU region set "+
				"MAILGUN_API_BASE=https://api.eu.mailgun.net/v3")
	case errors.As(err, new(*mail.Throttled)):
		return diagnose.Warn("Mailgun: rate limit reached", "run this again in a few minutes")
	}
	return diagnose.Fail("Mailgun: "+err.Error(),
		"check MAILGUN_API_BASE, and that this machine may connect to it; status.mailgun.com "+
			"lists incidents")
}

// noAccess is the result of a query that a sending key may not make.
func noAccess() diagnose.Result {
	return diagnose.Warn("unknown: a sending key has no access",
		"to see it, run this once with MAILGUN_API_KEY set to a key of the account")
}

// wantedEvents are Mailgun's names of the events that the code page shows.
var wantedEvents = []string{"delivered", "permanent_fail", "temporary_fail"}

func (m Mail) webhooks(ctx context.Context) diagnose.Result {
	if !m.Webhook {
		return diagnose.OK(
			"not used: MAILGUN_WEBHOOK_KEY is not set, and the code page cannot show the " +
				"delivery status")
	}
	hooks, err := m.Mailgun.Webhooks(ctx)
	switch {
	case errors.Is(err, mail.ErrCredentials):
		return noAccess()
	case err != nil:
		return m.refused(err)
	}
	target := m.PublicURL.JoinPath("/api/webhooks/mailgun").String()
	var missing []string
	for _, kind := range wantedEvents {
		posts := func(url string) bool { return strings.TrimSuffix(url, "/") == target }
		if !slices.ContainsFunc(hooks[kind], posts) {
			missing = append(missing, kind)
		}
	}
	if len(missing) > 0 {
		return diagnose.Warn("Mailgun does not post "+strings.Join(missing, ", ")+" to "+target,
			"add the URL for these events at Mailgun: Sending, Webhooks, of the domain or the "+
				"account")
	}
	return diagnose.OK("Mailgun posts delivery events to " + target)
}

func (m Mail) suppressed(ctx context.Context, address string) diagnose.Result {
	lists, err := m.Mailgun.Suppressed(ctx, address)
	switch {
	case errors.Is(err, mail.ErrCredentials):
		return noAccess()
	case err != nil:
		return m.refused(err)
	case len(lists) > 0:
		return diagnose.Fail(
			"Mailgun sends nothing to "+address+", which is on its list of "+
				strings.Join(lists, ", and of "), "run: sana mail unsuppress "+address)
	}
	return diagnose.OK(address + " is on none of Mailgun's lists of blocked addresses")
}

func (m Mail) logIn(ctx context.Context) diagnose.Result {
	err := m.SMTP.LogIn(ctx, m.From)
	switch {
	case err == nil:
		return diagnose.OK(m.SMTPServer + " accepts the login")
	case errors.Is(err, mail.ErrCredentials):
		return diagnose.Fail(m.SMTPServer+": "+err.Error(), "check user and password in SMTP_URL")
	}
	return diagnose.Fail(m.SMTPServer+": "+err.Error(),
		"check scheme, host and port in SMTP_URL, and that this machine may connect to it; if the "+
			"certificate is of an authority of your own, set SSL_CERT_FILE to its file")
}
