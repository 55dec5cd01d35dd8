package outbox_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"testing"
	"time"

	"sana/backend/fault"
	"sana/backend/mail"
	"sana/backend/outbox"
	"sana/backend/test/postgrestest"
)

// event returns an event about the first mail of ref, at a time by the provider's clock.
func event(ref string, fate mail.Fate, at time.Time) mail.Event {
	return mail.Event{Ref: ref + "/1", Fate: fate, At: at, Token: rand.Text(), SignedAt: time.Now()}
}

func (i *instance) take(t *testing.T, events ...mail.Event) {
	t.Helper()
	for _, e := range events {
		if err := i.TakeEvent(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
}

func TestTakeEvent_MapsEachEventToAStatus(t *testing.T) {
	t.Parallel()
	i := start(t, newProvider())
	for fate, want := range map[mail.Fate]string{
		mail.Delivered:     "delivered - 1 done",
		mail.Deferred:      "delayed - 1 done",
		mail.NoSuchMailbox: "failed no_such_mailbox 1 done",
		mail.Blocked:       "failed blocked 1 done",
		mail.Rejected:      "failed refused 1 done",
	} {
		ref := i.enqueue(t, "hello")
		i.await(t, ref, "sent - 1 done")
		i.take(t, event(ref, fate, time.Now()))
		i.await(t, ref, want)
	}
}

// permutations calls do with every order of a list.
func permutations[T any](list []T, do func([]T)) {
	var permute func(n int)
	permute = func(n int) {
		if n == len(list) {
			do(slices.Clone(list))
			return
		}
		for i := n; i < len(list); i++ {
			list[n], list[i] = list[i], list[n]
			permute(n + 1)
			list[n], list[i] = list[i], list[n]
		}
	}
	permute(0)
}

// F-15: events arrive late, twice and in any order; the result is always the same.
func TestTakeEvent_OrderOfArrivalDoesNotMatter(t *testing.T) {
	t.Parallel()
	i := start(t, newProvider())
	now := time.Now()
	for _, test := range []struct {
		fates []mail.Fate // in the order of their times
		want  string
	}{
		{[]mail.Fate{mail.Deferred, mail.Deferred, mail.Delivered}, "delivered - 1 done"},
		{[]mail.Fate{mail.Delivered, mail.Deferred}, "delivered - 1 done"},
		{[]mail.Fate{mail.Deferred, mail.Delivered, mail.NoSuchMailbox},
			"failed no_such_mailbox 1 done"},
		{[]mail.Fate{mail.Rejected, mail.Blocked, mail.Delivered}, "delivered - 1 done"},
	} {
		var order []int
		for n := range test.fates {
			order = append(order, n)
		}
		permutations(order, func(order []int) {
			ref := i.enqueue(t, "hello")
			i.await(t, ref, "sent - 1 done")
			for _, n := range append(order, order[0]) {
				i.take(t, event(ref, test.fates[n], now.Add(time.Duration(n)*time.Second)))
			}
			if got := i.status(t, ref).String(); got != test.want {
				t.Errorf("%v in the order %v: got %q, want %q", test.fates, order, got, test.want)
			}
		})
	}
	for _, first := range []mail.Fate{mail.Delivered, mail.Rejected} {
		ref := i.enqueue(t, "hello")
		i.await(t, ref, "sent - 1 done")
		i.take(t, event(ref, first, now), event(ref, mail.Delivered, now),
			event(ref, mail.Rejected, now))
		if got := i.status(t, ref).String(); got != "failed refused 1 done" {
			t.Errorf("%s first, then both at the same time: got %q, want the failure", first, got)
		}
	}
}

// The provider can be faster than the instance that has sent the mail.
func TestTakeEvent_IsNotOverwrittenByTheOutbox(t *testing.T) {
	t.Parallel()
	for _, result := range []error{nil, errUnavailable, mail.Permanent(errOurs)} {
		t.Run(fmt.Sprint(result), func(t *testing.T) {
			t.Parallel()
			i := newInstance(t, newDatabase(t), newProvider())
			finish := make(chan error)
			i.hold = func(context.Context) error { return <-finish }
			stop := i.start(t)
			ref := i.enqueue(t, "hello")
			i.exec(t, "UPDATE mails SET content = $1", notice.Content())
			receive(t, "the attempt", i.attempts)
			i.take(t, event(ref, mail.Delivered, time.Now()))
			finish <- result
			stop()
			if got := i.status(t, ref); got.String() != "delivered - 1 done" || got.Content {
				t.Errorf("got %q, content %v", got, got.Content)
			}
		})
	}
}

// F-17: the outbox has recorded a failed attempt, but the provider has the mail.
func TestTakeEvent_StopsTheAttempts(t *testing.T) {
	t.Parallel()
	url := newDatabase(t)
	i := newInstance(t, url, newProvider(&mail.Throttled{After: time.Minute}))
	stop := i.start(t)
	ref := i.enqueue(t, "hello")
	i.await(t, ref, "delayed provider_away 1 waiting")
	i.take(t, event(ref, mail.Deferred, time.Now()))
	i.await(t, ref, "delayed - 1 done")

	stop()
	other := newInstance(t, url, newProvider()) // it is not throttled
	other.exec(t, "UPDATE mails SET next_at = now()")
	other.start(t)
	other.await(t, other.enqueue(t, "hello"), "sent - 1 done")
	other.wantAttempts(t, 1)
}

func TestTakeEvent_DistinguishesMailsOfARef(t *testing.T) {
	t.Parallel()
	i := start(t, newProvider())
	ref := i.enqueue(t, "hello")
	i.await(t, ref, "sent - 1 done")
	second := event(ref, mail.Delivered, time.Now())
	second.Ref = ref + "/2"
	i.take(t, second)
	if got := i.status(t, ref).String(); got != "sent - 1 done" {
		t.Errorf("got %q", got)
	}
	i.take(t, event(ref, mail.Delivered, time.Now()))
	i.await(t, ref, "delivered - 1 done")
}

func TestTakeEvent_RefusesReplays(t *testing.T) {
	t.Parallel()
	i := newInstance(t, newDatabase(t), newProvider())
	ref := i.enqueue(t, "hello")
	once := event(ref, mail.Deferred, time.Now())
	i.take(t, once)
	again := once
	again.Fate = mail.Delivered
	old, ahead := event(ref, mail.Delivered, time.Now()), event(ref, mail.Delivered, time.Now())
	old.SignedAt, ahead.SignedAt = time.Now().Add(-9*time.Hour-time.Minute),
		time.Now().Add(6*time.Minute)
	for name, e := range map[string]mail.Event{"replayed": again, "old": old, "ahead": ahead} {
		if err := i.TakeEvent(t.Context(), e); !fault.Is(err, fault.EventRefused) {
			t.Errorf("%s: got %v, want %s", name, err, fault.EventRefused)
		}
	}
	if got := i.status(t, ref).String(); got != "delayed - 0 done" {
		t.Errorf("got %q", got)
	}
}

func TestTakeEvent_IgnoresForeignEvents(t *testing.T) {
	t.Parallel()
	i := newInstance(t, newDatabase(t), newProvider())
	ref := i.enqueue(t, "hello")
	i.take(t, event(ref, mail.Fate("opened"), time.Now()))
	for _, foreign := range []string{"order-17", ref + "/99999", ref} {
		e := event(ref, mail.Delivered, time.Now())
		e.Ref = foreign
		i.take(t, e)
	}
	if got := i.history(t, ref); len(got) > 0 {
		t.Errorf("the mail was changed: %q", got)
	}
}

func TestSweep_DeletesOldMailsAndTokens(t *testing.T) {
	t.Parallel()
	i := newInstance(t, newDatabase(t), newProvider())
	i.exec(t, `
		INSERT INTO mails (ref, number, template, created_at)
		SELECT gen_random_uuid(), 1, 'hello', now() - n * interval '1 hour'
		FROM generate_series(47, 2100) AS n`)
	i.exec(t, `
		INSERT INTO event_tokens (token, seen_at)
		SELECT n, now() - n * interval '1 minute'
		FROM generate_series(599, 2700) AS n`)
	for name, sweep := range map[string]func(context.Context) (int, error){
		"mails": i.Sweep, "event_tokens": i.SweepEventTokens,
	} {
		before := i.count(t, "SELECT count(*) FROM "+name)
		deleted, err := sweep(t.Context())
		if err != nil || deleted != before-1 {
			t.Errorf("%s: %d of %d deleted, %v; want all but the youngest", name, deleted, before,
				err)
		}
		if left := i.count(t, "SELECT count(*) FROM "+name); left != 1 {
			t.Errorf("%s: %d left, want 1", name, left)
		}
	}
}

func TestWaiting_CountsMailsByState(t *testing.T) {
	t.Parallel()
	i := newInstance(t, newDatabase(t), newProvider())
	i.exec(t, `
		INSERT INTO mails (ref, number, template, state, created_at, done_at)
		SELECT
			gen_random_uuid(),
			1,
			'hello',
			state,
			now() - n * interval '1 minute',
			CASE WHEN n > 3 THEN now() END
		FROM (VALUES ('delayed'), ('sent')) AS s (state), generate_series(1, 5) AS n
		WHERE state = 'delayed' OR n > 3`)
	got, err := i.Waiting(t.Context())
	if err != nil || len(got) != 2 {
		t.Fatalf("got %v, %v", got, err)
	}
	for _, w := range got {
		mails, oldest := 0, time.Duration(0)
		if w.State == string(outbox.Delayed) {
			mails, oldest = 3, 3*time.Minute
		}
		if w.Mails != mails || w.Oldest < oldest || w.Oldest > oldest+postgrestest.Deadline {
			t.Errorf("got %+v, want %d mails and about %s", w, mails, oldest)
		}
	}
}

// A small queue can become large: no statement may read the whole table.
func TestOutbox_ReadsTheQueueByItsIndexes(t *testing.T) {
	t.Parallel()
	url := newDatabase(t)
	i, watch := newInstance(t, url, newProvider()), newInstance(t, url, newProvider())
	stop := i.start(t)
	ref := i.enqueue(t, "hello")
	i.await(t, ref, "sent - 1 done")
	i.take(t, event(ref, mail.Delivered, time.Now()))
	for _, sweep := range []func(context.Context) (int, error){i.Sweep, i.SweepEventTokens} {
		if _, err := sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := i.Waiting(t.Context()); err != nil {
		t.Fatal(err)
	}
	stop()
	i.db.Close() // then all of its statements are counted
	for _, index := range []string{
		"mails_waiting", "mails_pkey", "mails_created_at", "event_tokens_seen_at",
	} {
		const scans = "SELECT idx_scan FROM pg_stat_user_indexes WHERE indexrelname = $1"
		postgrestest.Eventually(t, index+" was not used", func() error {
			if watch.count(t, scans, index) == 0 {
				return errOurs
			}
			return nil
		})
	}
	const scans = "SELECT seq_scan FROM pg_stat_user_tables WHERE relname = 'mails'"
	if n := watch.count(t, scans); n != 0 {
		t.Errorf("%d reads of the whole table", n)
	}
}
