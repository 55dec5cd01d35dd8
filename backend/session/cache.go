package session

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/maypok86/otter/v2"
)

// The cache: copies of sessions in this process, which are read without a statement.
//
// The promise. An answer from the cache is never about a session that had ended two seconds before its request began; on
// the instance that ended the session, not even for a moment. The database keeps a log of endings (endings.go), which each
// instance asks for several times a second. An answer to such a question is a proof: of all endings that were committed
// before the question was sent, this instance knows. A copy is good only by a proof younger than leaseFor.
//
// What can happen between a read, a fill (a read that missed, asks the database and keeps a copy) and an ending, and why
// each comes out right; a test plays each:
//
//  1. The ending is committed before the fill's statement: there is no row, and nothing to keep.
//  2. The fill keeps its copy, the ending is committed, the log tells it: forget drops the copy, and only then is the
//     proof published that came with it.
//  3. The fill reads the row, the ending is committed, forget runs, and the fill wants to keep the copy: forget has left
//     its mark in ended, under the same lock, and nothing is kept. A mark stays for markFor; a fill that took longer keeps
//     nothing in any case.
//  4. The same with everything instead of one session (TRUNCATE, a database that was restarted, a log that was swept before
//     it was read): the generation is another one, and a fill of an older generation keeps nothing.
//  5. A read takes the proof, finds the copy, and is stopped for ten seconds; the session ends; everything goes on, the log
//     is asked first, and there is a fresh proof. The read judges the copy by the proof that it had taken before it looked,
//     and by a clock that it asks after: that proof is too old. With the fresh one the copy would be good.
//  6. The answer of the log comes late: the proof is as old as the question.
//  7. This instance ends a session itself, or replaces it: that is part of a transaction which is not the store's to commit,
//     so it is forgotten before. A fill between finds the mark, and until that goes the database is asked. If the
//     transaction rolls back, nothing was lost but that.
//  8. A touch is confirmed and the session ends: the touch prolongs a copy that is not in the cache any more.
//
// Time here is the process's monotonic clock, which goes on while the process is stopped, whatever its wall clock says. It
// stands still while the whole machine sleeps; then the wall clock has gone on alone, and holds sees that.
type cache struct {
	now     func() time.Time
	start   time.Time // all moments below are counted from here
	copies  *otter.Cache[key, *Copy]
	proof   atomic.Pointer[proof] // nil before the first one
	inUse   func(key, *Copy)      // is told that a session is in use whose last touch is seenInterval old
	reached func(point string)    // nil but in tests: a point in a read or a fill is reached

	mu         sync.Mutex // held to fill, to forget and to publish a proof, not to read
	generation uint64
	ended      map[key]time.Duration // marks: when the session was forgotten
	marks      []mark                // the same in their order, to take them away
}

// proof says that at a moment this instance knew of every ending that was committed before.
type proof struct {
	generation uint64
	at         time.Duration
	wall       time.Time // the same moment by the wall clock
}

// Copy is the copy of a session. Its content never changes and is shared by all who read it. What each read looks at comes
// first, together: the processor fetches the rest only when it is asked for.
type Copy struct {
	Memo      Memo
	ends      time.Duration // by its age; no later than by the database's clock
	idleEnds  atomic.Int64  // a time.Duration: unused until then, it has ended, no later than by the database's clock
	touchFrom atomic.Int64  // a time.Duration: from then on its use is to be noted
	noted     atomic.Bool   // its use is noted and not yet written
	session   Session
}

// Session is what was copied, without the token.
func (c *Copy) Session() Session { return c.session }

// Memo keeps what somebody has made of a session's content, so that it is made once: the content never changes. It goes
// with the copy that it belongs to.
type Memo struct{ made atomic.Pointer[made] }

type made struct {
	length  int
	content [maxMemo]byte
}

// Load returns what was stored, nil before that. It is for reading only.
func (m *Memo) Load() []byte {
	if made := m.made.Load(); made != nil {
		return made.content[:made.length]
	}
	return nil
}

// Store keeps a copy of at most maxMemo bytes, and more not at all.
func (m *Memo) Store(content []byte) {
	if len(content) > maxMemo {
		return
	}
	kept := &made{}
	kept.length = copy(kept.content[:], content)
	m.made.Store(kept)
}

type mark struct {
	key key
	at  time.Duration
}

const (
	// leaseFor is how long a proof is good. Half a second less than what is promised, for a clock that is slow.
	leaseFor = 1500 * time.Millisecond
	// markFor is how long a session that was forgotten is not kept. No request lasts so long, and no transaction that a request
	// issues a session in.
	markFor = 30 * time.Second
	// maxMarks bounds the memory of the marks. With more endings than that in markFor everything is forgotten instead.
	maxMarks = 1 << 17
)

// newCache returns an empty cache of at most so many bytes.
func newCache(bytes uint64, inUse func(key, *Copy)) (*cache, error) {
	copies, err := otter.New(&otter.Options[key, *Copy]{
		MaximumWeight: bytes,
		Weigher:       func(_ key, c *Copy) uint32 { return c.weight() },
	})
	if err != nil {
		return nil, err
	}
	return &cache{now: time.Now, start: time.Now(), copies: copies, inUse: inUse, ended: map[key]time.Duration{}}, nil
}

// What a copy takes besides its texts, the cache's own part of it included, and what its memo may take.
const (
	copiedBytes = 400
	maxMemo     = 288
)

func (c *Copy) weight() uint32 {
	s := c.session
	n := copiedBytes + maxMemo + len(s.ID) + len(s.UserAgent) + len(s.Platform) + len(s.IP)
	if s.User != nil {
		n += len(s.User.ID) + len(s.User.Email)
	}
	return uint32(n)
}

func (c *cache) at(point string) {
	if c.reached != nil {
		c.reached(point)
	}
}

// elapsed is the moment that now is.
func (c *cache) elapsed(now time.Time) time.Duration { return now.Sub(c.start) }

// read returns the copy of a session if it is good, else nil. It locks nothing and allocates nothing.
func (c *cache) read(k key) *Copy {
	p := c.proof.Load() // before the copy is looked for: see 5
	if p == nil {
		return nil
	}
	found, ok := c.copies.GetIfPresent(k)
	if !ok {
		return nil
	}
	c.at("read: copy found")
	now := c.now()
	moment := c.elapsed(now)
	if !p.holds(moment, now) || moment >= found.ends || int64(moment) >= found.idleEnds.Load() {
		return nil
	}
	if int64(moment) >= found.touchFrom.Load() && found.noted.CompareAndSwap(false, true) {
		c.inUse(k, found)
	}
	return found
}

// holds reports whether the proof is young enough by both clocks.
func (p *proof) holds(moment time.Duration, now time.Time) bool {
	return moment-p.at < leaseFor && now.Round(0).Sub(p.wall).Abs() < leaseFor
}

// fill is a read that is to leave a copy.
type fill struct {
	key        key
	generation uint64
	began      time.Duration
}

// beginFill comes before the statement. ok is false while a copy could not be used.
func (c *cache) beginFill(k key) (f fill, ok bool) {
	p := c.proof.Load()
	if p == nil {
		return fill{}, false
	}
	now := c.now()
	return fill{key: k, generation: p.generation, began: c.elapsed(now)}, p.holds(c.elapsed(now), now)
}

// left is what the database said of a session's time.
type left struct {
	age    time.Duration // until it is too old
	idle   time.Duration // until it has not been used for too long
	unused time.Duration // since its last touch
}

// keep ends a fill with the session that the database knew after the fill began.
func (c *cache) keep(f fill, s Session, l left) {
	c.at("fill: row read")
	kept := &Copy{session: s, ends: f.began + l.age}
	kept.touched(f.began, l)
	c.mu.Lock()
	defer c.mu.Unlock()
	_, ended := c.ended[f.key]
	tooLong := c.elapsed(c.now())-f.began >= markFor
	if ended || tooLong || f.generation != c.generation {
		return
	}
	c.copies.Set(f.key, kept)
}

// touched notes what a statement said that was sent at a moment.
func (c *Copy) touched(moment time.Duration, l left) {
	c.idleEnds.Store(int64(moment + l.idle))
	c.touchFrom.Store(int64(moment + seenInterval(l.idle+l.unused) - l.unused))
}

// forget drops what is known of sessions that have ended, or may end at any moment.
func (c *cache) forget(keys ...key) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.takeOldMarks()
	if len(c.marks)+len(keys) > maxMarks {
		c.forgetAll()
		c.proof.Store(nil)
		return
	}
	moment := c.elapsed(c.now())
	for _, k := range keys {
		c.ended[k] = moment
		c.marks = append(c.marks, mark{k, moment})
		c.copies.Invalidate(k)
	}
}

// takeOldMarks wants mu.
func (c *cache) takeOldMarks() {
	moment := c.elapsed(c.now())
	n := 0
	for ; n < len(c.marks) && moment-c.marks[n].at >= markFor; n++ {
		if c.ended[c.marks[n].key] == c.marks[n].at { // not marked again since
			delete(c.ended, c.marks[n].key)
		}
	}
	c.marks = c.marks[n:]
}

// forgetAll wants mu. Fills that are under way keep nothing.
func (c *cache) forgetAll() {
	c.generation++
	c.copies.InvalidateAll()
	c.ended, c.marks = map[key]time.Duration{}, nil
}

// publish lets copies be used by a proof of a moment; everything that it proves was forgotten before. With afresh, it
// proves nothing of what was before it.
func (c *cache) publish(began time.Time, afresh bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if afresh {
		c.forgetAll()
	}
	c.proof.Store(&proof{generation: c.generation, at: c.elapsed(began), wall: began.Round(0)})
}
