package jobs

import (
	"context"
	"fmt"
	"time"

	"github.com/riverqueue/river"
)

const (
	periodicQueue    = "periodic" // of their own, so that they and mail never wait for each other's workers
	periodicWorkers  = 1
	periodicPoll     = time.Second
	periodicAttempts = 3 // of a run whose instance was killed at it, or that panicked

	// early is how long before a period a clock that was just set back may let it begin.
	early = 100 * time.Millisecond
)

// periodic is what is done once in each period.
type periodic struct {
	timeout time.Duration
	work    func(context.Context) error
}

// Periodic has work done once in each period by one of the instances, before Start. Periods are those of the clock in
// UTC, so that it does not matter who counts them: with 10 minutes, they begin at :00, :10 and so on. An instance that
// comes to count them has the current one done too, unless it was. every is at least a second and at most keepFinished.
//
// A run that fails is logged and comes again with the next period. One that Stop interrupts goes on elsewhere at once;
// one whose instance is killed is done again after timeout, or rescueAfter if that is longer. Then, and when a run takes
// longer than its period, two can be under way: work must bear that. It must end soon after its context.
func (q *Queue) Periodic(name string, every, timeout time.Duration, work func(context.Context) error) {
	q.periodic[name] = periodic{timeout: timeout, work: work}
	q.client.PeriodicJobs().Add(river.NewPeriodicJob(schedule(every), func() (river.JobArgs, *river.InsertOpts) {
		return run{Name: name, Period: periodOf(time.Now(), every)}, &river.InsertOpts{
			Queue:       periodicQueue,
			MaxAttempts: periodicAttempts,
			UniqueOpts:  river.UniqueOpts{ByArgs: true},
		}
	}, &river.PeriodicJobOpts{RunOnStart: true}))
}

// schedule is a length of periods.
type schedule time.Duration

// Next returns when the next period begins.
func (s schedule) Next(now time.Time) time.Time {
	return now.Truncate(time.Duration(s)).Add(time.Duration(s))
}

// periodOf returns the beginning of the period that now is in. River's own rounding (UniqueOpts.ByPeriod) takes a run
// that comes a little early for the period that is ending, in which it was done already, and drops it.
func periodOf(now time.Time, every time.Duration) time.Time {
	return now.Add(early).Truncate(every).UTC()
}

// run is what the queue holds of one run; there are no two alike.
type run struct {
	Name   string    `json:"name"`
	Period time.Time `json:"period"`
}

// Kind is River's name for the job.
func (run) Kind() string { return "periodic" }

type periodicWorker struct {
	river.WorkerDefaults[run]
	queue *Queue
}

func (w *periodicWorker) Timeout(j *Job[run]) time.Duration {
	return w.queue.periodic[j.Args.Name].timeout
}

func (w *periodicWorker) Work(ctx context.Context, j *Job[run]) error {
	q := w.queue
	p, known := q.periodic[j.Args.Name]
	if !known {
		return Cancel(fmt.Errorf("jobs: this version does not know the periodic job %q", j.Args.Name))
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(q.stopping, cancel)()
	err := p.work(ctx)
	if err != nil && q.stopping.Err() != nil {
		return Snooze(0)
	}
	if err != nil {
		q.log.WarnContext(ctx, "periodic job failed, comes again with its next period", "name", j.Args.Name, "error", err)
		return Cancel(err)
	}
	return nil
}
