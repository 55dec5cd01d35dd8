package outbox_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"sana/backend/jobs"
	"sana/backend/mail"
	"sana/backend/outbox"
	"sana/backend/postgres/postgrestest"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

const deadline = 60 * time.Second

// post is a sender and the other end of a letter: it answers tries in turn and tells what happened.
type post struct {
	answers chan error // for each try in turn; nil when it is empty
	tries   chan mail.Message
	notes   chan outbox.State
	letter  outbox.Letter
}

func newPost(answers ...error) *post {
	p := &post{answers: make(chan error, 10), tries: make(chan mail.Message, 10), notes: make(chan outbox.State, 10)}
	for _, answer := range answers {
		p.answers <- answer
	}
	p.letter = outbox.Letter{
		Compose: func(_ context.Context, ref string) (outbox.Composed, error) {
			return outbox.Composed{Message: mail.Message{Subject: ref}, UsefulFor: time.Hour}, nil
		},
		Note: func(_ context.Context, _ string, state outbox.State) error {
			p.notes <- state
			return nil
		},
	}
	return p
}

// Send implements mail.Sender.
func (p *post) Send(_ context.Context, m mail.Message) error {
	p.tries <- m
	select {
	case answer := <-p.answers:
		return answer
	default:
		return nil
	}
}

func wait[T any](t *testing.T, what string, from <-chan T) T {
	t.Helper()
	select {
	case value := <-from:
		return value
	case <-time.After(deadline):
		t.Fatalf("%s does not come", what)
		panic("unreachable")
	}
}

// start runs an outbox with one letter until the test ends.
func start(t *testing.T, p *post) (*outbox.Outbox, *pgxpool.Pool) {
	t.Helper()
	db := postgrestest.Pool(t, postgrestest.URL(t))
	log := slog.New(slog.DiscardHandler)
	queue, err := jobs.New(db, log)
	if err != nil {
		t.Fatal(err)
	}
	box := outbox.New(queue, p, log)
	box.Handle("hello", p.letter)
	if err := queue.Start(context.WithoutCancel(t.Context())); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), deadline)
		defer cancel()
		if err := queue.Stop(ctx); err != nil {
			t.Errorf("stop: %v", err)
		}
	})
	return box, db
}

func enqueue(t *testing.T, box *outbox.Outbox, db *pgxpool.Pool, letter, ref string) {
	t.Helper()
	err := pgx.BeginFunc(t.Context(), db, func(tx pgx.Tx) error { return box.EnqueueTx(t.Context(), tx, letter, ref) })
	if err != nil {
		t.Fatal(err)
	}
}

func TestALetterIsSentOnceAndNoted(t *testing.T) {
	t.Parallel()
	p := newPost()
	box, db := start(t, p)
	enqueue(t, box, db, "hello", "ref-1")
	if m := wait(t, "the letter", p.tries); m.Subject != "ref-1" {
		t.Errorf("got the letter %q", m.Subject)
	}
	if state := wait(t, "the note", p.notes); state != outbox.Sent {
		t.Errorf("noted as %q", state)
	}
}

func TestALetterOfATransactionThatRollsBackIsNotSent(t *testing.T) {
	t.Parallel()
	p := newPost()
	box, db := start(t, p)
	rolledBack := errors.New("roll back")
	err := pgx.BeginFunc(t.Context(), db, func(tx pgx.Tx) error {
		return errors.Join(box.EnqueueTx(t.Context(), tx, "hello", "rolled back"), rolledBack)
	})
	if !errors.Is(err, rolledBack) {
		t.Fatal(err)
	}
	enqueue(t, box, db, "hello", "committed")
	if m := wait(t, "the letter", p.tries); m.Subject != "committed" {
		t.Errorf("the letter %q was sent", m.Subject)
	}
}

func TestATemporaryFailureIsTriedAgain(t *testing.T) {
	t.Parallel()
	p := newPost(errors.New("away"), &mail.Throttled{After: 0})
	box, db := start(t, p)
	enqueue(t, box, db, "hello", "ref")
	for range 3 {
		wait(t, "the try", p.tries)
	}
	if state := wait(t, "the note", p.notes); state != outbox.Sent {
		t.Errorf("noted as %q", state)
	}
}

func TestAPermanentFailureIsNotTriedAgain(t *testing.T) {
	t.Parallel()
	p := newPost(mail.Permanent(errors.New("no such mailbox")))
	box, db := start(t, p)
	enqueue(t, box, db, "hello", "ref")
	if state := wait(t, "the note", p.notes); state != outbox.Failed {
		t.Errorf("noted as %q", state)
	}
	wantJobs(t, db, "cancelled")
}

func TestALetterIsNotTriedBeyondItsUse(t *testing.T) {
	t.Parallel()
	p := newPost(errors.New("away"))
	p.letter.Compose = func(context.Context, string) (outbox.Composed, error) {
		return outbox.Composed{Message: mail.Message{}, UsefulFor: 10 * time.Millisecond}, nil
	}
	box, db := start(t, p)
	enqueue(t, box, db, "hello", "ref")
	if state := wait(t, "the note", p.notes); state != outbox.Failed {
		t.Errorf("noted as %q", state)
	}
	wantJobs(t, db, "cancelled")
}

func TestAnObsoleteLetterIsDropped(t *testing.T) {
	t.Parallel()
	p := newPost()
	p.letter.Compose = func(context.Context, string) (outbox.Composed, error) { return outbox.Composed{}, outbox.ErrObsolete }
	box, db := start(t, p)
	enqueue(t, box, db, "hello", "ref")
	if state := wait(t, "the note", p.notes); state != outbox.Failed {
		t.Errorf("noted as %q", state)
	}
	if len(p.tries) != 0 {
		t.Error("it was sent")
	}
}

// A note that cannot be written must not send the letter again.
func TestALetterThatWasSentIsNotSentAgainBecauseTheNoteFailed(t *testing.T) {
	t.Parallel()
	p := newPost()
	p.letter.Note = func(_ context.Context, _ string, state outbox.State) error {
		p.notes <- state
		return errors.New("database away")
	}
	box, db := start(t, p)
	enqueue(t, box, db, "hello", "ref")
	wait(t, "the try", p.tries)
	wait(t, "the note", p.notes)
	wantJobs(t, db, "completed")
}

// F-16: a letter that this version cannot write does not stop the others.
func TestAPoisonedLetterDoesNotBlockTheOthers(t *testing.T) {
	t.Parallel()
	p := newPost()
	box, db := start(t, p)
	for range 60 {
		enqueue(t, box, db, "unknown", "ref")
	}
	enqueue(t, box, db, "hello", "good")
	if m := wait(t, "the good letter", p.tries); m.Subject != "good" {
		t.Errorf("got the letter %q", m.Subject)
	}
}

// wantJobs waits until the only job is in a state.
func wantJobs(t *testing.T, db *pgxpool.Pool, state string) {
	t.Helper()
	var got string
	for end := time.Now().Add(deadline); time.Now().Before(end); {
		if err := db.QueryRow(t.Context(), `SELECT state FROM river_job`).Scan(&got); err != nil {
			t.Fatal(err)
		}
		if got == state {
			return
		}
	}
	t.Errorf("the job is %s, want %s", got, state)
}
