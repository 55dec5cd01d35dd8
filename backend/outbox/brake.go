package outbox

import (
	"errors"
	"sync"
	"time"
)

// errHeldBack is why a letter waits that was not even tried.
var errHeldBack = errors.New("outbox: the provider takes no more mail for now")

// brake holds back all letters of this instance when the provider takes no more: it means the sender, not the letter. The
// zero value is released. It is safe for concurrent use.
type brake struct {
	mu     sync.Mutex
	until  time.Time
	inARow int // refusals without a time since a letter was taken
}

// left returns how long to wait, 0 when letters may be sent.
func (b *brake) left(now time.Time) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	return max(0, b.until.Sub(now))
}

// pull holds letters back for as long as the provider says, or longer each time where it says nothing, and returns how long
// that is. What was said before and ends later holds: so do the letters of one burst count as one.
func (b *brake) pull(now time.Time, after time.Duration) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	if after == 0 && !now.Before(b.until) {
		b.inARow = min(b.inARow+1, patientFrom-1)
		after = backoff(b.inARow)
	}
	if until := now.Add(after); until.After(b.until) {
		b.until = until
	}
	return b.until.Sub(now)
}

// release notes that a letter was taken. It does not end a wait that another letter has brought in the meantime.
func (b *brake) release() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.inARow = 0
}

// alarmEvery is how often, at the most, the log says what an operator must do.
const alarmEvery = time.Minute

// alarm rings once and then not for alarmEvery, however much there is to ring for. It is safe for concurrent use.
type alarm struct {
	mu   sync.Mutex
	last time.Time
}

func (a *alarm) rings(now time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.last.IsZero() && now.Sub(a.last) < alarmEvery {
		return false
	}
	a.last = now
	return true
}
