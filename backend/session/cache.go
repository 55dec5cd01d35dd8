package session

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/maypok86/otter/v2"
)

// cache keeps sessions in this process, so that most reads need no statement.
//
// # Promise
//
// A read never returns a session that was revoked more than two seconds before the read began. On
// the instance that revoked a session, no read that begins after the call that commits returns it.
//
// # Method
//
// Postgres keeps a log of revocations, written by triggers. Each instance polls it several times a
// second (revocations.go). A result gives the cache a lease: when the poll was sent, this instance
// knew every revocation that was committed by then. A cached session may be used only under a lease
// that is younger than leaseFor.
//
// A fill is a read that misses the cache, reads the session from the database and caches it. An
// eviction removes a session from the cache and leaves a mark, so that a fill under way does not
// put it back. Reads, fills, evictions and polls run concurrently. These are the orders of events
// that could break the promise, and why they do not. Each has a test.
//
//  1. The revocation is committed before the fill's statement runs. The statement finds no row, and
//     nothing is cached.
//  2. The fill caches the session, then the revocation is committed. The next poll reports it: the
//     session is evicted first, and only then the lease of that poll is granted.
//  3. The fill reads the row, the revocation is committed, a poll evicts the session, and then the
//     fill tries to cache it. The fill began before the eviction, and the eviction has left its
//     mark, under the same mutex: nothing is cached. A fill that began after the eviction sees what
//     the poll saw, and may cache. Sessions share marks, so that a fill may also cache nothing
//     because another session was evicted.
//  4. Like 3, with all sessions instead of one: TRUNCATE, a restart of the database, a log that was
//     swept before this instance read it. Then the generation changes, and a fill that began in an
//     older generation caches nothing.
//  5. A read loads the lease, finds the cached session, and is suspended for ten seconds. Meanwhile
//     the session is revoked, polls continue, and there is a new lease. The read validates the
//     session with the lease that it loaded before the lookup and the time after the lookup: that
//     lease has expired. The new lease would be wrong, because it was granted after an eviction
//     that the read has not seen.
//  6. The result of a poll is late. The lease counts from the moment when the poll was sent.
//  7. This instance revokes or renews a session itself, and a fill reads the old row before the
//     commit. The session is evicted after the commit and before the caller knows of it: like 3.
//  8. The database confirms that a session is valid after a use was recorded, then the session is
//     revoked, and then its cached idle timeout is extended. The extended entry is no longer in the
//     cache.
//
// # Clocks
//
// Durations are measured by the process's monotonic clock. It continues while the process is
// stopped, and setting the wall clock does not change it. But it stops while the whole machine is
// suspended: then only the wall clock continues, and isValid detects the difference.
type cache struct {
	now      func() time.Time
	start    time.Time // every time.Duration below that is a moment counts from here
	sessions *otter.Cache[key, *CachedSession]
	// keys has the keys of sessions by their public ids; one that was replaced finds no session.
	keys    *otter.Cache[publicID, key]
	lease   atomic.Pointer[lease]     // nil before the first one
	onUse   func(key, *CachedSession) // called to record the use of a session
	reached func(point string)        // nil except in tests: called at points of a read or a fill

	wasRead atomic.Bool   // since the last check of the listener
	noLease chan struct{} // holds a token after a read that found no valid lease

	mu         sync.Mutex // locked by fills, evictions and grants, not by reads
	generation uint64
	marks      [256]time.Duration // newest evictions, by the first byte of the keys
}

// lease records a moment at which this instance knew every revocation committed until then.
type lease struct {
	generation uint64
	at         time.Duration
	wall       time.Time // the same moment by the wall clock
}

// leaseFor is the lifetime of a lease: half a second less than promised, for a slow clock.
const leaseFor = 1500 * time.Millisecond

// A cache uses one part in keysShare of its memory for the keys by public id.
const (
	keysShare = 8
	keyBytes  = 160 // of an entry, with the cache's own
)

// newCache returns an empty cache of at most that many bytes. onUse must not block.
func newCache(bytes uint64, onUse func(key, *CachedSession)) (*cache, error) {
	keys, err := otter.New(
		&otter.Options[publicID, key]{MaximumSize: int(bytes / keysShare / keyBytes)})
	if err != nil {
		return nil, err
	}
	sessions, err := otter.New(&otter.Options[key, *CachedSession]{
		MaximumWeight: bytes - bytes/keysShare,
		Weigher:       func(_ key, c *CachedSession) uint32 { return c.weight() },
	})
	if err != nil {
		return nil, err
	}
	return &cache{
		now:      time.Now,
		start:    time.Now(),
		sessions: sessions,
		keys:     keys,
		onUse:    onUse,
		noLease:  make(chan struct{}, 1),
	}, nil
}

func (c *cache) reach(point string) {
	if c.reached != nil {
		c.reached(point)
	}
}

// elapsed converts a time to a moment.
func (c *cache) elapsed(now time.Time) time.Duration { return now.Sub(c.start) }

// read returns the cached session of a key, or nil if none may be used. It takes no lock and does
// not allocate.
func (c *cache) read(k key) *CachedSession {
	if !c.wasRead.Load() { // a store each time would cause contention between processors
		c.wasRead.Store(true)
	}
	lease := c.lease.Load() // before the session is looked up: case 5
	if lease == nil {
		return nil
	}
	found, ok := c.sessions.GetIfPresent(k)
	if !ok {
		return nil
	}
	c.reach("read: session found")

	now := c.now() // after the session was looked up: case 5
	moment := c.elapsed(now)
	if !lease.isValid(moment, now) || found.isExpired(moment) {
		return nil
	}
	if found.mustRecordUse(moment) {
		c.onUse(k, found)
	}
	return found
}

// isValid reports whether the lease has not expired by either clock.
func (l *lease) isValid(moment time.Duration, now time.Time) bool {
	return moment-l.at < leaseFor && now.Round(0).Sub(l.wall).Abs() < leaseFor
}

// fill is a read that may cache a session.
type fill struct {
	key        key
	generation uint64
	began      time.Duration
}

// beginFill is called before the statement. ok is false if there is no valid lease: then a cached
// session could not be used, and the listener, which may be idle, is woken to grant one.
func (c *cache) beginFill(k key) (f fill, ok bool) {
	if lease := c.lease.Load(); lease != nil {
		now := c.now()
		f = fill{key: k, generation: lease.generation, began: c.elapsed(now)}
		ok = lease.isValid(f.began, now)
	}
	if !ok {
		select {
		case c.noLease <- struct{}{}:
		default:
		}
	}
	return f, ok
}

// cacheSession ends a fill: it caches the session that the database returned, unless it may have
// been evicted since the fill began.
func (c *cache) cacheSession(f fill, s Session, times sessionTimes) {
	entry := &CachedSession{session: s, expires: f.began + times.left}
	entry.extend(f.began, times)
	c.addEntry(f, entry)
}

// addEntry ends a fill, see cacheSession.
func (c *cache) addEntry(f fill, entry *CachedSession) {
	c.reach("fill: row read")
	c.mu.Lock()
	defer c.mu.Unlock()
	if f.generation == c.generation && f.began > c.marks[f.key[0]] {
		c.sessions.Set(f.key, entry)
	}
}

// evict removes sessions from the cache whose change is committed. Fills that began earlier do not
// cache them.
func (c *cache) evict(keys ...key) {
	c.mu.Lock()
	defer c.mu.Unlock()
	moment := c.elapsed(c.now())
	for _, k := range keys {
		c.marks[k[0]] = moment
		c.sessions.Invalidate(k)
	}
}

// grant gives the cache the lease of a poll that was sent at a moment. Everything that the poll
// reported was evicted before. If reset is true, the poll may have missed revocations, and
// everything is evicted.
func (c *cache) grant(sent time.Time, reset bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if reset {
		c.generation++ // fills under way will cache nothing
		c.sessions.InvalidateAll()
	}
	c.lease.Store(&lease{generation: c.generation, at: c.elapsed(sent), wall: sent.Round(0)})
}
