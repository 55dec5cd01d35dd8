package doctor_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"sana/backend/diagnose"
	"sana/backend/diagnose/doctor"
	"sana/backend/postgres"
	"sana/backend/test/harness"
	"sana/backend/test/postgrestest"

	"github.com/jackc/pgx/v5/pgxpool"
)

// open opens the program's own pool on an address.
func open(t *testing.T, address string) *pgxpool.Pool {
	t.Helper()
	return postgrestest.Pool(t, address)
}

// with returns a database's address with a change.
func with(t *testing.T, address string, change func(*url.URL)) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	change(u)
	return u.String()
}

func parameter(name, value string) func(*url.URL) {
	return func(u *url.URL) {
		q := u.Query()
		q.Set(name, value)
		u.RawQuery = q.Encode()
	}
}

// look runs the checks of a database.
func look(t *testing.T, d doctor.Database) map[string]diagnose.Result {
	t.Helper()
	if d.Now == nil {
		d.Now = time.Now
	}
	return results(t, d.Checks())
}

func TestDatabase_HealthyPassesEveryCheck(t *testing.T) {
	t.Parallel()
	got := look(t,
		doctor.Database{
			Pool: open(t, with(t, postgrestest.URL(t), parameter("pool_max_conns", "2")))})
	for name, result := range got {
		if name != "connections" { // other tests check the number of free connections
			assert(t, name, result, diagnose.Passed, "", "")
		}
	}
	harness.WantEqual(t, "checks", len(got), 9)
	assert(t, "version", got["database"], diagnose.Passed, "PostgreSQL ", "")
	assert(t, "schema", got["schema"], diagnose.Passed,
		fmt.Sprintf("at version %d, the newest", postgres.Head), "")
}

func TestDatabase_ReportsConnectionErrorsWithoutPassword(t *testing.T) {
	t.Parallel()
	good := postgrestest.EmptyURL(t)
	// the system accepts connections, but no program reads from them
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for name, test := range map[string]struct {
		change       func(*url.URL)
		detail, hint string
	}{
		"wrong password": {
			func(u *url.URL) { u.User = url.UserPassword(u.User.Username(), "canary") },
			"the credentials were rejected: password authentication failed", "password"},
		"wrong name": {func(u *url.URL) { u.Path = "/no_such_database" }, "does not exist",
			"check user, password and name in DATABASE_URL"},
		"nothing listens": {
			func(u *url.URL) {
				u.Host = "127.0.0.1:1"
				u.User = url.UserPassword("sana", "canary")
			},
			"connection refused", "check DATABASE_URL, that Postgres runs"},
		"no answer": {
			func(u *url.URL) {
				u.Host = taken.Addr().String()
				parameter("connect_timeout", "1")(u)
			},
			"no answer: ", "check DATABASE_URL"},
		"no TLS there": {parameter("sslmode", "require"), "offers no TLS", "sslmode"},
	} {
		got := look(t, doctor.Database{Pool: open(t, with(t, good, test.change))})
		assert(t, name, got["database"], diagnose.Failed, test.detail, test.hint)
		assert(t, name, got["schema"], diagnose.Skipped, "needs database", "")
		if strings.Contains(fmt.Sprint(got), "canary") {
			t.Errorf("%s: the password is shown: %v", name, got)
		}
	}
}

func TestDatabase_ReportsSchemaVersion(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	w.Exec(t, `INSERT INTO goose_db_version (version_id, is_applied) VALUES ($1, true)`,
		postgres.Head+1)
	assert(t, "ahead", look(t, doctor.Database{Pool: w.DB})["schema"], diagnose.Passed,
		"ahead of this program's", "")
	w.Exec(t, `DELETE FROM goose_db_version WHERE version_id > 1`)
	got := look(t, doctor.Database{Pool: w.DB})
	assert(t, "behind", got["schema"], diagnose.Failed, "at version 1, and this program needs",
		"run: sana migrate")
	assert(t, "behind", got["rights"], diagnose.Skipped, "needs schema", "")
	empty := look(t, doctor.Database{Pool: open(t, postgrestest.EmptyURL(t))})
	assert(t, "empty", empty["schema"], diagnose.Failed, "at version 0", "run: sana migrate")
	w.Exec(t, `ALTER TABLE challenges DROP COLUMN browser`)
	unreleased := look(t, doctor.Database{Pool: w.DB})
	assert(t, "unreleased", unreleased["schema"], diagnose.Failed,
		"created by an unreleased version", "use an empty database")
}

func TestDatabase_ReportsReadOnly(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	w.Exec(t,
		fmt.Sprintf(`ALTER DATABASE %q SET default_transaction_read_only = on`,
			w.DB.Config().ConnConfig.Database))
	assert(t, "read-only", look(t, doctor.Database{Pool: open(t, w.DatabaseURL)})["primary"],
		diagnose.Failed, "read-only", "default_transaction_read_only")
}

// newRole creates a role with LOGIN and these privileges, and returns its address.
func newRole(t *testing.T, w *harness.World, rights string) (role, address string) {
	t.Helper()
	role = "sana_test_role_" + strings.ToLower(rand.Text()[:12])
	superuser := open(t,
		with(t, os.Getenv("TEST_DATABASE_URL"),
			func(u *url.URL) { u.Path = w.DB.Config().ConnConfig.Database }))
	do := func(sql string) {
		if _, err := superuser.Exec(context.Background(), sql); err != nil {
			t.Error(err)
		}
	}
	do(fmt.Sprintf(`CREATE ROLE %q LOGIN PASSWORD 'canary' %s`, role, rights))
	t.Cleanup(func() {
		do(fmt.Sprintf(`DROP OWNED BY %q`, role))
		do(fmt.Sprintf(`DROP ROLE %q`, role))
	})
	return role,
		with(t, w.DatabaseURL, func(u *url.URL) { u.User = url.UserPassword(role, "canary") })
}

func TestDatabase_ReportsMissingPrivileges(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	role, address := newRole(t, w, "")
	w.Exec(t, fmt.Sprintf(`GRANT SELECT ON ALL TABLES IN SCHEMA public TO %q`, role))
	got := look(t, doctor.Database{Pool: open(t, address)})
	assert(t, "reads only", got["rights"], diagnose.Failed, "challenges (DELETE, INSERT, UPDATE)",
		"GRANT SELECT, INSERT, UPDATE, DELETE")
	assert(t, "not the owner", got["migrate-rights"], diagnose.Warned,
		role+" does not own the tables", "MIGRATE_DATABASE_URL as the owner")

	w.Exec(t,
		fmt.Sprintf(`GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO %q`,
			role))
	w.Exec(t, fmt.Sprintf(`REVOKE UPDATE ON periodic FROM %q`, role))
	got = look(t, doctor.Database{Pool: open(t, address)})
	assert(t, "all but one", got["rights"], diagnose.Failed,
		"the role may not use periodic (UPDATE)", "GRANT SELECT, INSERT, UPDATE, DELETE")

	w.Exec(t, fmt.Sprintf(`GRANT UPDATE ON periodic TO %q`, role))
	got = look(t, doctor.Database{Pool: open(t, address), Direct: w.DB})
	assert(t, "all", got["rights"], diagnose.Passed, "may read and write every table", "")
	assert(t, "another migrates", got["migrate-rights"], diagnose.Passed,
		w.DB.Config().ConnConfig.User+" may migrate", "")
}

// The program works with the privileges and connections that the doctor accepts.
func TestDatabase_AcceptedRoleServesASignIn(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	role, address := newRole(t, w, "")
	w.Exec(t,
		fmt.Sprintf(`GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO %q`,
			role))
	assert(t, "rights", look(t, doctor.Database{Pool: open(t, address)})["rights"], diagnose.Passed,
		"", "")
	app := w.Start(t, "DATABASE_URL="+address)
	app.Open(t).SignIn(w, "ada@sana.example")
}

func TestDatabase_MigratingRoleNeedsPrivilegesAndSameDatabase(t *testing.T) {
	t.Parallel()
	w := harness.NewEmptyWorld(t)
	_, address := newRole(t, w, "")
	got := look(t, doctor.Database{Pool: open(t, address)})
	assert(t, "may make no tables", got["migrate-rights"], diagnose.Warned, "may not create tables",
		"GRANT CREATE ON SCHEMA")
	other := look(t, doctor.Database{Pool: w.DB, Direct: open(t, postgrestest.EmptyURL(t))})
	assert(t, "another database", other["migrate-rights"], diagnose.Failed,
		"names another database", "the same database")
	away := look(t,
		doctor.Database{Pool: w.DB, Direct: open(t, "postgres://sana:canary@127.0.0.1:1/sana")})
	assert(t, "nothing listens", away["migrate-rights"], diagnose.Failed, "connection refused",
		"MIGRATE_DATABASE_URL")
}

func TestDatabase_ReportsClockSkew(t *testing.T) {
	t.Parallel()
	db := open(t, postgrestest.EmptyURL(t))
	for name, test := range map[string]struct {
		off          time.Duration
		cookie       bool
		state        diagnose.State
		detail, hint string
	}{
		"right": {0, true, diagnose.Passed, "this machine's clock is ", ""},
		"a little off": {time.Second, true, diagnose.Passed, "ahead of the database's",
			""},
		"ahead": {time.Minute, true, diagnose.Warned, "ahead of the database's",
			"NTP"},
		"behind": {-time.Minute, false, diagnose.Warned, "behind the database's",
			"NTP"},
		"far behind, with cookies": {-10 * time.Minute, true, diagnose.Failed,
			"SESSION_STORE=cookie",
			"NTP"},
		"far behind, without cookies": {-10 * time.Minute, false, diagnose.Warned,
			"behind the database's", "NTP"},
	} {
		now := func() time.Time { return time.Now().Add(test.off) }
		got := look(t, doctor.Database{Pool: db, CookieStore: test.cookie, Now: now})
		assert(t, name, got["clock"], test.state, test.detail, test.hint)
	}
}

func TestDatabase_ComparesPoolWithConnectionLimits(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	for size, want := range map[string]struct {
		state        diagnose.State
		detail, hint string
	}{
		"1":    {diagnose.Passed, "up to 3 an instance", ""},
		"1000": {diagnose.Failed, "enough for 0 instances", "add pool_max_conns="},
	} {
		got := look(t,
			doctor.Database{
				Pool: open(t, with(t, w.DatabaseURL, parameter("pool_max_conns", size)))})
		assert(t, size, got["connections"], want.state, want.detail, want.hint)
	}
	_, address := newRole(t, w, "CONNECTION LIMIT 15")
	got := look(t,
		doctor.Database{Pool: open(t, with(t, address, parameter("pool_max_conns", "2")))})
	assert(t, "a role's limit", got["connections"], diagnose.Warned,
		"Postgres has 15 free, enough for 3 instances; a rolling deployment", "pool_max_conns=1")
	got = look(t, doctor.Database{Pool: w.DB, Direct: w.DB})
	assert(t, "behind a pooler", got["connections"], diagnose.Passed, "a pooler decides how many",
		"")
}

// The doctor and an instance count the same connections.
func TestDatabase_InstanceUsesTwoConnectionsBesidesItsPool(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	small := with(t, w.DatabaseURL, parameter("pool_max_conns", "1"))
	app := w.Start(t, "DATABASE_URL="+with(t, small, parameter("application_name", "counted")))
	harness.Eventually(t, "the instance has other connections", func() error {
		app.Open(t).Get("/readyz").Want(http.StatusOK)
		return harness.CountError(
			w.Count(t, `
				SELECT count(*)
				FROM pg_stat_activity
				WHERE datname = current_database()
				  AND application_name = 'counted'`), 3)
	})
}
