package inbox_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sana/backend/inbox"
	"sana/backend/mail"
	"sana/backend/test/postgrestest"
)

func newInbox(t *testing.T) *inbox.Inbox {
	t.Helper()
	return inbox.New(postgrestest.Pool(t, postgrestest.URL(t)))
}

func letter(n int) mail.Message {
	return mail.Message{To: "ada@sana.example", Subject: fmt.Sprintf("%06d is your Sana code", n),
		Text: "text", Ref: fmt.Sprintf("ref/%d", n)}
}

func play(t *testing.T, i *inbox.Inbox, next inbox.Next) {
	t.Helper()
	if _, err := i.Play(t.Context(), next); err != nil {
		t.Fatal(err)
	}
}

func TestAFaultIsPlayedWithOneMailAlone(t *testing.T) {
	t.Parallel()
	i := newInbox(t)
	play(t, i, inbox.Next{Fault: inbox.Delay, Seconds: 600})
	play(t, i, inbox.Next{Fault: inbox.Fail})
	var refused atomic.Int32
	var group sync.WaitGroup
	for n := range 10 {
		group.Go(func() {
			if err := i.Keep(t.Context(), letter(n)); mail.IsPermanent(err) {
				refused.Add(1)
			} else if err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if got := refused.Load(); got != 1 {
		t.Errorf("%d of 10 mails were refused, want 1", got)
	}
	if next, err := i.Next(t.Context()); err != nil || next != (inbox.Next{Fault: inbox.None}) {
		t.Errorf("what is next: got %+v, %v; want none", next, err)
	}
}

func TestADelayHoldsForOneMailHoweverOftenItIsTried(t *testing.T) {
	t.Parallel()
	i := newInbox(t)
	play(t, i, inbox.Next{Fault: inbox.Delay, Seconds: 600})
	for range 3 {
		if err := i.Keep(t.Context(), letter(1)); err == nil || mail.IsPermanent(err) {
			t.Errorf("the delayed mail: got %v, want a temporary error", err)
		}
	}
	if err := i.Keep(t.Context(), letter(2)); err != nil {
		t.Errorf("another mail: got %v", err)
	}
	mails, err := i.List(t.Context())
	if err != nil || len(mails) != 2 || mails[0].State != inbox.Sent ||
		mails[1].State != inbox.Delayed || mails[1].Fault != inbox.Delay {
		t.Errorf("got %+v, %v; want one mail sent and one delayed", mails, err)
	}
}

func TestAFaultCanBeTakenBack(t *testing.T) {
	t.Parallel()
	i := newInbox(t)
	play(t, i, inbox.Next{Fault: inbox.Fail})
	play(t, i, inbox.Next{Fault: inbox.None})
	if err := i.Keep(t.Context(), letter(1)); err != nil {
		t.Errorf("got %v", err)
	}
	if _, err := i.Play(t.Context(), inbox.Next{Fault: "explode"}); !errors.Is(err,
		inbox.ErrNoSuchFault) {
		t.Errorf("got %v, want ErrNoSuchFault", err)
	}
}

func TestWhatBecameOfAMailIsToldOnceByWhicheverInstance(t *testing.T) {
	t.Parallel()
	i := newInbox(t)
	play(t, i, inbox.Next{Fault: inbox.Bounce})
	const mails = 20
	for n := range mails {
		if err := i.Keep(t.Context(), letter(n)); err != nil {
			t.Fatal(err)
		}
	}
	events := make(chan mail.Event, 2*mails)
	ctx, stop := context.WithCancel(t.Context())
	var instances sync.WaitGroup
	for range 3 {
		instances.Go(func() {
			i.Run(ctx, func(_ context.Context, e mail.Event) error { events <- e; return nil },
				slog.New(slog.DiscardHandler))
		})
	}
	told := map[string]mail.Fate{}
	// the last one is sent when all others were told of: none of them comes again with it
	for len(told) <= mails {
		select {
		case e := <-events:
			if told[e.Ref] != "" || e.Token == "" || e.At.IsZero() || !e.SignedAt.Equal(e.At) {
				t.Errorf("got %+v, told before: %q", e, told[e.Ref])
			}
			told[e.Ref] = e.Fate
			if len(told) == mails {
				if err := i.Keep(t.Context(), letter(mails)); err != nil {
					t.Fatal(err)
				}
			}
		case <-time.After(30 * time.Second):
			t.Fatalf("%d of %d mails were told of", len(told), mails+1)
		}
	}
	stop()
	instances.Wait()
	if len(events) != 0 {
		t.Errorf("%d events too many", len(events))
	}
	for ref, fate := range told {
		if want := map[bool]mail.Fate{true: mail.NoSuchMailbox,
			false: mail.Delivered}[ref == "ref/0"]; fate != want {
			t.Errorf("%s: got %q, want %q", ref, fate, want)
		}
	}
}

func TestTheInboxForgetsTheOldestMails(t *testing.T) {
	t.Parallel()
	i := newInbox(t)
	for n := range 205 {
		if err := i.Keep(t.Context(), letter(n)); err != nil {
			t.Fatal(err)
		}
	}
	mails, err := i.List(t.Context())
	if err != nil || len(mails) != 200 || mails[0].Subject != letter(204).Subject {
		t.Errorf("got %d mails, %v; want the 200 newest", len(mails), err)
	}
}
