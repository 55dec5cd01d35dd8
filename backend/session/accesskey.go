package session

import (
	"context"
	"crypto/sha256"
	"errors"
	"math"
	"strings"
	"time"

	"sana/backend/observe/metrics"
	"sana/backend/postgres"

	"github.com/jackc/pgx/v5"
)

// AccessKeyPrefix is the prefix of every access key; the rest has the form of a session token. It
// separates keys from session tokens, and secret scanners find it.
const AccessKeyPrefix = "sana_key_"

// MaxAccessKeys is the maximum number of access keys of a user.
const MaxAccessKeys = 20

// AccessKey is a key with which programs use one app as a user. The key itself is not stored.
type AccessKey struct {
	ID         string // public; in lists, exports and events
	App        string // id of the app in the apps file
	Name       string // chosen by its user
	ByOperator bool   // an operator created it
	CreatedAt  time.Time
	ExpiresAt  time.Time
	LastUsedAt *time.Time // at most 75 seconds old for a key in use; nil before the first use
	LastUsedIP string     // "" if unknown
}

// accessKeyColumns are the columns of AccessKey.
const accessKeyColumns = `
	replace(id::text, '-', '') AS id,
	app,
	name,
	by_operator,
	created_at,
	expires_at,
	last_used_at,
	last_used_ip`

// KeyHolder is the user and the app of a valid access key.
type KeyHolder struct {
	KeyID     string // public id of the key
	App       string
	User      User // without SignedInAt: a key is no sign-in
	ExpiresAt time.Time
}

// accessKeyOf returns the key under which an access key is stored. ok is false if text is
// malformed.
func accessKeyOf(text string) (k key, ok bool) {
	token, ok := strings.CutPrefix(text, AccessKeyPrefix)
	if !ok {
		return key{}, false
	}
	if _, ok := keyOf(token); !ok {
		return key{}, false
	}
	return sha256.Sum256([]byte(text)), true
}

// ReadAccessKey returns the user and the app of an access key, and records its use from an IP
// address, "" if unknown. It returns ErrNone if the key is not valid. The promise of the cache
// applies (see cache).
func (s *Shared) ReadAccessKey(ctx context.Context, text, ip string) (KeyHolder, error) {
	k, ok := accessKeyOf(text)
	if !ok {
		return KeyHolder{}, ErrNone
	}
	if found := s.readCache(k); found != nil {
		holder := found.keyHolder()
		s.recordKeyUse(holder.KeyID, ip)
		return holder, nil
	}

	f, mayCache := s.beginFill(k)
	s.onRead(metrics.Store)
	var holder KeyHolder
	var left time.Duration
	err := s.db.QueryRow(ctx, `
		SELECT replace(access_keys.id::text, '-', ''), app, users.id::text, email, users.name,
		       expires_at, expires_at - now()
		FROM access_keys
		JOIN users ON users.id = user_id
		WHERE k = @key
		  AND expires_at > now()
		  AND blocked_at IS NULL`,
		pgx.NamedArgs{"key": k.text()},
	).Scan(&holder.KeyID, &holder.App, &holder.User.ID, &holder.User.Email, &holder.User.Name,
		&holder.ExpiresAt, &left)
	if errors.Is(err, pgx.ErrNoRows) {
		return KeyHolder{}, ErrNone
	}
	if err != nil {
		return KeyHolder{}, postgres.Error("read access key", err)
	}
	if mayCache {
		s.cache.cacheAccessKey(f, holder, left)
	}
	s.recordKeyUse(holder.KeyID, ip)
	return holder, nil
}

// cacheAccessKey ends a fill with an access key, which has no idle timeout. Its use is recorded by
// recordKeyUse.
func (c *cache) cacheAccessKey(f fill, holder KeyHolder, left time.Duration) {
	entry := &CachedSession{
		session: Session{ID: holder.KeyID, User: holder.User, ExpiresAt: holder.ExpiresAt},
		keyFor:  holder.App,
		expires: f.began + left,
	}
	entry.idleAt.Store(math.MaxInt64)
	entry.recordFrom.Store(math.MaxInt64)
	c.addEntry(f, entry)
}

func (c *CachedSession) keyHolder() KeyHolder {
	return KeyHolder{
		KeyID: c.session.ID, App: c.keyFor, User: c.session.User, ExpiresAt: c.session.ExpiresAt,
	}
}

// recordKeyUse queues the use of an access key for the next flush.
func (s *Shared) recordKeyUse(id, ip string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keysInUse[id] = ip
}

// flushKeys writes the recorded uses of access keys, each at most once a minute unless the address
// has changed.
func (s *Shared) flushKeys(ctx context.Context) {
	s.mu.Lock()
	uses := s.keysInUse
	s.keysInUse = map[string]string{}
	s.mu.Unlock()
	if len(uses) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	ids, ips := make([]string, 0, len(uses)), make([]string, 0, len(uses))
	for id, ip := range uses {
		ids, ips = append(ids, id), append(ips, ip)
	}
	_, err := s.db.Exec(ctx, `
		UPDATE access_keys
		SET last_used_at = now(),
		    last_used_ip = used.ip
		FROM unnest(@ids::uuid[], @ips::text[]) AS used (id, ip)
		WHERE access_keys.id = used.id
		  AND (last_used_at IS NULL
		       OR last_used_at < now() - @interval::interval
		       OR last_used_at > now() + interval '1 minute'
		       OR last_used_ip <> used.ip)`,
		pgx.NamedArgs{"ids": ids, "ips": ips, "interval": maxUseInterval})
	if err != nil {
		s.log.WarnContext(ctx, "access key use not recorded", "keys", len(ids), "error", err)
	}
}

// CreateAccessKey creates an access key, as part of tx, which holds the lock on the user's row.
// text is the key itself, which is not stored. ok is false if the user has MaxAccessKeys already.
func (s *Shared) CreateAccessKey(
	ctx context.Context, tx pgx.Tx, userID, app, name string, lifetime time.Duration,
	byOperator bool,
) (text string, created AccessKey, ok bool, err error) {
	text = AccessKeyPrefix + NewToken()
	k, _ := accessKeyOf(text)
	rows, err := tx.Query(ctx, `
		INSERT INTO access_keys (k, user_id, app, name, by_operator, expires_at)
		SELECT @key, @user, @app, @name, @by_operator, now() + @lifetime::interval
		WHERE (SELECT count(*)
		       FROM access_keys
		       WHERE user_id = @user
		         AND expires_at > now()) < @most
		RETURNING `+accessKeyColumns,
		pgx.NamedArgs{
			"key": k.text(), "user": userID, "app": app, "name": name, "by_operator": byOperator,
			"lifetime": lifetime, "most": MaxAccessKeys,
		})
	if err != nil {
		return "", AccessKey{}, false, postgres.Error("create access key", err)
	}
	created, err = pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[AccessKey])
	if errors.Is(err, pgx.ErrNoRows) {
		return "", AccessKey{}, false, nil
	}
	return text, created, err == nil, postgres.Error("create access key", err)
}

// ListAccessKeys returns the valid access keys of a user, the newest first.
func (s *Shared) ListAccessKeys(
	ctx context.Context, db postgres.Querier, userID string,
) ([]AccessKey, error) {
	rows, err := db.Query(ctx, `
		SELECT `+accessKeyColumns+`
		FROM access_keys
		WHERE user_id = @user
		  AND expires_at > now()
		ORDER BY created_at DESC, id`, pgx.NamedArgs{"user": userID})
	if err != nil {
		return nil, postgres.Error("list access keys", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[AccessKey])
	return list, postgres.Error("list access keys", err)
}

// AccessKeyOwner returns the user of an access key by its public id, "" if there is no such key.
func (s *Shared) AccessKeyOwner(ctx context.Context, id string) (userID string, err error) {
	if !idPattern.MatchString(id) {
		return "", nil
	}
	err = s.db.QueryRow(ctx, `
		SELECT user_id::text
		FROM access_keys
		WHERE id = @id::uuid`, pgx.NamedArgs{"id": id}).Scan(&userID)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", nil
	}
	return userID, postgres.Error("find owner of access key", err)
}

// RevokeAccessKeys deletes access keys of a user, as part of tx, and returns them: the one with a
// public id, or all if id is "". Every instance refuses them within two seconds.
func (s *Shared) RevokeAccessKeys(
	ctx context.Context, tx pgx.Tx, userID, id string,
) ([]AccessKey, error) {
	rows, err := tx.Query(ctx, `
		DELETE FROM access_keys
		WHERE user_id = @user
		  AND (@id = '' OR id = nullif(@id, '')::uuid)
		RETURNING k, `+accessKeyColumns, pgx.NamedArgs{"user": userID, "id": id})
	if err != nil {
		return nil, postgres.Error("revoke access keys", err)
	}
	type row struct {
		K string
		AccessKey
	}
	found, err := pgx.CollectRows(rows, pgx.RowToStructByName[row])
	if err != nil {
		return nil, postgres.Error("revoke access keys", err)
	}
	var list []AccessKey
	var evicted []string
	for _, r := range found {
		list, evicted = append(list, r.AccessKey), append(evicted, r.K)
	}
	s.evictAfterCommit(tx, evicted)
	return list, nil
}

// SweepAccessKeys deletes expired access keys and returns how many.
func (s *Shared) SweepAccessKeys(ctx context.Context) (deleted int, err error) {
	tag, err := s.db.Exec(ctx, `
		DELETE FROM access_keys
		WHERE expires_at <= now()`)
	return int(tag.RowsAffected()), postgres.Error("sweep access keys", err)
}
