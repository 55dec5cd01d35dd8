package outbox

import (
	"testing"
	"time"

	"sana/backend/postgres"
	"sana/backend/test/postgrestest"
)

func TestMessageRef_ParsesOnlyItsOwnForm(t *testing.T) {
	t.Parallel()
	const id = "0b7c7d6e-6a3b-4a53-9d57-0a8f9b0d7c11"
	if ref, number, ok := parseMessageRef(messageRef(id, 12)); !ok || ref != id || number != 12 {
		t.Errorf("got %s, %d, %v", ref, number, ok)
	}
	for _, other := range []string{
		"", "/", id, id + "/", id + "/-1", id + "/1/1", id + "/32768", id + "/9999999999",
		" " + id + "/1", id + "/1\n",
	} {
		if ref, number, ok := parseMessageRef(other); ok {
			t.Errorf("%q is read as %s, %d", other, ref, number)
		}
	}
}

func TestEnqueueNotice_WakesAfterTheCommit(t *testing.T) {
	t.Parallel()
	db := postgrestest.Pool(t, postgrestest.URL(t))
	o := New(db, nil, Options{})
	for statement, want := range map[string]int{"SELECT 1/0": 0, "SELECT 1": 1} {
		_ = postgres.InBatch(t.Context(), db, func(b *postgres.Batch) error {
			o.EnqueueNotice(t.Context(), b, Notice{Template: "notice"})
			b.Queue(statement)
			return nil
		})
		got := len(o.wake)
		if got != want {
			t.Errorf("%s: %d signals, want %d", statement, got, want)
		}
		for range got {
			<-o.wake
		}
	}
}

func TestPollAfter_IsRareWithoutMails(t *testing.T) {
	t.Parallel()
	for idle, want := range map[time.Duration]time.Duration{
		0: time.Second, 59 * time.Second: time.Second,
		time.Minute: 10 * time.Second, 24 * time.Hour: 10 * time.Second,
	} {
		if got := pollAfter(idle); got != want {
			t.Errorf("after %v without a mail: got %v, want %v", idle, got, want)
		}
	}
}
