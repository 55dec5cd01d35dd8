package session

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"strconv"
	"testing"
	"time"

	"sana/backend/metrics"
)

func TestWithoutAProofTheDatabaseIsAskedAndWithoutThatNobodyIsAnswered(t *testing.T) {
	t.Parallel()
	here, _, s, session := twoInstances(t)
	here.passHere(leaseFor - 1)
	here.wantSource(t, session.Token, metrics.Cache, "the proof is young enough")
	here.passHere(1)
	here.wantSource(t, session.Token, metrics.Store, "the proof is too old")
	here.Shared.db.Close() // the instance's own pool
	if _, err := s.Read(t.Context(), session.Token); err == nil || errors.Is(err, ErrNone) {
		t.Errorf("without a proof and a database: got %v, want an error that says nothing about the person", err)
	}
}

// The monotonic clock stands still while a machine sleeps.
func TestAMachineThatSleptHasNoProof(t *testing.T) {
	t.Parallel()
	here, _, _, session := twoInstances(t)
	slept := here.cache.proof.Load()
	here.cache.proof.Store(&proof{generation: slept.generation, at: slept.at, wall: slept.wall.Add(-time.Hour)})
	here.wantSource(t, session.Token, metrics.Store, "only the wall clock went on")
	here.follower.last.began = here.follower.last.began.Round(0).Add(-2 * time.Hour)
	here.hear(t)
	here.wantSource(t, session.Token, metrics.Store, "how long the copy may live was counted by the other clock")
}

// To the second, by the database's clock, without asking it: an instant before, the copy is still good.
func TestACopyExpiresWithItsSession(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		limit time.Duration
		want  Reason
	}{"idle": {limits.Idle, Idle}, "age": {limits.MaxAge, MaxAge}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			here, _, _, session := twoInstances(t)
			if name == "age" {
				kept, _ := here.cache.copies.GetIfPresent(mustKey(session.Token))
				kept.idleEnds.Store(int64(2 * limits.MaxAge))
			}
			here.passHere(c.limit - 5*time.Second)
			here.hear(t)
			here.wantSource(t, session.Token, metrics.Cache, "before its end")
			here.passHere(5 * time.Second)
			here.hear(t)
			here.wantSource(t, session.Token, metrics.Store, "at its end, by the clock of the instance alone")
		})
	}
}

func mustKey(token string) key {
	k, _ := tokenKey(token)
	return k
}

// One statement for all, at most once a minute for each, and a copy lives on when the database has confirmed it.
func TestCopiesInUseAreTouchedTogetherAndLiveOn(t *testing.T) {
	t.Parallel()
	here, _, s, first := twoInstances(t)
	tokens := []string{first.Token, s.issue(t, s.ada(), "").Token}
	here.wantSource(t, tokens[1], metrics.Store, "the first read")
	use := func(d time.Duration) (noted int) {
		here.pass(t, d)
		for _, token := range tokens {
			here.wantSource(t, token, metrics.Cache, fmt.Sprintf("after another %s", d))
		}
		noted = len(here.seen)
		here.flush(t.Context())
		return noted
	}
	for i, want := range []struct {
		after time.Duration
		noted int
	}{{59 * time.Second, 0}, {2 * time.Second, 2}, {59 * time.Second, 0}, {23 * time.Hour, 2}, {23 * time.Hour, 2}, {30 * time.Second, 0}} {
		if noted := use(want.after); noted != want.noted {
			t.Errorf("step %d: %d sessions were noted, want %d", i, noted, want.noted)
		}
	}
}

func TestATouchFindsOutThatASessionIsGone(t *testing.T) {
	t.Parallel()
	here, _, _, session := twoInstances(t)
	here.pass(t, 2*time.Minute)
	exec(t, here.db, `ALTER TABLE sessions DISABLE TRIGGER log_ending`)
	exec(t, here.db, `DELETE FROM sessions`)
	here.wantSource(t, session.Token, metrics.Cache, "nobody has said so")
	here.flush(t.Context())
	here.wantGone(t, session.Token, "touched in vain")
}

func TestTheCacheIsBoundedByBytes(t *testing.T) {
	t.Parallel()
	c, err := newCache(100*(copiedBytes+maxMemo), func(key, *Copy) {})
	if err != nil {
		t.Fatal(err)
	}
	c.publish(c.now(), true)
	for i := range 10_000 {
		f, _ := c.beginFill(key{byte(i), byte(i >> 8)})
		c.keep(f, Session{ID: "x"}, left{age: time.Hour, idle: time.Hour})
	}
	c.copies.CleanUp()
	if n := c.copies.EstimatedSize(); n == 0 || n > 100 {
		t.Errorf("it holds %d copies, want at most 100", n)
	}
}

// So many endings at once are the end of all copies, and of no memory.
func TestMoreEndingsThanMarksForgetEverything(t *testing.T) {
	t.Parallel()
	here, _, s, session := twoInstances(t)
	token := s.issue(t, s.ada(), "").Token
	here.at("fill: row read", func() {
		for i := range maxMarks + 1 {
			here.cache.forget(key{byte(i), byte(i >> 8), byte(i >> 16)})
		}
		here.hear(t)
	})
	here.wantSource(t, token, metrics.Store, "the fill")
	here.wantSource(t, session.Token, metrics.Store, "forgotten with everything")
	here.wantSource(t, token, metrics.Store, "filled before everything was forgotten")
	if len(here.cache.marks) > maxMarks {
		t.Errorf("%d marks are kept", len(here.cache.marks))
	}
}

// A flush that its timeout cut off would lose that they are in use, and all of them would expire.
func TestAFlushNotesTenThousandSessions(t *testing.T) {
	t.Parallel()
	here, _, _, _ := twoInstances(t)
	exec(t, here.db, `
		INSERT INTO sessions (k, v, e, idle_seconds, last_seen_at)
		SELECT encode(sha256(n::text::bytea), 'hex'), convert_to(format('{"id": "%s"}', gen_random_uuid()), 'UTF8'),
		       extract(epoch FROM now())::bigint + 86400, 86400, now() - interval '1 hour'
		FROM generate_series(1, 10000) AS n`)
	exec(t, here.db, `ANALYZE sessions`) // as autovacuum does
	for n := range 10_000 {
		here.note(key(sha256.Sum256([]byte(strconv.Itoa(n+1)))), nil)
	}
	here.flush(t.Context())
	var left int
	err := here.db.QueryRow(t.Context(), `SELECT count(*) FROM sessions WHERE last_seen_at < now() - interval '30 minutes'`).Scan(&left)
	if err != nil || left > 0 {
		t.Errorf("%d sessions in use were not noted (%v)", left, err)
	}
}
