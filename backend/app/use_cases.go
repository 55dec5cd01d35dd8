package app

import (
	"context"
	"log/slog"
	"net/url"
	"time"

	"sana/backend/account"
	"sana/backend/apps"
	"sana/backend/auth"
	"sana/backend/config"
	"sana/backend/mail/templates"
	"sana/backend/observe/metrics"
	"sana/backend/outbox"
	"sana/backend/passkey"
	"sana/backend/postgres"
	"sana/backend/session"
	"sana/backend/throttle"
	"sana/backend/web"

	"github.com/jackc/pgx/v5/pgxpool"
)

// OpenUseCases returns the use cases for a command of an operator. They send no mail. Waiting for
// the database is logged; the caller calls closeAll.
func OpenUseCases(
	ctx context.Context, cfg config.Config, log *slog.Logger,
) (useCases *auth.Service, closeAll func(), err error) {
	publicURL, err := url.Parse(cfg.PublicURL)
	if err != nil {
		return nil, nil, err
	}
	db, err := OpenPool(ctx, cfg, nil)
	if err != nil {
		return nil, nil, err
	}
	defer func() {
		if err != nil {
			db.Close()
		}
	}()
	err = awaitDatabase(ctx, log, "DATABASE_URL",
		func() error { return postgres.CheckSchema(ctx, db) })
	if err != nil {
		return nil, nil, err
	}
	silent := slog.New(slog.DiscardHandler)
	known, err := newApps(cfg)
	if err != nil { // an operator who revokes a session must not have to fix a file first
		log.Warn("apps file not read: this command treats every app as closed", "error", err)
		known = &apps.Current{}
	}
	box := outbox.New(db, nil, outbox.Options{Log: silent})
	useCases, err = newUseCases(ctx, cfg, auth.Settings{}, publicURL, silent,
		auth.Parts{DB: db, Outbox: box, Apps: known})
	return useCases, db.Close, err
}

// newUseCases returns the use cases of parts, to which it adds the accounts, limits and sessions.
func newUseCases(
	ctx context.Context, cfg config.Config, settings auth.Settings, publicURL *url.URL,
	log *slog.Logger, parts auth.Parts,
) (_ *auth.Service, err error) {
	parts.Keys = cfg.Keys
	parts.Accounts = account.New(parts.DB)
	parts.Limits = throttle.New(parts.DB, cfg.Keys, limitOptions(cfg), log)
	parts.Shared, parts.Sealed, err =
		openSessions(ctx, cfg, publicURL, parts.DB, log, parts.Metrics)
	if err != nil {
		return nil, err
	}
	return auth.New(parts, settings), nil
}

// settingsOf returns what the operator decides about signing in.
func settingsOf(cfg config.Config, publicURL *url.URL) (auth.Settings, error) {
	letters, err := templates.Parse(cfg.Brand)
	if err != nil {
		return auth.Settings{}, err
	}
	return auth.Settings{
		CodeLength: cfg.CodeLength,
		SignUp: auth.SignUp{
			Open: cfg.SignUp == config.Open, ByApps: cfg.SignUp == config.ByApps,
			Domains: cfg.SignUpDomains,
		},
		Mail:     auth.MailSettings{Templates: letters, From: cfg.MailFrom, PublicURL: publicURL},
		Passkeys: passkey.RelyingPartyOf(publicURL),
	}, nil
}

// limitOptions are the limits by network, which development does not have.
func limitOptions(cfg config.Config) throttle.Options {
	if cfg.Env == config.Development {
		return throttle.Options{Generous: true}
	}
	return throttle.Options{
		Networks: throttle.NetworkLimits{Sent: cfg.CodesPerNetwork, Wrong: cfg.WrongPerNetwork}}
}

// openSessions opens the store that SESSION_STORE names: one of the two is nil.
func openSessions(
	ctx context.Context, cfg config.Config, publicURL *url.URL, db *pgxpool.Pool, log *slog.Logger,
	counts *metrics.Metrics,
) (shared *session.Shared, sealed *session.Sealed, err error) {
	limits := session.Limits{Idle: cfg.SessionIdleTimeout, MaxAge: cfg.SessionMaxAge}
	if cfg.SessionStore == config.StoreCookie {
		name := web.SessionCookieName(publicURL)
		return nil, session.NewSealed(cfg.Keys, name, limits, time.Now, counts), nil
	}
	if cfg.SessionCache == config.Off {
		shared, err = session.NewShared(ctx, db, limits, log, counts)
		return shared, nil, err
	}
	shared, err = session.NewCached(ctx, db, limits, uint64(cfg.SessionCacheMB)<<20, log, counts)
	return shared, nil, err
}
