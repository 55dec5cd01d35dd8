package jobs

import (
	"context"
	"fmt"
	"time"

	"sana/backend/postgres"

	"github.com/jackc/pgx/v5"
)

const (
	takeOverEvery = 5 * time.Second
	// takeOverAfter is how long after its timeout a job is that of a dead instance: by then a living one has stopped it, and
	// said so.
	takeOverAfter = 5 * time.Second
)

// takeOver lets jobs that a killed instance was doing be done again, until Stop. Every instance looks: River's rescuer
// needs a leader, and when the leader is the one that was killed a job would wait for half a minute and more. With a
// timeout of 15 seconds it waits at most 26, the second until a worker asks for jobs included.
func (q *Queue) takeOver() {
	tick := time.NewTicker(takeOverEvery)
	defer tick.Stop()
	for {
		if err := q.takeOverOnce(q.stopping); err != nil && q.stopping.Err() == nil {
			q.log.Warn("jobs of killed instances not looked for", "error", err)
		}
		select {
		case <-tick.C:
		case <-q.stopping.Done():
			return
		}
	}
}

// takeOverOnce leaves a job with no attempts left to River, which discards it.
func (q *Queue) takeOverOnce(ctx context.Context) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("take over jobs: panic: %v", cause)
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, takeOverEvery)
	defer cancel()
	for kind, timeout := range q.timeouts {
		tag, err := q.db.Exec(ctx, `
			UPDATE river_job
			SET state = 'available',
			    scheduled_at = now()
			WHERE id IN (
			    SELECT id
			    FROM river_job
			    WHERE state = 'running'
			      AND kind = @kind
			      AND attempted_at < now() - @age::interval
			      AND attempt < max_attempts
			    FOR UPDATE SKIP LOCKED)`,
			pgx.NamedArgs{"kind": kind, "age": timeout + takeOverAfter})
		if err != nil {
			return postgres.Error("take over jobs", err)
		}
		if n := tag.RowsAffected(); n > 0 {
			q.log.Info("jobs of a killed instance are done again", "kind", kind, "jobs", n)
		}
	}
	return nil
}
