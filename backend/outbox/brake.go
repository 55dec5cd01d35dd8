package outbox

import (
	"errors"
	"sync"
	"time"
)

// errBraked is the cause of the delay of a mail that was not attempted.
var errBraked = errors.New("outbox: the provider accepts no mail for now")

// brake delays all mails of this instance while the provider accepts none, because such a refusal
// concerns the sender, not one mail. The zero value is released. It is safe for concurrent use.
type brake struct {
	mu       sync.Mutex
	until    time.Time
	refusals int // without a Retry-After, since a mail was accepted
}

// remaining returns the remaining delay; 0 if mails may be sent.
func (b *brake) remaining(now time.Time) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	return max(0, b.until.Sub(now))
}

// engage delays mails for the time that the provider requested, or else with an exponential
// backoff. It returns the whole delay. It never shortens a delay, so the mails of one burst count
// as one refusal.
func (b *brake) engage(now time.Time, after time.Duration) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	if after == 0 && !now.Before(b.until) {
		b.refusals++
		after = backoff(b.refusals)
	}
	if until := now.Add(after); until.After(b.until) {
		b.until = until
	}
	return b.until.Sub(now)
}

// release records that a mail was accepted. It does not end a delay that another mail has caused
// meanwhile.
func (b *brake) release() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.refusals = 0
}

// logInterval is the minimum interval between two log lines of a logLimiter.
const logInterval = time.Minute

// logLimiter allows one log line per logInterval. It is safe for concurrent use.
type logLimiter struct {
	mu   sync.Mutex
	last time.Time
}

// allow reports whether a line may be logged now.
func (a *logLimiter) allow(now time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.last.IsZero() && now.Sub(a.last) < logInterval {
		return false
	}
	a.last = now
	return true
}
