package cli

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"sana/backend/account"
	"sana/backend/app"
	"sana/backend/apps"
	"sana/backend/config"
	"sana/backend/diagnose"
	"sana/backend/diagnose/doctor"
	"sana/backend/mail/mailgun"
	"sana/backend/mail/smtp"
	"sana/backend/mail/templates"
	"sana/backend/passkey"
	"sana/backend/web"

	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	doctorPatience    = 3 * time.Minute  // of all checks
	roundtripPatience = 60 * time.Second // of waiting for the delivery status
	roundtripPause    = 2 * time.Second
)

// examine runs the checks, and returns an error with the names of failed ones.
func (d doctorCommand) examine(in invocation) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, doctorPatience)
	defer cancel()
	p, err := newTarget(ctx, d, in)
	if err != nil {
		return err
	}
	defer p.close()
	checks, broken := p.checks()
	told, tell := in.teller(d.JSON)
	report := diagnose.Run(ctx, checks, broken, tell)
	return errors.Join(told(report), failures("failed", report))
}

// target has the parts of the program that the checks examine, built from the configuration. A
// part with an invalid variable is nil, and its checks do not run.
type target struct {
	recipient string // of --roundtrip, "" without it
	cfg       config.Config
	version   string
	faults    []string
	db        *pgxpool.Pool
	direct    *pgxpool.Pool // of MIGRATE_DATABASE_URL, if that is another address
	publicURL *url.URL
	apps      []*apps.App // none without APPS_FILE
	mailgun   *mailgun.Sender
	smtp      *smtp.Sender
}

func newTarget(ctx context.Context, d doctorCommand, in invocation) (*target, error) {
	p := &target{version: in.version}
	var err error
	if d.Roundtrip != "" {
		// normalized as for codes
		if p.recipient, err = account.ParseAddress(d.Roundtrip); err != nil {
			return nil, errNoCodesTo(d.Roundtrip)
		}
	}
	if p.cfg, err = config.Look(in.environ); err != nil {
		p.faults = strings.Split(err.Error(), "\n")
	}
	p.connect(ctx)
	p.prepareMail()
	if p.cfg.AppsFile != "" && p.is("APPS_FILE") {
		set, err := app.ReadAppsFile(p.cfg.AppsFile, p.cfg.PublicURL, p.cfg.Env)
		if p.fault("APPS_FILE", err); err == nil {
			p.apps = set.List()
		}
	}
	return p, nil
}

// is reports whether a variable is valid.
func (p *target) is(variable string) bool {
	return !slices.ContainsFunc(p.faults,
		func(fault string) bool { return strings.HasPrefix(fault, variable+" ") })
}

// fault records a fault that appears only when a part of the program is built.
func (p *target) fault(variable string, err error) {
	if err != nil && p.is(variable) {
		p.faults = append(p.faults, fmt.Sprintf("%s cannot be used: %v", variable, err))
	}
}

func (p *target) connect(ctx context.Context) {
	var err error
	if p.is("DATABASE_URL") {
		p.db, err = app.OpenPool(ctx, p.cfg, nil)
		p.fault("DATABASE_URL", err)
	}
	if p.is("MIGRATE_DATABASE_URL") && p.cfg.IsPooled() {
		p.direct, err = app.OpenDirect(ctx, p.cfg)
		p.fault("MIGRATE_DATABASE_URL", err)
	}
	p.publicURL, err = url.Parse(p.cfg.PublicURL)
	p.fault("PUBLIC_URL", err)
}

func (p *target) prepareMail() {
	var err error
	switch {
	case p.cfg.MailTransport == config.Mailgun && p.is("MAILGUN_DOMAIN") && p.is("MAILGUN_API_KEY"):
		p.mailgun, err = app.NewMailgun(p.cfg)
		p.fault("MAILGUN_API_BASE", err)
	case p.cfg.MailTransport == config.SMTP && p.is("SMTP_URL"):
		p.smtp, err = app.NewSMTP(p.cfg.SMTPServer)
		p.fault("SMTP_URL", err)
	}
}

func (p *target) close() {
	for _, pool := range []*pgxpool.Pool{p.db, p.direct} {
		if pool != nil {
			pool.Close()
		}
	}
}

// checks returns all checks in their order, and the invalid variables.
func (p *target) checks() (checks []diagnose.Check, broken []string) {
	checks, broken = doctor.Configuration(p.faults, p.cfg.Env)
	database := doctor.Database{
		Pool:        p.db,
		Direct:      p.direct,
		CookieStore: p.cfg.SessionStore == config.StoreCookie,
		Now:         time.Now,
	}
	letters := p.mail()
	public := doctor.Public{
		URL: p.publicURL, Keys: p.cfg.Keys, Version: p.version, Now: time.Now,
		Port: p.cfg.Port, IsOnLoopback: doctor.IsLoopback(p.cfg.ListenAddr),
		IsBehindProxy: p.cfg.TrustedProxyHops > 0,
	}
	if p.publicURL != nil {
		public.Cookie = web.SessionCookieName(p.publicURL)
	}
	checks = slices.Concat(checks, database.Checks(),
		[]diagnose.Check{doctor.Keys(p.cfg.Keys, time.Now)}, letters.Checks(), public.Checks(),
		p.passkeys().Checks())
	if p.cfg.AppsFile != "" {
		checks = append(checks, p.gate(public).Checks()...)
	}
	if p.recipient != "" {
		checks = append(checks, p.roundTrip(letters)...)
	}
	return checks, broken
}

func (p *target) mail() doctor.Mail {
	return doctor.Mail{
		Console:       p.cfg.MailTransport == config.Console,
		From:          p.cfg.MailFrom,
		PublicURL:     p.publicURL,
		Mailgun:       p.mailgun,
		MailgunDomain: p.cfg.MailgunDomain,
		Webhook:       p.cfg.MailgunWebhookKey != "",
		SMTP:          p.smtp,
		SMTPServer:    net.JoinHostPort(p.cfg.SMTPServer.Host, fmt.Sprint(p.cfg.SMTPServer.Port)),
	}
}

func (p *target) passkeys() doctor.Passkeys {
	if p.publicURL == nil {
		return doctor.Passkeys{Pool: p.db}
	}
	return doctor.Passkeys{Pool: p.db, Host: passkey.RelyingPartyOf(p.publicURL).ID}
}

func (p *target) gate(public doctor.Public) doctor.Gate {
	g := doctor.Gate{
		Public: public,
		Addr:   p.cfg.GateAddr,
		Apps:   len(p.apps),
		Lookup: net.DefaultResolver.LookupHost,
		Pool:   p.db,
	}
	for _, one := range p.apps {
		for _, host := range one.Hosts {
			g.Hosts = append(g.Hosts, host.String())
		}
		if one.AccessKeys {
			g.KeyApps = append(g.KeyApps, one.ID)
		}
	}
	return g
}

func (p *target) roundTrip(letters doctor.Mail) []diagnose.Check {
	trip := doctor.RoundTrip{
		Mail:     letters,
		To:       p.recipient,
		Word:     rand.Text()[:6],
		Patience: roundtripPatience,
		Pause:    roundtripPause,
	}
	set, err := templates.Parse(p.cfg.Brand)
	if err != nil {
		panic("cli: the templates are wrong: " + err.Error())
	}
	// Without PUBLIC_URL or MAIL_FROM there is no message, and no check that would send it.
	trip.Message, _ = set.TestMail(trip.To, p.cfg.MailFrom,
		templates.TestMail{Word: trip.Word, When: time.Now(), PublicURL: p.publicURL})
	return trip.Checks()
}
