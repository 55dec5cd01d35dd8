package cli

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"log/slog"
	"net/url"
	"strings"
	"time"

	"sana/backend/account"
	"sana/backend/auth"
	"sana/backend/challenge"
	"sana/backend/config"
	"sana/backend/keyproof"
	"sana/backend/mail"
	"sana/backend/metrics"
	"sana/backend/outbox"
	"sana/backend/postgres"
	"sana/backend/session"
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
}

// Start puts the program together and runs it; it reads from top to bottom as the whole program. ctx
// bounds the start only. The caller calls Stop if Start returns no error.
func Start(ctx context.Context, cfg config.Config, o Options) (*Program, error) {
	instance := strings.ToLower(rand.Text()[:8])
	log := newLogger(cfg, o.Output).With("instance", instance)
	publicURL, err := url.Parse(cfg.PublicURL)
	if err != nil {
		return nil, err
	}

	// Tracing and metrics.
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

	// Mail: a sender, and the durable queue in front of it.
	mails := developmentInbox(cfg, db)
	sender, err := newSender(cfg, o.Output, mails)
	if err != nil {
		return nil, err
	}
	if err := checkEncryption(ctx, sender, cfg.MailFrom); err != nil {
		return nil, err
	}
	box := outbox.New(db, sender, outbox.Options{StopTimeout: drainTimeout, Log: log, Metrics: counts, Tracer: tracer})

	// Accounts, limits, sessions, and the use cases that work with them.
	templates, err := mail.ParseTemplates()
	if err != nil {
		return nil, err
	}
	shared, sealed, err := openSessions(ctx, cfg, publicURL, db, log, counts)
	if err != nil {
		return nil, err
	}
	limits := throttle.New(db, cfg.Keys, limitOptions(cfg), log)
	accounts := account.New(db)
	useCases := auth.New(auth.Parts{
		DB: db, Keys: cfg.Keys, Limits: limits, Outbox: box, Accounts: accounts,
		Shared: shared, Sealed: sealed, Metrics: counts,
	}, auth.Settings{
		CodeLength: cfg.CodeLength,
		SignUp:     auth.SignUp{Open: cfg.SignUp == config.Open, Domains: cfg.SignUpDomains},
		Mail:       auth.MailSettings{Templates: templates, From: cfg.MailFrom, PublicURL: publicURL},
	})

	// HTTP.
	server, err := web.New(web.Options{
		Auth:           useCases,
		Account:        accounts,
		Sessions:       storeOf(shared, sealed),
		SharedSessions: shared,
		Store:          cfg.SessionStore,
		Ready: func(ctx context.Context) error {
			return errors.Join(postgres.CheckSchema(ctx, probe), postgres.CheckWritable(ctx, probe))
		},
		Proven:           func(proof string) bool { return keyproof.Valid(cfg.Keys, proof, time.Now()) },
		SPA:              frontend.Files(),
		PublicURL:        publicURL,
		TrustedProxyHops: int(cfg.TrustedProxyHops),
		MailEvents:       newMailEvents(cfg),
		TakeMailEvent:    box.TakeEvent,
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
		log: log, shared: shared, db: db, probe: probe, server: server, served: make(chan error, 1), tracer: tracer,
		outbox:  box,
		metrics: newMetricsServer(cfg, counts, db, box, limits),
		background: []background{
			{"service counts", limits.Run},
			{"periodic work", newTurns(db, box, accounts, limits, shared, log).Run},
		},
	}
	if shared != nil {
		p.background = append(p.background, background{"session store", shared.Run})
	}
	if mails != nil {
		p.background = append(p.background, background{"inbox", func(ctx context.Context) { mails.Run(ctx, box.TakeEvent, log) }})
	}
	if err := p.run(ctx, cfg); err != nil {
		return nil, err
	}
	started = true
	log.Info("serving", "address", p.Addr, "metrics", p.MetricsAddr, "public_url", cfg.PublicURL, "version", o.Version, "environment", cfg.Env, "store", cfg.SessionStore)
	return p, nil
}

// limitOptions are the limits by network, which development does not have.
func limitOptions(cfg config.Config) throttle.Options {
	if cfg.Env == config.Development {
		return throttle.Options{Generous: true}
	}
	return throttle.Options{Networks: throttle.NetworkLimits{Sent: cfg.CodesPerNetwork, Wrong: cfg.WrongPerNetwork}}
}

// newTurns returns the periodic work that one of all instances does: deleting expired rows.
func newTurns(
	db *pgxpool.Pool, box *outbox.Outbox, accounts *account.Service, limits *throttle.Throttle, shared *session.Shared, log *slog.Logger,
) *postgres.Turns {
	turns := postgres.NewTurns(db, log)
	sweep := func(table string, do func(context.Context) (deleted int, err error)) {
		turns.Add("sweep "+table, sweepInterval, sweepTimeout, func(ctx context.Context) error {
			deleted, err := do(ctx)
			if deleted > 0 {
				log.InfoContext(ctx, "expired rows deleted", "table", table, "rows", deleted)
			}
			return err
		})
	}
	sweep("challenges", func(ctx context.Context) (int, error) { return challenge.Sweep(ctx, db) })
	sweep("mails", box.Sweep)
	sweep("event_tokens", box.SweepEventTokens)
	sweep("account_events", accounts.Sweep)
	sweep("uses", limits.Sweep)
	if shared != nil {
		sweep("sessions", shared.Sweep)
	}
	return turns
}

// openSessions opens the store that SESSION_STORE names: one of the two is nil.
func openSessions(
	ctx context.Context, cfg config.Config, publicURL *url.URL, db *pgxpool.Pool, log *slog.Logger, counts *metrics.Metrics,
) (shared *session.Shared, sealed *session.Sealed, err error) {
	limits := session.Limits{Idle: cfg.SessionIdleTimeout, MaxAge: cfg.SessionMaxAge}
	if cfg.SessionStore == config.StoreCookie {
		return nil, session.NewSealed(cfg.Keys, web.SessionCookieName(publicURL), limits, time.Now, counts), nil
	}
	if cfg.SessionCache == config.Off {
		shared, err = session.NewShared(ctx, db, limits, log, counts)
		return shared, nil, err
	}
	shared, err = session.NewCached(ctx, db, limits, session.CacheOptions{
		Bytes: uint64(cfg.SessionCacheMB) << 20, PollOnly: cfg.IsPooled(),
	}, log, counts)
	return shared, nil, err
}

// storeOf is the one of the two stores that is open.
func storeOf(shared *session.Shared, sealed *session.Sealed) session.Store {
	if shared != nil {
		return shared
	}
	return sealed
}
