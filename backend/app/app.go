// Package app puts the parts of Sana together and runs them: all of them for sana serve, and those
// that an operator's command needs.
package app

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
	"sana/backend/config"
	"sana/backend/gate"
	"sana/backend/gate/appcookie"
	"sana/backend/observe/metrics"
	"sana/backend/observe/tracing"
	"sana/backend/outbox"
	"sana/backend/postgres"
	"sana/backend/throttle"
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
	box := outbox.New(db, sender,
		outbox.Options{StopTimeout: drainTimeout, Log: log, Metrics: counts, Tracer: tracer})

	// Accounts, limits, sessions, and the use cases that work with them.
	accounts := account.New(db)
	limits := throttle.New(db, cfg.Keys, limitOptions(cfg), log)
	shared, sealed, err := openSessions(ctx, cfg, publicURL, db, log, counts)
	if err != nil {
		return nil, err
	}
	settings, err := settingsOf(cfg, publicURL)
	if err != nil {
		return nil, err
	}
	useCases := auth.New(auth.Parts{
		DB: db, Keys: cfg.Keys, Limits: limits, Outbox: box, Accounts: accounts,
		Shared: shared, Sealed: sealed, Metrics: counts, Apps: known,
	}, settings)

	// HTTP, and the gate.
	behind := newGate(cfg, known, publicURL, shared, counts, tracer, log)
	server, err := newServer(cfg, o, instance, publicURL, useCases, behind, probe,
		developmentOf(mails, db, settings.Mail.Templates), tracer, log)
	if err != nil {
		return nil, err
	}
	p := &Program{
		log: log, shared: shared, db: db, probe: probe, server: server, served: make(chan error, 2),
		tracer:  tracer,
		outbox:  box,
		gate:    behind,
		config:  cfg,
		apps:    known,
		metrics: newMetricsServer(cfg, counts, db, box, limits),
		background: append(
			backgroundOf(shared, mails, box, log),
			background{"service counts", limits.Run},
			background{"periodic work",
				newTurns(db, box, accounts, limits, shared, useCases, log).Run},
		),
	}
	if err := p.run(ctx, cfg); err != nil {
		return nil, err
	}
	started = true
	log.Info("serving", "address", p.Addr, "metrics", p.MetricsAddr, "gate", cfg.GateAddr,
		"public_url", cfg.PublicURL,
		"version", o.Version, "environment", cfg.Env, "store", cfg.SessionStore)
	return p, nil
}

func newServer(
	cfg config.Config, o Options, instance string, publicURL *url.URL, useCases *auth.Service,
	behind *gate.Gate, probe *pgxpool.Pool, development *web.Development, tracer *tracing.Tracer,
	log *slog.Logger,
) (*web.Server, error) {
	return web.New(web.Options{
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
		PublicURL:        publicURL,
		Apps:             useCases.Apps,
		Gate:             behind,
		AppCookies:       appcookie.New(cfg.Keys),
		TrustedProxyHops: int(cfg.TrustedProxyHops),
		MailEvents:       newMailEvents(cfg),
		TakeMailEvent:    useCases.Outbox.TakeEvent,
		Development:      development,
		Version:          o.Version,
		Instance:         instance,
		Log:              log,
		Metrics:          useCases.Metrics,
		Tracer:           tracer,
	})
}
