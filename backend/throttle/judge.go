package throttle

import (
	"context"
	"slices"
	"time"

	"sana/backend/postgres"

	"github.com/jackc/pgx/v5"
)

// clockTolerance is how far in the future a use may seem to be: a transaction that has waited for a
// lock has an earlier time than the one it waited for. See Full.
const clockTolerance = time.Minute

// Counts are the uses that State has read: those of the budgets that were its arguments, and maybe
// of others.
type Counts struct {
	Keys [][]byte
	Ats  []time.Time // when the use of the same index in Keys was counted
	Now  time.Time   // the database's
}

// Read returns what was counted against budgets, without locks.
func Read(ctx context.Context, db postgres.Querier, budgets Budgets) (c Counts, err error) {
	args := pgx.NamedArgs{}
	budgets.Args(args)
	rows, err := db.Query(ctx, `SELECT `+string(State)+` FROM `+string(StateSource), args)
	if err != nil {
		return Counts{}, postgres.Error("read limits", err)
	}
	c, err = pgx.CollectExactlyOneRow(rows, func(row pgx.CollectableRow) (c Counts, err error) {
		return c, row.Scan(&c.Keys, &c.Ats, &c.Now)
	})
	return c, postgres.Error("read limits", err)
}

// byKey returns the times of each key, ascending. Like Full it ignores what was counted in the
// future.
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

// Verdict says whether budgets have room. Its zero value says that they have.
type Verdict struct {
	Refused *Limit        // the limit of the first use that is refused; nil if none is
	Wait    time.Duration // until no use is refused any more
	Next    time.Time     // the same as a time of the database; zero if no use is refused
}

// Judge returns what the limits say to one more use of each budget at c.Now.
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

// NextAfter returns how long after a use of each budget that is counted at c.Now the following use
// is allowed. It returns 0 if that is at once.
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
