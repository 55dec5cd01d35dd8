package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"sana/backend/auth"
	"sana/backend/config"
	"sana/backend/gate"
	"sana/backend/observe/tracing"
	"sana/backend/web"

	"github.com/jackc/pgx/v5/pgxpool"
)

// A stop takes less than 10 seconds, whatever is unavailable: these, and a second for writing which
// sessions were used.
const (
	retireTime   = time.Second             // for proxies to stop sending requests here
	drainTimeout = 5200 * time.Millisecond // for requests in flight, and for mails being sent
	closeTimeout = time.Second / 2         // for the connections to a database that may be frozen
)

// Program is a running Sana.
type Program struct {
	Addr        string // where it listens, host:port
	MetricsAddr string // address of the metrics, "" for none
	GateAddr    string // where it answers proxies, "" for nowhere

	config     config.Config
	log        *slog.Logger
	tracer     *tracing.Tracer
	db         *pgxpool.Pool
	probe      *pgxpool.Pool // for health checks, which must not wait for the pool
	useCases   *auth.Service
	server     *web.Server
	gate       *gate.Gate   // nil without APPS_FILE
	served     chan error   // gets a value when a server ends: why
	metrics    *http.Server // nil without METRICS_ADDR
	background []background

	stopSending    context.CancelFunc
	sending        sync.WaitGroup // the outbox
	stopBackground context.CancelFunc
	running        sync.WaitGroup // background, and the metrics server
}

// run begins to listen and to work.
func (p *Program) run(ctx context.Context) error {
	listener, err := listen(ctx, p.config.ListenAddr, "LISTEN_ADDR, else PORT")
	if err != nil {
		return err
	}
	if err := p.serveMetrics(ctx); err != nil {
		return errors.Join(err, listener.Close())
	}
	gateListener, err := p.listenGate(ctx)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	p.Addr = listener.Addr().String()
	sending, stopSending := context.WithCancel(context.Background())
	running, stopBackground := context.WithCancel(context.Background())
	p.stopSending, p.stopBackground = stopSending, stopBackground
	p.sending.Go(func() { runWithRestart(sending, p.log, "outbox", p.useCases.Outbox.Run) })
	for _, b := range p.background {
		p.running.Go(func() { runWithRestart(running, p.log, b.name, b.run) })
	}
	go func() { p.served <- p.server.Serve(listener) }()
	if p.gate != nil {
		go func() { p.served <- p.gate.Serve(gateListener) }()
	}
	return nil
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

// Retire says by /readyz that this instance is going, answers for a moment as before, and ends each
// connection with its next answer: so a proxy has left by the time that Stop takes no new
// connections.
func (p *Program) Retire() {
	p.log.Info("draining")
	p.server.Retire()
	if p.gate != nil {
		p.gate.Retire()
	}
	time.Sleep(retireTime)
}

// Stop finishes the requests in flight and the mails that are being sent, writes what is still to
// be written, and closes the database. Queued mails wait for the next start or for another
// instance.
func (p *Program) Stop() error {
	p.log.Info("stopping")
	ctx, cancel := context.WithTimeout(context.Background(), drainTimeout)
	defer cancel()
	p.stopSending()
	gateStopped := make(chan error, 1)
	go func() { gateStopped <- p.stopGate(ctx) }()
	err := errors.Join(p.server.Shutdown(ctx), p.stopMetrics(ctx), <-gateStopped)
	p.sending.Wait()
	p.stopBackground()
	p.running.Wait()
	closed := make(chan error, 1)
	go func() { closed <- p.closeDatabase() }()
	select {
	case closing := <-closed:
		err = errors.Join(err, closing)
	case <-time.After(closeTimeout):
		p.log.Warn("database unavailable: connections not closed")
	}
	p.tracer.Close(ctx)
	p.log.Info("stopped")
	return err
}

func (p *Program) closeDatabase() (err error) {
	p.probe.Close()
	if shared := p.useCases.Shared; shared != nil {
		err = shared.Close() // it closes the pool, which all parts share
	}
	p.db.Close()
	return err
}

// listen opens a listener at the address that a variable sets.
func listen(ctx context.Context, address, variable string) (net.Listener, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("cannot listen on %s (%s): %w", address, variable, err)
	}
	return listener, nil
}
