// Package appcookie makes and opens app cookies. An app cookie is valid at one host of an app. It
// names the session behind it, and its MAC proves that Sana issued it for that host; no row is
// stored.
package appcookie

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"hash"
	"strconv"
	"strings"
	"sync"
	"time"

	"sana/backend/keyring"
)

// ErrInvalid is returned for a value that is not an app cookie, and for a cookie that was not made
// here with one of the keys, for this host and this seed.
var ErrInvalid = errors.New("appcookie: invalid")

// label separates this use of the secret keys from all others.
const label = "app cookie"

// version begins a cookie: version.KEYID.SESSION_ID.ISSUED.MAC. A key's id may have dots.
const version = "v1."

const (
	idLength  = 32 // of a session's public id
	macLength = 43 // base64url of 32 bytes, without padding
	// maxLength is the longest value that Parse reads.
	maxLength = 128
)

var encoding = base64.RawURLEncoding.Strict()

// Maker makes and opens app cookies with the secret keys. It is safe for concurrent use.
type Maker struct {
	current string
	hashes  map[string]*sync.Pool // of *hasher, by the key's id
}

// hasher computes MACs without allocating.
type hasher struct {
	hash.Hash
	text []byte
}

// New returns a maker. It makes cookies with the current key, and opens those of all keys.
func New(keys keyring.Ring) *Maker {
	m := &Maker{current: keys.Current().ID, hashes: map[string]*sync.Pool{}}
	for _, key := range keys.All() {
		derived := key.Derive(label)
		m.hashes[key.ID] = &sync.Pool{
			New: func() any { return &hasher{Hash: hmac.New(sha256.New, derived)} },
		}
	}
	return m
}

// Cookie holds the parts of an app cookie. Parse does not verify it: see Maker.Check.
type Cookie struct {
	SessionID string
	IssuedAt  time.Time // in whole seconds

	keyID  string
	issued string
	mac    [sha256.Size]byte
}

// Make returns the value of the cookie for a host and a session with its seed.
func (m *Maker) Make(host, sessionID string, seed []byte, now time.Time) string {
	c := Cookie{SessionID: sessionID, keyID: m.current, issued: strconv.FormatInt(now.Unix(), 10)}
	mac := m.sum(m.hashes[m.current], host, c, seed)
	return version + c.keyID + "." + c.SessionID + "." + c.issued + "." +
		encoding.EncodeToString(mac[:])
}

// Parse splits a cookie's value. It returns ErrInvalid for a value that Make does not return for
// any argument.
func Parse(value string) (Cookie, error) {
	rest, ok := strings.CutPrefix(value, version)
	if !ok || len(value) > maxLength {
		return Cookie{}, ErrInvalid
	}
	rest, mac, hasMAC := cutLast(rest)
	rest, issued, hasIssued := cutLast(rest)
	keyID, id, hasID := cutLast(rest)
	if !hasMAC || !hasIssued || !hasID || len(mac) != macLength || !isID(id) {
		return Cookie{}, ErrInvalid
	}
	seconds, err := strconv.ParseInt(issued, 10, 64)
	if err != nil || seconds < 0 || strconv.FormatInt(seconds, 10) != issued {
		return Cookie{}, ErrInvalid
	}

	c := Cookie{SessionID: id, IssuedAt: time.Unix(seconds, 0).UTC(), keyID: keyID, issued: issued}
	var text [macLength]byte
	copy(text[:], mac)
	if n, err := encoding.Decode(c.mac[:], text[:]); err != nil || n != len(c.mac) {
		return Cookie{}, ErrInvalid
	}
	return c, nil
}

// cutLast cuts around the last dot.
func cutLast(s string) (before, after string, found bool) {
	at := strings.LastIndexByte(s, '.')
	if at < 0 {
		return "", "", false
	}
	return s[:at], s[at+1:], true
}

// isID reports whether text has the form of session.NewID.
func isID(text string) bool {
	return len(text) == idLength && !strings.ContainsFunc(text, func(r rune) bool {
		return (r < '0' || r > '9') && (r < 'a' || r > 'f')
	})
}

// Check returns nil if the cookie was made for the host and the session with this seed, else
// ErrInvalid. It compares in constant time.
func (m *Maker) Check(c Cookie, host string, seed []byte) error {
	hashes, ok := m.hashes[c.keyID]
	if !ok || len(seed) == 0 {
		return ErrInvalid
	}
	mac := m.sum(hashes, host, c, seed)
	if !hmac.Equal(mac[:], c.mac[:]) {
		return ErrInvalid
	}
	return nil
}

// sum returns the MAC over label, host, session id and time of issue, each followed by a zero byte
// (none of them contains one), and the seed.
func (m *Maker) sum(hashes *sync.Pool, host string, c Cookie, seed []byte) (mac [sha256.Size]byte) {
	h := hashes.Get().(*hasher)
	defer hashes.Put(h)
	h.text = h.text[:0]
	for _, part := range [...]string{label, host, c.SessionID, c.issued} {
		h.text = append(append(h.text, part...), 0)
	}
	h.Reset()
	h.Write(append(h.text, seed...))
	copy(mac[:], h.Sum(h.text[:0]))
	return mac
}
