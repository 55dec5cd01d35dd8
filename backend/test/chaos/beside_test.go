package chaos

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"sana/backend/postgres"
	"sana/backend/test/harness"
	"sana/backend/test/mailgunfake"
)

// releasesVariable names the folder with the programs of testdata/releases-before.
const releasesVariable = "SANA_RELEASES_BEFORE"

// eachReleaseBefore calls do with the program of each previous release that may be deployed while
// this one is rolled out.
func eachReleaseBefore(t *testing.T, do func(t *testing.T, program string)) {
	t.Helper()
	if len(releasesBefore(t)) == 0 {
		wantNoReleaseYet(t, "testdata/releases-before")
		return
	}
	dir := os.Getenv(releasesVariable)
	if dir == "" {
		t.Skip(releasesVariable +
			" does not name the folder of the releases before this one; npm test does")
	}
	programs, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(programs) == 0 {
		t.Skipf("no release before this one could be built: %v", err)
	}
	for _, program := range programs {
		t.Run(filepath.Base(program)[:7], func(t *testing.T) {
			t.Parallel()
			do(t, program)
		})
	}
}

// releasesBefore lists the commits of testdata/releases-before.
func releasesBefore(t *testing.T) (commits []string) {
	t.Helper()
	content, err := os.ReadFile("testdata/releases-before")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(content)) {
		if fields := strings.Fields(line); len(fields) > 0 && !strings.HasPrefix(line, "#") {
			commits = append(commits, fields[0])
		}
	}
	return commits
}

// releaseHeading matches the heading of a released version in CHANGELOG.md.
var releaseHeading = regexp.MustCompile(`(?m)^## \[?v?(\d+\.\d+\.\d+)\b`)

// wantNoReleaseYet is for tests that have no release to test. It fails the test once CHANGELOG.md
// has a release, which must then be recorded in where.
func wantNoReleaseYet(t *testing.T, where string) {
	t.Helper()
	changes, err := os.ReadFile("../../../CHANGELOG.md")
	if err != nil {
		t.Fatal(err)
	}
	if released := releaseHeading.FindSubmatch(changes); released != nil {
		t.Fatalf("version %s is released, and %s records no release", released[1], where)
	}
	t.Log("There is no release yet, so nothing was tested.")
}

// rollout replaces a previous release by this one, on one database.
type rollout struct {
	*testing.T
	now, before *harness.World // the same, except for the program that runs in it
	old, new    *harness.Process
	logs        []*harness.Log
}

// F-20: a previous release and this one, beginning with an empty database. The schema is migrated
// while the old one serves, both serve side by side, each serves alone, as during a deployment and
// during a rollback, and both serve again. No user is signed out, no code is lost, and a sign-out
// at one holds at the other.
func TestReleases_ServeSideBySide(t *testing.T) {
	t.Parallel()
	eachReleaseBefore(t, func(t *testing.T, program string) {
		r := newRollout(t, program)
		r.old = r.run(r.before)
		var in []*person
		for range 4 {
			in = append(in, signedIn(t, r.now, r.old.URL))
		}
		here, codeHere := waiting(t, r.now, r.old.URL)
		there, codeThere := waiting(t, r.now, r.old.URL)
		crowd := readers(t, at(r.old.URL), in...)
		crowd.await(t, http.StatusOK, 50)

		r.migrate()
		crowd.await(t, http.StatusOK, 50)
		r.new = r.run(r.now)
		here.want(here.verify(r.old.URL, codeHere), http.StatusOK)
		there.want(there.verify(r.new.URL, codeThere), http.StatusOK)
		in = append(in, here, there)

		wantOnly(t, crowd.stop(), http.StatusOK)
		r.endings()

		in = append(in, r.handover(r.old, r.new))
		r.old = r.run(r.before) // rolled back
		in = append(in, r.handover(r.new, r.old))
		r.now.AwaitMails(t)
		checkInvariants(t, r.now)

		r.new = r.run(r.now)
		in = append(in, r.crossing(r.old, r.new), r.crossing(r.new, r.old))
		r.accounts()
		for _, p := range in {
			p.want(p.session(r.old.URL), http.StatusOK)
			p.want(p.session(r.new.URL), http.StatusOK)
		}
		checkLogs(t, nil, r.logs...)
	})
}

func newRollout(t *testing.T, program string) *rollout {
	t.Helper()
	r := &rollout{T: t, now: harness.NewEmptyWorld(t)}
	before := *r.now
	before.Program = program
	r.before = &before
	return r
}

// run starts a release, which migrates first, up to the version that it knows.
func (r *rollout) run(w *harness.World, override ...string) *harness.Process {
	r.Helper()
	app := w.Run(r, override...)
	r.logs = append(r.logs, app.Log)
	return app
}

// migrate migrates the schema to this version, while users type their codes at the old release.
// Then the old release migrates, as it does after a rollback.
func (r *rollout) migrate() {
	r.Helper()
	from := r.version()
	var typing sync.WaitGroup
	for range 4 {
		p, code := waiting(r, r.now, r.old.URL)
		typing.Go(func() {
			if a := p.verify(r.old.URL, code); a.status != http.StatusOK {
				r.Errorf("a right code during the migration: got %d %s", a.status, a.body)
			}
		})
	}
	r.now.CLI(r, "migrate")
	typing.Wait()
	r.before.CLI(r, "migrate")
	harness.WantEqual(r, "version of the schema", r.version(), postgres.Head)
	r.Logf("migrated from version %d to %d", from, postgres.Head)
}

func (r *rollout) version() int {
	r.Helper()
	return r.now.Count(r, `SELECT max(version_id) FROM goose_db_version`)
}

// crossing is a sign-in that begins at one release and finishes at the other, with a wrong code at
// each and another mail in between.
func (r *rollout) crossing(begun, finished *harness.Process) *person {
	r.Helper()
	p, code := waiting(r, r.now, begun.URL)
	for _, at := range []string{begun.URL, finished.URL} {
		p.want(p.ask(at, http.MethodGet, "/api/auth/code", ""), http.StatusOK)
		p.want(p.verify(at, harness.WrongCode(code)), http.StatusUnauthorized)
	}
	r.now.AwaitMails(r)
	r.now.Pass(r, time.Minute)
	p.want(p.ask(finished.URL, http.MethodPost, "/api/auth/code/resend", "{}"), http.StatusAccepted)
	harness.WantEqual(r, "code of the second mail", r.now.Code(r, p.email, 2), code)
	a := p.want(p.verify(finished.URL, harness.WrongCode(code)), http.StatusUnauthorized)
	if !bytes.Contains(a.body, []byte(`"tries_left":2`)) {
		r.Errorf("after three wrong codes on both: %s, want two tries left", a.body)
	}
	p.want(p.verify(finished.URL, code), http.StatusOK)
	for _, at := range []string{begun.URL, finished.URL} {
		p.want(p.session(at), http.StatusOK)
	}
	return p
}

// endings revokes sessions at each release in every way that both support, and checks that the
// revocation holds at the other too.
func (r *rollout) endings() {
	r.Helper()
	type ended struct {
		*person
		how string
	}
	var gone []ended
	for _, d := range []struct {
		name    string
		on, off *harness.Process
	}{{"the old one", r.old, r.new}, {"the new one", r.new, r.old}} {
		leaver := signedIn(r, r.now, d.off.URL)
		laptop := signedIn(r, r.now, d.on.URL)
		phone, tablet := r.again(laptop, d.off), r.again(laptop, d.on)
		for _, p := range []*person{leaver, laptop, phone, tablet} {
			p.want(p.session(d.off.URL), http.StatusOK)
			p.want(p.session(d.on.URL), http.StatusOK)
		}
		harness.WantEqual(r, "sessions listed by "+d.name, len(laptop.sessions(r, d.on.URL)), 3)
		thief := leaver.copied()
		leaver.want(leaver.ask(d.on.URL, http.MethodPost, "/api/auth/sign-out", "{}"),
			http.StatusNoContent)
		one := phone.current(r, d.off.URL)
		laptop.want(laptop.ask(d.on.URL, http.MethodDelete, "/api/sessions/"+one, ""),
			http.StatusNoContent)
		laptop.want(laptop.ask(d.on.URL, http.MethodDelete, "/api/sessions", ""),
			http.StatusNoContent)
		laptop.want(laptop.session(d.off.URL), http.StatusOK)
		gone = append(gone, ended{thief, "signed out on " + d.name},
			ended{phone, "ended on " + d.name}, ended{tablet, "ended with all others on " + d.name})
	}
	bound := time.NewTimer(endedWithin)
	defer bound.Stop()
	<-bound.C
	for _, p := range gone {
		for _, at := range []*harness.Process{r.old, r.new} {
			if a := p.copied().session(at.URL); a.status != http.StatusUnauthorized {
				r.Errorf("I6: a session that was %s, asked for at %s: got %d %s", p.how, at.URL,
					a.status, a.body)
			}
		}
	}
}

// again returns another browser of the same user, signed in at an instance.
func (r *rollout) again(p *person, at *harness.Process) *person {
	r.Helper()
	r.now.AwaitMails(r)
	r.now.Pass(r, time.Minute)
	mails := len(r.now.Mails(r, "sign_in_code", p.email, 1))
	other := newPerson(r)
	other.email = p.email
	other.want(other.requestCode(at.URL), http.StatusAccepted)
	other.want(other.verify(at.URL, r.now.Code(r, p.email, mails+1)), http.StatusOK)
	return other
}

type listedSession struct {
	ID      string
	Current bool
}

// sessions returns the sessions that an instance lists for a user.
func (p *person) sessions(t testing.TB, at string) []listedSession {
	t.Helper()
	var list struct{ Sessions []listedSession }
	if err := json.Unmarshal(
		p.want(p.ask(at, http.MethodGet, "/api/sessions", ""), http.StatusOK).body,
		&list); err != nil {
		t.Fatal(err)
	}
	return list.Sessions
}

// current returns the id of the browser's own session.
func (p *person) current(t testing.TB, at string) string {
	t.Helper()
	for _, s := range p.sessions(t, at) {
		if s.Current {
			return s.ID
		}
	}
	t.Fatalf("%s: the list has no current session", p.email)
	return ""
}

// accounts begins changes of accounts at one release and finishes them at the other.
func (r *rollout) accounts() {
	r.Helper()
	for _, d := range []struct{ begun, finished *harness.Process }{{r.old, r.new}, {r.new, r.old}} {
		p := signedIn(r, r.now, d.begun.URL)
		p.want(p.ask(d.begun.URL, http.MethodPatch, "/api/account", `{"name":"Ada"}`),
			http.StatusOK)
		moved := "moved-" + p.email
		p.want(p.ask(d.begun.URL, http.MethodPost, "/api/account/email", `{"email":"`+moved+`"}`),
			http.StatusAccepted)
		code := r.now.Code(r, moved, 1)
		p.want(
			p.ask(d.finished.URL, http.MethodPost, "/api/account/email/verify",
				`{"code":"`+code+`"}`),
			http.StatusOK)
		a := p.want(p.ask(d.begun.URL, http.MethodGet, "/api/account", ""), http.StatusOK)
		if !bytes.Contains(a.body, []byte(moved)) || !bytes.Contains(a.body, []byte("Ada")) {
			r.Errorf("account after the change: %s", a.body)
		}
		p.want(p.ask(d.finished.URL, http.MethodGet, "/api/account/export", ""), http.StatusOK)
		p.want(p.copied().ask(d.finished.URL, http.MethodDelete, "/api/account", ""),
			http.StatusNoContent)
		harness.Eventually(r, "the other instance does not hear of the deletion", func() error {
			return harness.CountError(p.copied().session(d.begun.URL).status,
				http.StatusUnauthorized)
		})
	}
}

// handover stops one release while a mail that it has queued waits. The other one sends the mail
// and accepts its code.
func (r *rollout) handover(from, to *harness.Process) *person {
	r.Helper()
	r.now.AwaitMails(r)
	sent := len(r.now.Mailgun.Messages())
	r.now.Mailgun.Script(mailgunfake.Answer{Status: http.StatusInternalServerError})
	p := newPerson(r)
	p.want(p.requestCode(from.URL), http.StatusAccepted)
	if _, err := r.now.Mailgun.Wait(r.Context(), sent+1); err != nil {
		r.Fatal(err)
	}
	if err := from.Terminate(r); err != nil {
		r.Errorf("after SIGTERM: %v, want exit code 0", err)
	}
	p.want(p.verify(to.URL, r.now.Code(r, p.email, 1)), http.StatusOK)
	return p
}

// F-20, with sessions in the cookie: each release opens the cookies that the other has sealed, and
// both know a pending code.
func TestReleases_ReadEachOthersCookies(t *testing.T) {
	t.Parallel()
	eachReleaseBefore(t, func(t *testing.T, program string) {
		r := newRollout(t, program)
		r.new = r.run(r.now, "SESSION_STORE=cookie")
		r.old = r.run(r.before, "SESSION_STORE=cookie")
		for _, d := range []struct{ begun, finished *harness.Process }{{r.old, r.new},
			{r.new, r.old}} {
			p := r.crossing(d.begun, d.finished)
			r.again(p, d.begun)
			for _, at := range []*harness.Process{d.begun, d.finished, d.begun} {
				p.want(p.session(at.URL), http.StatusOK)
			}
		}
	})
}
