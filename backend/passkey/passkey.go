// Package passkey stores passkeys (WebAuthn credentials) and verifies the ceremonies that create
// and use them. Signing in is the task of package auth, in the transactions of its use cases.
//
// A ceremony responds to a challenge that Sana created for one browser, for one purpose and for
// five minutes. A challenge has no row: it contains its time and a MAC over all of that. The
// transaction of a successful ceremony records the hash of the challenge, so that it succeeds once
// over all instances.
package passkey

import (
	"encoding/base64"
	"net"
	"net/url"
	"strings"
	"time"

	"sana/backend/fault"
)

// MaxPerUser is the maximum number of passkeys of a user.
const MaxPerUser = 20

// Passkey is a stored passkey. All times are the database's.
type Passkey struct {
	ID             []byte // the credential's
	UserID         string // UUID
	RPID           string // its host
	PublicKey      []byte // COSE
	SignCount      int64
	BackupEligible bool
	BackedUp       bool
	AAGUID         string // UUID
	Name           string
	CreatedAt      time.Time
	UsedAt         *time.Time // nil before its first sign-in
}

var encoding = base64.RawURLEncoding.Strict()

// maxID is the length of the longest id (Web Authentication Level 3, 4), in bytes.
const maxID = 1023

// EncodeID returns an id as browsers and the API write it: base64url without padding.
func EncodeID(id []byte) string { return encoding.EncodeToString(id) }

// DecodeID is the inverse of EncodeID. ok is false if text is not an id.
func DecodeID(text string) (id []byte, ok bool) {
	if text == "" || len(text) > encoding.EncodedLen(maxID) || strings.ContainsAny(text, "\r\n") {
		return nil, false
	}
	id, err := encoding.DecodeString(text)
	return id, err == nil
}

// RelyingParty is the site of passkeys: browsers offer them only there. Its zero value is a site
// that cannot have passkeys.
type RelyingParty struct {
	ID     string // a host name
	Origin string
}

// RelyingPartyOf returns the relying party of PUBLIC_URL. Browsers allow passkeys on https, and on
// http for localhost; IP addresses are not allowed.
func RelyingPartyOf(publicURL *url.URL) RelyingParty {
	host := publicURL.Hostname()
	isLocal := host == "localhost" || strings.HasSuffix(host, ".localhost")
	if host == "" || net.ParseIP(host) != nil || publicURL.Scheme != "https" && !isLocal {
		return RelyingParty{}
	}
	return RelyingParty{ID: host, Origin: publicURL.Scheme + "://" + publicURL.Host}
}

// Exists reports whether the site can have passkeys.
func (r RelyingParty) Exists() bool { return r.ID != "" }

// ErrUnknown is the error of a passkey that is unknown or was removed.
func ErrUnknown() error {
	return fault.New(fault.UnknownPasskey,
		"This passkey is not known here, or was removed. Use another one, or sign in with a code.")
}

// ErrRefused is the error of an invalid ceremony. The cause is for the log.
func ErrRefused(cause error) error {
	return fault.Wrap(fault.PasskeyRefused,
		"The passkey was not accepted. Try again, or sign in with a code.", cause)
}
