package outbox

import (
	"errors"
	"sync"
	"time"
)

// errBraked is why a mail is delayed that was not even attempted.
var errBraked = errors.New("outbox: the provider accepts no mail for now")

// brake delays all mails of this instance while the provider accepts none: that is about the
// sender, not about one mail. The zero value is released. It is safe for concurrent use.
type brake struct {
	mu     sync.Mutex
	until  time.Time
	inARow int // refusals without a time since a mail was accepted
}

// left returns how long to wait; 0 if mails may be sent.
func (b *brake) left(now time.Time) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	return max(0, b.until.Sub(now))
}

// pull delays mails for as long as the provider says. If it says nothing, each wait is longer than
// the one before. pull returns the whole wait. A wait that ends later stays: so the mails of one
// burst count as one.
func (b *brake) pull(now time.Time, after time.Duration) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	if after == 0 && !now.Before(b.until) {
		b.inARow++
		after = backoff(b.inARow)
	}
	if until := now.Add(after); until.After(b.until) {
		b.until = until
	}
	return b.until.Sub(now)
}

// release records that a mail was accepted. It does not end a wait that another mail has caused in
// the meantime.
func (b *brake) release() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.inARow = 0
}

// alarmEvery is how often, at most, the log repeats what an operator must do.
const alarmEvery = time.Minute

// alarm rings once and then not for alarmEvery. It is safe for concurrent use.
type alarm struct {
	mu   sync.Mutex
	last time.Time
}

// rings reports whether the alarm rings now.
func (a *alarm) rings(now time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.last.IsZero() && now.Sub(a.last) < alarmEvery {
		return false
	}
	a.last = now
	return true
}
