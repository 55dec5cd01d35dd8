package throttle

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"sana/backend/postgres"

	"github.com/jackc/pgx/v5"
)

const (
	serviceShards = 16              // rows a minute for the whole service, so that instances rarely wait for each other
	serviceFresh  = 5 * time.Second // how long an instance goes by what it read
	serviceWrite  = time.Second     // how long it keeps counts to itself
)

// serviceState is what an instance knows of the whole service.
type serviceState struct {
	underAttack bool
	readAt      time.Time
}

// serviceCounts are tries that this instance has seen and not yet written. The limit of the whole service looks at an hour,
// so that it need not be exact to the second: written with each try, the rows of the minute would be what all tries wait for.
type serviceCounts struct {
	mu           sync.Mutex
	tries, wrong int
	failed       error // why they could not be written when the database was there
}

func (c *serviceCounts) add(tries, wrong int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tries, c.wrong = c.tries+tries, c.wrong+wrong
}

func (c *serviceCounts) take() (tries, wrong int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	tries, wrong = c.tries, c.wrong
	c.tries, c.wrong = 0, 0
	return tries, wrong
}

// settle notes how writing went, and returns how it went before.
func (c *serviceCounts) settle(err error) (before error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	before, c.failed = c.failed, err
	return before
}

// CanCount returns an error while what was tried cannot be written although the database is there: nothing is to be compared
// then. While it is away nothing can be reserved anyway.
func (t *Throttle) CanCount() error {
	t.unwritten.mu.Lock()
	defer t.unwritten.mu.Unlock()
	return t.unwritten.failed
}

// CountTry counts a try of the whole service. It is written by Run.
func (t *Throttle) CountTry(right bool) {
	if right {
		t.unwritten.add(1, 0)
	} else {
		t.unwritten.add(1, 1)
	}
}

// Run writes once a second what this instance counted of the whole service, and once more when ctx ends. What cannot be
// written is kept for the next time; an instance that is killed takes its last second along.
func (t *Throttle) Run(ctx context.Context) {
	tick := time.NewTicker(serviceWrite)
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
	tries, wrong := t.unwritten.take()
	if tries == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	_, err := t.db.Exec(ctx, `
		INSERT INTO throttle_service AS s (minute, shard, tries, wrong)
		VALUES (date_trunc('minute', now()), @shard::smallint, @tries::integer, @wrong::integer)
		ON CONFLICT (minute, shard) DO UPDATE
		SET tries = s.tries + excluded.tries,
		    wrong = s.wrong + excluded.wrong`,
		pgx.NamedArgs{"shard": rand.IntN(serviceShards), "tries": tries, "wrong": wrong})
	if err != nil {
		t.unwritten.add(tries, wrong)
		if postgres.Away(err) {
			return
		}
	}
	if before := t.unwritten.settle(postgres.Error("throttle: count tries", err)); err != nil && before == nil {
		t.log.ErrorContext(ctx, "tries cannot be counted, no code is compared", "error", err)
	}
}

// UnderAttack reports whether wrong codes come from everywhere, so that new codes should be longer. An instance asks the
// database once in a few seconds at most; while one caller asks, the others go by the last answer.
func (t *Throttle) UnderAttack(ctx context.Context) (bool, error) {
	known := t.service.Load()
	if known != nil && time.Since(known.readAt) < serviceFresh {
		return known.underAttack, nil
	}
	select {
	case t.asking <- struct{}{}:
		defer func() { <-t.asking }()
	default:
		if known != nil {
			return known.underAttack, nil
		}
	}
	var tries, wrong int
	err := t.db.QueryRow(ctx, `
		SELECT coalesce(sum(tries), 0), coalesce(sum(wrong), 0)
		FROM throttle_service
		WHERE minute > now() - @window::interval`,
		pgx.NamedArgs{"window": serviceWindow}).Scan(&tries, &wrong)
	if err != nil {
		return false, postgres.Error("throttle: read service", err)
	}
	now := &serviceState{wrong > max(serviceFloor, tries/serviceShare), time.Now()}
	before := t.service.Swap(now)
	t.logSwitch(ctx, before != nil && before.underAttack, now.underAttack, tries, wrong)
	return now.underAttack, nil
}

// Attacked is what UnderAttack last found, for metrics; false before it was first asked.
func (t *Throttle) Attacked() bool {
	known := t.service.Load()
	return known != nil && known.underAttack
}

func (t *Throttle) logSwitch(ctx context.Context, before, now bool, tries, wrong int) {
	switch {
	case now && !before:
		t.log.WarnContext(ctx, "many wrong codes: new codes are longer from now on", "digits", AttackLength, "wrong_last_hour", wrong, "tries_last_hour", tries)
	case before && !now:
		t.log.WarnContext(ctx, "wrong codes are few again: new codes are as long as before", "wrong_last_hour", wrong, "tries_last_hour", tries)
	}
}
