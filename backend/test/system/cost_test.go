package system_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"sana/backend/test/harness"
	"sana/backend/test/postgrestest"

	"github.com/jackc/pgx/v5"
)

// The budget of a sign-in in the database, from the code request to the session, with its mail.
const (
	maxStatements   = 11
	maxTransactions = 2.3  // with writes
	maxWAL          = 4500 // bytes, without full-page images
)

// Sixteen users at a time sign in for the first time, and later once more in their own browsers.
func TestSignIn_StaysWithinItsDatabaseBudget(t *testing.T) {
	w := harness.NewWorld(t)
	wire := harness.CountRoundTrips(t, w.DatabaseURL)
	app := w.Run(t, "DATABASE_URL="+wire.URL)
	log := openLog(t, w)
	people := make([]*someone, 256)
	for i := range people {
		people[i] = &someone{Browser: app.Open(t), email: fmt.Sprintf("person%d@sana.example", i)}
		people[i].Get("/").Want(http.StatusOK) // gives it a browser token
	}

	wantCheap(t, w, wire, log, "a sign-in of a new user", people, func(p *someone) {
		p.RequestCode(p.email).Want(http.StatusAccepted)
		p.Verify(w.Code(t, p.email, 1)).Want(http.StatusOK)
	})
	harness.Each(people, 16, func(p *someone) {
		p.Post("/api/auth/sign-out", "{}").Want(http.StatusNoContent)
	})
	wantCheap(t, w, wire, log, "a sign-in of a known user", people, func(p *someone) {
		p.RequestCode(p.email).Want(http.StatusAccepted)
		p.Verify(w.Code(t, p.email, 2)).Want(http.StatusOK)
	})

	// A code request writes no session, in a browser that is signed in or not. A right code counts
	// nothing.
	w.Exec(t, `UPDATE sessions SET last_used_at = now()`) // for a minute no use is recorded
	harness.Each(people[:16], 16, func(p *someone) {
		p.RequestCode(p.email).Want(http.StatusAccepted)
		p.RequestCode("other-" + p.email).Want(http.StatusAccepted)
	})
	if err := app.Terminate(t); err != nil { // flushes the statistics of all writes
		t.Fatal(err)
	}
	n := len(people)
	// Sign-ins, the UPDATE, sign-outs.
	wantWrites(t, w, "sessions", writes{inserted: 2 * n, updated: n, deleted: n})
	// Each request counts twice: by address and network, or by device and for all devices.
	wantWrites(t, w, "uses", writes{inserted: 2 * (2*n + 2*16)})
}

// wantCheap makes sixteen users at a time sign in, and checks the cost of one sign-in.
func wantCheap(
	t *testing.T, w *harness.World, wire *harness.RoundTrips, log *walLog, what string,
	people []*someone, signIn func(*someone),
) {
	t.Helper()
	w.AwaitMails(t)
	before, end, began := wire.Statements(), log.measure(t), time.Now()
	harness.Each(people, 16, signIn)
	took := time.Since(began)
	w.AwaitMails(t)
	cost, n := end(), float64(len(people))
	statements := float64(wire.Statements()-before) / n
	transactions, bytes := float64(cost.transactions)/n, float64(cost.bytes)/n
	t.Logf("%s: %.2f statements, %.2f writing transactions, %.0f bytes of WAL; %.0f a second",
		what, statements, transactions, bytes, n/took.Seconds())
	if statements > maxStatements || transactions > maxTransactions || bytes > maxWAL {
		t.Errorf("%s costs more than %d statements, %.1f writing transactions or %d bytes of WAL",
			what, maxStatements, maxTransactions, maxWAL)
	}
}

// writes are numbers of rows of a table.
type writes struct{ inserted, updated, deleted int }

// wantWrites checks the number of rows of a table that were ever written. It waits for the
// statistics.
func wantWrites(t *testing.T, w *harness.World, table string, want writes) {
	t.Helper()
	harness.Eventually(t, "writes of table "+table, func() error {
		var got writes
		err := w.DB.QueryRow(t.Context(), `
			SELECT n_tup_ins, n_tup_upd, n_tup_del
			FROM pg_stat_user_tables
			WHERE relname = $1`, table).Scan(&got.inserted, &got.updated, &got.deleted)
		if err == nil && got != want {
			err = fmt.Errorf("got %+v, want %+v", got, want)
		}
		return err
	})
}

// walLog reads the write-ahead log of a world's database. Other databases write to the same log, so
// positions and transaction numbers alone would include their writes.
type walLog struct{ conn *pgx.Conn }

// walCost is the log volume of the tables of a database and their indexes.
type walCost struct {
	transactions int
	bytes        int64 // without full-page images: those depend on checkpoints
}

// openLog opens the log as the superuser. It returns nil if the server lacks the extension that
// reads it.
func openLog(t *testing.T, w *harness.World) *walLog {
	t.Helper()
	conn := postgrestest.Superuser(t, w.DB.Config().ConnConfig.Database)
	const readers = `SELECT count(*) FROM pg_available_extensions WHERE name = 'pg_walinspect'`
	if w.Count(t, readers) == 0 {
		t.Log("transactions and WAL are not measured: this server has no extension pg_walinspect")
		return nil
	}
	for _, sql := range []string{
		`CREATE EXTENSION pg_walinspect`,
		// The slot keeps the log from being recycled until the connection is closed.
		`SELECT pg_create_physical_replication_slot('system_' || pg_backend_pid(), true, true)`,
	} {
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	return &walLog{conn}
}

// measure begins a measurement; end returns the cost since then.
func (l *walLog) measure(t *testing.T) (end func() walCost) {
	t.Helper()
	if l == nil {
		return func() walCost { return walCost{} }
	}
	from := l.position(t)
	return func() walCost {
		to := l.position(t)
		harness.Eventually(t, "the log is not flushed", func() error {
			var flushed bool
			err := l.conn.QueryRow(t.Context(), `
				SELECT pg_current_wal_flush_lsn() >= $1::pg_lsn`, to).Scan(&flushed)
			if err == nil && !flushed {
				err = fmt.Errorf("not up to %s", to)
			}
			return err
		})
		return l.cost(t, from, to)
	}
}

// cost sums up the log between two positions: each record about the application's tables, and all
// others of their transactions, such as commits.
func (l *walLog) cost(t *testing.T, from, to string) (cost walCost) {
	t.Helper()
	err := l.conn.QueryRow(t.Context(), `
		WITH relations AS (
		    SELECT pg_relation_filenode(oid) AS filenode
		    FROM pg_class
		    WHERE relnamespace IN ('public'::regnamespace, 'pg_toast'::regnamespace)
		      AND relname !~ '^(service_attempts|periodic)' -- these are written by the clock
		), blocks AS (
		    SELECT DISTINCT start_lsn
		    FROM pg_get_wal_block_info($1::pg_lsn, $2::pg_lsn, false)
		    WHERE reldatabase = (SELECT oid FROM pg_database WHERE datname = current_database())
		      AND relfilenode IN (SELECT filenode FROM relations)
		), records AS (
		    SELECT xid::text AS xid,
		           record_length - fpi_length AS bytes,
		           start_lsn IN (SELECT start_lsn FROM blocks) AS is_ours
		    FROM pg_get_wal_records_info($1::pg_lsn, $2::pg_lsn)
		), transactions AS (
		    SELECT DISTINCT xid
		    FROM records
		    WHERE is_ours
		      AND xid <> '0'
		)
		SELECT (SELECT count(*) FROM transactions), sum(bytes)::bigint
		FROM records
		WHERE is_ours
		   OR xid IN (SELECT xid FROM transactions)`,
		from, to).Scan(&cost.transactions, &cost.bytes)
	if err != nil {
		t.Fatal(err)
	}
	return cost
}

func (l *walLog) position(t *testing.T) (lsn string) {
	t.Helper()
	err := l.conn.QueryRow(t.Context(), `SELECT pg_current_wal_insert_lsn()::text`).Scan(&lsn)
	if err != nil {
		t.Fatal(err)
	}
	return lsn
}
