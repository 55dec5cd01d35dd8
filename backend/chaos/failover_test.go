package chaos

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"sana/backend/sanatest"
)

// newPair runs a primary and its synchronous replica: a commit on the one is acknowledged when the other has it.
func newPair(t *testing.T) (primary, replica *server) {
	t.Helper()
	replicating := "synchronous_standby_names=*"
	primary = newServer(t, "wal_level=replica", "hot_standby=on")
	primary.stop(syscall.SIGINT) // so that its folder can be copied: pg_basebackup is not everywhere
	replica = prepare(t, primary.data, primary.settings)
	replica.settings = append(replica.settings, fmt.Sprintf("primary_conninfo=host=127.0.0.1 port=%d user=postgres", primary.port))
	replica.must(os.WriteFile(filepath.Join(replica.data, "standby.signal"), nil, 0o600))
	replica.must(giveAway(filepath.Join(replica.data, "standby.signal")))
	primary.settings = append(primary.settings, replicating)
	primary.start()
	replica.start()
	sanatest.Eventually(t, "the replica does not follow", func() error {
		got, err := primary.query(`SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'`)
		if err == nil && got != "1" {
			err = fmt.Errorf("%s synchronous replicas, want 1", got)
		}
		return err
	})
	return primary, replica
}

// F-06: when the primary is lost and the replica promoted, the instance goes on there, without a restart: every session
// that was acknowledged lives, and people sign in. So it does when the primary was demoted and still answers: what it
// says to a write is not said twice.
func TestAFailoverLosesNoSessionAndNeedsNoRestart(t *testing.T) {
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
			primary, replica := newPair(t)
			hosts := fmt.Sprintf("postgres://postgres@%s,%s/postgres?sslmode=disable&target_session_attrs=read-write", primary.address(), replica.address())
			w := sanatest.WorldOn(t, hosts)
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
			sanatest.Eventually(t, "the instance does not notice", func() error {
				return sanatest.CountError(newPerson(t).requestCode(app.URL).status, http.StatusServiceUnavailable)
			})
			if _, err := replica.query(`SELECT pg_promote()`); err != nil {
				t.Fatal(err)
			}
			app.WaitReady(t)
			sanatest.Eventually(t, "nobody can ask for a code", func() error {
				return sanatest.CountError(newPerson(t).requestCode(app.URL).status, http.StatusAccepted)
			})

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
