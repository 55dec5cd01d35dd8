package smtp

import (
	"errors"
	"net/textproto"
	"slices"
	"sync"
	"time"

	gomail "github.com/wneessen/go-mail"
)

const (
	// how long a conversation is kept; servers wait longer (RFC 5321, 4.5.3.2.7)
	idleFor      = 5 * time.Second
	maxMessages  = 100 // messages of one conversation
	maxIdleTalks = 64
)

// idle keeps conversations that are paused, the last one uppermost. It is safe for concurrent use.
type idle struct {
	mu    sync.Mutex
	talks []*conversation
}

// take returns a conversation in which we have that name, nil if there is none. Its server may have
// ended it meanwhile.
func (i *idle) take(domain string) *conversation {
	i.mu.Lock()
	defer i.mu.Unlock()
	for n := len(i.talks); n > 0 && i.talks[n-1].domain == domain; n = len(i.talks) {
		talk := i.talks[n-1]
		i.talks = i.talks[:n-1]
		if talk.closing.Stop() {
			return talk
		}
	}
	return nil
}

// keep keeps a conversation for a while. It reports false where it is to end.
func (i *idle) keep(talk *conversation) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	if talk.sent >= maxMessages || len(i.talks) >= maxIdleTalks {
		return false
	}
	talk.closing = time.AfterFunc(idleFor, func() { i.end(talk) })
	i.talks = append(i.talks, talk)
	return true
}

// end ends a conversation that was kept for long enough.
func (i *idle) end(talk *conversation) {
	i.mu.Lock()
	i.talks = slices.DeleteFunc(i.talks, func(t *conversation) bool { return t == talk })
	i.mu.Unlock()
	talk.quit()
	talk.close()
}

// isStale reports whether a conversation that was kept has ended before anything of a message was
// sent in it.
func isStale(err error) bool {
	refused, ok := errors.AsType[*gomail.SendError](err)
	if !ok || refused.Reason != gomail.ErrSMTPMailFrom && refused.Reason != gomail.ErrConnCheck {
		return false
	}
	answer, answered := errors.AsType[*textproto.Error](err)
	return !answered || answer.Code == 421
}
