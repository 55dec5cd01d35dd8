package session

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"strings"
	"sync"
	"unicode"

	"sana/backend/metrics"
	"sana/backend/postgres"

	storage "github.com/gofiber/storage/postgres/v3"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Shared keeps sessions in Postgres: every instance sees the same ones. An ended one is gone for all of them at once, or,
// where they cache (NewCached), for the others within two seconds. The table holds the SHA-256 of the token, so that a dump
// of it signs nobody in.
type Shared struct {
	db     *pgxpool.Pool
	kv     *storage.Storage
	limits Limits
	log    *slog.Logger

	cache    *cache    // nil without one, as the next two are
	follower *follower // tells the cache of endings
	hints    chan struct{}
	onRead   func(metrics.Source)

	mu   sync.Mutex
	seen map[key]*Copy // read since the last flush, with their copies in the cache
}

// CacheOptions are how NewCached caches.
type CacheOptions struct {
	Bytes uint64 // at most, of all copies together
	// AskOnly asks for endings and waits for no notification, which none reaches behind a pooler in transaction mode.
	AskOnly bool
}

// MaxPerUser is how many sessions one person may have; one more ends the oldest.
const MaxPerUser = 10

// Conditions and values of rows of sessions, by the database's clock.
const (
	isLive     = `(e > extract(epoch FROM now()) AND last_seen_at > now() - make_interval(secs => idle_seconds))`
	expiredAt  = `least(to_timestamp(e), last_seen_at + make_interval(secs => idle_seconds))`
	expiredFor = `CASE WHEN to_timestamp(e) <= last_seen_at + make_interval(secs => idle_seconds) THEN 'max_age' ELSE 'idle' END`
	unusedFor  = `extract(epoch FROM now() - last_seen_at)::float8`
)

// NewShared returns a store on a database whose schema postgres.CheckSchema accepts.
func NewShared(ctx context.Context, db *pgxpool.Pool, limits Limits, log *slog.Logger, counts *metrics.Metrics) (*Shared, error) {
	kv, err := openStorage(ctx, db)
	if err != nil {
		return nil, err
	}
	return &Shared{db: db, kv: kv, limits: limits, log: log, onRead: counts.SessionRead, seen: map[key]*Copy{}}, nil
}

// NewCached is NewShared with a cache in this process, for as long as Run runs: see cache.
func NewCached(
	ctx context.Context, db *pgxpool.Pool, limits Limits, o CacheOptions, log *slog.Logger, counts *metrics.Metrics,
) (*Shared, error) {
	s, err := NewShared(ctx, db, limits, log, counts)
	if err != nil {
		return nil, err
	}
	if s.cache, err = newCache(o.Bytes, s.note); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	s.follower = &follower{
		cache: s.cache, config: db.Config().ConnConfig, listen: !o.AskOnly, askFor: maxAskFor, drift: maxDrift, log: log,
	}
	s.hints = make(chan struct{}, 1)
	return s, nil
}

// openStorage opens the storage package on our pool, with a sweep that never comes: it would sweep by this machine's
// clock. The package panics where the database is away or the view is missing.
func openStorage(ctx context.Context, db *pgxpool.Pool) (kv *storage.Storage, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("session: open storage: %v", cause)
		}
	}()
	return storage.NewWithContext(ctx, storage.Config{DB: db, Table: "live_sessions", GCInterval: math.MaxInt64}), nil
}

// Close ends the storage package's goroutine, and with it the pool, so that it comes last, after Run has returned.
func (s *Shared) Close() error { return s.kv.Close() }

// readAll reads the values of rows.
func readAll(values [][]byte) ([]Session, error) {
	var list []Session
	for _, value := range values {
		var session Session
		if err := json.Unmarshal(value, &session); err != nil {
			return nil, err
		}
		list = append(list, session)
	}
	return list, nil
}

// forget drops copies of sessions, by their keys as the table has them. It comes before the commit that ends them: until
// long after that, none is kept anew.
func (s *Shared) forget(texts ...string) {
	if s.cache == nil {
		return
	}
	keys, _ := keysOf(texts)
	s.cache.forget(keys...)
}

// announce has other instances told that there are endings to ask for.
func (s *Shared) announce() {
	select {
	case s.hints <- struct{}{}:
	default: // there is one that is not given yet, or nobody to give it
	}
}

// End implements Store.
func (s *Shared) End(ctx context.Context, tx pgx.Tx, token string) error {
	k, ok := tokenKey(token)
	if !ok {
		return nil
	}
	s.forget(k.text()) // also when it has ended elsewhere
	_, err := s.end(ctx, tx, `k = @key`, pgx.NamedArgs{"key": k.text()}, Ended{Reason: SignedOut})
	return err
}

// end ends the living sessions of a condition and keeps why, in one statement. It returns those of signed-in people.
func (s *Shared) end(ctx context.Context, tx pgx.Tx, condition string, args pgx.NamedArgs, why Ended) ([]Session, error) {
	args["reason"], args["by"] = why.Reason, why.By
	var keys []string
	var values [][]byte
	err := tx.QueryRow(ctx, `
		WITH ended AS (
		    DELETE FROM sessions
		    WHERE `+condition+`
		      AND `+isLive+`
		    RETURNING k, id, user_id, v
		), noted AS (
		    INSERT INTO ended_sessions (k, id, user_id, reason, ended_by)
		    SELECT k, id, user_id, @reason, @by
		    FROM ended
		    WHERE user_id IS NOT NULL
		)
		SELECT array_agg(k ORDER BY k),
		       array_agg(v ORDER BY k)
		FROM ended
		WHERE user_id IS NOT NULL`,
		args).Scan(&keys, &values)
	if err != nil {
		return nil, postgres.Error("end session", err)
	}
	if len(keys) > 0 {
		s.forget(keys...)
		postgres.AfterCommit(tx, s.announce)
	}
	return readAll(values)
}

// tokenBytes is the length of a token before encoding: 256 bits (OWASP ASVS 5.0, 7.2.3 wants 128).
const tokenBytes = 32

// newToken returns a token as it stands in the cookie: base64url, 43 characters.
func newToken() string {
	return base64.RawURLEncoding.EncodeToString(randomBytes(tokenBytes))
}

// key is what the table knows of a token: its SHA-256.
type key [sha256.Size]byte

// text is the key as it stands in the table.
func (k key) text() string { return hex.EncodeToString(k[:]) }

// tokenEncoding takes one spelling of each token.
var tokenEncoding = base64.RawURLEncoding.Strict()

// tokenKey is false for what cannot be a token, which then costs no read.
func tokenKey[T string | []byte](token T) (key, bool) {
	const length = (tokenBytes*8 + 5) / 6
	if len(token) != length { // the decoder skips line breaks
		return key{}, false
	}
	var text [length]byte
	var raw [tokenBytes]byte
	copy(text[:], token)
	if n, err := tokenEncoding.Decode(raw[:], text[:]); err != nil || n != tokenBytes {
		return key{}, false
	}
	return sha256.Sum256(raw[:]), true
}

// printable keeps at most n bytes of s, without control characters: Postgres' JSON refuses NUL.
func printable(s string, n int) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return -1
		}
		return r
	}, s)
	return strings.ToValidUTF8(s[:min(n, len(s))], "")
}
