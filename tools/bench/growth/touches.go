package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"time"
)

// touches is what it costs to write that sessions were seen.
type touches struct {
	Sessions  int     `json:"sessions"`
	Batch     int     `json:"batch"`
	PerSecond float64 `json:"per_second"`
	WAL       float64 `json:"wal_bytes"` // of each
	HOT       float64 `json:"hot"`       // share of them
}

// touchBatch is backend/session's flushBatch.
const touchBatch = 5000

// touch is as in backend/session/touch.go.
const touch = `
	UPDATE sessions
	SET last_seen_at = now()
	WHERE k = ANY($1)
	  AND last_seen_at < now() - interval '1 minute'
	  AND e > extract(epoch FROM now())
	  AND last_seen_at > now() - make_interval(secs => idle_seconds)`

// touches writes for a while, over one connection, that sessions were seen of those that have not been seen for long.
func (d *database) touches(ctx context.Context, length time.Duration) (touches, error) {
	conn, err := d.db.Acquire(ctx)
	if err != nil {
		return touches{}, err
	}
	defer conn.Release()
	const counts = `
		SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint, n_tup_upd, n_tup_hot_upd
		FROM pg_stat_user_tables
		WHERE relname = 'sessions'`
	var before, after [3]int64
	if err := conn.QueryRow(ctx, counts).Scan(&before[0], &before[1], &before[2]); err != nil {
		return touches{}, err
	}
	began, rows := time.Now(), int64(0)
	for time.Since(began) < length {
		keys := make([]string, touchBatch)
		for i := range keys {
			keys[i] = key(2 + 2*rand.IntN(d.n/2))
		}
		tag, err := conn.Exec(ctx, touch, keys)
		if err != nil {
			return touches{}, err
		}
		rows += tag.RowsAffected()
	}
	took := time.Since(began)
	if _, err := conn.Exec(ctx, `SELECT pg_stat_force_next_flush()`); err != nil {
		return touches{}, err
	}
	err = conn.QueryRow(ctx, counts).Scan(&after[0], &after[1], &after[2])
	return touches{
		Sessions:  d.n,
		Batch:     touchBatch,
		PerSecond: float64(rows) / took.Seconds(),
		WAL:       float64(after[0]-before[0]) / float64(rows),
		HOT:       float64(after[2]-before[2]) / float64(after[1]-before[1]),
	}, err
}

// key is how the table knows the token of the session with a number.
func key(n int) string {
	token := sha256.Sum256(fmt.Append(nil, living, n))
	sum := sha256.Sum256(token[:])
	return hex.EncodeToString(sum[:])
}

func printTouches(list []touches) {
	fmt.Printf("\nsessions written as seen, %d in a statement, over one connection\n| sessions | a second | WAL bytes of each | HOT |\n", touchBatch)
	for _, t := range list {
		fmt.Printf("| %d | %.0f | %.0f | %.1f %% |\n", t.Sessions, t.PerSecond, t.WAL, 100*t.HOT)
	}
}
