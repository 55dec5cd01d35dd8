package web_test

import (
	"net/http"
	"testing"
	"time"

	"sana/backend/keyring"
	"sana/backend/test/harness"
)

// a client that could read the server's view of its request could find out which forged
// address is accepted.
func TestLive_ShowsRequestToHoldersOfKeysOnly(t *testing.T) {
	t.Parallel()
	ours, err := keyring.Parse(harness.SecretKeys)
	if err != nil {
		t.Fatal(err)
	}
	strangers, err := keyring.Parse("k1:" + keyring.New(time.Now())[len("20261122-3f9a:"):])
	if err != nil {
		t.Fatal(err)
	}
	b := harness.NewWorld(t).Run(t, "TRUSTED_PROXY_HOPS=2").Open(t)
	now := time.Now() // the MAC is short-lived, and the program may have to be built first
	for name, proof := range map[string]string{
		"nothing":          "",
		"another key":      strangers.NewProof(now),
		"a played-back":    ours.NewProof(now.Add(-2 * keyring.ProofLifetime)),
		"one for later":    ours.NewProof(now.Add(2 * keyring.ProofLifetime)),
		"a word":           "true",
		"only a signature": "k1::",
	} {
		a := b.Get("/livez", harness.With("X-Sana-Proof", proof)).Want(http.StatusOK)
		harness.WantEqual(t, name, a.Header.Get("X-Sana-Seen"), "")
	}
	proven := harness.With("X-Sana-Proof", ours.NewProof(now))
	through := harness.With("X-Forwarded-For", "6.6.6.6, 203.0.113.9, 10.0.0.1")
	a := b.Get("/livez", proven, through).Want(http.StatusOK)
	harness.WantEqual(t, "a holder of the key", a.Header.Get("X-Sana-Seen"),
		`{"address":"203.0.113.9","connection":"127.0.0.1","entries":3,"hops":2}`)
	a = b.Get("/api/auth/session", proven).Want(http.StatusUnauthorized, "not_signed_in")
	harness.WantEqual(t, "another path", a.Header.Get("X-Sana-Seen"), "")
}
