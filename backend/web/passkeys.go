package web

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"time"

	"sana/backend/auth"
	"sana/backend/fault"
	"sana/backend/passkey"
	"sana/backend/session"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/utils"
)

// requestOptions is PublicKeyCredentialRequestOptionsJSON (Web Authentication Level 3, 5.1.10).
type requestOptions struct {
	Challenge        string                `json:"challenge"`
	RPID             string                `json:"rpId"`
	Timeout          int                   `json:"timeout"`
	UserVerification string                `json:"userVerification"`
	AllowCredentials []credentialReference `json:"allowCredentials"`
}

// creationOptions is PublicKeyCredentialCreationOptionsJSON (likewise, 5.1.8).
type creationOptions struct {
	Challenge              string                `json:"challenge"`
	RP                     relyingParty          `json:"rp"`
	User                   credentialUser        `json:"user"`
	Parameters             []credentialParameter `json:"pubKeyCredParams"`
	Timeout                int                   `json:"timeout"`
	ExcludeCredentials     []credentialReference `json:"excludeCredentials"`
	AuthenticatorSelection authenticatorChoice   `json:"authenticatorSelection"`
	Attestation            string                `json:"attestation"`
}

type credentialReference struct {
	Type string `json:"type"`
	ID   string `json:"id"`
}

type relyingParty struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

type credentialUser struct {
	ID          string `json:"id"`
	Name        string `json:"name"`
	DisplayName string `json:"displayName"`
}

type credentialParameter struct {
	Type string `json:"type"`
	Alg  int    `json:"alg"`
}

type authenticatorChoice struct {
	ResidentKey        string `json:"residentKey"`
	RequireResidentKey bool   `json:"requireResidentKey"`
	UserVerification   string `json:"userVerification"`
}

// Words of Web Authentication.
const (
	publicKeyCredential = "public-key"
	isRequired          = "required"
)

// ceremonyTimeout is how long a browser waits for the user, in milliseconds.
const ceremonyTimeout = int(passkey.ChallengeLifetime / time.Millisecond)

type passkeyAnswer struct {
	ID        string     `json:"id"`
	Name      string     `json:"name"`
	Synced    bool       `json:"synced"`
	CreatedAt time.Time  `json:"created_at"`
	UsedAt    *time.Time `json:"used_at,omitempty"`
}

func (s *Server) requestPasskey(ctx context.Context, c *fiber.Ctx) error {
	current, err := s.readSession(ctx, c)
	if err != nil {
		return err
	}
	challenge, allowed, err := s.Auth.RequestPasskey(ctx, s.visitor(c), current)
	if err != nil {
		return err
	}
	return sendJSON(c, requestOptions{
		Challenge: base64URL(challenge), RPID: s.Auth.Passkeys.ID, Timeout: ceremonyTimeout,
		UserVerification: isRequired,
		AllowCredentials: referencesTo(allowed),
	})
}

func (s *Server) signInWithPasskey(ctx context.Context, c *fiber.Ctx) error {
	credential, err := readCredential(c)
	if err != nil {
		return err
	}
	current, err := s.readSession(ctx, c)
	if err != nil {
		return err
	}
	in, err := s.Auth.SignInWithPasskey(ctx, s.visitor(c), current, credential)
	if err != nil {
		return err
	}
	s.cookie.set(c, in.Session.Token, in.Session.CookieMaxAge)
	s.device.set(c, in.Device, deviceAge)
	return sendJSON(c, signedInAnswer{currentAnswerOf(in.Session), false, nil})
}

func (s *Server) requestNewPasskey(
	ctx context.Context, c *fiber.Ctx, current session.Session,
) error {
	made, err := s.Auth.RequestNewPasskey(ctx, s.visitor(c), current)
	if err != nil {
		return err
	}
	options := creationOptions{
		Challenge: base64URL(made.Challenge),
		RP:        relyingParty{ID: s.Auth.Passkeys.ID, Name: s.Auth.Passkeys.ID},
		User: credentialUser{
			ID:   base64URL(passkey.UserHandle(made.Owner.ID)),
			Name: made.Owner.Email, DisplayName: made.Owner.Email,
		},
		Timeout:            ceremonyTimeout,
		ExcludeCredentials: referencesTo(made.Existing),
		AuthenticatorSelection: authenticatorChoice{
			ResidentKey: isRequired, RequireResidentKey: true, UserVerification: isRequired,
		},
		Attestation: "none",
	}
	for _, algorithm := range passkey.Algorithms {
		options.Parameters = append(options.Parameters,
			credentialParameter{publicKeyCredential, algorithm})
	}
	return sendJSON(c, options)
}

func (s *Server) addPasskey(ctx context.Context, c *fiber.Ctx, current session.Session) error {
	credential, err := readCredential(c)
	if err != nil {
		return err
	}
	added, err := s.Auth.AddPasskey(ctx, s.visitor(c), current, credential)
	if err != nil {
		return err
	}
	return sendJSON(c.Status(fiber.StatusCreated), passkeyAnswerOf(added))
}

// readCredential reads a body with a credential, of which browsers decide what is in it.
func readCredential(c *fiber.Ctx) ([]byte, error) {
	var request struct {
		Credential json.RawMessage `json:"credential"` // a PublicKeyCredential as browsers write it
	}
	if err := readJSON(c, &request); err != nil {
		return nil, err
	}
	if len(request.Credential) == 0 {
		return nil, fault.New(fault.InvalidRequest, "The field credential is missing.")
	}
	return request.Credential, nil
}

func passkeyAnswerOf(p passkey.Passkey) passkeyAnswer {
	return passkeyAnswer{
		ID: passkey.EncodeID(p.ID), Name: p.Name, Synced: p.BackedUp, CreatedAt: p.CreatedAt.UTC(),
		UsedAt: inUTC(p.UsedAt),
	}
}

func referencesTo(ids [][]byte) []credentialReference {
	list := make([]credentialReference, len(ids))
	for i, id := range ids {
		list[i] = credentialReference{publicKeyCredential, passkey.EncodeID(id)}
	}
	return list
}

func base64URL(raw []byte) string { return base64.RawURLEncoding.EncodeToString(raw) }

type passkeysAnswer struct {
	Passkeys    []passkeyAnswer `json:"passkeys"`
	CodesFor    auth.CodesFor   `json:"codes_for"`
	CanRestrict bool            `json:"can_restrict"`
	Recovery    *recoveryAnswer `json:"recovery,omitempty"`
}

func (s *Server) listPasskeys(ctx context.Context, c *fiber.Ctx, current session.Session) error {
	list, err := s.Auth.ListPasskeys(ctx, current)
	if err != nil {
		return err
	}
	return sendJSON(c, passkeysAnswerOf(list))
}

func passkeysAnswerOf(list auth.PasskeyList) passkeysAnswer {
	answer := passkeysAnswer{
		Passkeys: []passkeyAnswer{}, CodesFor: list.CodesFor, CanRestrict: list.CanRestrict,
	}
	for _, p := range list.Passkeys {
		answer.Passkeys = append(answer.Passkeys, passkeyAnswerOf(p))
	}
	if list.Recovery != nil {
		recovery := recoveryAnswerOf(*list.Recovery)
		answer.Recovery = &recovery
	}
	return answer
}

func (s *Server) renamePasskey(ctx context.Context, c *fiber.Ctx, current session.Session) error {
	var request struct {
		Name *string `json:"name"`
	}
	if err := readJSON(c, &request); err != nil {
		return err
	}
	if request.Name == nil {
		return fault.New(fault.InvalidRequest, "The field name is missing.")
	}
	id, err := passkeyID(c)
	if err != nil {
		return err
	}
	renamed, err := s.Auth.RenamePasskey(ctx, current, id, *request.Name)
	if fault.Is(err, fault.UnknownPasskey) {
		return fault.New(fault.NotFound, "Your account has no such passkey, or no longer has.")
	}
	if err != nil {
		return err
	}
	return sendJSON(c, passkeyAnswerOf(renamed))
}

func (s *Server) removePasskey(ctx context.Context, c *fiber.Ctx, current session.Session) error {
	id, err := passkeyID(c)
	if err != nil {
		return err
	}
	if err := s.Auth.RemovePasskey(ctx, s.visitor(c), current, id); err != nil {
		return err
	}
	return c.SendStatus(fiber.StatusNoContent)
}

// passkeyID reads the id in a path. It returns fault.NotFound for a text that no passkey has as its
// id.
func passkeyID(c *fiber.Ctx) ([]byte, error) {
	id, ok := passkey.DecodeID(utils.CopyString(c.Params("id")))
	if !ok {
		return nil, fault.New(fault.NotFound, "There is nothing at this address.")
	}
	return id, nil
}

func (s *Server) setCodesFor(ctx context.Context, c *fiber.Ctx, current session.Session) error {
	var request struct {
		For auth.CodesFor `json:"for"`
	}
	if err := readJSON(c, &request); err != nil {
		return err
	}
	if request.For != auth.CodesForSignIn && request.For != auth.CodesForRecovery {
		return fault.New(fault.InvalidRequest, `The field for is "sign_in" or "recovery".`)
	}
	if err := s.Auth.SetCodesFor(ctx, s.visitor(c), current, request.For); err != nil {
		return err
	}
	return c.SendStatus(fiber.StatusNoContent)
}
