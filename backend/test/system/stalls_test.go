package system_test

import (
	"testing"

	"sana/backend/test/harness"
)

// patientLimits are appended to a world's database URL for programs whose statements wait as long
// as a test blocks them.
const patientLimits = "&lock_timeout=60s&statement_timeout=60s"

// stallCommits makes every commit that has written rows of a table with this condition wait,
// holding its locks, while stall blocks commits.
func stallCommits(t *testing.T, w *harness.World, table, condition string) {
	t.Helper()
	w.Exec(t, `
		CREATE OR REPLACE FUNCTION stall() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN
			PERFORM pg_advisory_xact_lock_shared(42);
			RETURN NULL;
		END $$`)
	w.Exec(t, `
		CREATE CONSTRAINT TRIGGER stall AFTER INSERT OR UPDATE ON `+table+`
		DEFERRABLE INITIALLY DEFERRED
		FOR EACH ROW WHEN (`+condition+`) EXECUTE FUNCTION stall()`)
}

// stall sends a request to a process and returns when its commit has begun and the process is
// paused. finish lets the commit end, and returns when it has. Only then the process can be killed
// or resumed: it does not know yet that it has committed.
func stall(t *testing.T, w *harness.World, p *harness.Process, send func()) (finish func()) {
	t.Helper()
	unlock := w.Lock(t, `SELECT pg_advisory_xact_lock(42)`)
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		send()
	}()
	t.Cleanup(func() {
		p.Kill(t)
		<-sent
	})

	const waiting = `
		FROM pg_locks
		WHERE locktype = 'advisory'
		  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
		  AND classid = 0
		  AND objid = 42
		  AND NOT granted`
	harness.Eventually(t, "no commit is held up", func() error {
		return harness.CountError(w.Count(t, `SELECT count(*) `+waiting), 1)
	})
	pid := w.Count(t, `SELECT pid `+waiting)
	p.Pause(t)
	return func() {
		t.Helper()
		unlock()
		harness.Eventually(t, "the commit does not end", func() error {
			return harness.CountError(w.Count(t, `
				SELECT count(*)
				FROM pg_stat_activity
				WHERE pid = $1
				  AND state <> 'idle'`, pid), 0)
		})
	}
}
