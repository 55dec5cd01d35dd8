// Package jobs does work in the background, on River. What is enqueued in a transaction is done after its commit by some
// instance, and by another one when the first is killed at it; what is periodic is done once in each period by one of
// all instances.
package jobs

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"sana/backend/postgres"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivertype"
)

const (
	// workers is how many jobs one instance does at a time, besides periodic ones: with a provider that takes 200 ms for a mail,
	// 1,500 a second. One that waits for a job costs nothing; how many have one at a time follows the provider's latency.
	workers       = 300
	fetchCooldown = 5 * time.Millisecond // between two looks for jobs, which fetch as many as have come and workers are free
	maxAttempts   = 50                   // whoever enqueues gives a job up earlier, when it is of no use any more
	// rescueAfter is when River's leader looks after jobs that a killed instance was doing, twice a minute; a periodic one that
	// may take longer, after its timeout. The others do not wait for it: see takeOver.
	rescueAfter = 30 * time.Second

	// River deletes finished jobs, one instance every 30 seconds. A day is for whoever asks what became of a mail. It is
	// also how long a run of a periodic job keeps a second one out of its period. A discarded job has used up all its
	// attempts, which is a defect of ours: it stays over a weekend.
	keepFinished  = 24 * time.Hour
	keepDiscarded = 7 * 24 * time.Hour
)

// Queue is this process's part in the queue that all instances share.
type Queue struct {
	db       *pgxpool.Pool
	client   *river.Client[pgx.Tx]
	ear      ear
	workers  *river.Workers
	periodic map[string]periodic
	timeouts map[string]time.Duration // of the kinds of jobs that are not periodic
	takeover sync.WaitGroup
	log      *slog.Logger

	stopping  context.Context // ends when Stop begins
	interrupt context.CancelFunc
}

// New returns the queue of a migrated database. Say what is done with Handle and Periodic, then Start.
func New(db *pgxpool.Pool, log *slog.Logger) (*Queue, error) {
	q := &Queue{
		db: db, ear: newEar(), log: log,
		workers: river.NewWorkers(), periodic: map[string]periodic{}, timeouts: map[string]time.Duration{},
	}
	river.AddWorker(q.workers, &periodicWorker{queue: q})
	client, err := river.NewClient(driver{riverpgxv5.New(db), q.ear}, &river.Config{
		Queues: map[string]river.QueueConfig{
			river.QueueDefault: {MaxWorkers: workers, FetchCooldown: fetchCooldown},
			periodicQueue:      {MaxWorkers: periodicWorkers, FetchPollInterval: periodicPoll},
		},
		Workers:                     q.workers,
		Logger:                      slog.New(calm{log.Handler()}),
		JobTimeout:                  rescueAfter, // each kind of job has its own
		RescueStuckJobsAfter:        rescueAfter,
		MaxAttempts:                 maxAttempts,
		CompletedJobRetentionPeriod: keepFinished,
		CancelledJobRetentionPeriod: keepFinished,
		DiscardedJobRetentionPeriod: keepDiscarded,
		// A rebuild of its indexes would break at the limits that our connections have, and needs the rights of an owner.
		ReindexerSchedule: river.NeverSchedule(),
		Hooks:             []rivertype.Hook{river.HookInsertBeginFunc(dateByDatabase)},
	})
	if err != nil {
		return nil, fmt.Errorf("jobs: %w", err)
	}
	q.client = client
	q.stopping, q.interrupt = context.WithCancel(context.Background())
	return q, nil
}

// dateByDatabase has the database say when a job was enqueued. The driver would write this machine's time, and the
// database, by whose clock jobs are taken, would leave those of a machine that is ahead lying for as long.
func dateByDatabase(_ context.Context, job *rivertype.JobInsertParams) error {
	job.CreatedAt, job.ScheduledAt = &time.Time{}, &time.Time{}
	return nil
}

// Start begins to work.
func (q *Queue) Start(ctx context.Context) error {
	if err := q.client.Start(ctx); err != nil {
		return fmt.Errorf("jobs: start: %w", err)
	}
	q.takeover.Go(q.takeOver)
	return nil
}

// Stop takes no new jobs, interrupts periodic ones and waits for the others; when ctx ends, it interrupts those too. What
// was interrupted goes back into the queue.
func (q *Queue) Stop(ctx context.Context) error {
	q.interrupt()
	q.takeover.Wait()
	err := q.client.Stop(ctx)
	if err == nil {
		return nil
	}
	hard, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	return q.client.StopAndCancel(hard)
}

// Job is one job: its Args, which Attempt this is, counted from 1, and when it was enqueued (CreatedAt).
type Job[A river.JobArgs] = river.Job[A]

// Work says how one kind of job is done. A is what the queue holds of it, as JSON; its method Kind is the kind's name.
type Work[A river.JobArgs] struct {
	Timeout time.Duration                        // of one attempt
	Backoff func(attempt int) time.Duration      // between an attempt that failed and the next
	Do      func(context.Context, *Job[A]) error // nil is done, Cancel and Snooze are what they say, else it has failed
}

// Handle registers how a kind of job is done, before Start.
func Handle[A river.JobArgs](q *Queue, work Work[A]) {
	river.AddWorker(q.workers, &worker[A]{work: work})
	var args A
	q.timeouts[args.Kind()] = work.Timeout
}

// Waiting are jobs of one kind and state.
type Waiting struct {
	Kind   string
	State  string
	Jobs   int
	Oldest time.Duration // since it was enqueued, by the database's clock; 0 where there is none
}

// Waiting lists the jobs of all instances that are not done, by kind and state, those included of which there are none.
func (q *Queue) Waiting(ctx context.Context) ([]Waiting, error) {
	kinds := slices.Sorted(maps.Keys(q.timeouts))
	rows, err := q.db.Query(ctx, `
		WITH found AS (
		    SELECT kind, state, count(*) AS jobs, now() - min(created_at) AS oldest
		    FROM river_job
		    WHERE state IN ('available', 'retryable', 'running', 'scheduled')
		    GROUP BY kind, state
		)
		SELECT
		    kind,
		    state::text AS state,
		    coalesce(jobs, 0) AS jobs,
		    coalesce(oldest, interval '0') AS oldest
		FROM unnest(@kinds::text[]) AS kind
		CROSS JOIN unnest(ARRAY['available', 'retryable', 'running', 'scheduled']::river_job_state[]) AS state
		LEFT JOIN found USING (kind, state)`,
		pgx.NamedArgs{"kinds": append(kinds, run{}.Kind())})
	if err != nil {
		return nil, postgres.Error("read the queue", err)
	}
	waiting, err := pgx.CollectRows(rows, pgx.RowToStructByName[Waiting])
	return waiting, postgres.Error("read the queue", err)
}

// Cancel is what a job returns that must not be tried again, and why.
func Cancel(cause error) error { return river.JobCancel(cause) }

// Snooze is what a job returns that is to be tried again after a while; the attempt does not count.
func Snooze(after time.Duration) error { return river.JobSnooze(after) }

type worker[A river.JobArgs] struct {
	river.WorkerDefaults[A]
	work Work[A]
}

func (w *worker[A]) Timeout(*Job[A]) time.Duration { return w.work.Timeout }

func (w *worker[A]) NextRetry(j *Job[A]) time.Time { return time.Now().Add(w.work.Backoff(j.Attempt)) }

func (w *worker[A]) Work(ctx context.Context, j *Job[A]) error { return w.work.Do(ctx, j) }
