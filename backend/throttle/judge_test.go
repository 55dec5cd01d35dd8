package throttle

import (
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"sana/backend/postgres"
	"sana/backend/test/postgrestest"

	"github.com/jackc/pgx/v5"
)

// isAllowed is the definition of a limit: no window has as many uses as it allows.
func isAllowed(l Limit, times []time.Time, at time.Time) bool {
	for _, w := range l.Windows {
		n := 0
		for _, use := range times {
			if use.After(at.Add(-w.Per)) {
				n++
			}
		}
		if n >= w.Count {
			return false
		}
	}
	return true
}

// waitOf finds the first moment from now on at which a use is allowed. Only a use that leaves a
// window can make room.
func waitOf(l Limit, times []time.Time, now time.Time) time.Duration {
	moments := []time.Time{now}
	for _, use := range times {
		for _, w := range l.Windows {
			if leaves := use.Add(w.Per); leaves.After(now) {
				moments = append(moments, leaves)
			}
		}
	}
	slices.SortFunc(moments, time.Time.Compare)
	i := slices.IndexFunc(moments, func(at time.Time) bool { return isAllowed(l, times, at) })
	return moments[i].Sub(now)
}

// randomLimit has small numbers, so that boundaries are met often.
func randomLimit(name string) Limit {
	l := Limit{Name: name}
	for range 1 + rand.IntN(3) {
		minutes := time.Duration(1 + rand.IntN(10))
		l.Windows = append(l.Windows, Window{1 + rand.IntN(5), minutes * time.Minute})
	}
	return l
}

func TestJudge_AgreesWithTheDefinitionOfLimits(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	for range 20_000 {
		var b Budgets
		c := Counts{Now: now}
		var wait, nextAfter time.Duration
		var refused string
		for _, name := range []string{"a", "b"} {
			limit := randomLimit(name)
			b.list = append(b.list, budget{limit: limit, key: []byte(name)})
			var times []time.Time
			for range rand.IntN(8) {
				// Uses up to a minute in the future count.
				times = append(times, now.Add(time.Duration(4-rand.IntN(50))*15*time.Second))
			}
			slices.SortFunc(times, time.Time.Compare)
			for _, at := range times {
				c.Keys, c.Ats = append(c.Keys, []byte(name)), append(c.Ats, at)
			}
			if w := waitOf(limit, times, now); w > 0 {
				wait = max(wait, w)
				if refused == "" {
					refused = name
				}
			}
			nextAfter = max(nextAfter, waitOf(limit, append(times, now), now))
		}
		// Later uses, and those of other budgets, do not count.
		c.Keys = append(c.Keys, []byte("b"), []byte("c"))
		c.Ats = append(c.Ats, now.Add(time.Minute+time.Microsecond), now)

		v := b.Judge(c)
		switch {
		case refused == "" && v != Verdict{}:
			t.Fatalf("%+v with %v: got the verdict %+v, want none", b, c.Ats, v)
		case refused != "" && (v.Refused == nil || v.Refused.Name != refused || v.Wait != wait ||
			!v.Next.Equal(now.Add(wait))):
			t.Fatalf("%+v with %v: got the verdict %+v, want %q refused and a wait of %s", b,
				c.Ats, v, refused, wait)
		case b.NextAfter(c) != nextAfter:
			t.Fatalf("%+v with %v: NextAfter is %s, want %s", b, c.Ats, b.NextAfter(c), nextAfter)
		}
	}
}

// Go and SQL must agree on the microsecond, also about uses in the future.
func TestJudge_AgreesWithFull(t *testing.T) {
	t.Parallel()
	th := open(t, postgrestest.Pool(t, postgrestest.URL(t)), oldKey)
	moments := []time.Duration{ // ago
		0, time.Minute, time.Minute - time.Microsecond, time.Minute + time.Microsecond, time.Hour,
		time.Hour - time.Microsecond, 24 * time.Hour, 24*time.Hour - time.Microsecond,
		-time.Second, -time.Minute, -time.Minute - time.Microsecond, -time.Hour,
	}
	refusals := 0
	for range 200 {
		limit := SentByAddress
		limit.Windows = slices.Clone(limit.Windows)
		for i := range limit.Windows {
			limit.Windows[i].Count = 1 + rand.IntN(3)
		}
		b := th.Budgets(limit.Of("ada@sana.example"))
		var ago []time.Duration
		for range rand.IntN(4) {
			ago = append(ago, moments[rand.IntN(len(moments))])
		}
		v, full := judgeBoth(t, th, b, ago)
		if (v.Refused != nil) != full {
			t.Errorf("uses %v ago, %+v: Judge returns %+v, Full %t", ago, limit.Windows, v, full)
		}
		if full {
			refusals++
		}
	}
	if refusals < 20 || refusals > 180 {
		t.Errorf("%d of 200 cases were refusals, want some of both", refusals)
	}
}

// judgeBoth calls Judge and Full for the same uses at the same time of the database.
func judgeBoth(t *testing.T, th *Throttle, b Budgets, ago []time.Duration) (v Verdict, full bool) {
	t.Helper()
	done := errors.New("done")
	err := postgres.InTx(t.Context(), th.db, func(tx pgx.Tx) error {
		args := pgx.NamedArgs{"key": b.list[0].key, "ago": ago}
		b.Args(args)
		_, err := tx.Exec(t.Context(), `
			INSERT INTO uses (key, at, ends_at)
			SELECT @key::bytea, now() - ago, now() + interval '1 day'
			FROM unnest(@ago::interval[]) AS ago`, args)
		if err != nil {
			return err
		}
		var c Counts
		err = tx.QueryRow(t.Context(), `
			WITH `+string(Full)+`
			SELECT `+string(State)+`, NOT `+string(NotFull)+` FROM `+string(StateSource), args).
			Scan(&c.Keys, &c.Ats, &c.Now, &full)
		if err != nil {
			return err
		}
		v = b.Judge(c)
		return done
	})
	if !errors.Is(err, done) {
		t.Fatal(err)
	}
	return v, full
}

// F-18: the database's clock was ahead and is set back. Uses of that time are ignored while they
// are more than a minute in the future, and count like others afterwards: no budget stays full for
// longer than its window.
func TestCount_ClockSetBackLocksOutForOneWindowAtMost(t *testing.T) {
	t.Parallel()
	db := postgrestest.Pool(t, postgrestest.URL(t))
	th := open(t, db, oldKey)
	device := WrongByDevice.Of("ada@sana.example", "1")
	b := th.Budgets(device)
	refuses := func() bool { return b.Judge(read(t, th, b)).Refused != nil }

	granted(t, th, 5, device)
	pass(t, db, -30*time.Second) // the clock is set back by this much
	if !refuses() {
		t.Error("set back by 30 seconds: the uses are not counted")
	}
	wantCount(t, "set back by 30 seconds", granted(t, th, 5, device), 0)

	pass(t, db, -24*time.Hour)
	if refuses() {
		t.Error("set back by a day: the budget is full")
	}
	wantCount(t, "set back by a day", granted(t, th, 9, device), 5)
	pass(t, db, 25*time.Hour+time.Minute)
	wantCount(t, "a window after the clock has caught up", granted(t, th, 9, device), 5)
}
