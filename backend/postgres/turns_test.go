package postgres_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sana/backend/postgres"
	"sana/backend/test/postgrestest"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	longPeriod  = 1000 * time.Hour // it does not end while a test runs
	workTimeout = 2 * postgrestest.Deadline
)

// instance is one process's part in the periodic work, with a pool of its own.
type instance struct {
	*postgres.Turns
	db  *pgxpool.Pool
	log *logBuffer
}

func newInstance(t *testing.T, url string) *instance {
	t.Helper()
	log := &logBuffer{}
	db := postgrestest.Pool(t, url)
	return &instance{postgres.NewTurns(db, slog.New(slog.NewTextHandler(log, nil))), db, log}
}

// start runs the instance. The function that it returns stops it, as the end of the test does.
func (i *instance) start(t *testing.T) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		i.Run(ctx)
	}()
	stop = func() {
		cancel()
		receive(t, "the end of Run", stopped)
	}
	t.Cleanup(stop)
	return stop
}

// receive waits for a value, or for the channel to be closed.
func receive[T any](t *testing.T, what string, from <-chan T) T {
	t.Helper()
	select {
	case value := <-from:
		return value
	case <-time.After(postgrestest.Deadline):
		t.Fatalf("%s does not come", what)
		panic("unreachable")
	}
}

// signal returns work that is done at once and sends to a channel.
func signal(done chan<- struct{}) func(context.Context) error {
	return func(context.Context) error {
		done <- struct{}{}
		return nil
	}
}

// logBuffer holds what was logged.
type logBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logBuffer) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(line)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// Each turn is a row that moved; a trigger writes down each move.
func TestTurns_EachPeriodIsDoneByOneInstance(t *testing.T) {
	t.Parallel()
	url := postgrestest.URL(t)
	admin := postgrestest.Pool(t, url)
	must(t, run(t.Context(), admin, `
		CREATE TABLE moves (name text, period timestamptz, PRIMARY KEY (name, period));
		CREATE FUNCTION log_move() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN
			INSERT INTO moves SELECT NEW.*;
			RETURN NULL;
		END $$;
		CREATE TRIGGER log_move AFTER INSERT OR UPDATE ON periodic
			FOR EACH ROW EXECUTE FUNCTION log_move()`))

	runs := map[string]chan struct{}{
		"one":   make(chan struct{}, 1000),
		"other": make(chan struct{}, 1000),
	}
	var stops []func()
	for range 4 {
		i := newInstance(t, url)
		for name, done := range runs {
			i.Add(name, time.Second, workTimeout, signal(done))
		}
		stops = append(stops, i.start(t))
	}
	for range 4 {
		receive(t, "a run", runs["one"])
		receive(t, "a run of the other work", runs["other"])
	}
	for _, stop := range stops {
		stop()
	}

	for name, done := range runs {
		ran := 4 + len(done)
		var periods int
		counting := admin.QueryRow(t.Context(), "SELECT count(*) FROM moves WHERE name = $1", name)
		must(t, counting.Scan(&periods))
		// An instance that is stopped while it takes a turn does not do the work.
		if ran > periods || ran < periods-len(stops) {
			t.Errorf("%s: %d runs in %d periods", name, ran, periods)
		}
	}
}

func TestTurns_StartSkipsATakenPeriod(t *testing.T) {
	t.Parallel()
	url, again, late := postgrestest.URL(t), make(chan struct{}, 1), make(chan struct{}, 1)
	hanging, hangs := make(chan struct{}), make(chan struct{}, 1)
	t.Cleanup(func() { close(hanging) })
	first := newInstance(t, url)
	first.Add("work", longPeriod, workTimeout, func(context.Context) error {
		hangs <- struct{}{}
		<-hanging // like an instance that was killed
		return nil
	})
	go first.Run(t.Context())
	receive(t, "the first run", hangs)

	second := newInstance(t, url)
	second.Add("work", longPeriod, workTimeout, signal(again))
	second.Add("new work", longPeriod, workTimeout, signal(late))
	stop := second.start(t)
	receive(t, "work that only the second instance has", late)
	stop()
	if len(again) != 0 {
		t.Error("a period that was taken is done again")
	}

	// The next period comes for all other instances.
	must(t, run(t.Context(), second.db,
		`UPDATE periodic SET period = period - interval '1000 hours'`))
	third := newInstance(t, url)
	third.Add("work", longPeriod, workTimeout, signal(again))
	third.start(t)
	receive(t, "the next period of the work that hangs", again)
}

func TestTurns_FailureAndPanicStopNothing(t *testing.T) {
	t.Parallel()
	failed, panicked := make(chan struct{}, 100), make(chan struct{}, 100)
	ran := make(chan struct{}, 100)
	i := newInstance(t, postgrestest.URL(t))
	i.Add("fails", time.Second, workTimeout, func(context.Context) error {
		failed <- struct{}{}
		return errors.New("ours")
	})
	i.Add("panics", time.Second, workTimeout, func(context.Context) error {
		panicked <- struct{}{}
		panic("ours")
	})
	i.Add("works", time.Second, workTimeout, signal(ran))
	stop := i.start(t)
	for range 2 {
		receive(t, "work that fails", failed)
		receive(t, "work that panics", panicked)
		receive(t, "work that is done", ran)
	}
	stop()
	for _, want := range []string{"level=WARN", "name=fails", "level=ERROR", "in=panics"} {
		if !strings.Contains(i.log.String(), want) {
			t.Errorf("the log has no %s:\n%s", want, i.log)
		}
	}
}

func TestTurns_WorkEndsWithItsTimeoutAndWithRun(t *testing.T) {
	t.Parallel()
	begun, ended := make(chan struct{}, 1), make(chan error, 2)
	hang := func(ctx context.Context) error {
		begun <- struct{}{}
		<-ctx.Done()
		ended <- ctx.Err()
		return ctx.Err()
	}
	i := newInstance(t, postgrestest.URL(t))
	i.Add("short", longPeriod, time.Millisecond, hang)
	i.Add("long", longPeriod, workTimeout, hang)
	stop := i.start(t)
	receive(t, "the work with a timeout", begun)
	if err := receive(t, "its end", ended); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the timeout: got %v, want %v", err, context.DeadlineExceeded)
	}
	receive(t, "the other work", begun)
	stop()
	if err := receive(t, "its end", ended); !errors.Is(err, context.Canceled) {
		t.Errorf("the end of Run: got %v, want %v", err, context.Canceled)
	}
	if strings.Count(i.log.String(), "level=WARN") != 1 {
		t.Errorf("want one warning, for the timeout:\n%s", i.log)
	}
}

func TestTurns_UnavailableDatabaseIsTriedAgain(t *testing.T) {
	t.Parallel()
	ran := make(chan struct{}, 1)
	i := newInstance(t, postgrestest.URL(t))
	must(t, run(t.Context(), i.db, "ALTER TABLE periodic RENAME TO moved"))
	i.Add("work", longPeriod, workTimeout, signal(ran))
	i.start(t)
	postgrestest.Eventually(t, "nothing is logged", func() error {
		if !strings.Contains(i.log.String(), "level=WARN") {
			return errors.New(i.log.String())
		}
		return nil
	})
	must(t, run(t.Context(), i.db, "ALTER TABLE moved RENAME TO periodic"))
	receive(t, "the run", ran)
}

// F-18: a database whose clock was years ahead must not stop the work for years.
func TestTurns_ClockThatWasSetBackStopsNothing(t *testing.T) {
	t.Parallel()
	ran := make(chan struct{}, 1)
	i := newInstance(t, postgrestest.URL(t))
	must(t, run(t.Context(), i.db, `
		INSERT INTO periodic (name, period)
		VALUES ('work', now() + interval '10 years')`))
	i.Add("work", longPeriod, workTimeout, signal(ran))
	i.start(t)
	receive(t, "the run", ran)
}

// A period of a work costs each instance one statement.
func TestTurns_AskOncePerPeriod(t *testing.T) {
	t.Parallel()
	const works = 5
	url, counted := postgrestest.URL(t), &countingTracer{}
	db, err := postgres.Open(t.Context(), url, func(c *pgx.ConnConfig) { c.Tracer = counted })
	must(t, err)
	t.Cleanup(db.Close)
	i := &instance{postgres.NewTurns(db, slog.New(slog.DiscardHandler)), db, nil}
	ran := make(chan struct{}, 1000)
	for n := range works {
		i.Add(fmt.Sprint("work ", n), time.Second, workTimeout, signal(ran))
	}
	began := time.Now()
	stop := i.start(t)
	for range 3 * works {
		receive(t, "the run", ran)
	}
	stop()
	periods := int64(time.Since(began).Seconds()) + 2 // two of them in part
	if got := counted.queries.Load(); got > works*periods {
		t.Errorf("%d statements for %d works in %d periods", got, works, periods)
	}
}

type countingTracer struct{ queries atomic.Int64 }

func (c *countingTracer) TraceQueryStart(
	ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData,
) context.Context {
	c.queries.Add(1)
	return ctx
}

func (*countingTracer) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}
