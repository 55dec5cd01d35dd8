package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"sana/backend/config"
	"sana/backend/jobs"
	"sana/backend/session"
	"sana/backend/throttle"
	"sana/backend/tracing"
	"sana/backend/web"

	"github.com/jackc/pgx/v5/pgxpool"
)

// The end takes less than 10 seconds, whatever is away: these, a second for the jobs that had to be interrupted, and one
// for what sessions were used.
const (
	retireTime   = time.Second             // for who leads requests here to lead them elsewhere
	drainTimeout = 5200 * time.Millisecond // for requests in flight, and for mails being sent
	closeTimeout = time.Second / 2         // for the connections to a database that may be frozen
)

// Program is a running Sana.
type Program struct {
	Addr        string // where it listens, host:port
	MetricsAddr string // where it tells its metrics, "" for nowhere

	log      *slog.Logger
	queue    *jobs.Queue
	limits   *throttle.Throttle
	sessions *session.Shared           // nil when the store is another one
	inbox    func(ctx context.Context) // delivers the mails of development until ctx ends; nil in production
	db       *pgxpool.Pool
	probe    *pgxpool.Pool // asks the database whether it is there
	server   *web.Server
	served   chan error   // gets one value: why the server ended
	metrics  *http.Server // nil without METRICS_ADDR
	tracer   *tracing.Tracer

	stopKeeping context.CancelFunc
	keeping     sync.WaitGroup // what writes back which sessions were used and what was tried, and the inbox
}

// run begins to listen and to work. Requests are answered while the queue still begins: what they enqueue waits for it.
func (p *Program) run(ctx context.Context, cfg config.Config) error {
	listener, err := listen(ctx, cfg)
	if err != nil {
		return err
	}
	if err := p.serveMetrics(ctx, cfg.MetricsAddr); err != nil {
		return errors.Join(err, listener.Close())
	}
	p.Addr = listener.Addr().String()
	keep, stop := context.WithCancel(context.Background())
	p.stopKeeping = stop
	p.keeping.Go(func() { keepRunning(keep, p.log, "tries of the service", p.limits.Run) })
	if p.sessions != nil {
		p.keeping.Go(func() { keepRunning(keep, p.log, "sessions in use", p.sessions.Run) })
	}
	if p.inbox != nil {
		p.keeping.Go(func() { keepRunning(keep, p.log, "inbox", p.inbox) })
	}
	go func() { p.served <- p.server.Serve(listener) }()
	begin := func() error { return p.queue.Start(context.WithoutCancel(ctx)) }
	if err := patiently(ctx, p.log, begin); err != nil {
		return errors.Join(err, p.Stop())
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

// Retire says by /readyz that this instance is going, answers for a moment as before, and ends each connection with its next
// answer: so a proxy has left by the time that Stop takes no new connections.
func (p *Program) Retire() {
	p.log.Info("retiring")
	p.server.Retire()
	time.Sleep(retireTime)
}

// Stop finishes the requests in flight and the mails being sent, writes back what sessions were used and what was tried, and
// closes the database. Mails that are still queued wait for the next start or for another instance.
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

// closeUnless is for the end of a start that may have failed.
func closeUnless(started *bool, pools ...*pgxpool.Pool) {
	if *started {
		return
	}
	for _, pool := range pools {
		pool.Close()
	}
}
