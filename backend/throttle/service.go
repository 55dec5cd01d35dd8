package throttle

import (
	"context"
	"math/rand/v2"
	"time"

	"sana/backend/postgres"

	"github.com/jackc/pgx/v5"
)

const (
	shards       = 16              // rows a minute for the whole service
	serviceFresh = 5 * time.Second // how long an instance goes by what it read
)

// serviceState is what an instance knows of the whole service.
type serviceState struct {
	underAttack bool
	readAt      time.Time
}

// CountTry counts a try of the whole service as a wrong one. It belongs at the end of tx.
func (t *Throttle) CountTry(ctx context.Context, tx pgx.Tx) error { return t.count(ctx, tx, 1, 1) }

// CountRight takes back that a try was wrong. It belongs at the end of tx.
func (t *Throttle) CountRight(ctx context.Context, tx pgx.Tx) error { return t.count(ctx, tx, 0, -1) }

func (t *Throttle) count(ctx context.Context, tx pgx.Tx, tries, wrong int) error {
	_, err := tx.Exec(ctx, `
		INSERT INTO throttle_service AS s (minute, shard, tries, wrong)
		VALUES (date_trunc('minute', now()), @shard, @tries, @wrong)
		ON CONFLICT (minute, shard) DO UPDATE
		SET tries = s.tries + excluded.tries,
		    wrong = s.wrong + excluded.wrong`,
		pgx.NamedArgs{"shard": rand.IntN(shards), "tries": tries, "wrong": wrong})
	return postgres.Error("throttle: count try", err)
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
