package mail_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"sana/backend/mail"
	"sana/backend/test/mailtest"
)

// writes records each Write as it came. It has no lock of its own: Console promises one.
type writes []string

func (w *writes) Write(p []byte) (int, error) {
	*w = append(*w, string(p))
	return len(p), nil
}

func TestTheConsoleKeepsTheMessageAndShowsIt(t *testing.T) {
	t.Parallel()
	var out writes
	var kept []mail.Message
	console := mail.NewConsole(&out, func(_ context.Context, m mail.Message) error {
		kept = append(kept, m)
		return nil
	})
	m := mailtest.Message()
	if err := console.Send(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"To: " + m.To + "\n", "Subject: " + m.Subject + "\n",
		"\n" + m.Text + "\n"} {
		if !strings.Contains(out[0], want) {
			t.Errorf("got %q, want %q in it", out[0], want)
		}
	}
	if len(kept) != 1 || kept[0].To != m.To || kept[0].HTML != m.HTML {
		t.Errorf("got %d kept messages, want the one sent", len(kept))
	}
}

func TestConsoleBlocksDoNotMix(t *testing.T) {
	t.Parallel()
	const senders = 32
	var out writes
	console := mail.NewConsole(&out, nil)
	var group sync.WaitGroup
	for range senders {
		group.Go(func() {
			if err := console.Send(t.Context(), mailtest.Message()); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if len(out) != senders {
		t.Errorf("got %d writes, want one for each of %d messages", len(out), senders)
	}
}

func TestWhatIsNotKeptIsNotShown(t *testing.T) {
	t.Parallel()
	full := errors.New("inbox full")
	var out writes
	console := mail.NewConsole(&out, func(context.Context, mail.Message) error { return full })
	if err := console.Send(t.Context(), mailtest.Message()); !errors.Is(err, full) ||
		len(out) != 0 {
		t.Errorf("got %v and %d writes, want %v and none", err, len(out), full)
	}
}

type closed struct{}

func (closed) Write([]byte) (int, error) {
	return 0, errors.New("closed, and here is " + mailtest.Code)
}

func TestAClosedConsoleIsATemporaryFailure(t *testing.T) {
	t.Parallel()
	err := mail.NewConsole(closed{}, nil).Send(t.Context(), mailtest.Message())
	if err == nil || mail.IsPermanent(err) || strings.Contains(err.Error(), mailtest.Code) {
		t.Errorf("got %v, want a temporary error without the code", err)
	}
}

func TestTheConsoleStopsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var out writes
	err := mail.NewConsole(&out, nil).Send(ctx, mailtest.Message())
	if !errors.Is(err, context.Canceled) || len(out) != 0 {
		t.Errorf("got %v and %d writes, want context.Canceled and none", err, len(out))
	}
}

func TestTheConsoleRefusesWhatMailgunRefuses(t *testing.T) {
	t.Parallel()
	for name, m := range mailtest.BadMessages() {
		var out writes
		err := mail.NewConsole(&out, nil).Send(t.Context(), m)
		if !mail.IsPermanent(err) || len(out) != 0 {
			t.Errorf("%s: got %v and %d writes, want a permanent error and none", name, err,
				len(out))
		}
	}
}
