package throttle

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"sana/backend/postgres"

	"github.com/jackc/pgx/v5"
)

const (
	serviceFresh = 5 * time.Second // lifetime of the counts that an instance has read
	serviceFlush = time.Second     // interval between two writes of an instance's counts
)

// serviceState is the state of the whole service that an instance has read.
type serviceState struct {
	underAttack bool
	readAt      time.Time
}

// serviceCounts are attempts that this instance has counted and not written yet. The limit of the
// whole service covers an hour and need not be exact to the second. If each attempt were written
// individually, all attempts would wait for the row of the minute.
type serviceCounts struct {
	mu              sync.Mutex
	attempts, wrong int
	failed          error // error of the last write, unless the database was unavailable
}

func (c *serviceCounts) add(attempts, wrong int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.attempts, c.wrong = c.attempts+attempts, c.wrong+wrong
}

func (c *serviceCounts) take() (attempts, wrong int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	attempts, wrong = c.attempts, c.wrong
	c.attempts, c.wrong = 0, 0
	return attempts, wrong
}

// setFailed records the error of a write, and returns the error of the write before it.
func (c *serviceCounts) setFailed(err error) (before error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	before, c.failed = c.failed, err
	return before
}

// CanCount returns an error while counts cannot be written, even if the database is available and
// other writes succeed. No code may be compared then: a wrong code would not be counted, and a
// right one, which counts nothing, would sign in.
func (t *Throttle) CanCount(ctx context.Context) error {
	t.unwritten.mu.Lock()
	err := t.unwritten.failed
	t.unwritten.mu.Unlock()
	if err != nil || !t.uncounted.Load() {
		return err
	}
	err = postgres.InBatch(ctx, t.db, func(b *postgres.Batch) error {
		b.Queue(`
			INSERT INTO uses (key, ends_at)
			VALUES ('probe', now())`)
		b.Queue(`
			DELETE FROM uses
			WHERE key = 'probe'`)
		return nil
	})
	if err != nil {
		return err
	}
	t.uncounted.Store(false)
	return nil
}

// NotCounted records that a use could not be counted. Before the next code is compared, CanCount
// writes a row as a test.
func (t *Throttle) NotCounted() { t.uncounted.Store(true) }

// CountAttempt counts a code that was compared, for the limit of the whole service. Run writes it.
func (t *Throttle) CountAttempt(right bool) {
	if right {
		t.unwritten.add(1, 0)
	} else {
		t.unwritten.add(1, 1)
	}
}

// Run writes the attempts of this instance once a second until ctx ends, and then once more. Counts
// that cannot be written are kept and retried. An instance that is killed loses those of its last
// second.
func (t *Throttle) Run(ctx context.Context) {
	tick := time.NewTicker(serviceFlush)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			t.writeService(ctx)
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
			defer cancel()
			t.writeService(last)
			return
		}
	}
}

func (t *Throttle) writeService(ctx context.Context) {
	attempts, wrong := t.unwritten.take()
	if attempts == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	_, err := t.db.Exec(ctx, `
		INSERT INTO service_attempts AS s (minute, attempts, wrong)
		VALUES (date_trunc('minute', now()), @attempts::integer, @wrong::integer)
		ON CONFLICT (minute) DO UPDATE
		SET attempts = s.attempts + excluded.attempts,
		    wrong = s.wrong + excluded.wrong`,
		pgx.NamedArgs{"attempts": attempts, "wrong": wrong})
	if err != nil {
		t.unwritten.add(attempts, wrong)
		if postgres.IsUnavailable(err) {
			return
		}
	}
	before := t.unwritten.setFailed(postgres.Error("count attempts of the service", err))
	if err != nil && before == nil {
		t.log.ErrorContext(ctx, "attempts cannot be counted: no codes are compared", "error", err)
	}
}

// UnderAttack reports whether the rate of wrong codes over all addresses is so high that new codes
// should be longer. An instance reads the counts about once in five seconds.
func (t *Throttle) UnderAttack(ctx context.Context) (bool, error) {
	known := t.service.Load()
	if known != nil && time.Since(known.readAt) < serviceFresh {
		return known.underAttack, nil
	}
	var attempts, wrong int
	err := t.db.QueryRow(ctx, `
		SELECT coalesce(sum(attempts), 0), coalesce(sum(wrong), 0)
		FROM service_attempts
		WHERE minute > now() - @window::interval
		  AND minute <= now() + interval '1 minute'`,
		pgx.NamedArgs{"window": serviceWindow}).Scan(&attempts, &wrong)
	if err != nil {
		return false, postgres.Error("read attempts of the service", err)
	}
	now := &serviceState{wrong > max(serviceFloor, attempts/serviceShare), time.Now()}
	before := t.service.Swap(now)
	if wasUnderAttack := before != nil && before.underAttack; wasUnderAttack != now.underAttack {
		t.logSwitch(ctx, now.underAttack, attempts, wrong)
	}
	return now.underAttack, nil
}

// Attacked returns the newest result of UnderAttack, for metrics. It is false before the first one.
func (t *Throttle) Attacked() bool {
	known := t.service.Load()
	return known != nil && known.underAttack
}

func (t *Throttle) logSwitch(ctx context.Context, underAttack bool, attempts, wrong int) {
	counts := []any{
		slog.Int("wrong_last_hour", wrong),
		slog.Int("attempts_last_hour", attempts),
	}
	if underAttack {
		t.log.WarnContext(ctx, "many wrong codes: new codes are longer",
			append(counts, slog.Int("digits", AttackLength))...)
		return
	}
	t.log.WarnContext(ctx, "few wrong codes: new codes have their usual length again", counts...)
}
