package session

import (
	"testing"
	"time"

	"sana/backend/observe/metrics"
	"sana/backend/test/postgrestest"
)

// present sets the first presentation of the replacing tokens to that time ago.
func (s sharedSubject) present(t *testing.T, ago time.Duration) {
	t.Helper()
	exec(t, s.db, `UPDATE replaced_tokens SET presented_at = now() - $1::interval`, ago)
}

func TestReplacedToken_ExpiresTenSecondsAfterPresentation(t *testing.T) {
	t.Parallel()
	eachShared(t, func(t *testing.T, s sharedSubject) {
		first := s.signIn(t, s.ada())
		second := s.renew(t, first)
		s.pass(time.Hour)
		s.wantSame(t, first, "an hour after it was replaced, not presented")
		s.wantSession(t, second.Token, "presented now")
		s.wantSame(t, first, "just presented")

		s.present(t, 5*time.Second)
		s.wantSame(t, first, "presented five seconds ago")
		s.present(t, 10*time.Second)
		s.wantNoReason(t, first.Token, "presented ten seconds ago")
		s.present(t, -2*time.Minute)
		s.wantNoReason(t, first.Token, "presented before the clock was set back")
		s.wantSession(t, second.Token, "the current token")
	})
}

func TestReplacedToken_KeepsItsAbsoluteTimeout(t *testing.T) {
	t.Parallel()
	eachShared(t, func(t *testing.T, s sharedSubject) {
		began := s.now()
		first := s.signIn(t, s.ada())
		for range 30 {
			s.pass(23 * time.Hour)
			s.wantSession(t, first.Token, "used each day")
			s.flush(t)
		}
		second := s.renew(t, first)
		s.pass(20 * time.Hour)
		s.wantSession(t, first.Token, "not older than its timeout")
		s.flush(t)
		s.pass(20 * time.Hour)
		// 730 hours have passed, ten more than the maximum age. The duration of the test is
		// ignored.
		ended := Ended{Reason: MaxAge, At: began.Add(-10 * time.Hour)}
		s.wantEnded(t, first.Token, ended, "too old")
		s.wantSession(t, second.Token, "renewed")
		s.present(t, time.Minute)
		s.wantNoReason(t, first.Token, "too old, and the new token was presented")
	})
}

// Concurrent requests, and a browser that lost the response of a renewal, keep the session in use.
func TestReplacedToken_UseIsRecordedForItsSession(t *testing.T) {
	t.Parallel()
	eachShared(t, func(t *testing.T, s sharedSubject) {
		first := s.signIn(t, s.ada())
		second := s.renew(t, first)
		for range 3 {
			s.pass(23 * time.Hour)
			s.wantSession(t, first.Token, "used each day")
			s.flush(t)
			if ago := s.now().Sub(lastUse(t, s, first)); ago > time.Minute {
				t.Fatalf("the use was written %s ago", ago)
			}
		}
		s.pass(23 * time.Hour)
		s.wantSession(t, second.Token, "in use by its replaced token")
	})
}

func TestReplacedToken_IsRevokedWithItsSession(t *testing.T) {
	t.Parallel()
	ends := map[string]struct {
		do   func(t *testing.T, s sharedSubject, session Session)
		want Ended
	}{
		"revoked": {
			func(t *testing.T, s sharedSubject, session Session) {
				s.revoke(t, session, Ended{Reason: RevokedElsewhere, By: "Firefox on Linux"})
			},
			Ended{Reason: RevokedElsewhere, By: "Firefox on Linux"},
		},
		"idle": {
			func(t *testing.T, s sharedSubject, _ Session) { s.pass(24 * time.Hour) },
			Ended{Reason: Idle},
		},
		"idle and swept": {
			func(t *testing.T, s sharedSubject, _ Session) {
				s.pass(24 * time.Hour)
				if n, err := s.shared.Sweep(t.Context()); n != 1 || err != nil {
					t.Errorf("swept %d (%v)", n, err)
				}
			},
			Ended{Reason: Idle},
		},
	}
	eachShared(t, func(t *testing.T, s sharedSubject) {
		for name, end := range ends {
			t.Run(name, func(t *testing.T) {
				first := s.signIn(t, s.ada())
				second := s.renew(t, first)
				s.wantSession(t, first.Token, "replaced")
				end.do(t, s, second)
				end.want.At = s.now()
				s.wantEnded(t, second.Token, end.want, "the current token")
				s.wantEnded(t, first.Token, end.want, "the replaced token")
				s.present(t, time.Hour)
				s.wantEnded(t, first.Token, end.want, "replaced long ago")
				hasContent := queryOne[bool](t, s.db,
					`SELECT v <> '{}' FROM replaced_tokens WHERE k = $1`,
					mustKey(first.Token).text())
				if hasContent && name != "idle" { // that is erased by the sweep
					t.Error("the row of the replaced token still names the user")
				}
				exec(t, s.db, `UPDATE ended_sessions SET ended_at = now() - interval '8 days'`)
				if name != "idle" {
					s.wantNoReason(t, first.Token, "after a week")
				}
				exec(t, s.db, `DELETE FROM sessions`)
			})
		}
	})
}

// The other instance has cached the session under the token that is replaced.
func TestReplacedToken_IsRevokedOnOtherInstances(t *testing.T) {
	t.Parallel()
	here, there, first := twoInstances(t)
	second := here.renew(t, first)
	there.wantSource(t, first.Token, metrics.Cache, "the renewal was not polled yet")
	there.mustPoll(t)
	there.wantSource(t, first.Token, metrics.Store, "polled")

	here.revoke(t, second, Ended{Reason: SignedOut})
	for name, c := range map[string]*cached{"here": here, "on the other instance": there} {
		c.wantNone(t, first.Token, name+", by the replaced token, before a poll")
		c.mustPoll(t)
		c.wantNone(t, second.Token, name+", by the current token")
	}
}

func TestReplacedToken_IsNeverCached(t *testing.T) {
	t.Parallel()
	here, there, first := twoInstances(t)
	second := here.renew(t, first)
	for _, c := range []*cached{here, there} {
		c.mustPoll(t)
		for range 3 {
			c.wantSource(t, first.Token, metrics.Store, "replaced")
		}
		if _, ok := c.cache.sessions.GetIfPresent(mustKey(first.Token)); ok {
			t.Error("a replaced token is in the cache")
		}
	}
	here.wantSource(t, second.Token, metrics.Store, "presented")
	here.present(t, time.Minute)
	here.wantNoReason(t, first.Token, "presented a minute ago")
}

// Interleaving 3 of the cache: the fill has read the session, and its token is replaced.
func TestReplacedToken_FillUnderWayCachesNothing(t *testing.T) {
	t.Parallel()
	url := postgrestest.URL(t)
	here, there := newCachedOn(t, url), newCachedOn(t, url)
	for _, name := range []string{"renewed here", "renewed onOther"} {
		t.Run(name, func(t *testing.T) {
			first := here.signIn(t, here.ada())
			here.at("fill: row read", func() {
				if name == "renewed here" {
					here.renew(t, first)
					return
				}
				there.renew(t, first)
				here.mustPoll(t)
			})
			here.wantSource(t, first.Token, metrics.Store, "the fill")
			here.wantSource(t, first.Token, metrics.Store, "replaced while it was filled")
		})
	}
}

func TestReplacedToken_ChainOfTwo(t *testing.T) {
	t.Parallel()
	eachShared(t, func(t *testing.T, s sharedSubject) {
		first := s.signIn(t, s.ada())
		second := s.renew(t, first)
		third := s.renew(t, first) // its browser never got the second token
		s.wantSame(t, first, "the first, two replacements ago")
		s.wantSame(t, third, "the third, presented")
		s.wantPresented(t)
		s.wantSame(t, first, "the first, within ten seconds")
		s.wantSame(t, second, "the second, within ten seconds")
		s.present(t, 10*time.Second)
		s.wantNoReason(t, first.Token, "the first, later")
		s.wantNoReason(t, second.Token, "the second, later")

		s.revoke(t, third, Ended{Reason: SignedOut})
		for _, token := range []string{first.Token, second.Token, third.Token} {
			s.wantEnded(t, token, Ended{Reason: SignedOut, At: s.now()}, "revoked")
		}
	})
}

// The browser presents the second token, and the response with the third one is lost.
func TestReplacedToken_PresentationInvalidatesEarlierTokens(t *testing.T) {
	t.Parallel()
	eachShared(t, func(t *testing.T, s sharedSubject) {
		first := s.signIn(t, s.ada())
		second := s.renew(t, first)
		third := s.renew(t, second)
		s.wantSame(t, second, "presented, and replaced already")
		exec(t, s.db, `
			UPDATE replaced_tokens SET presented_at = presented_at - interval '1 minute'`)
		s.wantNoReason(t, first.Token, "replaced by the one that was presented")
		s.wantSame(t, second, "still waits for the third")
		s.wantSame(t, third, "presented at last")
		s.present(t, time.Minute)
		s.wantNoReason(t, second.Token, "replaced by the third")
	})
}

func TestReplacedToken_LaterPresentationRevivesNone(t *testing.T) {
	t.Parallel()
	eachShared(t, func(t *testing.T, s sharedSubject) {
		first := s.signIn(t, s.ada())
		second := s.renew(t, first)
		s.wantSession(t, second.Token, "presented")
		s.present(t, time.Minute)
		third := s.renew(t, second)
		s.wantSession(t, third.Token, "presented")
		s.wantNoReason(t, first.Token, "replaced by the second, a minute ago")
		s.wantSame(t, second, "replaced by the third just now")
	})
}
