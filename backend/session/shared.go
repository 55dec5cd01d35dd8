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
	"time"
	"unicode"

	"sana/backend/postgres"

	storage "github.com/gofiber/storage/postgres/v3"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Shared keeps sessions in Postgres: every instance sees the same ones, and an ended one is gone for all of them at
// once. The table holds the SHA-256 of the token, so that a dump of it signs nobody in.
type Shared struct {
	db     *pgxpool.Pool
	kv     *storage.Storage
	limits Limits
	log    *slog.Logger

	mu   sync.Mutex
	seen map[string]struct{} // keys read since the last flush
}

// MaxPerUser is how many sessions one person may have; one more ends the oldest.
const MaxPerUser = 10

// flushInterval is how often the keys that were read are written back as seen.
const flushInterval = 15 * time.Second

// Conditions and values of rows of sessions, by the database's clock.
const (
	isLive     = `(e > extract(epoch FROM now()) AND last_seen_at > now() - make_interval(secs => idle_seconds))`
	expiredAt  = `least(to_timestamp(e), last_seen_at + make_interval(secs => idle_seconds))`
	expiredFor = `CASE WHEN to_timestamp(e) <= last_seen_at + make_interval(secs => idle_seconds) THEN 'max_age' ELSE 'idle' END`
)

// NewShared returns a store on a database whose schema postgres.CheckSchema accepts.
func NewShared(ctx context.Context, db *pgxpool.Pool, limits Limits, log *slog.Logger) (*Shared, error) {
	kv, err := openStorage(ctx, db)
	if err != nil {
		return nil, err
	}
	return &Shared{db: db, kv: kv, limits: limits, log: log, seen: map[string]struct{}{}}, nil
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

// Issue implements Store: the session exists, and the one that it replaces does not, if and only if tx commits. When tx
// holds the lock on the user's row, as a sign-in does, there are never more than MaxPerUser sessions of a user, and none
// goes on from one that ends at the same moment.
func (s *Shared) Issue(ctx context.Context, tx pgx.Tx, session Session, replaced string) (Session, error) {
	idle, age := s.limits.of(session)
	goesOn := session.User != nil && session.ID != ""
	session.ID, session.ExpiresAt = newID(), session.start().Add(age)
	session.UserAgent = printable(session.UserAgent, 256)
	session.Token = newToken()
	session.Secret, session.Keep = session.Token, keep(session, age)
	value, err := json.Marshal(session)
	if err != nil {
		return Session{}, err
	}
	key, _ := tokenKey(session.Token)
	replacedKey, _ := tokenKey(replaced)
	var surplus [][]byte
	err = tx.QueryRow(ctx, `
		WITH replaced AS (
		    DELETE FROM sessions
		    WHERE k = @replaced
		      AND (NOT @goes_on::boolean OR `+isLive+`)
		    RETURNING k
		), issued AS (
		    INSERT INTO sessions (k, v, e, idle_seconds)
		    SELECT @key, @value::bytea, @end::bigint, @idle::integer
		    WHERE NOT @goes_on::boolean
		       OR EXISTS (SELECT FROM replaced)
		    RETURNING user_id
		), surplus AS (
		    SELECT k
		    FROM sessions
		    WHERE user_id = (SELECT user_id FROM issued)
		      AND k <> @replaced
		      AND `+isLive+`
		    ORDER BY e DESC, k
		    OFFSET @others
		    FOR UPDATE
		), ended AS (
		    DELETE FROM sessions
		    USING surplus
		    WHERE sessions.k = surplus.k
		    RETURNING sessions.k, sessions.id, sessions.user_id, sessions.v
		), noted AS (
		    INSERT INTO ended_sessions (k, id, user_id, reason)
		    SELECT k, id, user_id, @reason
		    FROM ended
		)
		SELECT (SELECT array_agg(v) FROM ended)
		FROM issued`,
		pgx.NamedArgs{
			"key": key, "value": value, "end": session.ExpiresAt.Unix(), "idle": int(idle.Seconds()), "goes_on": goesOn,
			"replaced": replacedKey, "others": MaxPerUser - 1, "reason": TooManySessions,
		}).Scan(&surplus)
	if errors.Is(err, pgx.ErrNoRows) {
		return Session{}, s.whyNone(ctx, tx, replacedKey)
	}
	if err != nil {
		return Session{}, postgres.Error("issue session", err)
	}
	session.Surplus, err = readAll(surplus)
	return session, err
}

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

// Read implements Store, and notes that the session is in use.
func (s *Shared) Read(ctx context.Context, token string) (Session, error) {
	key, ok := tokenKey(token)
	if !ok {
		return Session{}, ErrNone
	}
	value, err := s.kv.GetWithContext(ctx, key)
	if err != nil {
		return Session{}, postgres.Error("read session", err)
	}
	if value == nil {
		return Session{}, s.whyNone(ctx, s.db, key)
	}
	var session Session
	if err := json.Unmarshal(value, &session); err != nil {
		return Session{}, err
	}
	session.Token, session.Secret = token, token
	s.mu.Lock()
	s.seen[key] = struct{}{}
	s.mu.Unlock()
	return session, nil
}

// whyNone returns what is known of a key behind which no session lives.
func (*Shared) whyNone(ctx context.Context, db postgres.Querier, key string) error {
	var ended Ended
	err := db.QueryRow(ctx, `
		SELECT reason, ended_by, ended_at
		FROM ended_sessions
		WHERE k = @key
		  AND ended_at > now() - @age::interval
		UNION ALL
		SELECT `+expiredFor+`, '', `+expiredAt+`
		FROM sessions
		WHERE k = @key
		  AND user_id IS NOT NULL
		  AND NOT `+isLive,
		pgx.NamedArgs{"key": key, "age": reasonAge}).Scan(&ended.Reason, &ended.By, &ended.At)
	if errors.Is(err, pgx.ErrNoRows) {
		return ErrNone
	}
	if err != nil {
		return postgres.Error("read why a session ended", err)
	}
	return &ended
}

// End implements Store, on every instance at once.
func (*Shared) End(ctx context.Context, tx pgx.Tx, token string) error {
	key, ok := tokenKey(token)
	if !ok {
		return nil
	}
	_, err := end(ctx, tx, `k = @key`, pgx.NamedArgs{"key": key}, Ended{Reason: SignedOut})
	return err
}

// end ends the living sessions of a condition and keeps why, in one statement. It returns those of signed-in people.
func end(ctx context.Context, tx pgx.Tx, condition string, args pgx.NamedArgs, why Ended) ([]Session, error) {
	args["reason"], args["by"] = why.Reason, why.By
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
		SELECT array_agg(v)
		FROM ended
		WHERE user_id IS NOT NULL`,
		args).Scan(&values)
	if err != nil {
		return nil, postgres.Error("end session", err)
	}
	return readAll(values)
}

// Run writes back which sessions are in use until ctx ends, and once more then.
func (s *Shared) Run(ctx context.Context) {
	tick := time.NewTicker(flushInterval)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			s.flush(ctx)
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
			defer cancel()
			s.flush(last)
			return
		}
	}
}

// flush moves last_seen_at of what was read, at most once a minute for each session. It is an UPDATE of living rows
// only, so that it can never bring back a session that was ended or has expired meanwhile.
func (s *Shared) flush(ctx context.Context) {
	s.mu.Lock()
	seen := s.seen
	s.seen = map[string]struct{}{}
	s.mu.Unlock()
	if len(seen) == 0 {
		return
	}
	keys := make([]string, 0, len(seen))
	for key := range seen {
		keys = append(keys, key)
	}
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	_, err := s.db.Exec(ctx, `
		UPDATE sessions
		SET last_seen_at = now()
		WHERE k = ANY(@keys)
		  AND last_seen_at < now() - @interval::interval
		  AND `+isLive,
		pgx.NamedArgs{"keys": keys, "interval": seenInterval})
	if err != nil {
		s.log.WarnContext(ctx, "sessions in use were not noted", "sessions", len(keys), "error", err)
	}
}

// tokenBytes is the length of a token before encoding: 256 bits (OWASP ASVS 5.0, 7.2.3 wants 128).
const tokenBytes = 32

// newToken returns a token as it stands in the cookie: base64url, 43 characters.
func newToken() string {
	return base64.RawURLEncoding.EncodeToString(randomBytes(tokenBytes))
}

// tokenKey is what the table knows of a token; ok is false for what cannot be a token, which then costs no read.
func tokenKey(token string) (key string, ok bool) {
	if len(token) != base64.RawURLEncoding.EncodedLen(tokenBytes) { // the decoder skips line breaks
		return "", false
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || len(raw) != tokenBytes {
		return "", false
	}
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:]), true
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
