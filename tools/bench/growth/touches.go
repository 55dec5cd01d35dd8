package main

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"time"

	"sana/backend/session"
)

// touches is the cost of recording the use of sessions.
type touches struct {
	Sessions  int     `json:"sessions"`
	Batch     int     `json:"batch"`
	PerSecond float64 `json:"per_second"`
	WAL       float64 `json:"wal_bytes"` // of each
	HOT       float64 `json:"hot"`       // share of them
}

// touchBatch is backend/session's flushBatch.
const touchBatch = 5000

// touchLive is as in backend/session/use.go, with an interval of a minute.
const touchLive = `
	UPDATE sessions
	SET last_used_at = now()
	WHERE id = ANY($1::uuid[])
	  AND last_used_at < now() - least(interval '1 minute',
	      make_interval(secs => idle_seconds / 4.0))
	  AND ` + string(session.IsLive)

// touches records the use of sessions that were last used some time ago, over one connection.
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
		ids := make([]string, touchBatch)
		for i := range ids {
			ids[i] = id(2 + 2*rand.IntN(d.n/2))
		}
		tag, err := conn.Exec(ctx, touchLive, ids)
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

// id returns the public id of the session with a number.
func id(n int) string {
	sum := md5.Sum(fmt.Append(nil, valid, n))
	return hex.EncodeToString(sum[:])
}

func printTouches(list []touches) {
	fmt.Printf("\nuses of sessions recorded, %d in a statement, over one connection\n| sessions | "+
		"a second | WAL bytes of each | HOT |\n", touchBatch)
	for _, t := range list {
		fmt.Printf("| %d | %.0f | %.0f | %.1f %% |\n", t.Sessions, t.PerSecond, t.WAL, 100*t.HOT)
	}
}
