package outbox_test

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"sana/backend/mail"
	"sana/backend/outbox"
	"sana/backend/test/postgrestest"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// provider is a mail.Sender with a list of results for the attempts.
type provider struct {
	results  chan error        // of the next attempts; nil if there is none
	attempts chan mail.Message // the mails of Send
	hold     func(ctx context.Context) error
}

func newProvider(results ...error) *provider {
	p := &provider{results: make(chan error, 100), attempts: make(chan mail.Message, 10_000)}
	for _, result := range results {
		p.results <- result
	}
	return p
}

// Send implements mail.Sender.
func (p *provider) Send(ctx context.Context, m mail.Message) error {
	p.attempts <- m
	if p.hold != nil {
		return p.hold(ctx)
	}
	select {
	case result := <-p.results:
		return result
	default:
		return nil
	}
}

// instance is an outbox with its own pool.
type instance struct {
	*outbox.Outbox
	*provider
	db  *pgxpool.Pool
	log *logBuffer
}

// newInstance returns an instance with a template "hello", whose mails are useful for an hour.
func newInstance(t *testing.T, url string, p *provider, change ...func(*outbox.Options)) *instance {
	t.Helper()
	log := &logBuffer{}
	options := outbox.Options{
		StopTimeout: postgrestest.Deadline,
		Log:         slog.New(slog.NewTextHandler(log, nil)),
	}
	for _, more := range change {
		more(&options)
	}
	db := postgrestest.Pool(t, url)
	i := &instance{outbox.New(db, p, options), p, db, log}
	i.compose("hello", usefulFor(time.Hour))
	return i
}

// start runs a new instance on a new database.
func start(t *testing.T, p *provider) *instance {
	t.Helper()
	i := newInstance(t, newDatabase(t), p)
	i.start(t)
	return i
}

func (i *instance) compose(template string, compose func(outbox.Mail) (outbox.Composed, error)) {
	i.Handle(template, func(_ context.Context, m outbox.Mail) (outbox.Composed, error) {
		return compose(m)
	})
}

// usefulFor composes a mail whose subject is its ref.
func usefulFor(d time.Duration) func(outbox.Mail) (outbox.Composed, error) {
	return func(m outbox.Mail) (outbox.Composed, error) {
		return outbox.Composed{Message: mail.Message{Subject: m.Ref}, UsefulFor: d}, nil
	}
}

// failing returns the error for every mail.
func failing(err error) func(outbox.Mail) (outbox.Composed, error) {
	return func(outbox.Mail) (outbox.Composed, error) { return outbox.Composed{}, err }
}

// start runs the instance. The function that it returns stops it, as the end of the test does.
func (i *instance) start(t *testing.T) (stop func()) {
	t.Helper()
	cancel, ended := i.run(t)
	stop = func() {
		cancel()
		receive(t, "the end of Run", ended)
	}
	t.Cleanup(stop)
	return stop
}

// run runs the instance until cancel is called.
func (i *instance) run(t *testing.T) (cancel context.CancelFunc, ended <-chan struct{}) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	t.Cleanup(cancel)
	end := make(chan struct{})
	go func() {
		defer close(end)
		i.Run(ctx)
	}()
	return cancel, end
}

// awaitIdle waits until the instance executes no statement.
func (i *instance) awaitIdle(t *testing.T) {
	t.Helper()
	postgrestest.Eventually(t, "a statement is being executed", func() error {
		if n := i.db.Stat().AcquiredConns(); n > 0 {
			return fmt.Errorf("%d connections are in use", n)
		}
		return nil
	})
}

// enqueue queues a mail and wakes the instance. It returns the mail's ref.
func (i *instance) enqueue(t *testing.T, template string) (ref string) {
	t.Helper()
	err := i.db.QueryRow(t.Context(), `
		INSERT INTO mails (ref, number, template)
		VALUES (gen_random_uuid(), 1, $1)
		RETURNING ref::text`, template).Scan(&ref)
	if err != nil {
		t.Fatal(err)
	}
	i.Wake()
	return ref
}

// exec runs a statement and wakes the instance.
func (i *instance) exec(t *testing.T, sql string, args ...any) {
	t.Helper()
	if _, err := i.db.Exec(t.Context(), sql, args...); err != nil {
		t.Fatal(err)
	}
	i.Wake()
}

// makeDue ends the wait or the lease of an attempt.
func (i *instance) makeDue(t *testing.T, ref string, attempt int) {
	t.Helper()
	i.exec(t, `
		UPDATE mails
		SET next_at = now()
		WHERE ref = $1
		  AND attempts = $2
		  AND done_at IS NULL`, ref, attempt)
}

// status is a row of the queue after a statement.
type status struct {
	State    outbox.State
	Reason   outbox.Reason
	Attempts int
	Leased   bool // by this statement
	Done     bool
	Content  bool          // whether there is any
	Wait     time.Duration // until the next attempt
}

// String is state, reason, attempts, and whether the mail is done, leased or waiting.
func (s status) String() string {
	now := "waiting"
	switch {
	case s.Done:
		now = "done"
	case s.Leased:
		now = "leased"
	}
	return fmt.Sprintf("%s %s %d %s", s.State, cmp.Or(s.Reason, "-"), s.Attempts, now)
}

// newDatabase returns the address of a database that records the history of each mail. Tests wait
// for recorded states, not for momentary ones.
func newDatabase(t *testing.T) (url string) {
	t.Helper()
	url = postgrestest.URL(t)
	_, err := postgrestest.Pool(t, url).Exec(t.Context(), `
		CREATE TABLE history (
			id       bigint   GENERATED ALWAYS AS IDENTITY,
			ref      uuid     NOT NULL,
			state    text     NOT NULL,
			reason   text     NOT NULL,
			attempts integer  NOT NULL,
			leased   boolean  NOT NULL,
			done     boolean  NOT NULL,
			content  boolean  NOT NULL,
			wait     interval NOT NULL
		);
		CREATE INDEX ON history (ref);
		CREATE FUNCTION keep_history() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN
			INSERT INTO history (ref, state, reason, attempts, leased, done, content, wait)
			VALUES (
				NEW.ref, NEW.state, coalesce(NEW.reason, ''), NEW.attempts,
				NEW.attempts <> OLD.attempts,
				NEW.done_at IS NOT NULL, NEW.content IS NOT NULL, NEW.next_at - now());
			RETURN NULL;
		END $$;
		CREATE TRIGGER keep_history AFTER UPDATE ON mails
			FOR EACH ROW EXECUTE FUNCTION keep_history()`)
	if err != nil {
		t.Fatal(err)
	}
	return url
}

// history returns the states of a mail, in the order of the statements.
func (i *instance) history(t *testing.T, ref string) []status {
	t.Helper()
	rows, err := i.db.Query(t.Context(), `
		SELECT
			state,
			reason,
			attempts,
			leased,
			done,
			content,
			wait
		FROM history
		WHERE ref = $1
		ORDER BY id`, ref)
	if err != nil {
		t.Fatal(err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[status])
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// status returns the last state of a mail, the zero value if there is none.
func (i *instance) status(t *testing.T, ref string) status {
	t.Helper()
	list := i.history(t, ref)
	if len(list) == 0 {
		return status{}
	}
	return list[len(list)-1]
}

// await waits for a state of a mail, in the form of status.String.
func (i *instance) await(t *testing.T, ref, want string) status {
	t.Helper()
	var found status
	postgrestest.Eventually(t, "the history of the mail", func() error {
		list := i.history(t, ref)
		for _, found = range list {
			if found.String() == want {
				return nil
			}
		}
		return fmt.Errorf("got %q, want %q\n%s", list, want, i.log)
	})
	return found
}

// wantAttempts fails the test unless the provider has received that number of attempts.
func (p *provider) wantAttempts(t *testing.T, want int) {
	t.Helper()
	if got := len(p.attempts); got != want {
		t.Errorf("%d attempts, want %d", got, want)
	}
}

// count returns the result of a query that counts.
func (i *instance) count(t *testing.T, sql string, args ...any) int {
	t.Helper()
	var n int
	if err := i.db.QueryRow(t.Context(), sql, args...).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// awaitCount waits until that number of mails satisfies a condition.
func (i *instance) awaitCount(t *testing.T, condition string, want int) {
	t.Helper()
	postgrestest.Eventually(t, condition, func() error {
		if got := i.count(t, "SELECT count(*) FROM mails WHERE "+condition); got != want {
			return fmt.Errorf("%d mails, want %d", got, want)
		}
		return nil
	})
}

// receive waits for a value, or for the channel to be closed.
func receive[T any](t *testing.T, what string, from <-chan T) T {
	t.Helper()
	select {
	case value := <-from:
		return value
	case <-time.After(postgrestest.Deadline):
		t.Fatalf("%s does not arrive", what)
		panic("unreachable")
	}
}

// logBuffer stores the log.
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
