package harness

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/descope/virtualwebauthn"
)

// Authenticator keeps one passkey, as a phone or a security key does. Its fields may be changed
// between two ceremonies.
type Authenticator struct {
	RP         virtualwebauthn.RelyingParty
	Device     virtualwebauthn.Authenticator
	Credential virtualwebauthn.Credential

	t testing.TB
}

// NewAuthenticator returns an authenticator at the tested program's address. It verifies its user.
func NewAuthenticator(t testing.TB) *Authenticator {
	return &Authenticator{
		RP: virtualwebauthn.RelyingParty{
			ID: strings.TrimPrefix(PublicURL, "https://"), Name: "Sana", Origin: PublicURL,
		},
		Device:     virtualwebauthn.NewAuthenticator(),
		Credential: newCredential(),
		t:          t,
	}
}

// fullKey is the length of a P-256 key in COSE.
const fullKey = 77

// newCredential returns one with a key in full length: the library leaves zeros out that COSE
// wants.
func newCredential() virtualwebauthn.Credential {
	for {
		c := virtualwebauthn.NewCredential(virtualwebauthn.KeyTypeEC2)
		if len(c.Key.AttestationData()) == fullKey {
			return c
		}
	}
}

// Create answers options of /api/account/passkeys/options, as a browser would: the body of a
// request.
func (a *Authenticator) Create(options []byte) string {
	a.t.Helper()
	parsed, err := virtualwebauthn.ParseAttestationOptions(string(options))
	if err != nil {
		a.t.Fatal(err)
	}
	a.Device.Options.UserHandle = []byte(parsed.UserID)
	return credentialBody(
		virtualwebauthn.CreateAttestationResponse(a.RP, a.Device, a.Credential, *parsed))
}

// Sign answers options of /api/auth/passkey, likewise.
func (a *Authenticator) Sign(options []byte) string {
	a.t.Helper()
	parsed, err := virtualwebauthn.ParseAssertionOptions(string(options))
	if err != nil {
		a.t.Fatal(err)
	}
	return credentialBody(
		virtualwebauthn.CreateAssertionResponse(a.RP, a.Device, a.Credential, *parsed))
}

func credentialBody(credential string) string {
	body, err := json.Marshal(map[string]json.RawMessage{"credential": json.RawMessage(credential)})
	if err != nil {
		panic(err)
	}
	return string(body)
}

// Passkey is a passkey in an answer.
type Passkey struct {
	ID     string `json:"id"`
	Name   string `json:"name"`
	Synced bool   `json:"synced"`
	UsedAt string `json:"used_at"`
}

// Passkey reads the body as a passkey.
func (a *Answer) Passkey() Passkey {
	a.t.Helper()
	var p Passkey
	a.JSON(&p)
	return p
}

// AddPasskey adds the authenticator's passkey to the account of the browser's session.
func (b *Browser) AddPasskey(a *Authenticator) Passkey {
	b.t.Helper()
	options := b.Get("/api/account/passkeys/options").Want(http.StatusOK)
	return b.Post("/api/account/passkeys",
		a.Create(options.Body)).Want(http.StatusCreated).Passkey()
}

// PasskeyOptions gets a challenge to sign in, and a browser token before it if there is none.
func (b *Browser) PasskeyOptions() []byte {
	b.t.Helper()
	answer := b.Get("/api/auth/passkey")
	if answer.Status == http.StatusConflict {
		answer = b.Get("/api/auth/passkey")
	}
	return answer.Want(http.StatusOK).Body
}

// UsePasskey signs in with the authenticator's passkey, or steps up.
func (b *Browser) UsePasskey(a *Authenticator) *Answer {
	b.t.Helper()
	return b.Post("/api/auth/passkey", a.Sign(b.PasskeyOptions()))
}
