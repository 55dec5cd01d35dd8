package chaos

import (
	"fmt"
	"net/http"
	"syscall"
	"testing"

	"sana/backend/test/harness"
)

// F-31: a restored backup has sessions and codes that were revoked or consumed after it was made.
// The step of the runbook, before the service is opened again, revokes all of them.
func TestRestore_StepRevokesAllSessions(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	w := s.world()
	app := w.Run(t)
	stays, leaves := signedIn(t, w, app.URL), signedIn(t, w, app.URL)
	spends, code := waiting(t, w, app.URL)
	w.AwaitMails(t)
	old := spends.copied()
	s.stop(syscall.SIGINT)
	backup := prepare(t, s.data, s.settings) // its copy is the backup
	s.start()
	app.WaitReady(t)
	ended := leaves.copied()
	leaves.want(leaves.ask(app.URL, http.MethodPost, "/api/auth/sign-out", "{}"),
		http.StatusNoContent)
	spends.want(spends.verify(app.URL, code), http.StatusOK)
	app.Kill(t)
	backup.start()
	restored := harness.WorldOn(t, backup.url())
	app = restored.Run(t)
	ended.want(ended.session(app.URL), http.StatusOK) // which is why the step exists

	output := restored.CLI(t, "sessions", "end", "--all")

	harness.WantEqual(t, "output", output, "Cancelled codes: 1\nRevoked sessions: 2\n")
	for _, p := range []*person{stays, ended} {
		harness.Eventually(t, "the instance has not heard of the end", func() error {
			if a := p.session(app.URL); a.status != http.StatusUnauthorized {
				return fmt.Errorf("%s: got %d", p.email, a.status)
			}
			return nil
		})
	}
	old.want(old.verify(app.URL, code), http.StatusGone)
	harness.WantEqual(t, "sessions", restored.Count(t, `SELECT count(*) FROM sessions`), 0)
}
