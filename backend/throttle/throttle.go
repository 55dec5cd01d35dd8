// Package throttle counts against the limits of limits.go, in Postgres, so that all instances count together, and by
// its clock. Each key is counted by one statement, which counts or refuses: no timing gets more than the limit through.
// Whatever goes wrong is an error, never permission.
//
// The rows are named by HMACs under the secret keys: the table holds neither an address nor an IP. Where there are
// several secret keys, everything is counted under each of them and the strictest count holds. So a new key begins with
// no budget reset, and an old one can be withdrawn a day later without resetting one of a day or less.
package throttle

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"log/slog"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"sana/backend/keyring"
	"sana/backend/postgres"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Throttle is safe for concurrent use.
type Throttle struct {
	db      *pgxpool.Pool
	keys    []keyring.Key
	log     *slog.Logger
	service atomic.Pointer[serviceState]
	asking  chan struct{} // holds one token while this instance reads the service's counts
}

// New returns a throttle on a database at the newest schema.
func New(db *pgxpool.Pool, keys keyring.Ring, log *slog.Logger) *Throttle {
	return &Throttle{db: db, keys: keys.All(), log: log, asking: make(chan struct{}, 1)}
}

// Use is one use of what a limit allows to a subject.
type Use struct {
	limit   Limit
	subject []string
}

// Of is a use of limit by a subject of one or more parts.
func (l Limit) Of(subject ...string) Use { return Use{limit: l, subject: subject} }

// OfNetworks are uses by a client's networks, the narrowest first, each of which is allowed more than the one before.
func (l Limit) OfNetworks(networks []string) []Use {
	var uses []Use
	for i, network := range networks {
		uses = append(uses, l.wider(networkFactors[min(i, len(networkFactors)-1)]).Of(strconv.Itoa(i), network))
	}
	return uses
}

// Verdict is the answer to Reserve.
type Verdict struct {
	Refused *Limit        // nil when all uses were counted
	Wait    time.Duration // until the next use of the same kind can be allowed
	Next    time.Time     // the same as a time of the database
}

// counted is a use under one secret key.
type counted struct {
	Use
	key []byte
}

// rows names the rows of uses, ordered, so that two transactions never wait for each other.
func (t *Throttle) rows(uses []Use) []counted {
	var list []counted
	for _, secret := range t.keys {
		for _, use := range uses {
			list = append(list, counted{use, use.key(secret)})
		}
	}
	slices.SortFunc(list, func(a, b counted) int { return bytes.Compare(a.key, b.key) })
	return list
}

func (u Use) key(secret keyring.Key) []byte {
	mac := hmac.New(sha256.New, secret.Derive("sana/throttle/v1/"+u.limit.Name))
	for _, part := range u.subject {
		mac.Write([]byte(strconv.Itoa(len(part)) + ":" + part))
	}
	return mac.Sum(nil)
}

func (c counted) args() pgx.NamedArgs {
	counts, spans := make([]int, len(c.limit.Windows)), make([]time.Duration, len(c.limit.Windows))
	for i, w := range c.limit.Windows {
		counts[i], spans[i] = w.Count, w.Per
	}
	events, age := c.limit.keep()
	return pgx.NamedArgs{"key": c.key, "counts": counts, "spans": spans, "most": events, "age": age}
}

// The event that a window's count reaches back to ends the wait when it leaves the window; where there is none, the
// index lies before the array and the element is NULL.
const (
	reserve = `
		INSERT INTO throttle AS t (key, events, ends_at)
		VALUES (@key, ARRAY[now()], now() + @age::interval)
		ON CONFLICT (key) DO UPDATE
		SET events = t.events[greatest(cardinality(t.events) + 2 - @most::integer, 1):]
		             || greatest(now(), t.events[cardinality(t.events)]),
		    ends_at = excluded.ends_at
		WHERE NOT EXISTS (
		    SELECT
		    FROM unnest(@counts::integer[], @spans::interval[]) AS w (count, span)
		    WHERE t.events[cardinality(t.events) + 1 - w.count] > now() - w.span)
		RETURNING ` + next
	next = `
		(SELECT coalesce(max(t.events[cardinality(t.events) + 1 - w.count] + w.span), now())
		 FROM unnest(@counts::integer[], @spans::interval[]) AS w (count, span)) AS next,
		now() AS now`
)

// Reserve counts every use, or refuses and counts none. Where several limits refuse, the verdict names the one whose use
// came first, with the longest wait of all. What was counted holds once tx commits: compare nothing before.
func (t *Throttle) Reserve(ctx context.Context, tx pgx.Tx, uses ...Use) (Verdict, error) {
	var verdict Verdict
	var taken, refused []counted
	rows := t.rows(uses)
	batch := &pgx.Batch{}
	for _, row := range rows {
		batch.Queue(reserve, row.args()).QueryRow(func(answer pgx.Row) error {
			allowed, err := verdict.read(answer)
			if allowed {
				taken = append(taken, row)
			} else {
				refused = append(refused, row)
			}
			return err
		})
	}
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return Verdict{}, postgres.Error("throttle: reserve", err)
	}
	if len(refused) == 0 {
		return verdict, nil
	}
	if err := settle(ctx, tx, taken, nil); err != nil {
		return Verdict{}, err
	}
	return explain(ctx, tx, uses, refused)
}

// read takes a row's answer into the verdict; allowed is false when there was none.
func (v *Verdict) read(row pgx.Row) (allowed bool, err error) {
	var next, now time.Time
	err = row.Scan(&next, &now)
	if errors.Is(err, pgx.ErrNoRows) {
		return false, nil
	}
	if next.After(v.Next) {
		v.Next, v.Wait = next, next.Sub(now)
	}
	return true, err
}

// explain says which limit refused and for how long.
func explain(ctx context.Context, q postgres.Querier, uses []Use, refused []counted) (Verdict, error) {
	verdict, err := look(ctx, q, refused)
	first := slices.IndexFunc(uses, func(u Use) bool {
		return slices.ContainsFunc(refused, func(c counted) bool { return c.limit.Name == u.limit.Name })
	})
	verdict.Refused = &uses[first].limit
	return verdict, err
}

// look reads, without counting, how long the longest wait is.
func look(ctx context.Context, q postgres.Querier, rows []counted) (Verdict, error) {
	var verdict Verdict
	for _, row := range rows {
		_, err := verdict.read(q.QueryRow(ctx, `SELECT `+next+` FROM throttle AS t WHERE key = @key`, row.args()))
		if err != nil {
			return Verdict{}, postgres.Error("throttle: look up", err)
		}
	}
	return verdict, nil
}

// Settle gives back the last reservation of each use in back and forgets all of those in reset.
func (t *Throttle) Settle(ctx context.Context, tx pgx.Tx, back, reset []Use) error {
	return settle(ctx, tx, t.rows(back), t.rows(reset))
}

func settle(ctx context.Context, tx pgx.Tx, back, reset []counted) error {
	type step struct {
		key []byte
		sql string
	}
	var steps []step
	for _, row := range back {
		steps = append(steps, step{row.key, `UPDATE throttle SET events = events[:cardinality(events) - 1] WHERE key = @key`})
	}
	for _, row := range reset {
		steps = append(steps, step{row.key, `DELETE FROM throttle WHERE key = @key`})
	}
	slices.SortFunc(steps, func(a, b step) int { return bytes.Compare(a.key, b.key) })
	batch := &pgx.Batch{}
	for _, s := range steps {
		batch.Queue(s.sql, pgx.NamedArgs{"key": s.key})
	}
	return postgres.Error("throttle: settle", tx.SendBatch(ctx, batch).Close())
}

// Reached reports whether a further use would be refused.
func (t *Throttle) Reached(ctx context.Context, q postgres.Querier, use Use) (bool, error) {
	verdict, err := look(ctx, q, t.rows([]Use{use}))
	return verdict.Wait > 0, err
}
