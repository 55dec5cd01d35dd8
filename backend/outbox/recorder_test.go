package outbox_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"sana/backend/outbox"
	"sana/backend/test/postgrestest"
)

// breakRecording makes the statement that records a done mail fail, until mend is called.
func breakRecording(t *testing.T, i *instance) (mend func()) {
	t.Helper()
	i.exec(t, `
		CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN
			RAISE EXCEPTION 'ours';
		END $$;
		CREATE TRIGGER fail BEFORE UPDATE ON mails
			FOR EACH ROW WHEN (NEW.done_at IS NOT NULL) EXECUTE FUNCTION fail()`)
	return func() { i.exec(t, "DROP TRIGGER fail ON mails") }
}

// F-02: a mail must not be sent again because its outcome could not be written. Pending
// outcomes count towards the maximum of leased mails.
func TestOutbox_KeepsOutcomesThatItCannotRecord(t *testing.T) {
	t.Parallel()
	const mails, most = 700, 300
	i := newInstance(t, newDatabase(t), newProvider())
	mend := breakRecording(t, i)
	i.exec(t, `
		INSERT INTO mails (ref, number, template)
		SELECT gen_random_uuid(), 1, 'hello'
		FROM generate_series(1, $1)`, mails)
	i.start(t)
	postgrestest.Eventually(t, "no failure is logged", func() error {
		if log := i.log.String(); !strings.Contains(log, "mail outcomes not recorded") {
			return fmt.Errorf("log:\n%s", log)
		}
		return nil
	})
	i.awaitCount(t, "attempts = 1", most)
	failures := func() int {
		return i.count(t,
			"SELECT xact_rollback FROM pg_stat_database WHERE datname = current_database()")
	}
	before := failures()
	// longer than a poll interval
	postgrestest.Eventually(t, "it is not tried again", func() error {
		if n := failures() - before; n < 8 {
			return fmt.Errorf("%d failures", n)
		}
		return nil
	})
	i.awaitCount(t, "attempts = 1", most)
	i.wantAttempts(t, most)

	mend()
	i.awaitCount(t, "state = 'sent' AND attempts = 1", mails)
	i.wantAttempts(t, mails)
}

func TestOutbox_RecordsOutcomesWhenItStops(t *testing.T) {
	t.Parallel()
	i := newInstance(t, newDatabase(t), newProvider())
	stop := i.start(t)
	ref := i.enqueue(t, "hello")
	receive(t, "the attempt", i.attempts)
	stop()
	if got := i.status(t, ref); got.String() != "sent - 1 done" {
		t.Errorf("got %q", got)
	}
}

// The mail that is being sent is finished; no other one is started.
func TestOutbox_StopFinishesTheMailsBeingSent(t *testing.T) {
	t.Parallel()
	i := newInstance(t, newDatabase(t), newProvider())
	finish := make(chan error)
	i.hold = func(context.Context) error { return <-finish }
	cancel, ended := i.run(t)
	ref := i.enqueue(t, "hello")
	receive(t, "the attempt", i.attempts)
	cancel()
	i.awaitIdle(t)
	second := i.enqueue(t, "hello")
	close(finish)
	receive(t, "the end of Run", ended)
	i.await(t, ref, "sent - 1 done")
	if got := i.history(t, second); len(got) > 0 {
		t.Errorf("another mail was started: %q", got)
	}
}

// An interrupted mail is due at once, for another instance.
func TestOutbox_StopInterruptsAMailThatTakesTooLong(t *testing.T) {
	t.Parallel()
	url := newDatabase(t)
	i := newInstance(t, url, newProvider(), stopWithin(1500*time.Millisecond))
	i.hold = func(ctx context.Context) error {
		<-ctx.Done()
		return ctx.Err()
	}
	stop := i.start(t)
	ref := i.enqueue(t, "hello")
	receive(t, "the attempt", i.attempts)
	stop()
	if got := i.status(t, ref); got.String() != "queued - 1 waiting" || got.Wait > 0 {
		t.Errorf("got %q, due in %s", got, got.Wait)
	}
	next := newInstance(t, url, newProvider())
	next.start(t)
	next.await(t, ref, "sent - 2 done")
}

func stopWithin(d time.Duration) func(*outbox.Options) {
	return func(o *outbox.Options) { o.StopTimeout = d }
}

// F-07: Run returns although a sender does not return, or the database does not respond.
func TestOutbox_StopTakesNoLongerThanItMay(t *testing.T) {
	t.Parallel()
	const most = 1500 * time.Millisecond
	for name, prepare := range map[string]func(t *testing.T, i *instance){
		"a sender that does not return": func(t *testing.T, i *instance) {
			never := make(chan error)
			t.Cleanup(func() { close(never) })
			i.hold = func(context.Context) error { return <-never }
		},
		"a database that does not respond": func(t *testing.T, i *instance) {
			i.hold = func(context.Context) error {
				tx, err := i.db.Begin(context.WithoutCancel(t.Context()))
				if err == nil {
					_, err = tx.Exec(t.Context(), "LOCK TABLE mails")
				}
				if err != nil {
					t.Error(err)
				}
				t.Cleanup(func() { _ = tx.Rollback(context.WithoutCancel(t.Context())) })
				return nil
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			i := newInstance(t, newDatabase(t), newProvider(), stopWithin(most))
			prepare(t, i)
			stop := i.start(t)
			i.enqueue(t, "hello")
			receive(t, "the attempt", i.attempts)
			began := time.Now()
			stop()
			if took := time.Since(began); took > postgrestest.Deadline/4 {
				t.Errorf("it took %s, want about %s at most", took, most)
			}
			if log := i.log.String(); !strings.Contains(log, "level=WARN") {
				t.Errorf("the log has no line about it:\n%s", log)
			}
		})
	}
}
