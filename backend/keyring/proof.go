package keyring

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"
	"time"
)

// ProofLifetime is how long a proof is valid by the verifier's clock, and how far ahead the maker's
// clock may be.
const ProofLifetime = time.Minute

// NewProof returns id:seconds:HMAC, made with the current key. It shows another holder of the keys,
// sana doctor to sana serve, that the sender is one, without showing a key. A party that intercepts
// it can repeat the same request within ProofLifetime only.
func (r Ring) NewProof(now time.Time) string {
	return sealProof(r.Current(), strconv.FormatInt(now.Unix(), 10))
}

// ValidProof reports whether a proof was made with a key of the ring and is not older than
// ProofLifetime.
func (r Ring) ValidProof(proof string, now time.Time) bool {
	id, rest, _ := strings.Cut(proof, ":")
	made, _, _ := strings.Cut(rest, ":")
	key, known := r.Find(id)
	seconds, err := strconv.ParseInt(made, 10, 64)
	if !known || err != nil || now.Sub(time.Unix(seconds, 0)).Abs() > ProofLifetime {
		return false
	}
	return hmac.Equal([]byte(sealProof(key, made)), []byte(proof))
}

func sealProof(key Key, made string) string {
	mac := hmac.New(sha256.New, key.Derive("proof of sana doctor"))
	mac.Write([]byte(made))
	return key.ID + ":" + made + ":" + hex.EncodeToString(mac.Sum(nil))
}
