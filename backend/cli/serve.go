package cli

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"sana/backend/account"
	"sana/backend/config"
	"sana/backend/inbox"
	"sana/backend/jobs"
	"sana/backend/keyproof"
	"sana/backend/mail"
	"sana/backend/metrics"
	"sana/backend/outbox"
	"sana/backend/postgres"
	"sana/backend/session"
	"sana/backend/signin"
	"sana/backend/throttle"
	"sana/backend/tracing"
	"sana/backend/web"
	"sana/frontend"

	"github.com/jackc/pgx/v5/pgxpool"
)

// The end takes less than 10 seconds, whatever is away: these, a second for the jobs that had to be interrupted, and one
// for what sessions were used.
const (
	retireTime   = time.Second             // for who leads requests here to lead them elsewhere
	drainTimeout = 5200 * time.Millisecond // for requests in flight, and for mails being sent
	closeTimeout = time.Second / 2         // for the connections to a database that may be frozen

	sweepInterval = 10 * time.Minute
	sweepTimeout  = 5 * time.Minute
)

// Options are what Start needs besides the configuration.
type Options struct {
	Version string
	Output  io.Writer // log lines, and the mails of the console sender
	Migrate bool      // migrate in production too
	// Sessions is the store to use, nil for the one that SESSION_STORE names: package drill runs some of the predecessor's.
	Sessions session.Store
}

// Program is a running Sana.
type Program struct {
	Addr        string // where it listens, host:port
	MetricsAddr string // where it tells its metrics, "" for nowhere

	log      *slog.Logger
	queue    *jobs.Queue
	sessions *session.Shared           // nil when the store is another one
	inbox    func(ctx context.Context) // delivers the mails of development until ctx ends; nil in production
	db       *pgxpool.Pool
	probe    *pgxpool.Pool // asks the database whether it is there
	server   *web.Server
	served   chan error   // gets one value: why the server ended
	metrics  *http.Server // nil without METRICS_ADDR
	tracer   *tracing.Tracer

	stopKeeping context.CancelFunc
	keeping     sync.WaitGroup // what writes back which sessions were used, and the inbox
}

// Start puts the program together and runs it; read it top to bottom and you have seen how Sana works. ctx bounds the
// start only. The caller calls Stop if Start returns no error.
func Start(ctx context.Context, cfg config.Config, o Options) (*Program, error) {
	instance := strings.ToLower(rand.Text()[:8])
	log := newLogger(cfg, o.Output).With("instance", instance)
	publicURL, err := url.Parse(cfg.PublicURL)
	if err != nil {
		return nil, err
	}

	// Who is told what happens here, besides the log.
	tracer, err := newTracer(ctx, cfg, o, instance, log)
	if err != nil {
		return nil, err
	}
	counts := metrics.New(o.Version)

	// The database: reachable, with a schema that this version knows.
	db, err := openDatabase(ctx, cfg, o, tracer, log)
	if err != nil {
		return nil, err
	}
	started := false
	defer closeUnless(&started, db)
	probe, err := postgres.OpenProbe(ctx, cfg.DatabaseURL.Reveal())
	if err != nil {
		return nil, err
	}
	defer closeUnless(&started, probe)

	// Mail: a sender, and the outbox in front of it that loses nothing, on the queue of work in the background.
	mails := developmentInbox(cfg, db)
	queue, box, err := openOutbox(cfg, o, db, mails, outbox.Options{Log: log, Metrics: counts, Tracer: tracer})
	if err != nil {
		return nil, err
	}

	// The rules of signing in, and the sessions that they lead to.
	settings, err := signInSettings(cfg, publicURL, counts)
	if err != nil {
		return nil, err
	}
	limits := throttle.New(db, cfg.Keys, log)
	codes := signin.New(db, cfg.Keys, limits, box, settings)
	accounts := account.New(db)
	store, shared := o.Sessions, (*session.Shared)(nil)
	if store == nil {
		store, shared, err = openSessions(ctx, cfg, publicURL, db, log, counts)
	}
	if err != nil {
		return nil, err
	}

	sweepAll(queue, codes, accounts, limits, shared, log)

	// The wire.
	server, err := web.New(web.Options{
		SignIn:           codes,
		Account:          accounts,
		Sessions:         store,
		SharedSessions:   shared,
		Store:            cfg.SessionStore,
		Ready:            func(ctx context.Context) error { return postgres.CheckSchema(ctx, probe) },
		Proven:           func(proof string) bool { return keyproof.Valid(cfg.Keys, proof, time.Now()) },
		SPA:              frontend.Files(),
		PublicURL:        publicURL,
		TrustedProxyHops: int(cfg.TrustedProxyHops),
		MailEvents:       newMailEvents(cfg),
		Inbox:            mails,
		Version:          o.Version,
		Instance:         instance,
		Log:              log,
		Metrics:          counts,
		Tracer:           tracer,
	})
	if err != nil {
		return nil, err
	}
	p := &Program{
		log: log, queue: queue, sessions: shared, db: db, probe: probe, server: server, served: make(chan error, 1), tracer: tracer,
	}
	p.metrics = newMetricsServer(cfg, counts, db, queue, limits)
	if mails != nil {
		p.inbox = func(ctx context.Context) { mails.Run(ctx, codes.TakeEvent, log) }
	}
	if err := p.run(ctx, cfg); err != nil {
		return nil, err
	}
	started = true
	log.Info("serving", "address", p.Addr, "metrics", p.MetricsAddr, "public_url", cfg.PublicURL, "version", o.Version, "environment", cfg.Env, "store", cfg.SessionStore)
	return p, nil
}

// closeUnless is for the end of a start that may have failed.
func closeUnless(started *bool, pools ...*pgxpool.Pool) {
	if *started {
		return
	}
	for _, pool := range pools {
		pool.Close()
	}
}

// openOutbox returns the queue of work in the background, and on it the outbox with the sender of this configuration.
func openOutbox(cfg config.Config, o Options, db *pgxpool.Pool, mails *inbox.Inbox, told outbox.Options) (*jobs.Queue, *outbox.Outbox, error) {
	sender, err := newSender(cfg, o.Output, mails)
	if err != nil {
		return nil, nil, err
	}
	queue, err := jobs.New(db, told.Log, jobs.Options{PollOnly: cfg.IsPooled()})
	if err != nil {
		return nil, nil, err
	}
	return queue, outbox.New(queue, sender, told), nil
}

// run begins to work and to listen.
func (p *Program) run(ctx context.Context, cfg config.Config) error {
	begin := func() error { return p.queue.Start(context.WithoutCancel(ctx)) }
	if err := patiently(ctx, p.log, begin); err != nil {
		return err
	}
	listener, err := listen(ctx, cfg)
	if err != nil {
		return errors.Join(err, p.stopWorking(ctx))
	}
	if err := p.serveMetrics(ctx, cfg.MetricsAddr); err != nil {
		return errors.Join(err, listener.Close(), p.stopWorking(ctx))
	}
	p.Addr = listener.Addr().String()
	keep, stop := context.WithCancel(context.Background())
	p.stopKeeping = stop
	if p.sessions != nil {
		p.keeping.Go(func() { keepRunning(keep, p.log, "sessions in use", p.sessions.Run) })
	}
	if p.inbox != nil {
		p.keeping.Go(func() { keepRunning(keep, p.log, "inbox", p.inbox) })
	}
	go func() { p.served <- p.server.Serve(listener) }()
	return nil
}

// stopWorking is for a start that failed after work had begun.
func (p *Program) stopWorking(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
	defer cancel()
	return p.queue.Stop(ctx)
}

// Wait returns nil when ctx ends, and an error when the server ends before.
func (p *Program) Wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case err := <-p.served:
		return fmt.Errorf("server ended: %w", err)
	}
}

// Retire says by /readyz that this instance is going, answers for a moment as before, and ends each connection with its next
// answer: so a proxy has left by the time that Stop takes no new connections.
func (p *Program) Retire() {
	p.log.Info("retiring")
	p.server.Retire()
	time.Sleep(retireTime)
}

// Stop finishes the requests in flight and the mails being sent, writes back what sessions were used, and closes the
// database. Mails that are still queued wait for the next start or for another instance.
func (p *Program) Stop() error {
	p.log.Info("stopping")
	ctx, cancel := context.WithTimeout(context.Background(), drainTimeout)
	defer cancel()
	worked := make(chan error, 1)
	go func() { worked <- p.queue.Stop(ctx) }()
	err := errors.Join(p.server.Shutdown(ctx), <-worked, p.stopMetrics(ctx))
	p.stopKeeping()
	p.keeping.Wait()
	closed := make(chan error, 1)
	go func() { closed <- p.closeDatabase() }()
	select {
	case closing := <-closed:
		err = errors.Join(err, closing)
	case <-time.After(closeTimeout):
		p.log.Warn("connections to the database are left behind, it does not answer")
	}
	p.tracer.Close(ctx)
	p.log.Info("stopped")
	return err
}

func (p *Program) closeDatabase() (err error) {
	p.probe.Close()
	if p.sessions != nil {
		err = p.sessions.Close() // it closes the pool that all of them share
	}
	p.db.Close()
	return err
}

func signInSettings(cfg config.Config, publicURL *url.URL, counts *metrics.Metrics) (signin.Settings, error) {
	templates, err := mail.ParseTemplates()
	if err != nil {
		return signin.Settings{}, err
	}
	return signin.Settings{
		CodeLength: cfg.CodeLength,
		SignUp:     signin.SignUp{Open: cfg.SignUp == config.Open, Domains: cfg.SignUpDomains},
		Mail:       signin.MailSettings{Templates: templates, From: cfg.MailFrom, PublicURL: publicURL},
		Metrics:    counts,
	}, nil
}

// sweepAll keeps the tables in order; shared is nil where sessions are not in one.
func sweepAll(
	queue *jobs.Queue, codes *signin.Service, accounts *account.Service, limits *throttle.Throttle, shared *session.Shared, log *slog.Logger,
) {
	sweepPeriodically(queue, "challenges", codes.Sweep, log)
	sweepPeriodically(queue, "notices", codes.SweepNotices, log)
	sweepPeriodically(queue, "event_tokens", codes.SweepEventTokens, log)
	sweepPeriodically(queue, "account_events", accounts.Sweep, log)
	sweepPeriodically(queue, "throttle", limits.Sweep, log)
	if shared != nil {
		sweepPeriodically(queue, "sessions", shared.Sweep, log)
	}
}

// sweepPeriodically has one instance delete from a table what nobody needs any more.
func sweepPeriodically(queue *jobs.Queue, table string, sweep func(context.Context) (deleted int, err error), log *slog.Logger) {
	queue.Periodic("sweep "+table, sweepInterval, sweepTimeout, func(ctx context.Context) error {
		deleted, err := sweep(ctx)
		if deleted > 0 {
			log.InfoContext(ctx, "swept", "table", table, "rows", deleted)
		}
		return err
	})
}

// developmentInbox is nil in production, where there is no such table and no page for it.
func developmentInbox(cfg config.Config, db *pgxpool.Pool) *inbox.Inbox {
	if cfg.Env != config.Development {
		return nil
	}
	return inbox.New(db)
}

func newSender(cfg config.Config, output io.Writer, mails *inbox.Inbox) (mail.Sender, error) {
	switch cfg.MailTransport {
	case config.Console:
		return mail.NewConsole(output, mails.Keep), nil
	case config.SMTP:
		return newSMTP(cfg.SMTPServer)
	default:
		return newMailgun(cfg)
	}
}

func newSMTP(server config.SMTPServer) (*mail.SMTP, error) {
	sender, err := mail.NewSMTP(mail.SMTPConfig{
		Host: server.Host, Port: server.Port, TLS: server.TLS, Username: server.Username, Password: server.Password.Reveal(),
	})
	if err != nil {
		return nil, fmt.Errorf("check SMTP_URL: %w", err)
	}
	return sender, nil
}

func newMailgun(cfg config.Config) (*mail.Mailgun, error) {
	sender, err := mail.NewMailgun(mail.MailgunConfig{
		Domain: cfg.MailgunDomain, APIKey: cfg.MailgunAPIKey.Reveal(), APIBase: cfg.MailgunAPIBase,
	})
	if err != nil {
		return nil, fmt.Errorf("check MAILGUN_DOMAIN, MAILGUN_API_KEY and MAILGUN_API_BASE: %w", err)
	}
	return sender, nil
}

// newMailEvents is nil where Mailgun is not to tell what became of mails.
func newMailEvents(cfg config.Config) *mail.MailgunEvents {
	if cfg.MailgunWebhookKey == "" {
		return nil
	}
	return mail.NewMailgunEvents(cfg.MailgunWebhookKey.Reveal())
}

// openSessions opens the store that SESSION_STORE names; shared is the same one, or nil where it is another.
func openSessions(
	ctx context.Context, cfg config.Config, publicURL *url.URL, db *pgxpool.Pool, log *slog.Logger, counts *metrics.Metrics,
) (store session.Store, shared *session.Shared, err error) {
	limits := session.Limits{Idle: cfg.SessionIdleTimeout, MaxAge: cfg.SessionMaxAge}
	if cfg.SessionStore == config.StoreCookie {
		return session.NewSealed(cfg.Keys, web.SessionCookieName(publicURL), limits, time.Now), nil, nil
	}
	if cfg.SessionCache == config.Off {
		shared, err = session.NewShared(ctx, db, limits, log, counts)
		return shared, shared, err
	}
	shared, err = session.NewCached(ctx, db, limits, session.CacheOptions{
		Bytes: uint64(cfg.SessionCacheMB) << 20, AskOnly: cfg.IsPooled(),
	}, log, counts)
	return shared, shared, err
}

// listen takes the port: on all interfaces in production, on the loopback one in development, where anybody who reaches
// the inbox can read codes.
func listen(ctx context.Context, cfg config.Config) (net.Listener, error) {
	host := ""
	if cfg.Env == config.Development {
		host = "127.0.0.1"
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort(host, fmt.Sprint(cfg.Port)))
	if err != nil {
		return nil, fmt.Errorf("cannot listen on port %d (PORT): %w", cfg.Port, err)
	}
	return listener, nil
}
