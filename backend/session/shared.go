package session

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"unicode"

	"sana/backend/observe/metrics"
	"sana/backend/postgres"

	storage "github.com/gofiber/storage/postgres/v3"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Shared keeps sessions in Postgres, for all instances. A revocation takes effect at
// once; on instances with a cache (NewCached) within two seconds.
//
// Package auth inserts, renews and deletes rows of sessions in its own statements. It builds v as
// documented at Session, stores tokens as Key, tests rows with IsLive, and calls Evict.
type Shared struct {
	db     *pgxpool.Pool
	kv     *storage.Storage
	limits Limits
	log    *slog.Logger

	cache    *cache              // nil without a cache, like the next field
	listener *revocationListener // evicts sessions that other instances revoked
	onRead   func(metrics.Source)

	mu    sync.Mutex
	inUse map[publicID]use // sessions that were used since the last flush
	// keysInUse are the access keys that were used since the last flush, with the IP address.
	keysInUse map[string]string
}

// MaxPerUser is the maximum number of sessions of a user. Another sign-in revokes the oldest one.
const MaxPerUser = 10

// IsLive is the condition that a row of sessions is valid: neither timeout has passed by the
// database's clock. It names the columns e, last_used_at and idle_seconds without an alias.
const IsLive postgres.SQL = `(e > extract(epoch FROM now())
	AND last_used_at > now() - make_interval(secs => idle_seconds))`

// EraseReplaced is a statement for a WITH clause whose CTE "deleted" deletes sessions and returns
// their id. It erases the user's data in their replaced tokens. The rows stay, so that these tokens
// lead to the reason for the end of the session.
const EraseReplaced postgres.SQL = `UPDATE replaced_tokens
	SET v = convert_to('{}', 'UTF8')
	FROM deleted
	WHERE replaced_tokens.id = deleted.id`

// Expressions over a row of sessions. expiredFor and expiredAt are the reason and the time of the
// earlier timeout.
const (
	isLive     = string(IsLive)
	expiredAt  = `least(to_timestamp(e), last_used_at + make_interval(secs => idle_seconds))`
	expiredFor = `CASE WHEN to_timestamp(e) <= last_used_at + make_interval(secs => idle_seconds)
	              THEN 'max_age' ELSE 'idle' END`
	// A use in the future was written before the clock was set back. It counts as now, and the next
	// one overwrites it.
	unusedFor = `greatest(now() - last_used_at, interval '0')`
)

// NewShared returns a store without a cache on a database whose schema postgres.CheckSchema
// accepts. The caller calls Run and Close.
func NewShared(
	ctx context.Context, db *pgxpool.Pool, limits Limits, log *slog.Logger, counts *metrics.Metrics,
) (*Shared, error) {
	kv, err := openStorage(ctx, db)
	if err != nil {
		return nil, err
	}
	return &Shared{
		db:     db,
		kv:     kv,
		limits: limits,
		log:    log,
		onRead: counts.SessionRead,
		inUse:  map[publicID]use{},

		keysInUse: map[string]string{},
	}, nil
}

// NewCached is NewShared with a cache of at most that many bytes in this process (see cache). The
// cache is used only while Run runs.
func NewCached(
	ctx context.Context, db *pgxpool.Pool, limits Limits, bytes uint64, log *slog.Logger,
	counts *metrics.Metrics,
) (*Shared, error) {
	s, err := NewShared(ctx, db, limits, log, counts)
	if err != nil {
		return nil, err
	}
	onUse := func(k key, cached *CachedSession) { s.recordUse(k, cached.session.ID, cached) }
	if s.cache, err = newCache(bytes, onUse); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	s.listener = newRevocationListener(s.cache, db.Config().ConnConfig, log)
	return s, nil
}

// Close closes the storage package and, with it, the pool. It must be called last, after Run has
// returned.
func (s *Shared) Close() error { return s.kv.Close() }

// Limits returns the timeouts of new and renewed sessions.
func (s *Shared) Limits() Limits { return s.limits }

// Evict evicts cached sessions by their keys (see Key); other texts are ignored. A caller that
// changes or deletes rows of sessions calls it between the commit and the response.
func (s *Shared) Evict(keys ...string) {
	if s.cache == nil {
		return
	}
	s.cache.evict(parseKeys(keys)...)
}

// evictAfterCommit evicts sessions that tx has changed or deleted.
func (s *Shared) evictAfterCommit(tx pgx.Tx, keys []string) {
	postgres.AfterCommit(tx, func() { s.Evict(keys...) })
}

// decode parses the column v.
func decode(value []byte) (session Session, err error) {
	if err := json.Unmarshal(value, &session); err != nil {
		return Session{}, fmt.Errorf("session: decode: %w", err)
	}
	return session, nil
}

// Printable returns s without control characters, cut to at most n bytes of valid UTF-8. JSON in
// Postgres cannot store NUL, and logs and terminals must not receive escape sequences.
func Printable(s string, n int) string {
	if isPrintableASCII(s) { // nearly all
		return s[:min(n, len(s))]
	}
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return -1
		}
		return r
	}, s)
	return strings.ToValidUTF8(s[:min(n, len(s))], "")
}

func isPrintableASCII(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}
