package passkey

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"time"

	"sana/backend/keyring"
	"sana/backend/postgres"
	"sana/backend/visitor"

	"github.com/jackc/pgx/v5"
)

// Purpose is the purpose of a ceremony.
type Purpose string

// The purposes. They are part of the MAC.
const (
	SignIn Purpose = "sign_in" // signs in the owner of the passkey
	StepUp Purpose = "step_up" // steps up a session
	Add    Purpose = "add"     // adds a passkey to the account of a session
)

// Binding is the only use of a challenge.
type Binding struct {
	Purpose   Purpose
	Browser   visitor.Browser
	SessionID string // "" for SignIn
}

// ChallengeLifetime is the lifetime of a challenge.
const ChallengeLifetime = 5 * time.Minute

// A challenge is a nonce, the database's time in microseconds, and a MAC.
const (
	nonceBytes     = 16
	timeBytes      = 8
	challengeBytes = nonceBytes + timeBytes + sha256.Size

	challengeLabel = "sana/passkey challenge/v1"
)

// NewChallenge creates a challenge at a time of the database.
func NewChallenge(key keyring.Key, b Binding, now time.Time) []byte {
	challenge := make([]byte, nonceBytes, challengeBytes)
	rand.Read(challenge) // never fails: it ends the program when the system has no randomness
	challenge = binary.BigEndian.AppendUint64(challenge, uint64(now.UnixMicro()))
	return append(challenge, challengeMAC(key, b, challenge)...)
}

// CheckChallenge returns the creation time of a challenge. ok is false unless it was created for
// this binding, with a key of the ring. It does not check the expiry; see Spent.
func CheckChallenge(keys keyring.Ring, b Binding, challenge []byte) (createdAt time.Time, ok bool) {
	if len(challenge) != challengeBytes || b.Browser == "" {
		return time.Time{}, false
	}
	signed, mac := challenge[:nonceBytes+timeBytes], challenge[nonceBytes+timeBytes:]
	for _, key := range keys.All() {
		if hmac.Equal(mac, challengeMAC(key, b, signed)) {
			return time.UnixMicro(int64(binary.BigEndian.Uint64(signed[nonceBytes:]))), true
		}
	}
	return time.Time{}, false
}

func challengeMAC(key keyring.Key, b Binding, signed []byte) []byte {
	mac := hmac.New(sha256.New, key.Derive(challengeLabel))
	for _, part := range []string{string(b.Purpose), string(b.Browser), b.SessionID} {
		mac.Write([]byte(part))
		mac.Write([]byte{0})
	}
	mac.Write(signed)
	return mac.Sum(nil)
}

// Spent is a common table expression that records a challenge of SpendArgs. It has a row if the
// challenge is valid and was not consumed before; a concurrent transaction with the same one waits.
// A time more than a minute ahead is from before the database's clock was set back.
const Spent postgres.SQL = `
	spent AS (
	    INSERT INTO passkey_challenges (hash, expires_at)
	    SELECT @challenge, @made_at::timestamptz + interval '5 minutes'
	    WHERE @made_at::timestamptz > now() - interval '5 minutes'
	      AND @made_at::timestamptz <= now() + interval '1 minute'
	    ON CONFLICT DO NOTHING
	    RETURNING hash
	)`

// SpendArgs adds the arguments of Spent.
func SpendArgs(to pgx.NamedArgs, challenge []byte, createdAt time.Time) {
	hash := sha256.Sum256(challenge)
	to["challenge"], to["made_at"] = hash[:], createdAt
}

// Sweep deletes the challenges that expired an hour ago, in batches, and returns their number.
// Sweeps can run concurrently.
func Sweep(ctx context.Context, db postgres.Querier) (deleted int, err error) {
	return postgres.DeleteBatches(ctx, db, "sweep challenges of passkeys", `
		DELETE FROM passkey_challenges
		WHERE hash IN (
		    SELECT hash
		    FROM passkey_challenges
		    WHERE expires_at < now() - interval '1 hour'
		    ORDER BY expires_at
		    LIMIT @batch
		    FOR UPDATE SKIP LOCKED)`, pgx.NamedArgs{})
}
