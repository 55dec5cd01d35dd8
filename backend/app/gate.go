package app

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"strings"

	"sana/backend/apps"
	"sana/backend/auth"
	"sana/backend/config"
	"sana/backend/gate"
	"sana/backend/gate/appcookie"
	"sana/backend/observe/tracing"
)

// newApps returns the apps of APPS_FILE, none without it.
func newApps(cfg config.Config) (*apps.Current, error) {
	set, err := readApps(cfg)
	if err != nil {
		return nil, err
	}
	current := &apps.Current{}
	current.Store(set)
	return current, nil
}

// readApps reads APPS_FILE, if there is one. The error names every mistake with its line.
func readApps(cfg config.Config) (*apps.Set, error) {
	if cfg.AppsFile == "" {
		return &apps.Set{}, nil
	}
	set, err := ReadAppsFile(cfg.AppsFile, cfg.PublicURL, cfg.Env)
	if err != nil {
		return nil, fmt.Errorf("APPS_FILE %w", err)
	}
	return set, nil
}

// ReadAppsFile reads an apps file for an installation with this PUBLIC_URL and APP_ENV. The error
// begins with the path and names every mistake, one a line, with the number of its line.
func ReadAppsFile(path, publicURL, environment string) (*apps.Set, error) {
	u, err := url.Parse(publicURL)
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("cannot be read: %w", err)
	}
	set, err := apps.Parse(text, apps.Options{
		PublicHost: strings.ToLower(u.Host), Development: environment == config.Development,
	})
	if err != nil {
		return nil, fmt.Errorf("%s has mistakes:\n%w", path, err)
	}
	return set, nil
}

// newGate returns nil without APPS_FILE.
func newGate(
	cfg config.Config, useCases *auth.Service, publicURL *url.URL, tracer *tracing.Tracer,
	log *slog.Logger,
) *gate.Gate {
	if cfg.AppsFile == "" {
		return nil
	}
	return gate.New(gate.Options{
		Apps: useCases.Apps, Cookies: appcookie.New(cfg.Keys), Sessions: useCases.Shared,
		PublicURL: publicURL, Brand: cfg.Brand, Log: log, Metrics: useCases.Metrics, Tracer: tracer,
	})
}

// listenGate opens the listener of GATE_ADDR, nil without a gate.
func (p *Program) listenGate(ctx context.Context) (net.Listener, error) {
	if p.gate == nil {
		return nil, nil
	}
	listener, err := listen(ctx, p.config.GateAddr, "GATE_ADDR")
	if err != nil {
		return nil, err
	}
	p.GateAddr = listener.Addr().String()
	return listener, nil
}

func (p *Program) stopGate(ctx context.Context) error {
	if p.gate == nil {
		return nil
	}
	return p.gate.Shutdown(ctx)
}

// ReloadApps reads APPS_FILE again. A file with mistakes changes nothing.
func (p *Program) ReloadApps() {
	set, err := readApps(p.config)
	if err != nil {
		p.log.Error("apps file not reloaded: the previous one stays in use", "error", err)
		return
	}
	p.useCases.Apps.Store(set)
	p.log.Info("apps file reloaded", "apps", len(set.List()))
}
