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
	"sana/backend/observe/metrics"

	"github.com/fxamacker/cbor/v2"
)

// Sealed keeps each session in its own cookie, encrypted with the secret keys. The server stores
// nothing, and every instance that has the key can read it. Times are the server's.
//
// A cookie stays valid until it expires: sign-out only removes it from the browser, a copy of it
// still works, a response that renews it can undo a sign-out, and it can be neither listed nor
// revoked. If its secret key is lost, it is invalid.
type Sealed struct {
	keys   keyring.Ring
	cookie string
	limits Limits
	now    func() time.Time
	onRead func(metrics.Source)
}

// NewSealed returns a store for the cookie of this name. A token is valid under this name only.
func NewSealed(
	keys keyring.Ring, cookie string, limits Limits, now func() time.Time, counts *metrics.Metrics,
) *Sealed {
	return &Sealed{keys: keys, cookie: cookie, limits: limits, now: now, onRead: counts.SessionRead}
}

// A sealed token, version 1, base64url without padding:
//
//	1 byte    version
//	1 byte    length of the key's id, and the id
//	24 bytes  random
//	the rest  AES-256-GCM of the session as CBOR, with 16 bytes of tag
//
// Each token has its own AES key, derived from the secret key and the random bytes. So any
// number of tokens can be sealed with one secret key, and the nonce can be zero. Version, key id
// and the cookie's name are authenticated as additional data. TestSealed_ReadsVersion1Forever
// checks that tokens of this format stay readable.
const (
	sealedVersion = 1
	sealedLabel   = "sana/session/sealed/1\x00"
	saltBytes     = 24
	// maxSealed is the maximum length of a token. The longest addresses use half of it.
	maxSealed = 1024
)

// sealedSession is the content of a token. Times are seconds since 1970.
type sealedSession struct {
	ID         string `cbor:"1,keyasint"`
	CreatedAt  int64  `cbor:"2,keyasint"`
	ExpiresAt  int64  `cbor:"3,keyasint"`
	UsedAt     int64  `cbor:"4,keyasint"`
	UserID     string `cbor:"5,keyasint"`
	Email      string `cbor:"6,keyasint"`
	SignedInAt int64  `cbor:"7,keyasint"`
}

// Limits returns the timeouts of its sessions.
func (s *Sealed) Limits() Limits { return s.limits }

// Now returns the time by which it judges sessions.
func (s *Sealed) Now() time.Time { return s.now() }

// Seal returns the session as Read will return it, in whole seconds and without the fields of
// Shared, with Token and CookieMaxAge set. ID, User and CreatedAt stay as they are. If ExpiresAt is
// zero, as after a sign-in or a step-up, it is set to User.SignedInAt plus Limits.MaxAge.
//
// An earlier token of the session stays valid until it expires.
func (s *Sealed) Seal(session Session) (Session, error) {
	if session.ExpiresAt.IsZero() {
		session.ExpiresAt = session.User.SignedInAt.Add(s.limits.MaxAge)
	}
	return s.seal(contentOf(session, s.now()))
}

// Read implements Store. The token of a session in use is renewed once in useInterval, to record
// the use.
func (s *Sealed) Read(_ context.Context, token string) (Session, error) {
	content, err := s.open(token)
	if err != nil {
		return Session{}, err
	}
	s.onRead(metrics.Cookie)

	session, now := content.session(), s.now()
	used := time.Unix(content.UsedAt, 0)
	end, reason := session.ExpiresAt, MaxAge
	if idle := used.Add(s.limits.Idle); idle.Before(end) {
		end, reason = idle, Idle
	}
	if !now.Before(end) {
		return Session{}, &Ended{Reason: reason, At: end}
	}
	if now.Sub(used) >= useInterval(s.limits.Idle) {
		return s.seal(contentOf(session, now))
	}
	session.Token = token
	return session, nil
}

func (s *Sealed) seal(content sealedSession) (Session, error) {
	plain, err := cbor.Marshal(content)
	if err != nil {
		return Session{}, fmt.Errorf("session: seal: %w", err)
	}

	key := s.keys.Current()
	header := append([]byte{sealedVersion, byte(len(key.ID))}, key.ID...)
	token := append(header, randomBytes(saltBytes)...)
	salt := token[len(header):]
	token = aead(key, salt).Seal(token, zeroNonce, plain, s.additional(header))

	session := content.session()
	session.Token = base64.RawURLEncoding.EncodeToString(token)
	if len(session.Token) > maxSealed {
		return Session{}, errors.New("session: seal: the session is too large for a cookie")
	}
	session.CookieMaxAge = CookieMaxAge(session.ExpiresAt.Sub(s.now()))
	return session, nil
}

// open returns the content of a token, also of an expired one. It returns ErrNone for everything
// that was not sealed with one of the keys for this cookie.
func (s *Sealed) open(token string) (sealedSession, error) {
	if len(token) > maxSealed {
		return sealedSession{}, ErrNone
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(token)
	// The length is checked because the decoder skips line breaks.
	if err != nil || base64.RawURLEncoding.EncodedLen(len(raw)) != len(token) {
		return sealedSession{}, ErrNone
	}
	header, salt, box, ok := split(raw)
	if !ok {
		return sealedSession{}, ErrNone
	}
	key, ok := s.keys.Find(string(header[2:]))
	if !ok {
		return sealedSession{}, &Ended{Reason: KeyRemoved}
	}
	plain, err := aead(key, salt).Open(nil, zeroNonce, box, s.additional(header))
	if err != nil {
		return sealedSession{}, ErrNone
	}
	var content sealedSession
	if err := cbor.Unmarshal(plain, &content); err != nil {
		return sealedSession{}, fmt.Errorf("session: decode sealed session: %w", err)
	}
	return content, nil
}

// split returns the parts of a token.
func split(raw []byte) (header, salt, box []byte, ok bool) {
	if len(raw) < 2 || raw[0] != sealedVersion {
		return nil, nil, nil, false
	}
	end := 2 + int(raw[1])
	if len(raw) < end+saltBytes {
		return nil, nil, nil, false
	}
	return raw[:end:end], raw[end : end+saltBytes], raw[end+saltBytes:], true
}

// zeroNonce may be used once with each key; aead derives a key for each token.
var zeroNonce = make([]byte, 12)

func aead(key keyring.Key, salt []byte) cipher.AEAD {
	block, err := aes.NewCipher(key.Derive(sealedLabel + string(salt)))
	if err != nil {
		panic(err) // a derived key has 32 bytes
	}
	gcm, _ := cipher.NewGCM(block) // fails for other block sizes only
	return gcm
}

func (s *Sealed) additional(header []byte) []byte {
	return append(header[:len(header):len(header)], s.cookie...)
}

func contentOf(session Session, used time.Time) sealedSession {
	return sealedSession{
		ID:         session.ID,
		CreatedAt:  session.CreatedAt.Unix(),
		ExpiresAt:  session.ExpiresAt.Unix(),
		UsedAt:     used.Unix(),
		UserID:     session.User.ID,
		Email:      session.User.Email,
		SignedInAt: session.User.SignedInAt.Unix(),
	}
}

func (c sealedSession) session() Session {
	return Session{
		ID:        c.ID,
		CreatedAt: time.Unix(c.CreatedAt, 0).UTC(),
		ExpiresAt: time.Unix(c.ExpiresAt, 0).UTC(),
		User: User{
			ID:         c.UserID,
			Email:      c.Email,
			SignedInAt: time.Unix(c.SignedInAt, 0).UTC(),
		},
	}
}
