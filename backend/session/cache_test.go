package session

import (
	"errors"
	"sync"
	"testing"
	"time"

	"sana/backend/metrics"
	"sana/backend/postgres/postgrestest"

	"github.com/jackc/pgx/v5"
)

// at has do run once, when a read or a fill reaches a point.
func (c *cached) at(point string, do func()) {
	var once sync.Once
	c.cache.reached = func(reached string) {
		if reached == point {
			once.Do(do)
		}
	}
}

// twoInstances returns two on one database, and a session that both have a copy of.
func twoInstances(t *testing.T) (here, there *cached, s subject, session Session) {
	t.Helper()
	url := postgrestest.URL(t)
	here, there = newCachedOn(t, url), newCachedOn(t, url)
	s = here.subject(t)
	session = s.issue(t, s.ada(), "")
	for _, c := range []*cached{here, there} {
		c.wantSource(t, session.Token, metrics.Store, "the first read")
		c.wantSource(t, session.Token, metrics.Cache, "the second read")
	}
	return here, there, s, session
}

func (c *cached) wantGone(t *testing.T, token, why string) {
	t.Helper()
	c.subject(t).wantNone(t, token, why)
}

func TestASessionIsReadFromTheDatabaseOnceAndOneThatWaitsForACodeEachTime(t *testing.T) {
	t.Parallel()
	here, _, s, _ := twoInstances(t)
	both := s.ada()
	both.Pending = s.pending()
	for name, session := range map[string]Session{"waiting": {Pending: s.pending()}, "both": both} {
		token := s.issue(t, session, "").Token
		for range 2 {
			here.wantSource(t, token, metrics.Store, name)
		}
	}
}

// Interleaving 1 is the ordinary read of an ended session; 2 and 7 are these.
func TestAnEndingIsSeenHereAtOnceAndElsewhereWithTheNextAnswer(t *testing.T) {
	t.Parallel()
	ends := map[string]func(t *testing.T, c *cached, s subject, session Session) error{
		"signed out": func(t *testing.T, c *cached, _ subject, s Session) error { return c.signOut(t, s.Token) },
		"by its name": func(t *testing.T, c *cached, _ subject, s Session) error {
			return c.inTx(t, func(tx pgx.Tx) error {
				_, _, err := c.EndOne(t.Context(), tx, s.User.ID, s.ID, Ended{})
				return err
			})
		},
		"with all others": func(t *testing.T, c *cached, _ subject, s Session) error {
			return c.inTx(t, func(tx pgx.Tx) error {
				_, err := c.EndOthers(t.Context(), tx, s.User.ID, "", Ended{})
				return err
			})
		},
		"replaced": func(t *testing.T, _ *cached, s subject, old Session) error {
			s.issue(t, s.ada(), old.Token)
			return nil
		},
		"as the oldest of": func(t *testing.T, _ *cached, s subject, _ Session) error { surplus(t, s); return nil },
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			here, there, s, session := twoInstances(t)
			if err := end(t, here, s, session); err != nil {
				t.Fatal(err)
			}
			here.wantGone(t, session.Token, "here, at once")
			there.hear(t)
			there.wantGone(t, session.Token, "elsewhere, when it has heard")
		})
	}
}

// surplus issues as many sessions as a person may have besides.
func surplus(t *testing.T, s subject) {
	t.Helper()
	newer := s.ada()
	newer.User.SignedInAt = newer.User.SignedInAt.Add(time.Minute)
	for range MaxPerUser {
		s.issue(t, newer, "")
	}
}

// Whoever writes, the log is written: the release before this one, an operator at psql.
func TestEveryWriterIsHeard(t *testing.T) {
	t.Parallel()
	for name, statement := range map[string]string{
		"deleted by hand":         `DELETE FROM sessions`,
		"all gone":                `TRUNCATE sessions`,
		"made older by hand":      `UPDATE sessions SET e = extract(epoch FROM now())::bigint - 1`,
		"made idle by hand":       `UPDATE sessions SET last_seen_at = now() - interval '25 hours'`,
		"with a shorter patience": `UPDATE sessions SET last_seen_at = now() - interval '1 minute', idle_seconds = 59`,
		"under another key":       `UPDATE sessions SET k = md5(k) || md5(k)`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			here, _, _, session := twoInstances(t)
			exec(t, here.db, statement)
			here.wantSource(t, session.Token, metrics.Cache, "before it was heard")
			here.hear(t)
			here.wantGone(t, session.Token, "heard")
		})
	}
}

// Nobody needs to hear of what was never copied, or of copies that have expired by themselves.
func TestNothingIsLoggedOfWhoWasNotSignedInAndOfWhatHasExpired(t *testing.T) {
	t.Parallel()
	here, _, s, session := twoInstances(t)
	waiting := s.issue(t, Session{Pending: s.pending()}, "")
	s.issue(t, s.ada(), waiting.Token)
	here.flush(t.Context())
	here.pass(t, 25*time.Hour)
	if n, err := here.Sweep(t.Context()); n != 2 || err != nil {
		t.Errorf("swept %d (%v), want 2", n, err)
	}
	var logged int
	if err := here.db.QueryRow(t.Context(), `SELECT count(*) FROM session_endings`).Scan(&logged); err != nil || logged != 0 {
		t.Errorf("%d endings are logged (%v), want none", logged, err)
	}
	here.wantGone(t, session.Token, "idle and swept")
}

// Interleaving 3, with an ending elsewhere and here.
func TestAFillThatAnEndingOvertakesKeepsNothing(t *testing.T) {
	t.Parallel()
	for name, elsewhere := range map[string]bool{"ended elsewhere": true, "ended here": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			here, there, s, _ := twoInstances(t)
			token := s.issue(t, s.ada(), "").Token
			here.at("fill: row read", func() {
				end := here
				if elsewhere {
					end = there
				}
				if err := end.signOut(t, token); err != nil {
					t.Error(err)
				}
				if elsewhere {
					here.hear(t)
				}
			})
			here.wantSource(t, token, metrics.Store, "the fill")
			here.wantGone(t, token, "ended while it was filled")
		})
	}
}

// Interleaving 3 with a fill that takes longer than marks stay.
func TestAFillThatTakesTooLongKeepsNothing(t *testing.T) {
	t.Parallel()
	here, there, s, session := twoInstances(t)
	token := s.issue(t, s.ada(), "").Token
	here.at("fill: row read", func() {
		if err := there.signOut(t, token); err != nil {
			t.Error(err)
		}
		here.hear(t)
		here.passHere(markFor)
		here.hear(t)
		here.forgetNothing() // takes the old marks away
	})
	here.wantSource(t, token, metrics.Store, "the fill")
	if len(here.cache.ended) != 0 {
		t.Error("the mark is still there")
	}
	here.wantGone(t, token, "ended while it was filled")
	here.wantSource(t, session.Token, metrics.Cache, "another session")
}

func (c *cached) forgetNothing() { c.cache.forget() }

// Interleaving 4.
func TestAFillThatTheEndOfAllOvertakesKeepsNothing(t *testing.T) {
	t.Parallel()
	here, _, s, session := twoInstances(t)
	token := s.issue(t, s.ada(), "").Token
	here.at("fill: row read", func() {
		exec(t, here.db, `TRUNCATE sessions`)
		here.hear(t)
	})
	here.wantSource(t, token, metrics.Store, "the fill")
	here.wantGone(t, token, "ended with all others")
	here.wantGone(t, session.Token, "ended with all others")
}

// Interleaving 5.
func TestAReadThatIsStoppedDoesNotUseAProofThatIsNewerThanWhatItFound(t *testing.T) {
	t.Parallel()
	here, there, _, session := twoInstances(t)
	here.at("read: copy found", func() {
		here.passHere(10 * time.Second)
		if err := there.signOut(t, session.Token); err != nil {
			t.Error(err)
		}
		here.hear(t)
	})
	here.wantGone(t, session.Token, "ended while the read was stopped")
}

// Interleaving 6: the proof is as old as the question, whenever the answer comes.
func TestALateAnswerProvesNothing(t *testing.T) {
	t.Parallel()
	here, _, _, session := twoInstances(t)
	late := *here.follower.last
	late.Whole = true
	here.passHere(leaseFor)
	here.follower.take(t.Context(), late)
	here.wantSource(t, session.Token, metrics.Store, "the answer is as old as a proof may be")
	here.hear(t)
	here.wantSource(t, session.Token, metrics.Cache, "a new answer")
}

// Interleaving 7: the transaction that ends or replaces a session is under way, or is rolled back.
func TestASessionThatIsBeingEndedIsReadFromTheDatabase(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(t *testing.T, c *cached, s subject, tx pgx.Tx, session Session) error{
		"replaced": func(t *testing.T, _ *cached, s subject, tx pgx.Tx, old Session) error {
			_, err := IssueTx(t.Context(), tx, s, s.ada(), old.Token)
			return err
		},
		"signed out": func(t *testing.T, c *cached, _ subject, tx pgx.Tx, s Session) error {
			return c.End(t.Context(), tx, s.Token)
		},
		"ended with all others": func(t *testing.T, c *cached, _ subject, tx pgx.Tx, s Session) error {
			_, err := c.EndOthers(t.Context(), tx, s.User.ID, "", Ended{})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			here, _, s, session := twoInstances(t)
			rolledBack := errors.New("roll back")
			err := here.inTx(t, func(tx pgx.Tx) error {
				if err := end(t, here, s, tx, session); err != nil {
					return err
				}
				for range 2 {
					here.wantSource(t, session.Token, metrics.Store, "before the transaction ends")
				}
				return rolledBack
			})
			if !errors.Is(err, rolledBack) {
				t.Fatal(err)
			}
			s.wantSession(t, session.Token, "that was rolled back")
		})
	}
}

// Interleaving 8.
func TestATouchThatAnEndingOvertakesRevivesNothing(t *testing.T) {
	t.Parallel()
	here, _, _, session := twoInstances(t)
	k, _ := tokenKey(session.Token)
	kept, _ := here.cache.copies.GetIfPresent(k)
	if err := here.signOut(t, session.Token); err != nil {
		t.Fatal(err)
	}
	kept.touched(here.cache.elapsed(here.cache.now()), left{idle: time.Hour})
	here.wantGone(t, session.Token, "touched after its end")
}
