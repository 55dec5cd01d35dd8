// Package keyproof lets one holder of the secret keys show another that it is one, without showing a key: sana doctor to
// sana serve.
package keyproof

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"
	"time"

	"sana/backend/keyring"
)

// Lifetime is how long a proof is good, by the clock of whoever checks it, and how far ahead its maker's may be.
const Lifetime = time.Minute

// New returns a proof made with the ring's current key: id:seconds:HMAC. It is for one question and carries nothing, so
// that whoever reads it on the way can ask the same for himself within its lifetime, and no more.
func New(ring keyring.Ring, now time.Time) string {
	return seal(ring.Current(), strconv.FormatInt(now.Unix(), 10))
}

// Valid reports whether a proof was made with a key of the ring and is not older than Lifetime.
func Valid(ring keyring.Ring, proof string, now time.Time) bool {
	id, rest, _ := strings.Cut(proof, ":")
	made, _, _ := strings.Cut(rest, ":")
	key, known := ring.Find(id)
	seconds, err := strconv.ParseInt(made, 10, 64)
	if !known || err != nil || now.Sub(time.Unix(seconds, 0)).Abs() > Lifetime {
		return false
	}
	return hmac.Equal([]byte(seal(key, made)), []byte(proof))
}

func seal(key keyring.Key, made string) string {
	mac := hmac.New(sha256.New, key.Derive("proof of sana doctor"))
	mac.Write([]byte(made))
	return key.ID + ":" + made + ":" + hex.EncodeToString(mac.Sum(nil))
}
