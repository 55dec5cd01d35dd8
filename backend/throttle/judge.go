package throttle

import (
	"context"
	"slices"
	"time"

	"sana/backend/postgres"

	"github.com/jackc/pgx/v5"
)

// clockTolerance is the maximum time of a use in the future: a transaction that has waited for a
// lock has an earlier time than the one it waited for. See Full.
const clockTolerance = time.Minute

// Counts are the uses that State has read: those of the budgets of its arguments, and possibly of
// others.
type Counts struct {
	Keys [][]byte
	Ats  []time.Time // time of the use with the same index in Keys
	Now  time.Time   // the database's
}

// Read returns the counted uses of budgets, without locks.
func Read(ctx context.Context, db postgres.Querier, budgets Budgets) (c Counts, err error) {
	args := pgx.NamedArgs{}
	budgets.Args(args)
	err = db.QueryRow(ctx, `SELECT `+string(State)+` FROM `+string(StateSource), args).
		Scan(&c.Keys, &c.Ats, &c.Now)
	return c, postgres.Error("read limits", err)
}

// byKey returns the times of each key, ascending. Like Full it ignores uses in the future.
func (c Counts) byKey() map[string][]time.Time {
	times := map[string][]time.Time{}
	for i, key := range c.Keys {
		if !c.Ats[i].After(c.Now.Add(clockTolerance)) {
			times[string(key)] = append(times[string(key)], c.Ats[i])
		}
	}
	for _, ats := range times {
		slices.SortFunc(ats, time.Time.Compare)
	}
	return times
}

// Verdict is the result of Judge. Its zero value means that all budgets have room.
type Verdict struct {
	Refused *Limit        // the limit of the first use that is refused; nil if none is
	Wait    time.Duration // until no use is refused
	Next    time.Time     // the same as a time of the database; zero if no use is refused
}

// Judge returns the verdict for one more use of each budget at c.Now.
func (b Budgets) Judge(c Counts) Verdict {
	var v Verdict
	times := c.byKey()
	for _, budget := range b.list {
		wait := budget.limit.wait(times[string(budget.key)], c.Now)
		if wait > 0 && v.Refused == nil {
			v.Refused = &budget.limit
		}
		v.Wait = max(v.Wait, wait)
	}
	if v.Refused != nil {
		v.Next = c.Now.Add(v.Wait)
	}
	return v
}

// Used reports whether any use of the budgets was counted.
func (b Budgets) Used(c Counts) bool {
	times := c.byKey()
	return slices.ContainsFunc(b.list,
		func(budget budget) bool { return times[string(budget.key)] != nil })
}

// NextAfter returns the wait between a use of each budget at c.Now and the next allowed use, 0 for
// none.
func (b Budgets) NextAfter(c Counts) time.Duration {
	var wait time.Duration
	times := c.byKey()
	for _, budget := range b.list {
		counted := append(slices.Clone(times[string(budget.key)]), c.Now)
		slices.SortFunc(counted, time.Time.Compare)
		wait = max(wait, budget.limit.wait(counted, c.Now))
	}
	return wait
}
