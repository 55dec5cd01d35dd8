package session

import (
	"log/slog"
	"net/url"
	"os"
	"strings"
	"testing"

	"sana/backend/postgres"
	"sana/backend/test/postgrestest"

	"github.com/jackc/pgx/v5/pgxpool"
)

// inSchema returns the address of a database whose tables are in the schema "Sana-1", and a pool
// without a search_path.
func inSchema(t *testing.T) (address string, db *pgxpool.Pool) {
	t.Helper()
	address = postgrestest.EmptyURL(t)
	db = postgrestest.Pool(t, address)
	exec(t, db, `CREATE SCHEMA "Sana-1"`)
	if _, err := postgres.Migrate(t.Context(), withParameter(address, ownSchema)); err != nil {
		t.Fatal(err)
	}
	return address, db
}

const ownSchema = "search_path=%22Sana-1%22"

func withParameter(address, parameter string) string {
	if strings.Contains(address, "?") {
		return address + "&" + parameter
	}
	return address + "?" + parameter
}

// asSuperuser returns the address of a database for the server's superuser.
func asSuperuser(t *testing.T, database string) string {
	t.Helper()
	of, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	server, err := url.Parse(os.Getenv("TEST_DATABASE_URL"))
	if err != nil {
		t.Fatal(err)
	}
	server.Path = of.Path
	return server.String()
}

func wantNoStrayTable(t *testing.T, db *pgxpool.Pool) {
	t.Helper()
	if n := queryOne[int](t, db, `
		SELECT count(*) FROM pg_class WHERE relname = 'live_sessions' AND relkind <> 'v'`); n != 0 {
		t.Error("the storage package created a table live_sessions")
	}
}

// The storage package would create public.live_sessions and read that.
func TestStorage_ReadsSchemaOfSearchPath(t *testing.T) {
	t.Parallel()
	address, db := inSchema(t)
	s := newSharedOn(t, withParameter(address, ownSchema))
	session := s.signIn(t, s.ada())
	s.wantSame(t, session, "read through the storage package")
	wantNoStrayTable(t, db)
}

func TestStorage_RefusesUnreadableViews(t *testing.T) {
	t.Parallel()
	address, db := inSchema(t)
	for _, c := range []struct{ name, prepare, address, want string }{
		{
			"view not in the search_path", ``,
			withParameter(address, "search_path=public"), "not found in the search_path",
		},
		{
			"user without privileges", `GRANT USAGE ON SCHEMA "Sana-1" TO PUBLIC`,
			// A superuser may take any role.
			withParameter(asSuperuser(t, address), ownSchema+"&role=pg_signal_backend"),
			"no privilege on view",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			wantNoStrayTable(t, db)
			exec(t, db, c.prepare)
			pool := postgrestest.Pool(t, c.address)
			_, err := NewShared(t.Context(), pool, limits, slog.New(slog.DiscardHandler), nil)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want an error that says %q", err, c.want)
			}
		})
	}
}
