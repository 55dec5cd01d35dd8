package postgrestest

import (
	"testing"
	"time"
)

// Deadline bounds every wait in a test. It is far longer than any wait should take.
const Deadline = 60 * time.Second

// Eventually polls check until it returns nil, and fails the test after Deadline.
func Eventually(t testing.TB, what string, check func() error) {
	t.Helper()
	var err error
	for end := time.Now().Add(Deadline); time.Now().Before(end); {
		if err = check(); err == nil {
			return
		}
		pause := time.NewTimer(5 * time.Millisecond)
		select {
		case <-pause.C:
		case <-t.Context().Done():
		}
	}
	t.Fatalf("%s: %v", what, err)
}
