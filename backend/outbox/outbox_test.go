package outbox_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
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
	notes   chan outbox.Outcome
	letter  outbox.Letter
	hold    func(ctx context.Context) error // if not nil, what a try does
}

func newPost(answers ...error) *post {
	p := &post{answers: make(chan error, 10), tries: make(chan mail.Message, 10), notes: make(chan outbox.Outcome, 10)}
	for _, answer := range answers {
		p.answers <- answer
	}
	p.letter = outbox.Letter{
		Compose: func(_ context.Context, ref outbox.Ref) (outbox.Composed, error) {
			return outbox.Composed{Message: mail.Message{Subject: ref.ID}, UsefulFor: time.Hour}, nil
		},
		Note: func(_ context.Context, _ outbox.Ref, outcome outbox.Outcome) error {
			p.notes <- outcome
			return nil
		},
	}
	return p
}

// Send implements mail.Sender.
func (p *post) Send(ctx context.Context, m mail.Message) error {
	p.tries <- m
	if p.hold != nil {
		return p.hold(ctx)
	}
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

// wantNotes waits for the next notes.
func wantNotes(t *testing.T, p *post, want ...outbox.Outcome) {
	t.Helper()
	for i, outcome := range want {
		if got := wait(t, "the note", p.notes); got != outcome {
			t.Errorf("note %d is %q, want %q", i+1, got, outcome)
		}
	}
}

// start runs an outbox with one letter until the test ends.
func start(t *testing.T, p *post) (*outbox.Outbox, *pgxpool.Pool) {
	t.Helper()
	return startLogging(t, p, slog.New(slog.DiscardHandler))
}

func startLogging(t *testing.T, p *post, log *slog.Logger) (*outbox.Outbox, *pgxpool.Pool) {
	t.Helper()
	db := postgrestest.Pool(t, postgrestest.URL(t))
	queue, err := jobs.New(db, log)
	if err != nil {
		t.Fatal(err)
	}
	box := outbox.New(queue, p, outbox.Options{Log: log})
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
	err := pgx.BeginFunc(t.Context(), db, func(tx pgx.Tx) error { return box.EnqueueTx(t.Context(), tx, letter, outbox.Ref{ID: ref, Number: 1}) })
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
	wantNotes(t, p, outbox.Outcome{State: outbox.Sent})
}

func TestALetterOfATransactionThatRollsBackIsNotSent(t *testing.T) {
	t.Parallel()
	p := newPost()
	box, db := start(t, p)
	rolledBack := errors.New("roll back")
	err := pgx.BeginFunc(t.Context(), db, func(tx pgx.Tx) error {
		return errors.Join(box.EnqueueTx(t.Context(), tx, "hello", outbox.Ref{ID: "rolled back"}), rolledBack)
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
	delayed := outbox.Outcome{State: outbox.Delayed, Reason: outbox.ProviderAway}
	wantNotes(t, p, delayed, delayed, outbox.Outcome{State: outbox.Sent})
}

func TestAPermanentFailureIsNotTriedAgain(t *testing.T) {
	t.Parallel()
	p := newPost(mail.Permanent(errors.New("no such mailbox")))
	box, db := start(t, p)
	enqueue(t, box, db, "hello", "ref")
	wantNotes(t, p, outbox.Outcome{State: outbox.Failed, Reason: outbox.Refused})
	wantJobs(t, db, "cancelled")
}

func TestALetterIsNotTriedBeyondItsUse(t *testing.T) {
	t.Parallel()
	p := newPost(errors.New("away"))
	p.letter.Compose = func(context.Context, outbox.Ref) (outbox.Composed, error) {
		return outbox.Composed{Message: mail.Message{}, UsefulFor: 10 * time.Millisecond}, nil
	}
	box, db := start(t, p)
	enqueue(t, box, db, "hello", "ref")
	wantNotes(t, p, outbox.Outcome{State: outbox.Failed, Reason: outbox.ProviderAway})
	wantJobs(t, db, "cancelled")
}

func TestAnObsoleteLetterIsDropped(t *testing.T) {
	t.Parallel()
	p := newPost()
	p.letter.Compose = func(context.Context, outbox.Ref) (outbox.Composed, error) {
		return outbox.Composed{}, outbox.ErrObsolete
	}
	box, db := start(t, p)
	enqueue(t, box, db, "hello", "ref")
	wantNotes(t, p, outbox.Outcome{State: outbox.Failed})
	if len(p.tries) != 0 {
		t.Error("it was sent")
	}
}

// F-14: a 429 means the sender, not the letter. Nobody else's letter is even tried, and none is lost.
func TestAThrottledSenderHoldsBackAllLettersAndLosesNone(t *testing.T) {
	t.Parallel()
	p := newPost(&mail.Throttled{After: 10 * time.Minute})
	box, db := start(t, p)
	enqueue(t, box, db, "hello", "first")
	wait(t, "the try", p.tries)
	wantNotes(t, p, outbox.Outcome{State: outbox.Delayed, Reason: outbox.ProviderAway})
	for range 5 {
		enqueue(t, box, db, "hello", "later")
		wantNotes(t, p, outbox.Outcome{State: outbox.Delayed, Reason: outbox.ProviderAway})
	}
	awaitJobs(t, db, `state = 'scheduled' AND scheduled_at BETWEEN now() + interval '9 minutes' AND now() + interval '11 minutes'`, 6)
	if len(p.tries) != 0 {
		t.Error("a letter was tried although the provider takes none")
	}
}

func TestALetterThatWouldBeHeldBackBeyondItsUseIsGivenUp(t *testing.T) {
	t.Parallel()
	p := newPost(&mail.Throttled{After: 10 * time.Minute})
	p.letter.Compose = func(context.Context, outbox.Ref) (outbox.Composed, error) {
		return outbox.Composed{Message: mail.Message{}, UsefulFor: time.Minute}, nil
	}
	box, db := start(t, p)
	for range 2 {
		enqueue(t, box, db, "hello", "ref")
		wantNotes(t, p, outbox.Outcome{State: outbox.Failed, Reason: outbox.ProviderAway})
	}
	awaitJobs(t, db, `state = 'cancelled'`, 2)
	if len(p.tries) != 1 {
		t.Errorf("%d tries, want 1", len(p.tries))
	}
}

// An operator may mend the key while the code lives.
func TestRefusedCredentialsAreTriedAgainAndSaidOnceAMinute(t *testing.T) {
	t.Parallel()
	refused := mail.Permanent(fmt.Errorf("401 %w", mail.ErrCredentials))
	p := newPost(refused, refused)
	var log bytes.Buffer
	box, db := startLogging(t, p, slog.New(slog.NewTextHandler(&log, nil)))
	enqueue(t, box, db, "hello", "ref")
	delayed := outbox.Outcome{State: outbox.Delayed, Reason: outbox.ProviderAway}
	wantNotes(t, p, delayed, delayed, outbox.Outcome{State: outbox.Sent})
	wantJobs(t, db, "completed")
	if got := strings.Count(log.String(), "level=ERROR"); got != 1 {
		t.Errorf("%d lines of level ERROR, want 1:\n%s", got, &log)
	}
}

func TestALetterIsNotSentLongerThanItIsOfUse(t *testing.T) {
	t.Parallel()
	p := newPost()
	ended := make(chan struct{})
	p.hold = func(ctx context.Context) error {
		if end, ok := ctx.Deadline(); !ok || time.Until(end) > 10*time.Millisecond {
			t.Errorf("the try may take until %s", end)
		}
		<-ctx.Done()
		close(ended)
		return ctx.Err()
	}
	p.letter.Compose = func(context.Context, outbox.Ref) (outbox.Composed, error) {
		return outbox.Composed{Message: mail.Message{}, UsefulFor: 10 * time.Millisecond}, nil
	}
	box, db := start(t, p)
	enqueue(t, box, db, "hello", "ref")
	wait(t, "the end of the try", ended)
	wantJobs(t, db, "cancelled")
}

// A note that cannot be written must not send the letter again.
func TestALetterThatWasSentIsNotSentAgainBecauseTheNoteFailed(t *testing.T) {
	t.Parallel()
	p := newPost()
	p.letter.Note = func(_ context.Context, _ outbox.Ref, outcome outbox.Outcome) error {
		p.notes <- outcome
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
	awaitJobs(t, db, `state = '`+state+`'`, 1)
}

// awaitJobs waits until n jobs satisfy a condition, and no other.
func awaitJobs(t *testing.T, db *pgxpool.Pool, condition string, n int) {
	t.Helper()
	var got, others int
	for end := time.Now().Add(deadline); time.Now().Before(end); {
		err := db.QueryRow(t.Context(), `
			SELECT count(*) FILTER (WHERE `+condition+`), count(*) FILTER (WHERE NOT (`+condition+`))
			FROM river_job`).Scan(&got, &others)
		if err != nil {
			t.Fatal(err)
		}
		if got == n && others == 0 {
			return
		}
	}
	t.Errorf("%d jobs are %s and %d are not, want %d and none", got, condition, others, n)
}
