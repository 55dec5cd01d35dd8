package outbox

import (
	"testing"
	"time"
)

func TestBrake_KeepsTheLongestWait(t *testing.T) {
	t.Parallel()
	var b brake
	now := time.Now()
	b.engage(now, time.Minute)
	if got := b.engage(now, time.Second); got != time.Minute {
		t.Errorf("a shorter wait changes it to %s, want %s", got, time.Minute)
	}
	b.release()
	if got := b.remaining(now.Add(59 * time.Second)); got != time.Second {
		t.Errorf("%s remain, want 1s: a mail that was being sent does not end the wait", got)
	}
	if got := b.remaining(now.Add(time.Minute)); got != 0 {
		t.Errorf("%s remain, want none", got)
	}
}

func TestBrake_CountsABurstAsOneRefusal(t *testing.T) {
	t.Parallel()
	var b brake
	now, last := time.Now(), time.Duration(0)
	for range 4 {
		wait := b.engage(now, 0)
		for range 50 {
			if got := b.engage(now, 0); got != wait {
				t.Fatalf("another refusal of the burst waits %s, want %s", got, wait)
			}
		}
		if wait <= last {
			t.Errorf("waits %s after %s, want longer", wait, last)
		}
		now, last = now.Add(wait), wait
	}
	b.release()
	if got := b.engage(now, 0); got > 2*time.Second {
		t.Errorf("waits %s after a mail was accepted, want about a second", got)
	}
}

func TestLogLimiter_LogsOnceAMinute(t *testing.T) {
	t.Parallel()
	var a logLimiter
	now, rung := time.Now(), 0
	for second := range 121 {
		if a.allow(now.Add(time.Duration(second) * time.Second)) {
			rung++
		}
	}
	if rung != 3 {
		t.Errorf("logged %d times in two minutes, want at 0, 60 and 120 seconds", rung)
	}
}
