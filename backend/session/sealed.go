package session

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"sana/backend/keyring"
	"sana/backend/metrics"
	"sana/backend/postgres"

	"github.com/fxamacker/cbor/v2"
	"github.com/jackc/pgx/v5"
)

// Sealed keeps each session in its own cookie, sealed with the secret keys: nothing is stored, and every instance that
// has the key can read it. Time is the server's. What is in a cookie stays true until it expires: a copy of it outlives
// its end, an answer under way that renews it can undo a sign-out, nobody can list or end it from elsewhere, and with
// its key it is gone.
type Sealed struct {
	keys   keyring.Ring
	cookie string
	limits Limits
	now    func() time.Time
	onRead func(metrics.Source)
}

// NewSealed returns a store for the cookie of this name: a token is good in no other. It counts its reads.
func NewSealed(keys keyring.Ring, cookie string, limits Limits, now func() time.Time, counts *metrics.Metrics) *Sealed {
	return &Sealed{keys: keys, cookie: cookie, limits: limits, now: now, onRead: counts.SessionRead}
}

// A sealed token, version 1, base64url without padding:
//
//	1 byte    version
//	1 byte    length of the key's id, and the id
//	24 bytes  random
//	the rest  AES-256-GCM of the session as CBOR, with 16 bytes of tag
//
// Each token has an AES key of its own, derived from the secret key and the random bytes, so that any number of them can
// be sealed with one secret key; its nonce can then be zero. Version, key id and the cookie's name are authenticated
// with it (additional data). TestACookieOfTheFirstVersionIsReadForEver holds that tokens of this form stay readable.
const (
	sealedVersion = 1
	sealedLabel   = "sana/session/sealed/v1\x00"
	seedBytes     = 24
	// maxSealed bounds what is looked at; the longest addresses make 1,000 characters.
	maxSealed = 1024
)

// sealedSession is what a token holds. Times are seconds since 1970.
type sealedSession struct {
	ID        string         `cbor:"1,keyasint"`
	ExpiresAt int64          `cbor:"2,keyasint"`
	SeenAt    int64          `cbor:"3,keyasint"`
	User      *sealedUser    `cbor:"4,keyasint,omitempty"`
	Pending   *sealedPending `cbor:"5,keyasint,omitempty"`
}

type sealedUser struct {
	ID         string `cbor:"1,keyasint"`
	Email      string `cbor:"2,keyasint"`
	SignedInAt int64  `cbor:"3,keyasint"`
}

type sealedPending struct {
	ChallengeID string `cbor:"1,keyasint"`
	Email       string `cbor:"2,keyasint"`
	Purpose     string `cbor:"3,keyasint"`
	CodeKind    string `cbor:"4,keyasint,omitempty"`
	CodeLength  int    `cbor:"5,keyasint"`
	SentAt      int64  `cbor:"6,keyasint"`
}

// Issue implements Store. It does not depend on the batch, and the session that is replaced stays readable for whoever kept
// its token.
func (s *Sealed) Issue(_ *postgres.Batch, _ string, session Session, _ string) (string, Issued) {
	session.ID = newID()
	return "", func(context.Context) (Session, error) {
		_, age := s.limits.of(session)
		session.ExpiresAt = session.start().Add(age)
		return s.seal(contentOf(session, s.now()).session()) // as it will be read: whole seconds, no user agent
	}
}

// Hold implements Store: nobody knows of a session that has ended.
func (s *Sealed) Hold(*postgres.Batch, string) {}

// Read implements Store. The token of a session in use is renewed every seenInterval, to note that.
func (s *Sealed) Read(_ context.Context, token string) (Session, error) {
	content, err := s.open(token)
	if err != nil {
		return Session{}, err
	}
	s.onRead(metrics.Cookie)
	session, now := content.session(), s.now()
	idle, _ := s.limits.of(session)
	seen := time.Unix(content.SeenAt, 0)
	if end, reason := earlier(session.ExpiresAt, seen.Add(idle)); !now.Before(end) {
		if session.User == nil {
			return Session{}, ErrNone
		}
		return Session{}, &Ended{Reason: reason, At: end}
	}
	if session.User != nil && now.Sub(seen) >= seenInterval(idle) {
		return s.seal(session)
	}
	session.Token = token
	return session, nil
}

func earlier(expires, idle time.Time) (time.Time, Reason) {
	if idle.Before(expires) {
		return idle, Idle
	}
	return expires, MaxAge
}

// End implements Store: it cannot do anything. The browser forgets its cookie; whoever has a copy is still signed in.
func (s *Sealed) End(context.Context, pgx.Tx, string) error { return nil }

// seal gives a session its token.
func (s *Sealed) seal(session Session) (Session, error) {
	now := s.now()
	plain, err := cbor.Marshal(contentOf(session, now))
	if err != nil {
		return Session{}, fmt.Errorf("session: seal: %w", err)
	}
	key := s.keys.Current()
	header := append([]byte{sealedVersion, byte(len(key.ID))}, key.ID...)
	token := append(header, randomBytes(seedBytes)...)
	token = aead(key, token[len(header):]).Seal(token, zeroNonce, plain, s.additional(header))
	session.Token = base64.RawURLEncoding.EncodeToString(token)
	if len(session.Token) > maxSealed {
		return Session{}, errors.New("session: seal: the session is too large for a cookie")
	}
	session.Keep = keep(session, session.ExpiresAt.Sub(now))
	return session, nil
}

// open returns what a token holds, whether it has expired or not; ErrNone for everything that was not sealed with one of
// our keys for this cookie.
func (s *Sealed) open(token string) (sealedSession, error) {
	if len(token) > maxSealed {
		return sealedSession{}, ErrNone
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || base64.RawURLEncoding.EncodedLen(len(raw)) != len(token) { // the decoder skips line breaks
		return sealedSession{}, ErrNone
	}
	header, seed, box, ok := split(raw)
	if !ok {
		return sealedSession{}, ErrNone
	}
	key, ok := s.keys.Find(string(header[2:]))
	if !ok {
		return sealedSession{}, &Ended{Reason: KeyWithdrawn}
	}
	plain, err := aead(key, seed).Open(nil, zeroNonce, box, s.additional(header))
	if err != nil {
		return sealedSession{}, ErrNone
	}
	var content sealedSession
	if err := cbor.Unmarshal(plain, &content); err != nil {
		return sealedSession{}, fmt.Errorf("session: a sealed session of ours cannot be read: %w", err)
	}
	return content, nil
}

// split takes a token apart.
func split(raw []byte) (header, seed, box []byte, ok bool) {
	if len(raw) < 2 || raw[0] != sealedVersion {
		return nil, nil, nil, false
	}
	end := 2 + int(raw[1])
	if len(raw) < end+seedBytes {
		return nil, nil, nil, false
	}
	return raw[:end:end], raw[end : end+seedBytes], raw[end+seedBytes:], true
}

// zeroNonce is good for one message a key, which is what a key of aead has.
var zeroNonce = make([]byte, 12)

func aead(key keyring.Key, seed []byte) cipher.AEAD {
	block, err := aes.NewCipher(key.Derive(sealedLabel + string(seed)))
	if err == nil {
		var gcm cipher.AEAD
		if gcm, err = cipher.NewGCM(block); err == nil {
			return gcm
		}
	}
	panic("session: AES-256-GCM refused a 32-byte key: " + err.Error())
}

func (s *Sealed) additional(header []byte) []byte {
	return append(header[:len(header):len(header)], s.cookie...)
}

func contentOf(session Session, seen time.Time) sealedSession {
	content := sealedSession{ID: session.ID, ExpiresAt: session.ExpiresAt.Unix(), SeenAt: seen.Unix()}
	if u := session.User; u != nil {
		content.User = &sealedUser{ID: u.ID, Email: u.Email, SignedInAt: u.SignedInAt.Unix()}
	}
	if p := session.Pending; p != nil {
		content.Pending = &sealedPending{
			ChallengeID: p.ChallengeID, Email: p.Email, Purpose: p.Purpose,
			CodeKind: p.CodeKind, CodeLength: p.CodeLength, SentAt: p.SentAt.Unix(),
		}
	}
	return content
}

func (c sealedSession) session() Session {
	session := Session{ID: c.ID, ExpiresAt: time.Unix(c.ExpiresAt, 0).UTC()}
	if u := c.User; u != nil {
		session.User = &User{ID: u.ID, Email: u.Email, SignedInAt: time.Unix(u.SignedInAt, 0).UTC()}
	}
	if p := c.Pending; p != nil {
		session.Pending = &Pending{
			ChallengeID: p.ChallengeID, Email: p.Email, Purpose: p.Purpose,
			CodeKind: p.CodeKind, CodeLength: p.CodeLength, SentAt: time.Unix(p.SentAt, 0).UTC(),
		}
	}
	return session
}
