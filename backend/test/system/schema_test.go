package system_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"sana/backend/postgres"
	"sana/backend/test/harness"
	"sana/backend/test/postgrestest"
)

// newWorldInSchema returns a world whose tables are in a schema of their own, which only its
// search_path names. Programs connect as a role that owns nothing and has only the privileges that
// docs/operations.md lists. The world's pool is the owner's.
func newWorldInSchema(t *testing.T) *harness.World {
	t.Helper()
	address, err := url.Parse(postgrestest.EmptyURL(t))
	if err != nil {
		t.Fatal(err)
	}
	database := strings.TrimPrefix(address.Path, "/")
	owner := postgrestest.Pool(t, address.String())
	query := address.Query()
	query.Set("search_path", "sana")
	address.RawQuery = query.Encode()
	role := "app_of_" + database
	postgrestest.AsSuperuser(t, database,
		fmt.Sprintf(`CREATE ROLE %q LOGIN PASSWORD 'canary'`, role))
	t.Cleanup(func() {
		postgrestest.AsSuperuser(t, database,
			fmt.Sprintf(`DROP OWNED BY %[1]q; DROP ROLE %[1]q`, role))
	})
	for _, statement := range []string{
		`CREATE SCHEMA sana`,
		fmt.Sprintf(`GRANT USAGE ON SCHEMA sana TO %q`, role),
		fmt.Sprintf(`ALTER DEFAULT PRIVILEGES IN SCHEMA sana
			GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO %q`, role),
	} {
		if _, err := owner.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := postgres.Migrate(t.Context(), address.String()); err != nil {
		t.Fatal(err)
	}
	w := harness.WorldOn(t, address.String())
	address.User = url.UserPassword(role, "canary")
	w.DatabaseURL = address.String()
	return w
}

// F-21: a program whose role may create nothing, and so change no schema, signs users in and keeps
// them signed in, in a schema that only search_path names.
func TestSchema_RoleWithoutOwnershipServes(t *testing.T) {
	t.Parallel()
	for _, cache := range []string{"on", "off"} {
		t.Run("cache "+cache, func(t *testing.T) {
			t.Parallel()
			w := newWorldInSchema(t)
			b := w.Start(t, "SESSION_CACHE="+cache).Open(t)
			before := b.SignIn(w, "ada@sana.example")

			b.MoveTo(w.Start(t, "SESSION_CACHE="+cache))
			after := b.Get("/api/auth/session").Want(http.StatusOK).SignedIn()
			harness.WantEqual(t, "session", after.Session, before.Session)
			b.Post("/api/auth/sign-out", "{}").Want(http.StatusNoContent)
			b.Get("/api/auth/session").Want(http.StatusUnauthorized, "not_signed_in")

			harness.WantEqual(t, "tables outside the schema", w.Count(t, `
				SELECT count(*)
				FROM pg_class
				WHERE relkind IN ('r', 'v')
				  AND relnamespace = 'public'::regnamespace`), 0)
		})
	}
}

// Deployments migrate the schema: without it, production exits with the command to run.
func TestStart_RefusesAnOldSchema(t *testing.T) {
	t.Parallel()
	w := harness.NewEmptyWorld(t)
	err := w.StartError(t)
	if err == nil || !strings.Contains(err.Error(), "run: sana migrate") {
		t.Errorf("got the error %v, want one that says to run sana migrate", err)
	}
}

// F-22: instances that start together on an empty database do not interfere with each other.
func TestMigrate_TenInstancesMigrateOnce(t *testing.T) {
	t.Parallel()
	w := harness.NewEmptyWorld(t)
	var processes []*harness.Process
	for range 10 {
		processes = append(processes, w.Spawn(t))
	}
	migrated := 0
	for _, p := range processes {
		p.WaitReady(t)
		migrated += strings.Count(p.Log.String(), "schema migrated")
	}
	harness.WantEqual(t, "instances that migrated", migrated, 1)
	harness.WantEqual(t, "version applied",
		w.Count(t, `SELECT max(version_id) FROM goose_db_version`),
		postgres.Head)
	harness.WantEqual(t, "versions applied twice", w.Count(t, `
		SELECT count(*) - count(DISTINCT version_id)
		FROM goose_db_version`), 0)
	b := processes[3].Open(t)
	b.SignIn(w, "ada@sana.example")
}
