package throttle

import (
	"context"
	"slices"
	"time"

	"sana/backend/postgres"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Verdict says whether uses were counted.
type Verdict struct {
	Refused *Limit        // nil when all uses were counted
	Wait    time.Duration // until the next use of the same kind can be allowed
	Next    time.Time     // the same as a time of the database
}

// Reservation is a batch's attempt to count uses: all or none. Its verdict is known once the batch is done.
type Reservation struct {
	throttle *Throttle
	uses     []Use
	rows     []counted
	answers  []answer // one for each row, none when the batch was stopped before
}

// answer is what became of one row.
type answer struct {
	Key     []byte
	Counted bool
	Next    time.Time // when a use of it is allowed
	Now     time.Time
}

// args are the uses' rows, and the windows of each, in arrays.
func args(rows []counted) pgx.NamedArgs {
	var keys, windowKeys [][]byte
	var most, counts []int
	var ages, spans []time.Duration
	for _, row := range rows {
		events, age := row.limit.keep()
		keys, most, ages = append(keys, row.key), append(most, events), append(ages, age)
		for _, w := range row.limit.Windows {
			windowKeys, counts, spans = append(windowKeys, row.key), append(counts, w.Count), append(spans, w.Per)
		}
	}
	return pgx.NamedArgs{"keys": keys, "most": most, "ages": ages, "window_keys": windowKeys, "counts": counts, "spans": spans}
}

// windows lists the windows of all rows. The event that a window's count reaches back to ends the wait when it leaves the
// window; where there is none, the index lies before the array and the element is NULL.
const windows = `
		windows AS MATERIALIZED (
		    SELECT key, count, span
		    FROM unnest(@window_keys::bytea[], @counts::integer[], @spans::interval[]) AS w (key, count, span)
		)`

// next is when a further use of the row t is allowed.
const next = `(SELECT max(t.events[cardinality(t.events) + 1 - w.count] + w.span) FROM windows AS w WHERE w.key = t.key)`

// NextUse is an SQL expression for statements after that of a Reserve, in the same transaction: when a further use of what the
// last one was about is allowed.
var NextUse = nextUse.Left() + `::timestamptz`

const nextUse postgres.Note = "next_use"

// Reserve has the batch count every use, or none of them and raise the flag. The rows are taken in one order by everybody, so
// that two transactions never wait for each other.
func (t *Throttle) Reserve(b *postgres.Batch, refused string, uses ...Use) *Reservation {
	r := &Reservation{throttle: t, uses: uses, rows: t.rows(uses)}
	b.Queue(`
		WITH uses AS MATERIALIZED (
		    SELECT key, most, age
		    FROM unnest(@keys::bytea[], @most::integer[], @ages::interval[]) AS u (key, most, age)
		    WHERE `+postgres.GoesOn+`
		),`+windows+`,
		known AS MATERIALIZED (
		    SELECT key, `+next+` AS next
		    FROM throttle AS t
		    WHERE key = ANY(@keys)
		), counted AS (
		    INSERT INTO throttle AS t (key, events, ends_at)
		    SELECT key, ARRAY[now()], now() + age
		    FROM uses
		    WHERE NOT EXISTS (SELECT FROM known WHERE next > now())
		    ORDER BY key
		    ON CONFLICT (key) DO UPDATE
		    SET events = t.events[greatest(cardinality(t.events) + 2 - (SELECT most FROM uses WHERE uses.key = t.key), 1):]
		                 || greatest(now(), t.events[cardinality(t.events)]),
		        ends_at = excluded.ends_at
		    WHERE coalesce(`+next+` <= now(), true)
		    RETURNING key, `+next+` AS next
		)
		SELECT uses.key,
		       counted.key IS NOT NULL AS counted,
		       coalesce(counted.next, known.next, now()) AS next,
		       now() AS now,
		       CASE WHEN (SELECT count(*) FROM counted) < cardinality(@keys) THEN `+refused+` END,
		       (SELECT `+nextUse.Leave(`max(coalesce(counted.next, known.next, now()))`)+`
		        FROM uses LEFT JOIN counted USING (key) LEFT JOIN known USING (key))
		FROM uses
		LEFT JOIN counted USING (key)
		LEFT JOIN known USING (key)`, args(r.rows)).Query(func(rows pgx.Rows) error {
		var a answer
		r.answers = nil
		_, err := pgx.ForEachRow(rows, []any{&a.Key, &a.Counted, &a.Next, &a.Now, nil, nil}, func() error {
			r.answers = append(r.answers, answer{slices.Clone(a.Key), a.Counted, a.Next, a.Now})
			return nil
		})
		return err
	})
	return r
}

// Verdict returns what became of the uses. Where several limits refuse, it names the one whose use came first, with the
// longest wait of all. What was counted holds once the batch is committed: compare nothing before.
func (r *Reservation) Verdict(ctx context.Context) (Verdict, error) {
	var all, refusing Verdict
	var taken, refused []counted
	for _, a := range r.answers {
		row := r.rows[slices.IndexFunc(r.rows, func(c counted) bool { return string(c.key) == string(a.Key) })]
		all.read(a.Next, a.Now)
		switch {
		case a.Counted:
			taken = append(taken, row)
		case a.Next.After(a.Now):
			refusing.read(a.Next, a.Now)
			refused = append(refused, row)
		}
	}
	if len(taken) == len(r.answers) {
		return all, nil
	}
	if len(refused) == 0 { // somebody else used up a limit after this statement had begun
		return r.giveBack(ctx, taken)
	}
	refusing.Refused = first(r.uses, refused)
	return refusing, nil
}

// read takes a row's answer into the verdict.
func (v *Verdict) read(next, now time.Time) {
	if next.After(v.Next) {
		v.Next, v.Wait = next, max(0, next.Sub(now))
	}
}

// first returns the limit of the use that came first.
func first(uses []Use, refused []counted) *Limit {
	i := slices.IndexFunc(uses, func(u Use) bool {
		return slices.ContainsFunc(refused, func(c counted) bool { return c.limit.Name == u.limit.Name })
	})
	return &uses[i].limit
}

// giveBack takes back what was counted although another limit refused, and asks how long to wait for that one.
func (r *Reservation) giveBack(ctx context.Context, taken []counted) (verdict Verdict, err error) {
	refused := slices.DeleteFunc(slices.Clone(r.rows), func(c counted) bool {
		return slices.ContainsFunc(taken, func(t counted) bool { return string(c.key) == string(t.key) })
	})
	verdict.Refused = first(r.uses, refused)
	err = postgres.InBatch(ctx, r.throttle.db, func(b *postgres.Batch) error {
		settle(b, postgres.GoesOn, taken, nil)
		b.Queue(`
			WITH`+windows+`
			SELECT `+next+`, now()
			FROM throttle AS t
			WHERE key = ANY(@keys)`, args(refused)).Query(func(rows pgx.Rows) error {
			var next, now time.Time
			_, err := pgx.ForEachRow(rows, []any{&next, &now}, func() error {
				verdict.read(next, now)
				return nil
			})
			return err
		})
		return nil
	})
	return verdict, err
}

// Settle has the batch give back the last reservation of each use in back and forget all of those in reset, if the condition
// when holds.
func (t *Throttle) Settle(b *postgres.Batch, when string, back, reset []Use) {
	settle(b, when, t.rows(back), t.rows(reset))
}

func settle(b *postgres.Batch, when string, back, reset []counted) {
	keys := func(rows []counted) (list [][]byte) {
		for _, row := range rows {
			list = append(list, row.key)
		}
		return list
	}
	b.Queue(`
		WITH held AS MATERIALIZED (
		    SELECT key
		    FROM throttle
		    WHERE key = ANY(@back::bytea[] || @reset::bytea[])
		      AND `+when+`
		    ORDER BY key
		    FOR UPDATE
		), forgotten AS (
		    DELETE FROM throttle
		    WHERE key = ANY(@reset::bytea[])
		      AND key IN (SELECT key FROM held)
		)
		UPDATE throttle
		SET events = events[:cardinality(events) - 1]
		WHERE key = ANY(@back::bytea[])
		  AND key IN (SELECT key FROM held)`,
		pgx.NamedArgs{"back": keys(back), "reset": keys(reset)})
}

// StopIfReached has the batch stop where a further use would be refused. reached is known once the batch is done.
func (t *Throttle) StopIfReached(b *postgres.Batch, use Use) (reached *bool) {
	reached = new(bool)
	b.Queue(`
		WITH`+windows+`
		SELECT `+postgres.Stop+`
		FROM throttle AS t
		WHERE key = ANY(@keys)
		  AND `+next+` > now()
		  AND `+postgres.GoesOn, args(t.rows([]Use{use}))).Exec(func(tag pgconn.CommandTag) error {
		*reached = tag.RowsAffected() > 0
		return nil
	})
	return reached
}
