package passkey_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"sana/backend/fault"
	"sana/backend/keyring"
	"sana/backend/passkey"
	"sana/backend/visitor"

	"github.com/descope/virtualwebauthn"
)

func newRing(t testing.TB, list string) keyring.Ring {
	t.Helper()
	ring, err := keyring.Parse(list)
	if err != nil {
		t.Fatal(err)
	}
	return ring
}

const (
	oldKey = "old:c2FuYS10ZXN0LWtleS0wMTIzNDU2Nzg5LWJjZGZnaCEh"
	newKey = "new:c2FuYS10ZXN0LWtleS1zYW5hLXRlc3Qta2V5LXNhbmEhIQ=="
)

// A challenge is valid only for its purpose, browser and session, and survives a key rotation.
func TestCheckChallenge_CoversItsBinding(t *testing.T) {
	t.Parallel()
	made := time.UnixMicro(1700000000123456)
	good := passkey.Binding{Purpose: passkey.StepUp, Browser: visitor.NewBrowser(), SessionID: "s1"}
	challenge := passkey.NewChallenge(newRing(t, oldKey).Current(), good, made)
	rolled := newRing(t, newKey+","+oldKey)
	if at, ok := passkey.CheckChallenge(rolled, good, challenge); !ok || !at.Equal(made) {
		t.Errorf("got %v %v, want its creation time", at, ok)
	}
	if _, ok := passkey.CheckChallenge(newRing(t, newKey), good, challenge); ok {
		t.Error("it is valid without its key")
	}
	for _, change := range []func(b *passkey.Binding){
		func(b *passkey.Binding) { b.Purpose = passkey.Add },
		func(b *passkey.Binding) { b.Browser = visitor.NewBrowser() },
		func(b *passkey.Binding) { b.Browser = "" },
		func(b *passkey.Binding) { b.SessionID = "s2" },
	} {
		other := good
		change(&other)
		if _, ok := passkey.CheckChallenge(rolled, other, challenge); ok {
			t.Errorf("it is also valid for %+v", other)
		}
	}
	for i := range challenge {
		changed := append([]byte{}, challenge...)
		changed[i] ^= 1
		if _, ok := passkey.CheckChallenge(rolled, good, changed); ok {
			t.Errorf("it is valid with another byte %d", i)
		}
	}
}

func TestRelyingPartyOf_NeedsANameAndASecureContext(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"https://sana.example":      "sana.example",
		"https://sana.example:8443": "sana.example",
		"http://localhost:3000":     "localhost",
		"http://sana.localhost":     "sana.localhost",
		"http://sana.example":       "",
		"https://192.0.2.1":         "",
		"https://[2001:db8::1]":     "",
	} {
		u, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		rp := passkey.RelyingPartyOf(u)
		if rp.ID != want || rp.Exists() != (want != "") || want != "" &&
			rp.Origin != strings.TrimSuffix(address, "/") {
			t.Errorf("%s: got %+v, want %q", address, rp, want)
		}
	}
}

// An assertion from a frame in a page of another site is refused, even with a valid signature, and
// a passkey that could be synced cannot become one that cannot be.
func TestAssertion_IsRefusedWithContradictingFlags(t *testing.T) {
	t.Parallel()
	site := passkey.RelyingParty{ID: "sana.example", Origin: "https://sana.example"}
	credential := fixedCredential(t)
	stored := passkey.Passkey{ID: credential.ID, RPID: site.ID,
		PublicKey: credential.Key.AttestationData()}
	relyingParty := sha256.Sum256([]byte(site.ID))
	authenticatorData := append(relyingParty[:], 0b101, 0, 0, 0, 0) // user present and verified
	for _, isForeign := range []bool{false, true} {
		client := fmt.Appendf(nil,
			`{"type":"webauthn.get","challenge":"AAAA","origin":%q,"crossOrigin":%t}`, site.Origin,
			isForeign)
		clientHash := sha256.Sum256(client)
		signed := sha256.Sum256(append(bytes.Clone(authenticatorData), clientHash[:]...))
		signature, err := ecdsa.SignASN1(rand.Reader, fixedKey(t), signed[:])
		if err != nil {
			t.Fatal(err)
		}
		id := passkey.EncodeID(credential.ID)
		assertion, err := passkey.ParseAssertion(
			fmt.Appendf(nil, `{"id":%q,"rawId":%q,"type":"public-key",
			"response":{"clientDataJSON":%q,"authenticatorData":%q,"signature":%q}}`, id, id,
				passkey.EncodeID(client), passkey.EncodeID(authenticatorData),
				passkey.EncodeID(signature)))
		if err != nil {
			t.Fatal(err)
		}
		if _, err = assertion.Verify(stored, nil, passkey.StepUp, site); (err != nil) != isForeign {
			t.Errorf("from a foreign frame %v: got %v", isForeign, err)
		}
		synced := stored
		synced.BackupEligible = true
		if _, err = assertion.Verify(synced, nil, passkey.StepUp, site); err == nil {
			t.Error("a passkey that could be synced is accepted as one that cannot be")
		}
	}
}

// Any other input as the response of an authenticator is refused without a panic.
func FuzzCeremonies_OnlyTheRightResponsePasses(f *testing.F) {
	site := passkey.RelyingParty{ID: "sana.example", Origin: "https://sana.example"}
	rp := virtualwebauthn.RelyingParty{ID: site.ID, Origin: site.Origin}
	device, credential := virtualwebauthn.NewAuthenticator(), fixedCredential(f)
	challenge := make([]byte, 56)
	assertion := virtualwebauthn.CreateAssertionResponse(rp, device, credential,
		virtualwebauthn.AssertionOptions{Challenge: challenge})
	f.Add([]byte(assertion))
	f.Add([]byte(virtualwebauthn.CreateAttestationResponse(rp, device, credential,
		virtualwebauthn.AttestationOptions{Challenge: challenge})))
	f.Add([]byte(`{"id":"AA","rawId":"AA","type":"public-key",` +
		`"response":{"clientDataJSON":"e30","authenticatorData":""}}`))
	stored := passkey.Passkey{ID: credential.ID, RPID: site.ID,
		PublicKey: credential.Key.AttestationData()}
	right, err := passkey.ParseAssertion([]byte(assertion))
	if err != nil {
		f.Fatal(err)
	}
	if _, err := right.Verify(stored, nil, passkey.StepUp, site); err != nil {
		f.Fatal(err)
	}
	wanted := signedPart(f, []byte(assertion))
	f.Fuzz(func(t *testing.T, body []byte) {
		if a, err := passkey.ParseAssertion(body); err == nil {
			_, err := a.Verify(stored, nil, passkey.StepUp, site)
			if err == nil && signedPart(t, body) != wanted {
				t.Errorf("accepted: %s", body)
			}
			if err != nil && !fault.Is(err, fault.PasskeyRefused) {
				t.Errorf("got %v", err)
			}
		} else if !fault.Is(err, fault.InvalidRequest) {
			t.Errorf("got %v", err)
		}
		if a, err := passkey.ParseAttestation(body); err == nil {
			if p, err := a.Verify(site); err == nil && (len(p.ID) == 0 || len(p.PublicKey) == 0) {
				t.Errorf("added without id or key: %s", body)
			}
		}
	})
}

// fixedCredential returns the same credential in every process of a fuzz test, so that an input has
// the same effect in each of them.
func fixedCredential(t testing.TB) virtualwebauthn.Credential {
	t.Helper()
	encoded, err := x509.MarshalPKCS8PrivateKey(fixedKey(t))
	if err != nil {
		t.Fatal(err)
	}
	credential := virtualwebauthn.NewCredentialWithImportedKey(virtualwebauthn.KeyTypeEC2, encoded)
	credential.ID = []byte("fuzz")
	return credential
}

func fixedKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	scalar := sha256.Sum256([]byte("fuzz"))
	key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), scalar[:])
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// signedPart returns the signed part of an assertion; the rest may differ.
func signedPart(t testing.TB, assertion []byte) string {
	t.Helper()
	var parsed struct {
		Response struct{ AuthenticatorData, ClientDataJSON string }
	}
	if err := json.Unmarshal(assertion, &parsed); err != nil {
		t.Fatal(err)
	}
	return parsed.Response.AuthenticatorData + "." + parsed.Response.ClientDataJSON
}
