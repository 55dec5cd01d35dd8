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

// CountTry has the batch count a try of the whole service as a wrong one, if the condition when holds. It belongs at the end.
func (t *Throttle) CountTry(b *postgres.Batch, when string) { count(b, when, 1, 1) }

// CountRight has the batch take back that a try was wrong, if the condition when holds. It belongs at the end.
func (t *Throttle) CountRight(b *postgres.Batch, when string) { count(b, when, 0, -1) }

func count(b *postgres.Batch, when string, tries, wrong int) {
	b.Queue(`
		INSERT INTO throttle_service AS s (minute, shard, tries, wrong)
		SELECT date_trunc('minute', now()), @shard::smallint, @tries::integer, @wrong::integer
		WHERE `+when+`
		ON CONFLICT (minute, shard) DO UPDATE
		SET tries = s.tries + excluded.tries,
		    wrong = s.wrong + excluded.wrong`,
		pgx.NamedArgs{"shard": rand.IntN(shards), "tries": tries, "wrong": wrong})
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
