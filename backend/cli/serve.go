package cli

import (
	"context"
	"crypto/rand"
	"io"
	"log/slog"
	"net/url"
	"strings"
	"time"

	"sana/backend/account"
	"sana/backend/config"
	"sana/backend/jobs"
	"sana/backend/keyproof"
	"sana/backend/mail"
	"sana/backend/metrics"
	"sana/backend/outbox"
	"sana/backend/postgres"
	"sana/backend/session"
	"sana/backend/signin"
	"sana/backend/throttle"
	"sana/backend/web"
	"sana/frontend"

	"github.com/jackc/pgx/v5/pgxpool"
)

const (
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
	db, probe, err := openDatabase(ctx, cfg, o, tracer, log)
	if err != nil {
		return nil, err
	}
	started := false
	defer closeUnless(&started, db, probe)

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
	limits, accounts := throttle.New(db, cfg.Keys, log), account.New(db)
	codes := signin.New(db, cfg.Keys, limits, box, settings)
	store, shared, err := openSessions(ctx, cfg, o.Sessions, publicURL, db, log, counts)
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
		log: log, queue: queue, limits: limits, sessions: shared, db: db, probe: probe, server: server, served: make(chan error, 1), tracer: tracer,
		metrics: newMetricsServer(cfg, counts, db, queue, limits),
	}
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

// openSessions opens the store that SESSION_STORE names, unless one is given; shared is the same one, or nil where it is another.
func openSessions(
	ctx context.Context, cfg config.Config, given session.Store, publicURL *url.URL, db *pgxpool.Pool, log *slog.Logger, counts *metrics.Metrics,
) (store session.Store, shared *session.Shared, err error) {
	if given != nil {
		return given, nil, nil
	}
	limits := session.Limits{Idle: cfg.SessionIdleTimeout, MaxAge: cfg.SessionMaxAge}
	if cfg.SessionStore == config.StoreCookie {
		return session.NewSealed(cfg.Keys, web.SessionCookieName(publicURL), limits, time.Now, counts), nil, nil
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
