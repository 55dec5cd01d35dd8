package app

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"

	"sana/backend/auth"
	"sana/backend/config"
	"sana/backend/observe/logging"
	"sana/backend/observe/metrics"
	"sana/backend/observe/tracing"
)

func newLogger(cfg config.Config, output io.Writer) *slog.Logger {
	if cfg.LogFormat == "text" {
		return slog.New(logging.NewTextHandler(output, cfg.LogLevel))
	}
	return slog.New(slog.NewJSONHandler(output, &slog.HandlerOptions{Level: cfg.LogLevel}))
}

// newTracer is nil without a collector.
func newTracer(
	ctx context.Context, cfg config.Config, o Options, instance string, log *slog.Logger,
) (*tracing.Tracer, error) {
	if cfg.OTLPEndpoint == "" {
		return nil, nil
	}
	return tracing.New(ctx, tracing.Options{
		Endpoint: cfg.OTLPEndpoint, Headers: cfg.OTLPHeaders.Reveal(), Version: o.Version,
		Instance: instance, Log: log,
	})
}

// newMetricsServer is nil without METRICS_ADDR. With each scrape it reads the gauges.
func newMetricsServer(cfg config.Config, useCases *auth.Service) *http.Server {
	if cfg.MetricsAddr == "" {
		return nil
	}
	useCases.Metrics.Watch(metrics.Watched{
		Pool:   useCases.DB.Stat,
		Attack: useCases.Limits.Attacked,
		Mails:  useCases.Outbox.Waiting,
		MailAlarm: func(ctx context.Context) (bool, error) {
			return useCases.Outbox.IsBusy(ctx, cfg.MailAlarm)
		},
	})
	return useCases.Metrics.NewServer()
}

// serveMetrics begins to answer Prometheus, if METRICS_ADDR is set.
func (p *Program) serveMetrics(ctx context.Context) error {
	if p.metrics == nil {
		return nil
	}
	listener, err := listen(ctx, p.config.MetricsAddr, "METRICS_ADDR")
	if err != nil {
		return err
	}
	p.MetricsAddr = listener.Addr().String()
	p.running.Go(func() {
		if err := p.metrics.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			p.log.Error("metrics server failed", "error", err)
		}
	})
	return nil
}

// stopMetrics stops the metrics server.
func (p *Program) stopMetrics(ctx context.Context) error {
	if p.metrics == nil {
		return nil
	}
	return p.metrics.Shutdown(ctx)
}
