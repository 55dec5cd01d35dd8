package drill

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"sana/backend/keyring"
	db "sana/backend/postgres"
	"sana/backend/session"

	"github.com/jackc/pgx/v5"
)

// openPredecessor returns a store with one of the two defects that Sana's predecessor had.
func openPredecessor(name string, limits session.Limits) (session.Store, error) {
	switch name {
	case randomSecret:
		return newRandomSecret(limits)
	case localFiles:
		dir, err := os.Getwd() // each process has its own
		return &files{dir: dir, limits: limits}, err
	}
	return nil, fmt.Errorf("%s: there is no store %q", storeVariable, name)
}

// newRandomSecret returns a cookie store whose secret is made when the program starts, and is gone when it ends.
func newRandomSecret(limits session.Limits) (session.Store, error) {
	secret, err := keyring.Parse(keyring.New(time.Now()))
	return session.NewSealed(secret, "__Host-sana_session", limits, time.Now, nil), err
}

// files keeps each session in a file of one folder, on the disk of one instance.
type files struct {
	dir    string
	limits session.Limits
}

// Issue implements session.Store, after the batch.
func (f *files) Issue(_ *db.Batch, _ string, s session.Session, replaced string) (secret string, issued session.Issued) {
	return "", func(ctx context.Context) (session.Session, error) {
		var id [16]byte
		_, _ = rand.Read(id[:])
		s.ID, s.Token, s.Keep = hex.EncodeToString(id[:]), rand.Text(), f.limits.MaxAge
		s.ExpiresAt = time.Now().Add(s.Keep)
		content, err := json.Marshal(s)
		if err != nil {
			return session.Session{}, err
		}
		if err := os.WriteFile(f.path(s.Token), content, 0o600); err != nil {
			return session.Session{}, err
		}
		return s, f.End(ctx, nil, replaced)
	}
}

// Hold implements session.Store.
func (*files) Hold(*db.Batch, string) {}

// Read implements session.Store.
func (f *files) Read(_ context.Context, token string) (session.Session, error) {
	content, err := os.ReadFile(f.path(token))
	if errors.Is(err, fs.ErrNotExist) {
		return session.Session{}, session.ErrNone
	}
	if err != nil {
		return session.Session{}, err
	}
	s := session.Session{Token: token}
	return s, json.Unmarshal(content, &s)
}

// End implements session.Store.
func (f *files) End(_ context.Context, _ pgx.Tx, token string) error {
	err := os.Remove(f.path(token))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func (f *files) path(token string) string {
	sum := sha256.Sum256([]byte(token))
	return filepath.Join(f.dir, "session-"+hex.EncodeToString(sum[:]))
}
