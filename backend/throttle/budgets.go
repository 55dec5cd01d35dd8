package throttle

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"time"

	"sana/backend/postgres"

	"github.com/jackc/pgx/v5"
)

// Budgets are uses of limits that are checked and counted together: all of them or none. The zero
// value has no uses and is never full.
type Budgets struct{ list []budget }

// budget is the budget of one use under one secret key.
type budget struct {
	limit Limit
	key   []byte
	lock  int64
}

// Budgets returns the budgets of uses, under every secret key. The order of uses decides the limit
// that a Verdict names, not the order of locks.
func (t *Throttle) Budgets(uses ...Use) Budgets {
	var b Budgets
	for _, use := range uses {
		limit := use.limit
		if t.options.Generous && !use.byNetwork {
			limit = limit.times(generousFactor)
		}
		lock := lockName("use", append([]string{limit.Name}, use.subject...)...)
		for _, s := range t.secrets {
			b.list = append(b.list, budget{limit, use.key(s), lock})
		}
	}
	return b
}

// Empty reports whether there are no uses.
func (b Budgets) Empty() bool { return len(b.list) == 0 }

// Lock queues the first statement of a batch. It waits for every other transaction that locked one
// of these subjects, or one of the names in extra, and keeps the locks until the batch has ended.
// A statement sees what such a transaction has written only if it comes later in the batch: a check
// in the statement that locks would use a snapshot from before the wait.
//
// All locks are taken by one statement in ascending order, so that two batches never wait for each
// other. A batch must not call Lock twice. Names are hashed without secret keys, so that instances
// with different key rings exclude each other.
func (b Budgets) Lock(batch *postgres.Batch, extra ...string) {
	locks := b.locks(extra)
	if len(locks) == 0 {
		return
	}
	batch.Queue(`
		SELECT pg_advisory_xact_lock(lock)
		FROM unnest(@locks::bigint[]) AS lock`,
		pgx.NamedArgs{"locks": locks})
}

// locks returns the ids of the locks, ascending, without duplicates.
func (b Budgets) locks(extra []string) []int64 {
	locks := make([]int64, 0, len(b.list)+len(extra))
	for _, budget := range b.list {
		locks = append(locks, budget.lock)
	}
	for _, name := range extra {
		locks = append(locks, lockName("name", name))
	}
	slices.Sort(locks)
	return slices.Compact(locks)
}

// lockName returns the id of an advisory lock: 64 bits of a hash. A collision would only make two
// transactions wait for each other.
func lockName(kind string, parts ...string) int64 {
	h := sha256.New()
	writeParts(h, kind)
	writeParts(h, parts...)
	return int64(binary.BigEndian.Uint64(h.Sum(nil)))
}

// Args adds the arguments of Full, NotFull, Count and StateSource: @budget_keys, @budget_counts and
// @budget_spans, arrays with an element for each budget and window.
func (b Budgets) Args(into pgx.NamedArgs) {
	// The arrays must not be nil: that would be NULL.
	keys, counts, spans := [][]byte{}, []int{}, []time.Duration{}
	for _, budget := range b.list {
		for _, w := range budget.limit.Windows {
			keys = append(keys, budget.key)
			counts = append(counts, w.Count)
			spans = append(spans, w.Per)
		}
	}
	into["budget_keys"], into["budget_counts"], into["budget_spans"] = keys, counts, spans
}

// ForgetArgs adds the argument of Forget, @forget_keys.
func (b Budgets) ForgetArgs(into pgx.NamedArgs) {
	keys := [][]byte{}
	for _, budget := range b.list {
		keys = append(keys, budget.key)
	}
	into["forget_keys"] = keys
}

// Fragments of a statement that checks budgets, does the allowed work, and counts it:
//
//	WITH Full, granted AS (… WHERE NotFull RETURNING …), counted AS (Count) SELECT …
//
// The common table expression granted has a row if the statement did its work, else none. All
// statements of a batch must be later than its Lock.
const (
	// Full are common table expressions, to stand first after WITH. full_budgets has a row for each
	// window without room. Uses that seem to be more than a minute in the future were counted
	// before the database's clock was set back. They are ignored: otherwise budgets would stay full
	// until the clock has caught up.
	Full postgres.SQL = `
		budgets AS MATERIALIZED (
		    SELECT key, count, span
		    FROM unnest(@budget_keys::bytea[], @budget_counts::integer[], @budget_spans::interval[])
		        AS b (key, count, span)
		), full_budgets AS (
		    SELECT key
		    FROM budgets AS b
		    WHERE count <= (
		        SELECT count(*)
		        FROM uses AS u
		        WHERE u.key = b.key
		          AND u.at > now() - b.span
		          AND u.at <= now() + interval '1 minute')
		)`

	// NotFull is the condition that every budget has room.
	NotFull postgres.SQL = `NOT EXISTS (SELECT FROM full_budgets)`

	// Count is a common table expression that counts each use once, if granted has a row.
	Count postgres.SQL = `
		    INSERT INTO uses (key, ends_at)
		    SELECT key, now() + max(span)
		    FROM budgets
		    WHERE EXISTS (SELECT FROM granted)
		    GROUP BY key`

	// Forget is a statement that deletes every use of the budgets of ForgetArgs. A condition can be
	// added to it.
	Forget postgres.SQL = `
		DELETE FROM uses
		WHERE key = ANY(@forget_keys::bytea[])`

	// State is a list of columns that reads the fields of a Counts from StateSource, without locks:
	// use_keys, use_ats and now.
	State postgres.SQL = `use_keys, use_ats, now() AS now`

	// StateSource is a table of one row.
	StateSource postgres.SQL = `(
		    SELECT array_agg(key) AS use_keys, array_agg(at) AS use_ats
		    FROM uses
		    WHERE key = ANY(@budget_keys::bytea[])
		) AS counted`
)
