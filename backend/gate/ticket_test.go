package gate_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"sana/backend/test/harness"
)

// ticketFor runs the handoff of a browser up to finish and returns that address, unused.
func ticketFor(t *testing.T, s *appBrowser, address string) string {
	t.Helper()
	finish := ""
	s.client.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
		if r.URL.Path == "/_sana/finish" {
			finish = r.URL.String()
			return http.ErrUseLastResponse
		}
		return nil
	}
	defer func() { s.client.CheckRedirect = nil }()
	s.open(address)
	if finish == "" {
		t.Fatalf("no ticket; steps: %v", s.steps)
	}
	return finish
}

// copyNonce copies the nonce of a handoff from the wiki to another host.
func (s *appBrowser) copyNonce(host string) {
	const name = "__Host-sana_enter"
	s.jar.SetCookies(&url.URL{Scheme: "https", Host: host, Path: "/"}, []*http.Cookie{
		{Name: name, Value: s.cookieAt(wiki, name), Path: "/", Secure: true},
	})
}

// A ticket is valid once, for a minute, at its host, in the browser that requested it.
func TestTicket_IsValidOnceForAMinuteAtItsHost(t *testing.T) {
	t.Parallel()
	i := run(t, harness.NewWorld(t), appsFile)
	const address = "https://wiki.example.org/secret"
	for name, use := range map[string]func(s, other *appBrowser, finish string) (page, *appBrowser){
		"another browser": func(_, other *appBrowser, finish string) (page, *appBrowser) {
			other.open(address) // so that it has a nonce
			return other.open(finish), other
		},
		"a browser without a nonce": func(_, other *appBrowser, finish string) (page, *appBrowser) {
			return other.open(finish), other
		},
		"another host": func(s, _ *appBrowser, finish string) (page, *appBrowser) {
			s.copyNonce(bank) // only the host differs
			return s.open(strings.Replace(finish, wiki, bank, 1)), nil
		},
		"another host of the same app": func(s, _ *appBrowser, finish string) (page, *appBrowser) {
			const other = "a.preview.example.net"
			s.copyNonce(other)
			s.client.CheckRedirect = stay
			p := s.open(strings.Replace(finish, wiki, other, 1))
			s.client.CheckRedirect = nil
			if s.cookieAt(other, "__Host-sana_app") == "" {
				s.steps = append(s.steps, other+" /_sana/start")
			}
			return p, nil
		},
		"after more than a minute": func(s, _ *appBrowser, finish string) (page, *appBrowser) {
			i.w.Exec(t, `UPDATE handoffs SET made_at = made_at - interval '61 seconds'`)
			return s.open(finish), nil
		},
		"from before the clock change": func(s, _ *appBrowser, finish string) (page, *appBrowser) {
			i.w.Exec(t, `UPDATE handoffs SET made_at = made_at + interval '1 hour'`)
			return s.open(finish), nil
		},
		"twice": func(s, other *appBrowser, finish string) (page, *appBrowser) {
			s.wantPage(s.open(finish), address, "page for "+ada)
			return other.open(finish), other
		},
		"made up": func(_, other *appBrowser, finish string) (page, *appBrowser) {
			other.open(address)
			return other.open(finish + "x"), other
		},
	} {
		t.Run(name, func(t *testing.T) {
			i.w.Pass(t, 24*time.Hour)
			s, other := newAppBrowser(t, i), newAppBrowser(t, i)
			s.signIn(ada)
			finish := ticketFor(t, s, address)
			used := len(s.steps)
			got, victim := use(s, other, finish)
			if victim == nil &&
				!slices.ContainsFunc(s.steps[used:],
					func(step string) bool { return strings.HasSuffix(step, "/_sana/start") }) {
				t.Errorf("it was accepted: at %s, %v", got.url, s.steps[used:])
			}
			if victim != nil && victim.cookieAt(wiki, "__Host-sana_app") != "" {
				t.Error("it got an app cookie")
			}
			if n := i.w.Count(t, `SELECT count(*) FROM handoffs`); n != 0 && name != "made up" {
				t.Errorf("%d tickets are left: it was presented", n)
			}
			i.w.Exec(t, `TRUNCATE handoffs`)
		})
	}
}

// Deleting an account removes its app cookies' sessions and its pending handoffs.
func TestDeletion_RemovesAppSessionsAndHandoffs(t *testing.T) {
	t.Parallel()
	i := run(t, harness.NewWorld(t), appsFile)
	s := newAppBrowser(t, i)
	b := s.signIn(ada)
	s.open("https://wiki.example.org/")
	ticketFor(t, s, "https://bank.example.com/private")
	b.Delete("/api/account").Want(http.StatusNoContent)
	harness.WantEqual(t, "handoffs", i.w.Count(t, `SELECT count(*) FROM handoffs`), 0)
	if p := s.open("https://wiki.example.org/"); p.url.Host != "sana.example" {
		t.Errorf("after the deletion: %d at %s", p.status, p.url)
	}
}

// The sweep deletes a ticket's destination soon after the ticket has expired.
func TestSweep_DeletesHandoffsAfterAMinute(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	i := run(t, w, appsFile)
	s := newAppBrowser(t, i)
	s.signIn(ada)
	ticketFor(t, s, "https://wiki.example.org/private")
	w.Exec(t, `UPDATE handoffs SET made_at = made_at - interval '61 seconds'`)
	w.Exec(t, `UPDATE periodic SET period = period - interval '1 hour'`)
	run(t, w, appsFile) // runs the sweep at its start
	harness.Eventually(t, "the handoff is not deleted", func() error {
		return harness.CountError(w.Count(t, `SELECT count(*) FROM handoffs`), 0)
	})
}
