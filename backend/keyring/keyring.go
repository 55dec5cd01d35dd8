// Package keyring holds the secret keys. The first one is for making, all of them are for checking,
// so that a key can be replaced while codes and sessions made with the old one live on.
package keyring

import (
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"time"
	"unicode"
)

// MinBytes is the least length of a key: 256 bits.
const MinBytes = 32

// idPattern is an id that can be stored and shown. A key is longer: one that stands in its place is
// refused and not stored.
var idPattern = regexp.MustCompile(`^[A-Za-z0-9._-]{0,20}$`)

// Key is one secret with a public name.
type Key struct {
	ID     string        // stored beside what was made with the key
	secret func() []byte // a function, because no print of a struct that holds a Key looks into it
}

// Derive returns 32 bytes for one purpose (HKDF-SHA-256, RFC 5869), so that no two uses share a
// key.
func (k Key) Derive(purpose string) []byte {
	derived, err := hkdf.Key(sha256.New, k.secret(), nil, purpose, sha256.Size)
	if err != nil {
		panic("keyring: HKDF refused a 32-byte output: " + err.Error())
	}
	return derived
}

// dayInID begins the ids that New makes.
const dayInID = "20060102-"

// Day is the day on which New made the key, in UTC, as its id tells; known is false for other ids.
func (k Key) Day() (day time.Time, known bool) {
	day, err := time.Parse(dayInID, k.ID[:min(len(k.ID), len(dayInID))])
	return day, err == nil
}

// Ring is an ordered, non-empty list of keys with distinct ids.
type Ring struct{ keys []Key }

// Current is the key to make new things with.
func (r Ring) Current() Key { return r.keys[0] }

// All are the keys to check with, newest first.
func (r Ring) All() []Key { return slices.Clone(r.keys) }

// Find returns the key of this id; ok is false when it has been withdrawn.
func (r Ring) Find(id string) (key Key, ok bool) {
	for _, k := range r.keys {
		if k.ID == id {
			return k, true
		}
	}
	return Key{}, false
}

// Parse reads `id:base64,id:base64,…`, newest first; white space separates like a comma. An entry
// without an id gets one derived from the key, so that a generated base64 value works as it is. The
// error never contains key material.
func Parse(list string) (Ring, error) {
	var ring Ring
	for i, entry := range strings.FieldsFunc(list,
		func(r rune) bool { return r == ',' || unicode.IsSpace(r) }) {
		key, err := parseKey(entry)
		if err != nil {
			return Ring{}, fmt.Errorf("key %d: %w", i+1, err)
		}
		if _, taken := ring.Find(key.ID); taken {
			return Ring{}, fmt.Errorf("key %d has the id of an earlier one", i+1)
		}
		ring.keys = append(ring.keys, key)
	}
	if len(ring.keys) == 0 {
		return Ring{}, errors.New("holds no key")
	}
	return ring, nil
}

func parseKey(entry string) (Key, error) {
	id, encoded, named := strings.Cut(entry, ":")
	if !named {
		id, encoded = "", entry
	}
	secret, err := decode(encoded)
	switch {
	case !idPattern.MatchString(id):
		return Key{}, errors.New(
			"has an id that is not 1 to 20 of the characters A-Z a-z 0-9 . _ -; an entry is " +
				"id:base64")
	case err != nil:
		return Key{}, errors.New("is not base64; make one with: sana keys new")
	case len(secret) < MinBytes:
		return Key{},
			fmt.Errorf("has %d bytes, at least %d are needed; make one with: sana keys new",
				len(secret), MinBytes)
	case isExample(secret):
		return Key{}, errors.New("is a published example; make one with: sana keys new")
	}
	if id == "" {
		sum := sha256.Sum256(append([]byte("sana key id"), secret...))
		id = hex.EncodeToString(sum[:4])
	}
	return Key{ID: id, secret: func() []byte { return secret }}, nil
}

// isExample reports whether each byte differs from the one before by the same amount: AAAA…, 0, 1,
// 2, …
func isExample(secret []byte) bool {
	for i := 2; i < len(secret); i++ {
		if secret[i]-secret[i-1] != secret[1]-secret[0] {
			return false
		}
	}
	return true
}

// minDistinct is how many different bytes, and characters in base64, a random key has at least:
// fewer than one key of 32 bytes in 10^13 has less.
const minDistinct = 16

// CheckRandom returns an error if a key looks typed by hand: if it has fewer than 16 different
// bytes, or characters in base64, as words have that are repeated. The error never contains key
// material.
func (r Ring) CheckRandom() error {
	for i, k := range r.keys {
		n := min(distinct(k.secret()),
			distinct(base64.RawStdEncoding.AppendEncode(nil, k.secret())))
		if n < minDistinct {
			return fmt.Errorf(
				"key %d: is not random, it has only %d different bytes or characters; make one "+
					"with: sana keys new", i+1, n)
		}
	}
	return nil
}

func distinct(text []byte) int {
	seen := map[byte]bool{}
	for _, b := range text {
		seen[b] = true
	}
	return len(seen)
}

// decode takes standard and URL-safe base64, padded or not.
func decode(s string) ([]byte, error) {
	s = strings.TrimRight(strings.NewReplacer("-", "+", "_", "/").Replace(s), "=")
	return base64.RawStdEncoding.Strict().DecodeString(s)
}

// New returns a new random key as an entry that Parse takes, id:base64. The id is the day in UTC,
// which tells the key's age, and a few random letters, so that two keys of a day have different
// ids: 20261122-3f9a.
func New(now time.Time) string {
	var secret [MinBytes]byte
	var mark [2]byte
	_, _ = rand.Read(secret[:]) // never fails
	_, _ = rand.Read(mark[:])
	return now.UTC().Format(dayInID) + hex.EncodeToString(mark[:]) + ":" +
		base64.StdEncoding.EncodeToString(secret[:])
}

// ReadOrCreateFile returns the content of the key file, made once with mode 0600; one that others
// than its owner can read by now is an error. When several processes start together, all of them
// get the key of the one that was first.
func ReadOrCreateFile(path string) (string, error) {
	if content, err := readOwn(path); !errors.Is(err, fs.ErrNotExist) {
		return content, err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return "", err
	}
	if err := createOnce(path, New(time.Now())+"\n"); err != nil {
		return "", err
	}
	return readOwn(path)
}

// ReadFile is ReadOrCreateFile that makes nothing.
func ReadFile(path string) (string, error) {
	content, err := readOwn(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", errors.New("it is not there yet; sana serve makes it")
	}
	return content, err
}

func readOwn(path string) (string, error) {
	if ReadableBy(path, 0o044) {
		return "", errors.New("others than its owner can read it; run: chmod 600 " + path)
	}
	content, err := os.ReadFile(path)
	return string(content), err
}

// ReadableBy reports whether the file's mode has one of these bits. Windows has none: what Go shows
// there is made up.
func ReadableBy(path string, bits fs.FileMode) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().Perm()&bits != 0 && runtime.GOOS != "windows"
}

// createOnce publishes the whole content under path unless path exists: link(2) is atomic and does
// not replace, so readers see neither half a key nor one that is replaced a moment later.
func createOnce(path, content string) error {
	draft, err := os.CreateTemp(filepath.Dir(path), ".key-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(draft.Name())
	_, writeErr := draft.WriteString(content)
	if err := errors.Join(writeErr, draft.Sync(), draft.Close()); err != nil {
		return err
	}
	if err := os.Link(draft.Name(), path); !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}
