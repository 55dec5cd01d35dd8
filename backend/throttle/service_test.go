package throttle

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"sana/backend/test/postgrestest"

	"github.com/jackc/pgx/v5/pgxpool"
)

// count counts attempts and writes them.
func count(t *testing.T, th *Throttle, wrong, right int) {
	t.Helper()
	for range wrong {
		th.CountAttempt(false)
	}
	for range right {
		th.CountAttempt(true)
	}
	th.writeService(t.Context())
}

func wantWritten(t *testing.T, db *pgxpool.Pool, attempts, wrong int) {
	t.Helper()
	var gotAttempts, gotWrong int
	err := db.QueryRow(t.Context(), `
		SELECT coalesce(sum(attempts), 0), coalesce(sum(wrong), 0)
		FROM service_attempts`).Scan(&gotAttempts, &gotWrong)
	if err != nil {
		t.Fatal(err)
	}
	wantCount(t, "attempts written", gotAttempts, attempts)
	wantCount(t, "wrong ones written", gotWrong, wrong)
}

func TestUnderAttack_FollowsWrongCodesAndLogsEachSwitch(t *testing.T) {
	t.Parallel()
	db := postgrestest.Pool(t, postgrestest.URL(t))
	th := open(t, db, oldKey)
	var log bytes.Buffer
	th.log = slog.New(slog.NewTextHandler(&log, nil))
	want := func(when string, want bool) {
		t.Helper()
		th.service.Store(&serviceState{th.Attacked(), time.Now().Add(-serviceFresh)})
		got, err := th.UnderAttack(t.Context())
		if err != nil || got != want || th.Attacked() != want {
			t.Errorf("%s: under attack is %t (%v), want %t", when, got, err, want)
		}
	}
	count(t, th, 50, 0)
	want("50 wrong codes", false)
	count(t, th, 1, 0)
	want("51 wrong codes", true)
	count(t, th, 1, 0)
	want("52 wrong codes", true)
	count(t, th, 0, 500)
	want("52 wrong codes in 552 attempts", false)
	count(t, th, 10, 0)
	want("62 wrong codes in 562 attempts", true)
	exec(t, db, `UPDATE service_attempts SET minute = minute - interval '1 hour'`)
	want("an hour later", false)
	exec(t, db, `UPDATE service_attempts SET minute = minute + interval '40 days'`)
	want("with counts of before the clock was set back", false)
	if got := strings.Count(log.String(), "level=WARN"); got != 4 {
		t.Errorf("the log has %d warnings, want one for each of the four switches:\n%s", got, &log)
	}
}

// An instance reads the counts of all instances.
func TestUnderAttack_ReadsRarelyAndSeesAllInstances(t *testing.T) {
	t.Parallel()
	url := postgrestest.URL(t)
	th, other := open(t, postgrestest.Pool(t, url), oldKey),
		open(t, postgrestest.Pool(t, url), oldKey)
	ask := func(want bool) {
		t.Helper()
		if got, err := th.UnderAttack(t.Context()); got != want || err != nil {
			t.Errorf("under attack is %t (%v), want %t", got, err, want)
		}
	}
	th.service.Store(&serviceState{readAt: time.Now().Add(time.Hour)})
	count(t, other, 60, 0)
	ask(false) // what it has read is fresh
	th.service.Store(&serviceState{readAt: time.Now().Add(-serviceFresh)})
	ask(true)
}

func TestRun_RetriesFailedWritesAndFlushesAtTheEnd(t *testing.T) {
	t.Parallel()
	db := postgrestest.Pool(t, postgrestest.URL(t))
	th := open(t, db, oldKey)
	th.CountAttempt(false)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	th.writeService(ended)
	if err := th.CanCount(t.Context()); err != nil {
		t.Errorf("after a write that was canceled: CanCount returns %v, want nil", err)
	}
	wantWritten(t, db, 0, 0)
	th.CountAttempt(true)
	th.Run(ended) // returns at once
	wantWritten(t, db, 2, 1)
}

// A database that rejects the counts must not allow unlimited attempts.
func TestCanCount_FailsWhileCountsAreRejected(t *testing.T) {
	t.Parallel()
	db := postgrestest.Pool(t, postgrestest.URL(t))
	th := open(t, db, oldKey)
	var log bytes.Buffer
	th.log = slog.New(slog.NewTextHandler(&log, nil))
	exec(t, db, `ALTER TABLE service_attempts RENAME TO missing`)
	count(t, th, 1, 0)
	count(t, th, 1, 0)
	if err := th.CanCount(t.Context()); err == nil {
		t.Error("CanCount returns nil although no count can be written")
	}
	if got := strings.Count(log.String(), "level=ERROR"); got != 1 {
		t.Errorf("the log has %d errors, want one for both failures:\n%s", got, &log)
	}
	exec(t, db, `ALTER TABLE missing RENAME TO service_attempts`)
	count(t, th, 0, 1)
	if err := th.CanCount(t.Context()); err != nil {
		t.Errorf("after a write: CanCount returns %v, want nil", err)
	}
	wantWritten(t, db, 3, 2)
}
