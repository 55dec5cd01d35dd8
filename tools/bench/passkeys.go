package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/md5"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

// authenticator signs for every user of the benchmark with one key.
type authenticator struct{ key *ecdsa.PrivateKey }

func newAuthenticator() authenticator {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	return authenticator{key}
}

// credentialOf is the id of a user's passkey, and handleOf the user's id, which addUsers sets.
func credentialOf(n int) []byte { return fmt.Appendf(nil, "passkey%07d", n) }

func handleOf(n int) []byte {
	sum := md5.Sum(fmt.Append(nil, n))
	return sum[:]
}

// enroll gives each of n users with an account a passkey.
func (a authenticator) enroll(ctx context.Context, database string, n int) error {
	public, err := a.key.PublicKey.Bytes() // 0x04, x, y
	if err != nil {
		return err
	}
	cose := slices.Concat([]byte{0xa5, 1, 2, 3, 0x26, 0x20, 1, 0x21, 0x58, 0x20}, public[1:33],
		[]byte{0x22, 0x58, 0x20}, public[33:])
	conn, err := pgx.Connect(ctx, database+asyncCommit)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, `
		INSERT INTO passkeys (id, user_id, rp_id, public_key, sign_count,
		                      backup_eligible, backed_up, aaguid, name)
		SELECT convert_to('passkey' || lpad(i::text, 7, '0'), 'UTF8'), md5(i::text)::uuid,
		       $2, $3, 0, true, true,
		       '00000000-0000-0000-0000-000000000000', 'Passkey'
		FROM generate_series(1, $1) AS i`, n, publicHost, cose)
	if err == nil {
		_, err = conn.Exec(ctx, "VACUUM ANALYZE passkeys")
	}
	return err
}

// sign returns the body of a request to sign in as a user, as browsers send it.
func (a authenticator) sign(n int, challenge string) (any, error) {
	client, err := json.Marshal(map[string]any{
		"type": "webauthn.get", "challenge": challenge, "origin": "https://" + publicHost,
		"crossOrigin": false,
	})
	if err != nil {
		return nil, err
	}
	const presentVerifiedAndSynced = 0x1d
	site, data := sha256.Sum256([]byte(publicHost)), sha256.Sum256(client)
	authData := append(site[:], presentVerifiedAndSynced, 0, 0, 0, 0)
	digest := sha256.Sum256(append(authData, data[:]...))
	signature, err := ecdsa.SignASN1(rand.Reader, a.key, digest[:])
	if err != nil {
		return nil, err
	}
	text, id := base64.RawURLEncoding.EncodeToString, credentialOf(n)
	return map[string]any{"credential": map[string]any{
		"id": text(id), "rawId": text(id), "type": "public-key",
		"clientExtensionResults": struct{}{},
		"response": map[string]string{
			"clientDataJSON": text(client), "authenticatorData": text(authData),
			"signature":  text(signature),
			"userHandle": text(handleOf(n)),
		},
	}}, nil
}

// withPasskey requests a challenge and sends its signature.
func (s *signingIn) withPasskey(
	c *client, n int, _ string,
) (result signedIn, durations steps, err error) {
	var options struct{ Challenge string }
	start := time.Now()
	err = s.send(c, http.MethodGet, "/api/auth/passkey", nil, http.StatusOK, &options)
	if err != nil {
		return result, durations, err
	}
	requested := time.Now()
	body, err := s.passkeys.sign(n, options.Challenge)
	if err == nil {
		err = s.send(c, http.MethodPost, "/api/auth/passkey", body, http.StatusOK, &result)
	}
	return result, steps{request: requested.Sub(start), verify: time.Since(requested)}, err
}
