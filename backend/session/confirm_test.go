package session

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"sana/backend/observe/metrics"
	"sana/backend/test/postgrestest"
)

func (s sharedSubject) isUnconfirmed(t *testing.T) bool {
	t.Helper()
	return queryOne[bool](t, s.db,
		`SELECT convert_from(v, 'UTF8')::jsonb ? 'unconfirmed' FROM sessions`)
}

// wantPresented fails the test if a replaced token waits for the presentation of its new one.
func (s sharedSubject) wantPresented(t *testing.T) {
	t.Helper()
	n := queryOne[int](t, s.db, `SELECT count(*) FROM replaced_tokens WHERE presented_at IS NULL`)
	if n != 0 {
		t.Errorf("%d tokens wait for the presentation, want none", n)
	}
}

func TestConfirm_FirstReadRecordsPresentation(t *testing.T) {
	t.Parallel()
	eachShared(t, func(t *testing.T, s sharedSubject) {
		second := s.renew(t, s.signIn(t, s.ada()))
		if !s.isUnconfirmed(t) {
			t.Fatal("the renewed session is not marked")
		}
		if s.wantSession(t, second.Token, "presented").Unconfirmed || s.isUnconfirmed(t) {
			t.Error("the session is unconfirmed after its token was presented")
		}
		s.wantSame(t, second, "confirmed")

		s.present(t, 5*time.Second)
		s.wantSession(t, second.Token, "presented again")
		ago := queryOne[time.Duration](t, s.db, `SELECT now() - presented_at FROM replaced_tokens`)
		if ago < 5*time.Second {
			t.Errorf("the presentation is %s old, want the first one's time", ago)
		}
	})
}

// A read by the replaced token is not a presentation of the new one.
func TestConfirm_ReplacedTokenConfirmsNothing(t *testing.T) {
	t.Parallel()
	eachShared(t, func(t *testing.T, s sharedSubject) {
		first := s.signIn(t, s.ada())
		s.renew(t, first)
		s.wantSession(t, first.Token, "replaced")
		if !s.isUnconfirmed(t) {
			t.Error("the session is confirmed before its token was presented")
		}
	})
}

func TestConfirm_FailureFailsNoRead(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]func(t *testing.T) sharedSubject{
		"cached": func(t *testing.T) sharedSubject { return newCached(t).sharedSubject },
		"shared": func(t *testing.T) sharedSubject { return newShared(t) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := open(t)
			var log strings.Builder
			s.shared.log = slog.New(slog.NewTextHandler(&log, nil))
			first := s.signIn(t, s.ada())
			second := s.renew(t, first)

			exec(t, s.db, `
				ALTER TABLE replaced_tokens ADD CONSTRAINT broken CHECK (presented_at IS NULL)`)
			for range 2 {
				if !s.wantSession(t, second.Token, "cannot be confirmed").Unconfirmed {
					t.Error("the session is confirmed")
				}
				s.wantSame(t, first, "the replaced token")
			}
			if s.shared.ReadCached([]byte(second.Token)) != nil {
				t.Error("an unconfirmed session is cached")
			}
			const warning = `level=WARN msg="session token not confirmed`
			if n := strings.Count(log.String(), warning); n != 2 {
				t.Errorf("%d warnings, want 2: %s", n, log.String())
			}

			exec(t, s.db, `ALTER TABLE replaced_tokens DROP CONSTRAINT broken`)
			got := s.wantSession(t, second.Token, "can be confirmed")
			if got.Unconfirmed || s.isUnconfirmed(t) {
				t.Error("the next read did not confirm the token")
			}
		})
	}
}

// The confirmation is in the revocation log, because it changes the row. The instance that polls it
// must soon use its cache again.
func TestConfirm_SessionIsCachedSoon(t *testing.T) {
	t.Parallel()
	here, there, first := twoInstances(t)
	second := here.renew(t, first)
	for _, c := range []*cached{here, there} {
		c.wantSource(t, second.Token, metrics.Store, "the first read")
		c.mustPoll(t)
		c.wantSource(t, second.Token, metrics.Store, "after the log entry")
		c.wantSource(t, second.Token, metrics.Cache, "cached")
		c.mustPoll(t)
		c.wantSource(t, second.Token, metrics.Cache, "still cached")
	}
}

func TestConfirm_ParallelReadsOnTwoInstances(t *testing.T) {
	t.Parallel()
	url := postgrestest.URL(t)
	instances := []sharedSubject{newCachedOn(t, url).sharedSubject, newSharedOn(t, url)}
	s := instances[0]
	for range 10 {
		second := s.renew(t, s.signIn(t, s.ada()))
		var wait sync.WaitGroup
		for i := range 8 {
			wait.Go(func() {
				got, err := instances[i%2].Read(context.WithoutCancel(t.Context()), second.Token)
				if err != nil || got.Unconfirmed || got.ID != second.ID {
					t.Errorf("got %+v (%v)", got, err)
				}
			})
		}
		wait.Wait()
		if s.isUnconfirmed(t) {
			t.Error("the session is unconfirmed")
		}
		s.wantPresented(t)
		exec(t, s.db, `DELETE FROM sessions`)
	}
}
