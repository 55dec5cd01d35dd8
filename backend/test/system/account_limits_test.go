package system_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"sana/backend/test/harness"
)

// Writes of an account are limited, over two processes: the 21st name within an hour is refused. A
// write that changes nothing is neither counted nor recorded.
func TestRename_IsLimitedByAccount(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	processes := []*harness.Process{w.Run(t), w.Run(t)}
	b := processes[0].Open(t)
	b.SignIn(w, "ada@sana.example")
	other := b.Clone()
	other.MoveTo(processes[1].Instance)
	for range 30 {
		b.Rename("").Want(http.StatusOK) // unchanged
	}
	harness.WantEqual(t, "counted", w.Count(t, `SELECT count(*) FROM uses`)-sentUses, 0)

	answers := harness.Together(30, func(i int) *harness.Answer {
		return []*harness.Browser{b, other}[i%2].Rename(fmt.Sprint("Ada ", i))
	})
	renamed := 0
	for _, a := range answers {
		if a.Status == http.StatusOK {
			renamed++
			continue
		}
		problem := a.Want(http.StatusTooManyRequests, "too_many_requests")
		if wait, err := strconv.Atoi(problem.Header.Get("Retry-After")); err != nil ||
			wait < 3000 ||
			wait > 3600 {
			t.Errorf("got Retry-After %q, want nearly an hour", problem.Header.Get("Retry-After"))
		}
	}
	harness.WantEqual(t, "names", renamed, 20)
	harness.WantEqual(t, "events",
		w.Count(t, `SELECT count(*) FROM account_events WHERE kind = 'name_changed'`), 20)
	w.Pass(t, 61*time.Minute)
	b.Rename("Ada").Want(http.StatusOK)
}

// sentUses is the number of counts of one code request: by address and by network.
const sentUses = 2

// Over two processes one export of an account runs at a time, and a HEAD request leaves no event.
func TestExport_RunsOnceAtATime(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	processes := []*harness.Process{w.Run(t), w.Run(t)}
	b := processes[0].Open(t)
	b.SignIn(w, "ada@sana.example")
	other := b.Clone()
	other.MoveTo(processes[1].Instance)
	exported := func() int {
		return w.Count(t, `SELECT count(*) FROM account_events WHERE kind = 'exported'`)
	}
	b.Do(http.MethodHead, "/api/account/export", "").Want(http.StatusOK)
	crossSite := harness.With("Sec-Fetch-Site", "cross-site")
	b.Get("/api/account/export", crossSite).Want(http.StatusForbidden, "cross_origin_request")
	harness.WantEqual(t, "events after HEAD and a link", exported(), 0)

	answers := harness.Together(8, func(i int) *harness.Answer {
		return []*harness.Browser{b, other}[i%2].Get("/api/account/export")
	})
	files := 0
	for _, a := range answers {
		if a.Status == http.StatusOK {
			files++
			continue
		}
		a.Want(http.StatusTooManyRequests, "too_many_requests")
	}
	harness.WantEqual(t, "files", files, 1)
	harness.WantEqual(t, "events", exported(), 1)
}

// fill adds many events to the only user.
func fill(t *testing.T, w *harness.World, events int) {
	t.Helper()
	w.Exec(t, `
		INSERT INTO account_events (user_id, kind, platform, ip, details)
		SELECT users.id, 'name_changed', 'Firefox on Linux', '192.0.2.1', '{}'
		FROM users
		CROSS JOIN generate_series(1, $1)`, events)
}

// An export holds one page of events in memory, and no transaction while its client is slow,
// whatever the number of events.
func TestExport_OfManyEventsNeedsLittleMemory(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	metrics := fmt.Sprintf("127.0.0.1:%d", harness.FreePort(t))
	// The less garbage there may be, the closer is the heap to what the export holds.
	app := w.Run(t, "METRICS_ADDR="+metrics, "GOGC=50")
	app.MetricsURL = "http://" + metrics
	b := app.Open(t)
	b.SignIn(w, "ada@sana.example")
	const events = 80_000
	fill(t, w, events)

	const heap = "go_memstats_heap_sys_bytes"
	before := scrape(t, app.Instance)[heap]
	answer := b.Open("/api/account/export")
	defer answer.Body.Close()
	harness.WantEqual(t, "status", answer.StatusCode, http.StatusOK)
	if _, err := io.ReadFull(answer.Body, make([]byte, 10_000)); err != nil {
		t.Fatal(err)
	}
	harness.WantEqual(t, "transactions while the client is slow", w.Count(t, `
		SELECT count(*)
		FROM pg_stat_activity
		WHERE datname = current_database()
		  AND state LIKE 'idle in transaction%'`), 0)
	size, err := io.Copy(io.Discard, answer.Body)
	if err != nil || size < 12e6 {
		t.Errorf("got %d bytes (%v), want all events", size, err)
	}
	if grown := scrape(t, app.Instance)[heap] - before; grown > 10e6 {
		t.Errorf("the heap grew by %.0f MB for %d MB", grown/1e6, size/1e6)
	}
}

// An incomplete export is recognisable as incomplete.
func TestExport_InterruptedIsIncomplete(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	app := w.Run(t)
	b := app.Open(t)
	b.SignIn(w, "ada@sana.example")
	fill(t, w, 40_000) // more than the connection buffers
	answer := b.Open("/api/account/export")
	defer answer.Body.Close()
	w.Exec(t, `ALTER TABLE account_events RENAME TO away`)
	text, err := io.ReadAll(answer.Body)
	if !errors.Is(err, io.ErrUnexpectedEOF) || json.Valid(text) {
		t.Errorf("got %d bytes and the error %v, want an unexpected end", len(text), err)
	}
	harness.Eventually(t, "nothing is logged", func() error {
		if !strings.Contains(app.Log.String(), `"msg":"export not completed"`) {
			return errors.New("not yet")
		}
		return nil
	})
}
