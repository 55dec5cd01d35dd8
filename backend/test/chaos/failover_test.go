package chaos

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"sana/backend/diagnose"
	"sana/backend/diagnose/doctor"
	"sana/backend/test/harness"
	"sana/backend/test/postgrestest"
)

// newPair runs a primary and its replica, and returns the world of both. If it is synchronous, a
// commit is acknowledged once the replica has it.
func newPair(t *testing.T, synchronous bool) (primary, replica *server, w *harness.World) {
	t.Helper()
	replicating, state := "synchronous_standby_names=", "async"
	if synchronous {
		replicating, state = "synchronous_standby_names=*", "sync"
	}
	primary = newServer(t, "wal_level=replica", "hot_standby=on")
	// so that its folder can be copied: pg_basebackup is not everywhere
	primary.stop(syscall.SIGINT)
	replica = prepare(t, primary.data, primary.settings)
	replica.settings = append(replica.settings,
		fmt.Sprintf("primary_conninfo=host=127.0.0.1 port=%d user=postgres", primary.port))
	replica.must(os.WriteFile(filepath.Join(replica.data, "standby.signal"), nil, 0o600))
	replica.must(giveAway(filepath.Join(replica.data, "standby.signal")))
	primary.settings = append(primary.settings, replicating)
	primary.start()
	replica.start()
	harness.Eventually(t, "the replica does not follow", func() error {
		got, err := primary.query(`SELECT count(*) FROM pg_stat_replication WHERE sync_state = $1`,
			state)
		if err == nil && got != "1" {
			err = fmt.Errorf("%s replicas that are %s, want 1", got, state)
		}
		return err
	})
	hosts := fmt.Sprintf(
		"postgres://postgres@%s,%s/postgres?sslmode=disable&target_session_attrs=read-write",
		primary.address(), replica.address())
	return primary, replica, harness.WorldOn(t, hosts)
}

// awaitCodeRequests waits until code requests are answered with a status.
func awaitCodeRequests(t *testing.T, app *harness.Process, status int) {
	t.Helper()
	harness.Eventually(t, "code requests are answered otherwise", func() error {
		return harness.CountError(newPerson(t).requestCode(app.URL).status, status)
	})
}

// F-06: when the primary is lost and the replica promoted, the instance continues there, without a
// restart: every acknowledged session stays valid, and users sign in. The same holds if the primary
// was demoted and still answers: a write that it has refused once is not sent to it again.
func TestFailover_LosesNoSessionAndNeedsNoRestart(t *testing.T) {
	t.Parallel()
	for name, lose := range map[string]func(primary *server){
		"the primary is killed": func(primary *server) { primary.kill() },
		"the primary is demoted": func(primary *server) {
			_, err := primary.query(`ALTER SYSTEM SET default_transaction_read_only = on`)
			primary.must(err)
			_, err = primary.query(`SELECT pg_reload_conf()`)
			primary.must(err)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			primary, replica, w := newPair(t, true)
			app := w.Run(t)
			var in []*person
			for range 6 {
				in = append(in, signedIn(t, w, app.URL))
			}
			late, code := waiting(t, w, app.URL)
			w.AwaitMails(t)
			crowd := readers(t, at(app.URL), in...)
			crowd.await(t, http.StatusOK, 50)

			lose(primary)
			awaitCodeRequests(t, app, http.StatusServiceUnavailable)
			harness.Eventually(t, "it says that it is ready", func() error {
				return harness.CountError(status(t, app.URL, "/readyz"),
					http.StatusServiceUnavailable)
			})
			if _, err := replica.query(`SELECT pg_promote()`); err != nil {
				t.Fatal(err)
			}
			app.WaitReady(t)
			awaitCodeRequests(t, app, http.StatusAccepted)

			crowd.await(t, http.StatusOK, 50)
			wantOnly(t, crowd.stop(), http.StatusOK, http.StatusServiceUnavailable)
			late.want(late.verify(app.URL, code), http.StatusOK)
			signedIn(t, w, app.URL)
			for _, p := range in {
				p.want(p.session(app.URL), http.StatusOK)
			}
		})
	}
}

// F-06: an acknowledged revocation survives the loss of the primary if a replica must have every
// commit. Otherwise a session that was revoked just before can be valid again afterwards:
// docs/operations.md says so, and the doctor warns.
func TestFailover_KeepsRevocationsIfSynchronous(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		synchronous     bool
		signOut, doctor string
	}{
		"synchronous":  {true, "503", "ok"},
		"asynchronous": {false, "204", "warn"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			primary, replica, w := newPair(t, c.synchronous)
			app := w.Run(t)
			p := signedIn(t, w, app.URL)
			harness.Eventually(t, "the replica does not get the session", func() error {
				got, err := replica.query(`SELECT count(*) FROM sessions`)
				if err == nil && got != "1" {
					err = fmt.Errorf("it has %s", got)
				}
				return err
			})
			result := doctorOf(t, primary)["primary"]
			harness.WantEqual(t, "what the doctor says", string(result.State), c.doctor)

			replica.stop(syscall.SIGINT)
			thief := p.copied()
			signOut := p.ask(app.URL, http.MethodPost, "/api/auth/sign-out", "{}")
			harness.WantEqual(t, "sign-out while the replica is away", fmt.Sprint(signOut.status),
				c.signOut)
			primary.kill()
			replica.start()
			if _, err := replica.query(`SELECT pg_promote()`); err != nil {
				t.Fatal(err)
			}
			app.WaitReady(t)
			awaitCodeRequests(t, app, http.StatusAccepted)
			thief.want(thief.session(app.URL), http.StatusOK) // it was not revoked, or that is lost
			thief.want(thief.ask(app.URL, http.MethodPost, "/api/auth/sign-out", "{}"),
				http.StatusNoContent)
			p.want(p.session(app.URL), http.StatusUnauthorized)
		})
	}
}

// doctorOf runs the doctor's checks of a server.
func doctorOf(t *testing.T, s *server) map[string]diagnose.Result {
	t.Helper()
	db := postgrestest.Pool(t, s.url())
	found := map[string]diagnose.Result{}
	diagnose.Run(t.Context(), doctor.Database{Pool: db, Now: time.Now}.Checks(), nil,
		func(r diagnose.Result) { found[r.Name] = r })
	return found
}
