package chaos

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"sana/backend/test/harness"
	"sana/backend/test/mailgunfake"
)

// endsWithin is how long a platform waits between SIGTERM and SIGKILL: every shutdown must be
// faster.
const endsWithin = 10 * time.Second

// wantEnd fails the test unless the process exits on its own in time.
func wantEnd(t *testing.T, app *harness.Process) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), endsWithin)
	defer cancel()
	select {
	case <-app.Exited():
	case <-ctx.Done():
		t.Errorf("the process is still there %v after SIGTERM", endsWithin)
	}
}

// F-28: after SIGTERM an instance is not ready, still answers new requests, each as the last on its
// connection, and finishes those in flight.
func TestShutdown_IsNotReadyAndStillAnswers(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	app := w.Run(t)
	in := signedIn(t, w, app.URL)
	slow, code := waiting(t, w, app.URL)
	w.AwaitMails(t)
	unlock := w.Lock(t, `LOCK TABLE users`)
	var underWay sync.WaitGroup
	underWay.Go(func() { slow.want(slow.verify(app.URL, code), http.StatusOK) })
	w.AwaitLock(t, "users")
	app.Signal(t, syscall.SIGTERM)
	harness.Eventually(t, "the instance stays ready", func() error {
		return harness.CountError(status(t, app.URL, ready), http.StatusServiceUnavailable)
	})
	a := in.want(in.session(app.URL), http.StatusOK)
	harness.WantEqual(t, "the answer is the last on its connection", a.closes, true)
	harness.WantEqual(t, live, status(t, app.URL, live), http.StatusOK)
	unlock()
	underWay.Wait()
	if err := app.AwaitExit(t); err != nil {
		t.Errorf("after SIGTERM: %v, want exit code 0", err)
	}
}

// F-28: a second signal ends the process at once.
func TestShutdown_SecondSignalExitsAtOnce(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	app := w.Run(t)
	app.Signal(t, syscall.SIGTERM)
	harness.Eventually(t, "the instance does not retire", func() error {
		return harness.CountError(strings.Count(app.Log.String(), `"draining"`), 1)
	})
	app.Signal(t, syscall.SIGTERM)
	if err := app.AwaitExit(t); err == nil || !strings.Contains(err.Error(), "terminated") {
		t.Errorf("got %v, want the end by the signal", err)
	}
	if strings.Contains(app.Log.String(), `"stopped"`) {
		t.Error("the process stopped in order after the second signal")
	}
}

// F-28: with its database gone or frozen, and a mail in flight that is never answered, an instance
// still exits in time.
func TestShutdown_EndsInTimeWithoutDependencies(t *testing.T) {
	t.Parallel()
	for name, lose := range map[string]func(*server){
		"the database is stopped": func(s *server) { s.stop(syscall.SIGQUIT) },
		"the database is frozen":  func(s *server) { s.freeze() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t)
			w := s.world()
			app := w.Run(t)
			in := signedIn(t, w, app.URL)
			stalled := make(chan struct{})
			t.Cleanup(func() { close(stalled) })
			sent := len(w.Mailgun.Messages())
			w.Mailgun.Script(mailgunfake.Answer{Stall: stalled})
			p := newPerson(t)
			p.want(p.requestCode(app.URL), http.StatusAccepted)
			if _, err := w.Mailgun.Wait(t.Context(), sent+1); err != nil {
				t.Fatal(err)
			}
			lose(s)
			go in.copied().session(app.URL)
			app.Signal(t, syscall.SIGTERM)
			wantEnd(t, app)
		})
	}
}

// F-13: a log reader that has stopped or exited does not block requests.
func TestLog_BlockedReaderBlocksNoRequest(t *testing.T) {
	t.Parallel()
	for name, stopReading := range map[string]func(from *os.File) error{
		"it has no room": func(*os.File) error { return nil },
		"it is closed":   (*os.File).Close,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			from, to, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			defer from.Close()
			w := harness.NewWorld(t)
			app := w.SpawnInto(t, to)
			_ = to.Close()
			app.WaitReady(t)
			in := signedIn(t, w, app.URL)
			if err := stopReading(from); err != nil {
				t.Fatal(err)
			}
			for range 2000 { // a pipe holds 64 kB
				in.want(in.session(app.URL), http.StatusOK)
			}
			if err := app.Terminate(t); err != nil {
				t.Errorf("after SIGTERM: %v, want exit code 0", err)
			}
		})
	}
}

// F-30: an instance without processor time blocks nothing: the other instances serve and send its
// mail, and it does not repeat its work when it continues.
func TestStarvedInstance_CorruptsNothing(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	starved, other := w.Run(t), w.Run(t)
	in := signedIn(t, w, starved.URL)
	p, code := waiting(t, w, starved.URL)
	w.AwaitMails(t)
	starved.Pause(t)
	again := p.copied()
	var late sync.WaitGroup
	var lateAnswer answer
	late.Go(func() { lateAnswer = again.verify(starved.URL, code) })
	in.want(in.session(other.URL), http.StatusOK)
	p.want(p.verify(other.URL, code), http.StatusOK)
	signedIn(t, w, other.URL)
	starved.Resume(t)
	late.Wait()
	wantSameSession(t, lateAnswer, again, p)
	starved.WaitReady(t)
	in.want(in.session(starved.URL), http.StatusOK)
	w.AwaitMails(t)
	checkInvariants(t, w)
}

// wantSameSession fails the test unless the late answer to a code that was typed twice is the
// session of the first one. The answer may arrive after the client's timeout.
func wantSameSession(t *testing.T, a answer, late, first *person) {
	t.Helper()
	if a.status != 0 && (a.status != http.StatusOK || late.sessionToken() != first.sessionToken()) {
		t.Errorf("the late answer: got %d %s, want the session of the first one", a.status, a.body)
	}
}

// F-30: an instance that is paused in the middle of a sign-in holds no lock for long. It has sent
// one batch, which the database executes and commits without it. The same code at another instance
// returns the same session.
func TestStarvedInstance_SignInIsDoneByAnother(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	starved := w.Run(t,
		"DATABASE_URL="+w.DatabaseURL+"&lock_timeout=30s&statement_timeout=30s&pool_max_conns=1")
	other := w.Run(t)
	signedIn(t, w, starved.URL) // so that its only connection has prepared the statements
	p, code := waiting(t, w, starved.URL)
	w.AwaitMails(t)
	unlock := w.Lock(t, `LOCK TABLE users IN SHARE MODE`)
	again := p.copied()
	var begun sync.WaitGroup
	var begunAnswer answer
	begun.Go(func() { begunAnswer = again.verify(starved.URL, code) })
	w.AwaitLock(t, "users")
	starved.Pause(t)
	unlock()
	harness.Eventually(t, "the sign-in is not committed without its instance", func() error {
		return harness.CountError(w.Count(t, `
			SELECT count(*)
			FROM sessions
			WHERE user_id = (SELECT id FROM users WHERE email = $1)`, p.email), 1)
	})
	p.want(p.verify(other.URL, code), http.StatusOK)
	starved.Resume(t)
	begun.Wait()
	wantSameSession(t, begunAnswer, again, p)
	starved.WaitReady(t)
	p.want(p.session(starved.URL), http.StatusOK)
	checkInvariants(t, w)
}

// F-30: an instance that is paused in the middle of a longer transaction keeps its locks until the
// database ends the transaction, at the latest after idle_in_transaction_session_timeout. Until
// then the same request at another instance gets 503 and Retry-After; then it succeeds, once.
func TestStarvedInstance_SignOutIsDoneByAnother(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	starved := w.Run(t,
		"DATABASE_URL="+w.DatabaseURL+"&lock_timeout=30s&idle_in_transaction_session_timeout=2s")
	other := w.Run(t)
	p := signedIn(t, w, starved.URL)
	w.AwaitMails(t)
	unlock := w.Lock(t, `LOCK TABLE account_events`)
	again := p.copied()
	signOut := func(p *person,
		at string) answer {
		return p.ask(at, http.MethodPost, "/api/auth/sign-out", "{}")
	}
	var begun sync.WaitGroup
	begun.Go(func() { signOut(again, starved.URL) })
	w.AwaitLock(t, "account_events")
	starved.Pause(t)
	unlock()
	harness.Eventually(t, "sign-outs still fail", func() error {
		a := signOut(p.copied(), other.URL)
		if a.isLost() {
			return harness.CountError(a.status, http.StatusNoContent)
		}
		p.want(a, http.StatusNoContent)
		return nil
	})
	starved.Resume(t)
	begun.Wait()
	starved.WaitReady(t)
	for _, at := range []*harness.Process{starved, other} {
		harness.Eventually(t, "the session is still valid", func() error {
			return harness.CountError(p.copied().session(at.URL).status, http.StatusUnauthorized)
		})
	}
	harness.WantEqual(t, "sign-outs recorded",
		w.Count(t, `SELECT count(*) FROM account_events WHERE kind = 'signed_out'`), 1)
	checkInvariants(t, w)
}

// F-13: with a full disk, writes are refused with 503, reads work, and the log continues. With free
// space, everything works again.
func TestFullDisk_RefusesWritesAndServesReads(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	w := s.world()
	app := w.Run(t)
	in := signedIn(t, w, app.URL)
	late, code := waiting(t, w, app.URL)
	w.AwaitMails(t)
	makeRoom := fillDisk(t, s, w)
	late.want(late.verify(app.URL, code), http.StatusServiceUnavailable)
	newcomer := newPerson(t)
	newcomer.want(newcomer.requestCode(app.URL), http.StatusServiceUnavailable)
	in.want(in.session(app.URL), http.StatusOK)
	if !strings.Contains(app.Log.String(), "53100") {
		t.Error("the log does not name the reason")
	}
	makeRoom()
	late.want(late.verify(app.URL, code), http.StatusOK)
	signedIn(t, w, app.URL)
	w.AwaitMails(t)
	checkInvariants(t, w)
}

// fillDisk puts the sessions and the challenges on a full file system. If this machine does not
// allow a test to mount one, triggers raise Postgres's error. makeRoom frees space.
func fillDisk(t *testing.T, s *server, w *harness.World) (makeRoom func()) {
	t.Helper()
	dir := t.TempDir()
	if output, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=2m,mode=0777", "none",
		dir).CombinedOutput(); err != nil {
		t.Logf("the full disk is played by a trigger: %s", output)
		w.Exec(t,
			`CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$
			BEGIN RAISE SQLSTATE '53100'; END $$`)
		for _, table := range []string{"sessions", "challenges"} {
			w.Exec(t,
				`CREATE TRIGGER full_disk BEFORE INSERT ON `+table+
					` FOR EACH ROW EXECUTE FUNCTION full_disk()`)
		}
		return func() { w.Exec(t, `DROP FUNCTION full_disk CASCADE`) }
	}
	t.Cleanup(func() {
		s.stop(syscall.SIGQUIT)
		_ = exec.Command("umount", dir).Run()
	})
	s.must(giveAway(dir))
	w.Exec(t, `CREATE TABLESPACE small LOCATION '`+dir+`'`)
	w.Exec(t, `ALTER TABLE sessions SET TABLESPACE small`)
	w.Exec(t, `ALTER TABLE challenges SET TABLESPACE small`)
	w.Exec(t, `CREATE TABLE filler (bytes text) TABLESPACE small`)
	fill := func(sql string) {
		for err := error(nil); err == nil; {
			_, err = w.DB.Exec(t.Context(), sql)
		}
	}
	fill(`INSERT INTO filler SELECT repeat(md5(n::text), 60) FROM generate_series(1, 4) AS n`)
	// Rows that fit into existing pages would still be written.
	fill(`
		INSERT INTO sessions (k, v, e, id, user_id, idle_seconds, sweep_at)
		SELECT gen_random_uuid()::text, '', 0, gen_random_uuid(), gen_random_uuid(), 1, 0
		FROM generate_series(1, 3)`)
	fill(`
		INSERT INTO challenges (
		    id, browser, email, purpose, key_id, code_kind, code_length, language, platform,
		    resend_at, expires_at)
		SELECT gen_random_uuid(), '', 'filler', 'sign_in', '', 'digits', 6, '', '', now(), now()
		FROM generate_series(1, 3)`)
	return func() {
		w.Exec(t, `DROP TABLE filler`)
		w.Exec(t, `DELETE FROM challenges WHERE email = 'filler'`)
	}
}

// F-32: the sweep of very many expired sessions does not block sign-ins and requests, within the
// database's limits on locks and statements. SANA_CHAOS_LONG makes it a million.
func TestSweep_OfManySessionsBlocksNoRequest(t *testing.T) {
	t.Parallel()
	rows := 100_000
	if isLong() {
		rows = 1_000_000
	}
	s := newServer(t)
	w := s.world()
	app := w.Run(t)
	in := signedIn(t, w, app.URL)
	w.AwaitMails(t)
	for n := 0; n < rows; n += 10_000 { // each has its deadline
		_, err := s.query(fmt.Sprintf(`
			INSERT INTO sessions (k, v, e, id, user_id, idle_seconds, sweep_at)
			SELECT md5(n::text) || md5('x' || n),
			       convert_to(jsonb_build_object('id', md5(n::text),
			           'user', jsonb_build_object('id', gen_random_uuid()))::text, 'UTF8'),
			       extract(epoch FROM now())::bigint - 60, md5(n::text)::uuid,
			       gen_random_uuid(), 1800,
			       extract(epoch FROM now())::bigint - n / 100
			FROM generate_series(%d, %d) AS n`, n+1, n+10_000))
		s.must(err)
	}
	s.must(app.Terminate(t))
	w.Exec(t, `DELETE FROM periodic`) // that instance has run this period's sweep
	fleet := []*harness.Process{w.Run(t), w.Run(t)}
	crowd := readers(t, func(n int) string { return fleet[n%2].URL }, in, in, in, in)
	count := func(sql string) string { // without Sana's statement timeout
		t.Helper()
		n, err := s.query(sql)
		s.must(err)
		return n
	}
	for left := ""; left != "0"; {
		signedIn(t, w, fleet[0].URL)
		left = count(`SELECT count(*) FROM sessions WHERE e < extract(epoch FROM now())`)
	}
	wantOnly(t, crowd.stop(), http.StatusOK)
	harness.Eventually(t, "the sweep says nothing", func() error {
		if !strings.Contains(fleet[0].Log.String()+fleet[1].Log.String(), `"table":"sessions"`) {
			return errors.New("no line of the log")
		}
		return nil
	})
	harness.WantEqual(t, "reasons that are kept",
		count(`SELECT count(*) FROM ended_sessions WHERE reason = 'max_age'`), fmt.Sprint(rows))
}
