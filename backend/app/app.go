// Package app puts the parts of Sana together and runs them: all of them for sana serve, and those
// that an operator's command needs.
package app

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"net/url"
	"strings"
	"time"

	"sana/backend/auth"
	"sana/backend/config"
	"sana/backend/gate/appcookie"
	"sana/backend/observe/metrics"
	"sana/backend/outbox"
	"sana/backend/postgres"
	"sana/backend/web"
	"sana/frontend"

	"github.com/jackc/pgx/v5/pgxpool"
)

// Options are what Start needs besides the configuration.
type Options struct {
	Version string
	Output  io.Writer // log lines, and the mails of the console sender
	Migrate bool      // migrate in production too
}

// Start puts the program together and runs it; it reads from top to bottom as the whole program.
// ctx bounds the start only. The caller calls Stop if Start returns no error.
func Start(ctx context.Context, cfg config.Config, o Options) (_ *Program, err error) {
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

	// The apps behind the gate.
	known, err := newApps(cfg)
	if err != nil {
		return nil, err
	}

	// The database: reachable, with a schema that this version knows.
	db, probe, err := openDatabase(ctx, cfg, o, tracer, log)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			db.Close()
			probe.Close()
		}
	}()

	// Mail: a sender, and the durable queue in front of it.
	mails := developmentInbox(cfg, db)
	sender, err := newSender(ctx, cfg, o.Output, mails)
	if err != nil {
		return nil, err
	}
	box := outbox.New(db, sender,
		outbox.Options{StopTimeout: drainTimeout, Log: log, Metrics: counts, Tracer: tracer})

	// The use cases, with the accounts, limits and sessions that they work with.
	settings, err := settingsOf(cfg, publicURL)
	if err != nil {
		return nil, err
	}
	useCases, err := newUseCases(ctx, cfg, settings, publicURL, log,
		auth.Parts{DB: db, Outbox: box, Metrics: counts, Apps: known})
	if err != nil {
		return nil, err
	}

	// HTTP, and the gate.
	behind := newGate(cfg, useCases, publicURL, tracer, log)
	options := webOptions(cfg, useCases, probe)
	options.PublicURL, options.Gate = publicURL, behind
	options.Development = developmentOf(mails, db, settings.Mail.Templates)
	options.Version, options.Instance = o.Version, instance
	options.Log, options.Tracer = log, tracer
	server, err := web.New(options)
	if err != nil {
		return nil, err
	}

	p := &Program{
		config:     cfg,
		log:        log,
		tracer:     tracer,
		db:         db,
		probe:      probe,
		useCases:   useCases,
		server:     server,
		gate:       behind,
		served:     make(chan error, 2),
		metrics:    newMetricsServer(cfg, useCases),
		background: backgroundOf(useCases, mails, log),
	}
	if err := p.run(ctx); err != nil {
		return nil, err
	}
	log.Info("serving", "address", p.Addr, "metrics", p.MetricsAddr, "gate", cfg.GateAddr,
		"public_url", cfg.PublicURL,
		"version", o.Version, "environment", cfg.Env, "store", cfg.SessionStore)
	return p, nil
}

// webOptions returns the options that follow from the configuration and the use cases.
func webOptions(cfg config.Config, useCases *auth.Service, probe *pgxpool.Pool) web.Options {
	return web.Options{
		Auth:           useCases,
		Account:        useCases.Accounts,
		Sessions:       useCases.Store(),
		SharedSessions: useCases.Shared,
		Store:          cfg.SessionStore,
		Ready: func(ctx context.Context) error {
			return errors.Join(postgres.CheckSchema(ctx, probe), postgres.CheckWritable(ctx, probe))
		},
		Proven:           func(proof string) bool { return cfg.Keys.ValidProof(proof, time.Now()) },
		SPA:              frontend.Files(),
		Brand:            cfg.Brand,
		Apps:             useCases.Apps,
		AppCookies:       appcookie.New(cfg.Keys),
		TrustedProxyHops: int(cfg.TrustedProxyHops),
		MailEvents:       newMailEvents(cfg),
		TakeMailEvent:    useCases.Outbox.TakeEvent,
		Metrics:          useCases.Metrics,
	}
}
