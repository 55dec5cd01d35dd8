package system_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sana/backend/diagnose"
	"sana/backend/diagnose/doctor"
	"sana/backend/postgres"
	"sana/backend/test/harness"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// startPgBouncer puts a PgBouncer in transaction mode in front of a world's database and returns
// the URL through it. It has two connections for the whole program, so that consecutive statements
// outside of a transaction rarely share one.
func startPgBouncer(t *testing.T, w *harness.World) string {
	t.Helper()
	program := os.Getenv("SANA_PGBOUNCER")
	if program == "" {
		t.Skip(
			"SANA_PGBOUNCER does not name a PgBouncer; npm test installs one where it can, and " +
				"says where it cannot")
	}
	direct, err := url.Parse(w.DatabaseURL)
	if err != nil {
		t.Fatal(err)
	}
	password, _ := direct.User.Password()
	port := harness.FreePort(t)
	settings := filepath.Join(t.TempDir(), "pgbouncer.ini")
	err = os.WriteFile(settings, fmt.Appendf(nil, `[databases]
pooled = host=%s port=%s dbname=%s user=%s password=%s
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %d
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 2
max_client_conn = 100
`, direct.Hostname(), direct.Port(), direct.Path[1:], direct.User.Username(), password, port),
		0o600)
	if err != nil {
		t.Fatal(err)
	}
	args := []string{settings}
	if os.Getuid() == 0 { // it refuses to run as root
		args = []string{"-u", "nobody", settings}
	}
	harness.Launch(t, "PgBouncer", exec.Command(program, args...))
	address := fmt.Sprintf("127.0.0.1:%d", port)
	harness.AwaitListener(t, address)
	return "postgres://sana@" + address + "/pooled?sslmode=disable"
}

// F-24: no function depends on two transactions using the same connection.
func TestPgBouncer_TransactionModeWorks(t *testing.T) {
	t.Parallel()
	w := harness.NewEmptyWorld(t)
	pooled := startPgBouncer(t, w)
	one := w.Run(t, "DATABASE_URL="+pooled, "MIGRATE_DATABASE_URL="+w.DatabaseURL)
	two := w.Run(t, "DATABASE_URL="+pooled, "MIGRATE_DATABASE_URL="+w.DatabaseURL)
	for i := range 5 {
		email := fmt.Sprintf("person%d@sana.example", i)
		b := one.Open(t)
		code := b.GetCode(w, email)
		b.MoveTo(two.Instance)
		b.Verify(harness.WrongCode(code)).Want(http.StatusUnauthorized, "wrong_code")
		b.Get("/api/auth/code").Want(http.StatusOK)
		b.MoveTo(one.Instance)
		b.Verify(code).Want(http.StatusOK)
		list, _ := b.Get("/api/sessions").Want(http.StatusOK).Sessions()
		harness.WantEqual(t, "sessions", len(list), 1)

		w.Pass(t, time.Minute)
		other := two.Open(t)
		in := other.SignIn(w, email)
		b.Do(http.MethodDelete, "/api/sessions/"+in.Session.ID, "").Want(http.StatusNoContent)
		other.Get("/api/auth/session").Want(http.StatusUnauthorized, "not_signed_in")
		b.Post("/api/auth/sign-out", "{}").Want(http.StatusNoContent)
	}
	for _, p := range []*harness.Process{one, two} {
		if err := p.Terminate(t); err != nil {
			t.Errorf("after SIGTERM: %v", err)
		}
	}
}

func TestPgBouncer_DoctorDetectsIt(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	pooled := startPgBouncer(t, w)
	pooler := func(d doctor.Database) diagnose.Result {
		t.Helper()
		var found diagnose.Result
		d.Now = time.Now
		diagnose.Run(t.Context(), d.Checks(), nil, func(r diagnose.Result) {
			if found.State != diagnose.Failed &&
				(r.Name == "pooler" || r.State == diagnose.Failed) {
				found = r
			}
		})
		return found
	}
	open := func(
		with func(context.Context, string, ...func(*pgx.ConnConfig)) (*pgxpool.Pool, error),
		address string) *pgxpool.Pool {
		t.Helper()
		pool, err := with(t.Context(), address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(pool.Close)
		return pool
	}
	untold := pooler(doctor.Database{Pool: open(postgres.Open, pooled)})
	found, _, _ := strings.Cut(untold.Detail, ":") // the rest is the first of several parameters
	harness.WantEqual(t, "not told", found+" | "+untold.Hint,
		"a pooler is in between | set MIGRATE_DATABASE_URL to the address of the database itself, "+
			"and remove parameters that the pooler does not know from DATABASE_URL")
	d := doctor.Database{Pool: open(postgres.OpenPooled, pooled)}
	harness.WantEqual(t, "not told, and silent", pooler(d).State, diagnose.Warned)
	d.Direct = w.DB
	without := pooler(d)
	harness.WantEqual(t, "without limits", string(without.State)+" "+without.Detail,
		"warn found, and the role has no idle_in_transaction_session_timeout, lock_timeout, "+
			"statement_timeout")
	for _, limit := range []string{"statement_timeout", "lock_timeout",
		"idle_in_transaction_session_timeout"} {
		w.Exec(t,
			fmt.Sprintf(`ALTER DATABASE %q SET %s = '3s'`, w.DB.Config().ConnConfig.Database,
				limit))
	}
	again := doctor.Database{Pool: open(postgres.OpenPooled, startPgBouncer(t, w)), Direct: w.DB}
	harness.WantEqual(t, "with limits", pooler(again).Detail,
		"found, and the role has the limits that cannot be set through it")
	none := pooler(doctor.Database{Pool: w.DB, Direct: w.DB})
	harness.WantEqual(t, "told, and none there", none.Detail, "none")
}
