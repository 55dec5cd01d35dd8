package jobs_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"sana/backend/jobs"
	"sana/backend/postgres"
	"sana/backend/postgres/postgrestest"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	deadline = 60 * time.Second
	once     = 1000 * time.Hour // a period that does not end while a test runs
	timeout  = 20 * time.Second
)

// hangOn names the variable that turns this test's program into an instance which hangs in every job.
const hangOn = "JOBS_TEST_HANG_ON"

func TestMain(m *testing.M) {
	if url := os.Getenv(hangOn); url != "" {
		hang(url)
	}
	os.Exit(m.Run())
}

// hang runs an instance until it is killed, or the test is.
func hang(url string) {
	db, err := postgres.Open(context.Background(), url)
	if err != nil {
		panic(err)
	}
	queue, err := jobs.New(db, slog.New(slog.DiscardHandler))
	if err != nil {
		panic(err)
	}
	hang := func(context.Context) error { select {} }
	queue.Periodic("hang", once, timeout, hang)
	jobs.Handle(queue, jobs.Work[greeting]{
		Timeout: timeout,
		Do:      func(ctx context.Context, _ *jobs.Job[greeting]) error { return hang(ctx) },
	})
	if err := queue.Start(context.Background()); err != nil {
		panic(err)
	}
	_, _ = io.Copy(io.Discard, os.Stdin)
	os.Exit(1)
}

// greeting stands for mail.
type greeting struct{ To string }

func (greeting) Kind() string { return "greeting" }

// instance is a queue of a process, with a pool of its own.
type instance struct {
	*jobs.Queue
	db *pgxpool.Pool
}

// open returns an instance that is not started and greets as it is told.
func open(t *testing.T, url string, greet func(ctx context.Context, to string) error) *instance {
	t.Helper()
	db := postgrestest.Pool(t, url)
	queue, err := jobs.New(db, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	jobs.Handle(queue, jobs.Work[greeting]{
		Timeout: timeout,
		Backoff: func(int) time.Duration { return time.Millisecond },
		Do:      func(ctx context.Context, j *jobs.Job[greeting]) error { return greet(ctx, j.Args.To) },
	})
	return &instance{Queue: queue, db: db}
}

func greetNobody(context.Context, string) error { return errors.New("nobody is to be greeted") }

// start starts an instance and returns what stops it, which the end of the test does too.
func (i *instance) start(t *testing.T) (stop func()) {
	t.Helper()
	if err := i.Start(context.WithoutCancel(t.Context())); err != nil {
		t.Fatal(err)
	}
	stop = func() {
		if err := i.Stop(context.WithoutCancel(t.Context())); err != nil {
			t.Errorf("stop: %v", err)
		}
	}
	t.Cleanup(stop)
	return stop
}

func (i *instance) greet(t *testing.T, to string) {
	t.Helper()
	err := postgres.InTx(t.Context(), i.db, func(tx pgx.Tx) error { return i.EnqueueTx(t.Context(), tx, greeting{To: to}) })
	if err != nil {
		t.Fatal(err)
	}
}

// signal returns work that is done at once, and says so.
func signal(done chan<- struct{}) func(context.Context) error {
	return func(context.Context) error {
		done <- struct{}{}
		return nil
	}
}

func await(t *testing.T, what string, from <-chan struct{}) {
	t.Helper()
	select {
	case <-from:
	case <-time.After(deadline):
		t.Fatalf("%s does not come", what)
	}
}

// awaitJobs waits until n jobs satisfy a condition.
func awaitJobs(t *testing.T, db *pgxpool.Pool, condition string, n int) {
	t.Helper()
	got := -1
	for end := time.Now().Add(deadline); got != n; {
		if time.Now().After(end) {
			t.Fatalf("%d jobs are %s, want %d", got, condition, n)
		}
		if err := db.QueryRow(t.Context(), `SELECT count(*) FROM river_job WHERE `+condition).Scan(&got); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAPeriodicJobRunsOnOneOfTwoInstances(t *testing.T) {
	t.Parallel()
	url, runs, instances := postgrestest.URL(t), make(chan struct{}, 100), make([]*instance, 2)
	for n := range instances {
		instances[n] = open(t, url, greetNobody)
		instances[n].Periodic("often", time.Second, timeout, signal(runs))
	}
	stops := []func(){instances[0].start(t), instances[1].start(t)}
	for range 4 {
		await(t, "the run", runs)
	}
	for _, stop := range stops {
		stop()
	}
	ran := 4 + len(runs)
	awaitJobs(t, instances[0].db, `state = 'completed'`, ran)
	var periods int
	if err := instances[0].db.QueryRow(t.Context(), `SELECT count(DISTINCT args->>'period') FROM river_job WHERE state = 'completed'`).Scan(&periods); err != nil {
		t.Fatal(err)
	}
	if periods != ran {
		t.Errorf("%d runs in %d periods", ran, periods)
	}
}

func TestAnotherLeaderDoesNotDoAPeriodAgain(t *testing.T) {
	t.Parallel()
	url, runs, later := postgrestest.URL(t), make(chan struct{}, 100), make(chan struct{}, 100)
	first, second := open(t, url, greetNobody), open(t, url, greetNobody)
	first.Periodic("once", once, timeout, signal(runs))
	stop := first.start(t)
	await(t, "the run", runs)
	stop()

	second.Periodic("once", once, timeout, signal(runs))
	second.Periodic("later", once, timeout, signal(later))
	second.start(t)
	await(t, "the run that only the second instance knows", later)
	awaitJobs(t, second.db, `state = 'completed'`, 2)
	if len(runs) != 0 {
		t.Error("the second leader did it again")
	}
}

func TestAFailingPeriodicJobStopsNeitherItsNextRunNorAnythingElse(t *testing.T) {
	t.Parallel()
	greeted, failed, ran := make(chan struct{}, 1), make(chan struct{}, 100), make(chan struct{}, 100)
	i := open(t, postgrestest.URL(t), func(context.Context, string) error {
		greeted <- struct{}{}
		return nil
	})
	i.Periodic("fails", time.Second, timeout, func(context.Context) error {
		failed <- struct{}{}
		return errors.New("as always")
	})
	i.Periodic("works", time.Second, timeout, signal(ran))
	stop := i.start(t)
	for range 2 {
		await(t, "the run that fails", failed)
		await(t, "the run beside it", ran)
	}
	i.greet(t, "ada")
	await(t, "the greeting", greeted)
	stop()
	awaitJobs(t, i.db, `args->>'name' = 'fails' AND state <> 'cancelled' AND attempt > 0`, 0)
}

// Neither waits for the other's workers, however many jobs hang.
func TestPeriodicJobsAndOthersHaveWorkersOfTheirOwn(t *testing.T) {
	t.Parallel()
	ran, greeted := make(chan struct{}), make(chan struct{}, 60)
	i := open(t, postgrestest.URL(t), func(ctx context.Context, _ string) error {
		select {
		case <-ran:
			greeted <- struct{}{}
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
	for range 60 {
		i.greet(t, "somebody who waits for the periodic job")
	}
	i.Periodic("waits for the workers to be taken", once, timeout, func(ctx context.Context) error {
		for taken := 0; taken < 50; {
			if err := i.db.QueryRow(ctx, `SELECT count(*) FROM river_job WHERE kind = 'greeting' AND state = 'running'`).Scan(&taken); err != nil {
				return err
			}
		}
		close(ran)
		return nil
	})
	i.start(t)
	for range 60 {
		await(t, "the greeting", greeted)
	}
}

func TestAPeriodicJobUnderWayAtTheEndGoesOnElsewhere(t *testing.T) {
	t.Parallel()
	url, begun, ran := postgrestest.URL(t), make(chan struct{}, 100), make(chan struct{}, 100)
	first, second := open(t, url, greetNobody), open(t, url, greetNobody)
	first.Periodic("long", once, timeout, func(ctx context.Context) error {
		begun <- struct{}{}
		<-ctx.Done()
		return ctx.Err()
	})
	stop := first.start(t)
	await(t, "the run", begun)
	stop()
	awaitJobs(t, second.db, `state = 'available' AND attempt = 0`, 1)

	second.Periodic("long", once, timeout, signal(ran))
	second.start(t)
	await(t, "the run elsewhere", ran)
	awaitJobs(t, second.db, `state = 'completed'`, 1)
}

// Jobs are taken by the database's clock: one that was dated by a machine whose clock is ahead would lie for as long.
func TestAJobIsDatedByTheDatabase(t *testing.T) {
	t.Parallel()
	i := open(t, postgrestest.URL(t), greetNobody)
	err := postgres.InTx(t.Context(), i.db, func(tx pgx.Tx) error {
		if err := i.EnqueueTx(t.Context(), tx, greeting{To: "ada"}); err != nil {
			return err
		}
		var dated int
		err := tx.QueryRow(t.Context(), `
			SELECT count(*)
			FROM river_job
			WHERE state = 'available'
			  AND created_at = now()
			  AND scheduled_at = now()`).Scan(&dated)
		if dated != 1 {
			t.Errorf("got %d jobs with the time of the transaction, want 1", dated)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// LISTEN and NOTIFY do not come through a pooler, and a NOTIFY in the transaction of a sign-in would have all others wait
// for its commit.
func TestAJobIsDoneAtOnceAndNothingListensOrNotifies(t *testing.T) {
	t.Parallel()
	greeted := make(chan struct{}, 1)
	i := open(t, postgrestest.URL(t), func(context.Context, string) error {
		greeted <- struct{}{}
		return nil
	})
	i.start(t)
	i.greet(t, "ada")
	await(t, "the greeting", greeted)
	awaitJobs(t, i.db, `state = 'completed'`, 1)
	var heard int
	err := i.db.QueryRow(t.Context(), `
		SELECT count(*)
		FROM pg_stat_activity
		WHERE datname = current_database()
		  AND (query ILIKE 'LISTEN%' OR query ILIKE '%pg_notify%' AND pid <> pg_backend_pid())`).Scan(&heard)
	if err != nil || heard != 0 {
		t.Errorf("%d connections listen or notify (%v)", heard, err)
	}
}

// F-29: a job that panics is tried again, and the others go on.
func TestAPanickingJobIsTriedAgainAndStopsNoOther(t *testing.T) {
	t.Parallel()
	done := make(chan struct{}, 2)
	var panics atomic.Int64
	i := open(t, postgrestest.URL(t), func(_ context.Context, to string) error {
		if to == "whom it breaks" && panics.Add(1) < 3 {
			panic("ours")
		}
		done <- struct{}{}
		return nil
	})
	i.Periodic("panic", once, timeout, func(context.Context) error { panic("ours") })
	i.start(t)
	i.greet(t, "whom it breaks")
	i.greet(t, "ada")
	await(t, "the first greeting", done)
	await(t, "the second greeting", done)
	if got := panics.Load(); got != 3 {
		t.Errorf("%d tries, want 3", got)
	}
}
