package session

import (
	"sync/atomic"
	"time"
)

// CachedSession is a session in the cache. Its content never changes, and all readers share it.
//
// The fields that every read uses come first, so that a processor loads them together.
type CachedSession struct {
	Memo       Memo
	expires    time.Duration // absolute timeout, no later than by the database's clock
	idleAt     atomic.Int64  // a time.Duration: idle timeout, no later than by the database's clock
	recordFrom atomic.Int64  // a time.Duration: uses from then on are recorded
	usePending atomic.Bool   // a recorded use is not written yet
	session    Session
	keyFor     string // of an access key: its app. Then session has the key's id and user
}

// Session returns the session without its Token.
func (c *CachedSession) Session() Session { return c.session }

func (c *CachedSession) isExpired(moment time.Duration) bool {
	return moment >= c.expires || int64(moment) >= c.idleAt.Load()
}

// mustRecordUse reports whether the caller must record a use: once, until that use was written.
func (c *CachedSession) mustRecordUse(moment time.Duration) bool {
	return int64(moment) >= c.recordFrom.Load() && c.usePending.CompareAndSwap(false, true)
}

// sessionTimes are times of a session as the database reported them.
type sessionTimes struct {
	left   time.Duration // until its absolute timeout
	idle   time.Duration // its idle timeout
	unused time.Duration // since its use was last written
}

func (t sessionTimes) isUseDue() bool { return t.unused >= useInterval(t.idle) }

// extend sets the idle timeout from the result of a statement that was sent at moment.
func (c *CachedSession) extend(moment time.Duration, times sessionTimes) {
	c.idleAt.Store(int64(moment + times.idle - times.unused))
	c.recordFrom.Store(int64(moment + useInterval(times.idle) - times.unused))
}

// Sizes of a cached session without its texts, and of its Memo at most. The first was measured and
// includes the cache's own entry.
const (
	sessionBytes = 424
	maxMemo      = 288
)

// weight returns the session's size in bytes.
func (c *CachedSession) weight() uint32 {
	s := c.session
	texts := len(s.ID) + len(s.User.ID) + len(s.User.Email) + len(s.User.Name) +
		len(s.UserAgent) + len(s.Platform) + len(s.IP) + len(s.Seed) + len(c.keyFor)
	return uint32(sessionBytes + maxMemo + texts)
}

// Memo caches bytes that a caller derived from a session, such as an encoded response. It is
// evicted with the session.
type Memo struct{ stored atomic.Pointer[memoContent] }

type memoContent struct {
	length int
	bytes  [maxMemo]byte
}

// Load returns the stored content, nil if there is none. The caller must not change it.
func (m *Memo) Load() []byte {
	if stored := m.stored.Load(); stored != nil {
		return stored.bytes[:stored.length]
	}
	return nil
}

// Store stores a copy of content, unless that is longer than maxMemo.
func (m *Memo) Store(content []byte) {
	if len(content) > maxMemo {
		return
	}
	stored := &memoContent{}
	stored.length = copy(stored.bytes[:], content)
	m.stored.Store(stored)
}
