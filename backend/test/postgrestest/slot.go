package postgrestest

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"sana/backend/postgres"

	"github.com/jackc/pgx/v5"
)

// The role that owns the databases of tests is not a superuser, as in production.
const (
	role         = "sana_test"
	rolePassword = "sana-test-password"
)

// server is this process's connection to the server of the tests, as its superuser. It holds the
// lock of each slot that this process uses, so that a crashed process releases them.
var server struct {
	sync.Mutex
	conn  *pgx.Conn
	taken map[int32]bool // by the tests of this process: advisory locks are reentrant in a session
}

// A slot is a migrated database that one test after the other uses, in any process: creating one
// costs more than most tests. Its comment is its state at creation, as JSON. A database with
// another comment was kept after a failed test.
type slot struct {
	number int32
	name   string
	state  state
}

// state is the part of a database that a test must not change if another test is to use it.
type state struct {
	Schema string `json:"schema"` // digest of the schema
	// by table: the rows that the migrations inserted, as JSON
	Rows map[string]string `json:"rows"`
}

// withServer calls do with this process's connection to the server.
func withServer(t testing.TB, do func(ctx context.Context, conn *pgx.Conn) error) {
	t.Helper()
	server.Lock()
	defer server.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), Deadline)
	defer cancel()
	if server.conn == nil || server.conn.IsClosed() {
		conn, err := pgx.Connect(ctx, serverURL(t).String())
		if err != nil {
			t.Fatal(err)
		}
		server.conn, server.taken = conn, map[int32]bool{}
		if err := createRole(ctx, conn); err != nil {
			t.Fatal(err)
		}
	}
	if err := do(ctx, server.conn); err != nil {
		t.Fatal(err)
	}
}

func serverURL(t testing.TB) *url.URL {
	t.Helper()
	address, err := url.Parse(os.Getenv("TEST_DATABASE_URL"))
	if err != nil || address.Host == "" {
		t.Fatal("TEST_DATABASE_URL must name a Postgres server for tests, as its superuser; npm " +
			"test brings one")
	}
	return address
}

// urlOf returns the address of a database, for the superuser or for the role of the tests.
func urlOf(t testing.TB, database string, superuser bool) string {
	t.Helper()
	address := serverURL(t)
	address.Path = "/" + database
	if !superuser {
		address.User = url.UserPassword(role, rolePassword)
	}
	return address.String()
}

// createRole creates the role. Several processes may do so at once.
func createRole(ctx context.Context, conn *pgx.Conn) error {
	const lock = 0x73616e61 // an arbitrary number that only this function locks
	_, err := conn.Exec(ctx, fmt.Sprintf(`
		DO $$
		BEGIN
			PERFORM pg_advisory_xact_lock(%d);
			IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '%s') THEN
				CREATE ROLE %[2]s LOGIN PASSWORD '%[3]s';
			END IF;
		END $$`, lock, role, rolePassword))
	return err
}

// takeSlot returns a free slot with the rows that the migrations inserted.
func takeSlot(t testing.TB) *slot {
	t.Helper()
	version := schemaVersion(t)
	for number := int32(1); ; number++ {
		taken := &slot{number: number,
			name: fmt.Sprintf("sana_test_%08x_%d", uint32(version), number)}
		usable := false
		withServer(t, func(ctx context.Context, conn *pgx.Conn) (err error) {
			usable, err = taken.lock(ctx, conn, version)
			return err
		})
		if !usable {
			continue
		}
		if !taken.reset(t) {
			taken.make(t)
		}
		return taken
	}
}

// lock returns false if another test uses the slot, or if its database was kept.
func (s *slot) lock(ctx context.Context, conn *pgx.Conn, version int32) (bool, error) {
	if server.taken[s.number] {
		return false, nil
	}
	var locked bool
	err := conn.QueryRow(ctx, `SELECT pg_try_advisory_lock($1, $2)`, version,
		s.number).Scan(&locked)
	if err != nil || !locked {
		return false, err
	}
	var comment string
	err = conn.QueryRow(ctx, `
		SELECT coalesce((
			SELECT coalesce(shobj_description(oid, 'pg_database'), '{}')
			FROM pg_database
			WHERE datname = $1), '{}')`, s.name).Scan(&comment)
	if err != nil {
		return false, err
	}
	if json.Unmarshal([]byte(comment), &s.state) == nil {
		server.taken[s.number] = true
		return true, nil
	}
	_, err = conn.Exec(ctx, `SELECT pg_advisory_unlock($1, $2)`, version, s.number)
	return false, err
}

// reset returns false if the slot has no database yet, or if a test has changed its schema.
func (s *slot) reset(t testing.TB) bool {
	t.Helper()
	if s.state.Schema == "" {
		return false
	}
	ctx, cancel := context.WithTimeout(context.Background(), Deadline)
	defer cancel()
	conn, err := pgx.Connect(ctx, urlOf(t, s.name, true))
	if err != nil {
		return false // a test has made the database unavailable without reverting it
	}
	defer conn.Close(ctx)
	if schema, err := digest(ctx, conn); err != nil || schema != s.state.Schema {
		return false
	}
	// Triggers, which forbid or log some of these changes, are off.
	_, err = conn.Exec(ctx, `
		SET session_replication_role = replica;
		DO $$
		DECLARE
			name regclass;
		BEGIN
			FOR name IN
				SELECT oid
				FROM pg_class
				WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
				  AND relname NOT LIKE 'goose%' AND pg_relation_size(oid) > 0
			LOOP
				-- To delete a few rows takes far less than to truncate, which makes new files.
				IF pg_total_relation_size(name) > 262144 THEN
					EXECUTE format('TRUNCATE %s CASCADE', name);
				ELSE
					EXECUTE format('DELETE FROM %s', name);
				END IF;
			END LOOP;
			FOR name IN
				SELECT oid
				FROM pg_class
				WHERE relnamespace = 'public'::regnamespace AND relkind = 'S'
				  AND relname NOT LIKE 'goose%'
			LOOP
				EXECUTE format('ALTER SEQUENCE %s RESTART', name);
			END LOOP;
		END $$`)
	if err != nil {
		t.Fatal(err)
	}
	for table, rows := range s.state.Rows {
		_, err := conn.Exec(ctx, fmt.Sprintf(
			`INSERT INTO %s SELECT * FROM jsonb_populate_recordset(NULL::%[1]s, $1)`, table), rows)
		if err != nil {
			t.Fatal(err)
		}
	}
	resetStatistics(ctx, t, conn)
	return true
}

// resetStatistics resets the server's counters: some tests check the reads of statements.
func resetStatistics(ctx context.Context, t testing.TB, conn *pgx.Conn) {
	t.Helper()
	for _, statement := range []string{`SELECT pg_stat_force_next_flush()`,
		`SELECT pg_stat_reset()`} {
		if _, err := conn.Exec(ctx, statement); err != nil {
			t.Fatal(err)
		}
	}
}

// make creates the database of the slot, replacing one with a changed schema.
func (s *slot) make(t testing.TB) {
	t.Helper()
	withServer(t, func(ctx context.Context, conn *pgx.Conn) error {
		return createDatabase(ctx, conn, s.name)
	})
	ctx, cancel := context.WithTimeout(context.Background(), Deadline)
	defer cancel()
	if _, err := postgres.Migrate(ctx, urlOf(t, s.name, false)); err != nil {
		t.Fatal(err)
	}
	if err := postgres.MigrateDevelopment(ctx, urlOf(t, s.name, false)); err != nil {
		t.Fatal(err)
	}
	conn, err := pgx.Connect(ctx, urlOf(t, s.name, true))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	if s.state.Schema, err = digest(ctx, conn); err != nil {
		t.Fatal(err)
	}
	if s.state.Rows, err = rowsOf(ctx, conn); err != nil {
		t.Fatal(err)
	}
	resetStatistics(ctx, t, conn)
	comment, err := json.Marshal(s.state)
	if err != nil {
		t.Fatal(err)
	}
	s.comment(t, string(comment))
}

func (s *slot) comment(t testing.TB, text string) {
	t.Helper()
	withServer(t, func(ctx context.Context, conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, fmt.Sprintf(
			`COMMENT ON DATABASE %s IS '%s'`, s.name, strings.ReplaceAll(text, "'", "''")))
		return err
	})
}

// giveBack closes the slot's connections, which the server may keep for a killed process, and
// releases it to other tests. If the test failed, the database is kept.
func (s *slot) giveBack(t testing.TB) {
	t.Helper()
	if t.Failed() {
		s.comment(t, "kept, because a test failed: "+t.Name())
	}
	withServer(t, func(ctx context.Context, conn *pgx.Conn) error {
		if err := endConnections(ctx, conn, s.name); err != nil {
			return err
		}
		delete(server.taken, s.number)
		_, err := conn.Exec(ctx, `SELECT pg_advisory_unlock($1, $2)`, schemaVersion(t), s.number)
		return err
	})
}

func createDatabase(ctx context.Context, conn *pgx.Conn, name string) error {
	if err := dropDatabase(ctx, conn, name); err != nil {
		return err
	}
	_, err := conn.Exec(ctx, fmt.Sprintf(`CREATE DATABASE %s OWNER %s`, name, role))
	return err
}

func dropDatabase(ctx context.Context, conn *pgx.Conn, name string) error {
	_, err := conn.Exec(ctx, fmt.Sprintf(`DROP DATABASE IF EXISTS %s WITH (FORCE)`, name))
	return err
}

// endConnections waits until the connections to a database are closed, and terminates them.
func endConnections(ctx context.Context, conn *pgx.Conn, name string) error {
	for {
		var left int
		err := conn.QueryRow(ctx, `
			SELECT count(pg_terminate_backend(pid))
			FROM pg_stat_activity
			WHERE datname = $1 AND backend_type = 'client backend'`, name).Scan(&left)
		if err != nil || left == 0 {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(5 * time.Millisecond):
		}
	}
}
