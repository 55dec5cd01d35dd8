package outbox_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"sana/backend/mail"
	"sana/backend/outbox"
	"sana/backend/test/postgrestest"

	"github.com/jackc/pgx/v5"
)

// hasPlace reports whether a handover has reserved a place.
func hasPlace(h *outbox.Handover) bool {
	args := pgx.NamedArgs{}
	h.Args(args)
	return args["attempts"] == 1
}

// handover reserves a place as soon as the instance accepts mails.
func (i *instance) handover(t *testing.T) (h *outbox.Handover) {
	t.Helper()
	postgrestest.Eventually(t, "there is no place", func() error {
		if h = i.Handover(t.Context()); !hasPlace(h) {
			return errors.New("no place")
		}
		return nil
	})
	return h
}

// queue queues a mail with the values of a handover, and returns its ref.
func (i *instance) queue(t *testing.T, h *outbox.Handover) (ref string) {
	t.Helper()
	args := pgx.NamedArgs{}
	h.Args(args)
	err := i.db.QueryRow(t.Context(), `
		INSERT INTO mails (ref, number, template, trace, attempts, next_at)
		VALUES (gen_random_uuid(), 1, 'hello', @trace, @attempts, now() + @lease::interval)
		RETURNING ref::text`, args).Scan(&ref)
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

// send sends a mail that was queued; its subject is the ref.
func send(h *outbox.Handover, ref string) {
	h.Send(outbox.Mail{Ref: ref, Number: 1, Template: "hello"},
		func(context.Context) (outbox.Composed, error) {
			return outbox.Composed{Message: mail.Message{Subject: "handed over: " + ref},
				UsefulFor: time.Hour}, nil
		})
}

func (p *provider) wantSubject(t *testing.T, want string) {
	t.Helper()
	if m := receive(t, "the mail", p.attempts); m.Subject != want {
		t.Errorf("got the mail %q, want %q", m.Subject, want)
	}
}

func TestHandover_SendsTheMailWithoutAClaim(t *testing.T) {
	t.Parallel()
	i := start(t, newProvider())
	h := i.handover(t)
	defer h.Release()
	ref := i.queue(t, h)
	send(h, ref)
	i.wantSubject(t, "handed over: "+ref)
	i.await(t, ref, "sent - 1 done")
	if slices.ContainsFunc(i.history(t, ref), func(s status) bool { return s.Leased }) {
		t.Errorf("the mail was claimed: %v", i.history(t, ref))
	}
	i.wantAttempts(t, 0) // further ones
}

func TestHandover_WithoutAPlaceTheMailIsClaimed(t *testing.T) {
	t.Parallel()
	i := newInstance(t, newDatabase(t), newProvider())
	h := i.Handover(t.Context())
	if hasPlace(h) {
		t.Fatal("an instance that does not run has a place")
	}
	ref := i.queue(t, h)
	send(h, ref)
	i.wantAttempts(t, 0)
	i.start(t)
	i.wantSubject(t, ref)
	i.await(t, ref, "queued - 1 leased")
	i.await(t, ref, "sent - 1 done")
}

func TestHandover_PlacesAreBoundedAndReleased(t *testing.T) {
	t.Parallel()
	i := start(t, newProvider())
	places := []*outbox.Handover{i.handover(t)}
	for len(places) <= 300 {
		h := i.Handover(t.Context())
		if !hasPlace(h) {
			break
		}
		places = append(places, h)
	}
	if len(places) != 300 {
		t.Errorf("got %d places, want 300", len(places))
	}

	// A mail releases its place when its outcome is recorded.
	ref := i.queue(t, places[0])
	send(places[0], ref)
	i.await(t, ref, "sent - 1 done")
	again := i.handover(t)
	if hasPlace(i.Handover(t.Context())) {
		t.Error("one mail has released two places")
	}
	places[0].Release() // changes nothing
	for _, h := range append(places, again) {
		h.Release()
		h.Release()
	}
	i.handover(t).Release()
}

func TestHandover_StopFinishesItsMail(t *testing.T) {
	t.Parallel()
	i := newInstance(t, newDatabase(t), newProvider())
	cancel, ended := i.run(t)
	h := i.handover(t)
	cancel()
	postgrestest.Eventually(t, "an instance that stops takes mails", func() error {
		late := i.Handover(t.Context())
		defer late.Release()
		if hasPlace(late) {
			return errors.New("a place")
		}
		return nil
	})
	select {
	case <-ended:
		t.Fatal("Run has ended before the mail was committed")
	default:
	}
	ref := i.queue(t, h)
	send(h, ref)
	receive(t, "the end of Run", ended)
	i.wantSubject(t, "handed over: "+ref)
	i.await(t, ref, "sent - 1 done")
}

// An instance that is killed after the commit, or does not receive its result, sends nothing.
func TestHandover_AnotherInstanceSendsUnfinishedMails(t *testing.T) {
	t.Parallel()
	url := newDatabase(t)
	killed, other := newInstance(t, url, newProvider()), newInstance(t, url, newProvider())
	killed.start(t)
	h := killed.handover(t)
	ref := killed.queue(t, h)
	h.Release()
	other.start(t)
	killed.wantAttempts(t, 0)
	other.makeDue(t, ref, 1)
	other.await(t, ref, "sent - 2 done")
	if n := len(killed.attempts) + len(other.attempts); n != 1 {
		t.Errorf("got %d mails, want 1", n)
	}
}
