package session

import (
	"context"
	"encoding/json"
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

// Limits of a signed-in session, enforced by the database's clock.
type Limits struct {
	Idle   time.Duration // unused for so long, it ends
	MaxAge time.Duration // it ends then, however it is used
}

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

// touchInterval is how often the keys that were read are written back as "seen".
const touchInterval = 15 * time.Second

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

// Name is what the store is called in the development pages.
func (s *Shared) Name() string { return "postgres" }

// Issue makes a session, for a person or for a sign-in that waits, and returns its token. It sets ID and ExpiresAt.
func (s *Shared) Issue(ctx context.Context, session Session) (string, Session, error) {
	return s.issue(ctx, s.db, session)
}

// IssueTx is Issue as part of a transaction: the session exists if and only if tx commits.
func (s *Shared) IssueTx(ctx context.Context, tx pgx.Tx, session Session) (string, Session, error) {
	return s.issue(ctx, tx, session)
}

func (s *Shared) issue(ctx context.Context, q postgres.Querier, session Session) (string, Session, error) {
	idle, age := s.limits.Idle, s.limits.MaxAge
	if session.User == nil {
		idle, age = pendingAge, pendingAge
	}
	session.ID, session.ExpiresAt = newID(), session.start().Add(age)
	session.UserAgent = printable(session.UserAgent, 256)
	value, err := json.Marshal(session)
	if err != nil {
		return "", Session{}, err
	}
	token := newToken()
	key, _ := tokenKey(token)
	_, err = q.Exec(ctx, `
		INSERT INTO sessions (k, v, e, idle_seconds)
		VALUES (@key, @value, @end, @idle)`,
		pgx.NamedArgs{"key": key, "value": value, "end": session.ExpiresAt.Unix(), "idle": int(idle.Seconds())})
	return token, session, postgres.Error("issue session", err)
}

// Read returns the session behind a token, or ErrNone. It notes that the session is in use.
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
		return Session{}, ErrNone
	}
	var session Session
	if err := json.Unmarshal(value, &session); err != nil {
		return Session{}, err
	}
	s.mu.Lock()
	s.seen[key] = struct{}{}
	s.mu.Unlock()
	return session, nil
}

// End ends the session behind a token, on every instance at once. No session is no error.
func (s *Shared) End(ctx context.Context, token string) error {
	key, ok := tokenKey(token)
	if !ok {
		return nil
	}
	return postgres.Error("end session", s.kv.DeleteWithContext(ctx, key))
}

// Run writes back which sessions are in use until ctx ends, and once more then.
func (s *Shared) Run(ctx context.Context) {
	tick := time.NewTicker(touchInterval)
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
		  AND last_seen_at < now() - interval '1 minute'
		  AND last_seen_at > now() - make_interval(secs => idle_seconds)
		  AND e > extract(epoch FROM now())`,
		pgx.NamedArgs{"keys": keys})
	if err != nil {
		s.log.WarnContext(ctx, "sessions in use were not noted", "sessions", len(keys), "error", err)
	}
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
