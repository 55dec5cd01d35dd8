package passkey

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strings"

	"sana/backend/fault"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/protocol/webauthncose"
)

// Algorithms are the signatures that are accepted, the preferred first, by their COSE numbers.
// Every authenticator has one of them.
var Algorithms = []int{
	int(webauthncose.AlgES256), int(webauthncose.AlgEdDSA), int(webauthncose.AlgRS256),
}

// credentialParameters converts Algorithms to the type of the library.
func credentialParameters() []protocol.CredentialParameter {
	list := make([]protocol.CredentialParameter, len(Algorithms))
	for i, algorithm := range Algorithms {
		list[i] = protocol.CredentialParameter{
			Type:      protocol.PublicKeyCredentialType,
			Algorithm: webauthncose.COSEAlgorithmIdentifier(algorithm),
		}
	}
	return list
}

// Assertion is the response of an authenticator to the challenge of a sign-in, before verification.
type Assertion struct {
	ID         []byte // of the passkey
	Challenge  []byte
	UserHandle []byte // nil if the authenticator sent none

	parsed *protocol.ParsedCredentialAssertionData
}

// ParseAssertion parses the JSON of a browser's PublicKeyCredential. It returns
// fault.InvalidRequest.
func ParseAssertion(credential []byte) (Assertion, error) {
	parsed, err := protocol.ParseCredentialRequestResponseBytes(credential)
	if err != nil {
		return Assertion{}, errMalformed(err)
	}
	challenge, err := encoding.DecodeString(parsed.Response.CollectedClientData.Challenge)
	if err != nil || len(parsed.RawID) > maxID {
		return Assertion{}, errMalformed(err)
	}
	return Assertion{
		ID: parsed.RawID, Challenge: challenge, UserHandle: parsed.Response.UserHandle,
		parsed: parsed,
	}, nil
}

// State is the state of a passkey in an assertion.
type State struct {
	SignCount      int64
	BackupEligible bool
	BackedUp       bool
}

// Verify checks an assertion against the passkey with its id, whose user has this handle: type,
// origin, relying party, presence and verification of the user, and the signature. The caller
// checks the challenge. The handle may be absent only if the request listed passkeys (Web
// Authentication Level 3, 7.2, step 6). The backup eligibility may become true, as on Apple's
// devices, but never false. It returns fault.PasskeyRefused.
func (a Assertion) Verify(
	p Passkey, userHandle []byte, purpose Purpose, rp RelyingParty,
) (State, error) {
	isLeftOut := len(a.UserHandle) == 0 && purpose == StepUp
	if !isLeftOut && !bytes.Equal(a.UserHandle, userHandle) {
		return State{},
			ErrRefused(errors.New("passkey: the user handle is missing or another user's"))
	}
	if p.RPID != rp.ID {
		return State{}, ErrRefused(errors.New("passkey: it was made for another host"))
	}
	const crossOrigin, verified, present = false, true, true
	err := a.parsed.Verify(EncodeID(a.Challenge), rp.ID, "", []string{rp.Origin}, nil, nil,
		protocol.TopOriginExplicitVerificationMode, crossOrigin, verified, present, p.PublicKey,
		protocol.SignaturePolicy{})
	if err != nil {
		return State{}, ErrRefused(withDetails(err))
	}
	flags := a.parsed.Response.AuthenticatorData.Flags
	state := State{
		SignCount:      int64(a.parsed.Response.AuthenticatorData.Counter),
		BackupEligible: flags.HasBackupEligible(), BackedUp: flags.HasBackupState(),
	}
	if p.BackupEligible && !state.BackupEligible || state.BackedUp && !state.BackupEligible {
		return State{},
			ErrRefused(errors.New("passkey: its flags about synchronisation contradict"))
	}
	return state, nil
}

// Attestation is the response of an authenticator to a challenge to create a passkey, before
// verification.
type Attestation struct {
	Challenge []byte

	parsed *protocol.ParsedCredentialCreationData
}

// ParseAttestation parses the JSON of a browser's PublicKeyCredential. It returns
// fault.InvalidRequest.
func ParseAttestation(credential []byte) (Attestation, error) {
	parsed, err := protocol.ParseCredentialCreationResponseBytes(credential)
	if err != nil {
		return Attestation{}, errMalformed(err)
	}
	challenge, err := encoding.DecodeString(parsed.Response.CollectedClientData.Challenge)
	if err != nil || len(parsed.RawID) > maxID {
		return Attestation{}, errMalformed(err)
	}
	return Attestation{Challenge: challenge, parsed: parsed}, nil
}

// Verify checks an attestation and returns the new passkey, without user and name. The model of
// the authenticator is not attested. It returns fault.PasskeyRefused.
func (a Attestation) Verify(rp RelyingParty) (Passkey, error) {
	const crossOrigin, verified, present = false, true, true
	_, err := a.parsed.Verify(EncodeID(a.Challenge), rp.ID, []string{rp.Origin}, nil, nil,
		protocol.TopOriginExplicitVerificationMode, crossOrigin, verified, present, nil,
		credentialParameters(),
		protocol.AttestationPolicy{}, protocol.SignaturePolicy{})
	if err != nil {
		return Passkey{}, ErrRefused(withDetails(err))
	}
	data := a.parsed.Response.AttestationObject.AuthData
	if _, err := webauthncose.ParsePublicKey(data.AttData.CredentialPublicKey); err != nil {
		return Passkey{}, ErrRefused(withDetails(err)) // no signature can be verified with it
	}
	if data.Flags.HasBackupState() && !data.Flags.HasBackupEligible() {
		return Passkey{},
			ErrRefused(errors.New("passkey: its flags about synchronisation contradict"))
	}
	return Passkey{
		ID: data.AttData.CredentialID, RPID: rp.ID, PublicKey: data.AttData.CredentialPublicKey,
		SignCount:      int64(data.Counter),
		BackupEligible: data.Flags.HasBackupEligible(), BackedUp: data.Flags.HasBackupState(),
		AAGUID: formatAAGUID(data.AttData.AAGUID),
	}, nil
}

// formatAAGUID writes an AAGUID as a UUID.
func formatAAGUID(raw []byte) string {
	var full [16]byte
	copy(full[:], raw)
	h := hex.EncodeToString(full[:])
	return strings.Join([]string{h[:8], h[8:12], h[12:16], h[16:20], h[20:]}, "-")
}

func errMalformed(cause error) error {
	return fault.Wrap(fault.InvalidRequest,
		"The field credential must be what the browser's PublicKeyCredential.toJSON returns.",
		withDetails(cause))
}

// withDetails adds what the library's errors do not print.
func withDetails(err error) error {
	if detailed, ok := errors.AsType[*protocol.Error](err); ok {
		return errors.Join(err, errors.New(detailed.Details+": "+detailed.DevInfo))
	}
	return err
}
