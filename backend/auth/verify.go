package auth

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"time"

	"sana/backend/account"
	"sana/backend/apps"
	"sana/backend/challenge"
	"sana/backend/fault"
	"sana/backend/keyring"
	"sana/backend/session"
	"sana/backend/visitor"
)

// SignedIn is the result of a right code.
type SignedIn struct {
	Session session.Session // with Token and CookieMaxAge set
	Created bool            // the user was created
	Device  string          // the token that makes the browser known for the address
	// Arrival is the app from which the browser requested the code; zero for none.
	Arrival apps.Arrival
}

// VerifyCode compares a code with the browser's pending challenge for an address, or with the
// newest if address is "". The right code of a sign-in consumes the challenge, finds or creates the
// user and creates the session; that of a step-up renews the session under a new token. All of it
// is one transaction, and the response is sent after its commit. current is the session of the
// request, if any; a sign-in revokes it.
//
// For two minutes the browser that used a code may repeat it: the result is the same, and nothing
// is written. Of parallel right codes one consumes the challenge and all get its session.
//
// It returns fault.InvalidCode (no attempt was counted), fault.WrongCode with the attempts left,
// fault.NoPendingCode, fault.CodeExpired, fault.TooManyTries, fault.TooManyWrongCodes,
// fault.TooManyRequests, and fault.SignUpClosed for the right code of a user who may not sign up.
func (s *Service) VerifyCode(
	ctx context.Context, v visitor.Visitor, current session.Session, address, code string,
) (SignedIn, error) {
	q, err := s.pendingQuery(ctx, v, address)
	if err != nil {
		return SignedIn{}, err
	}
	for range maxRounds {
		g, err := s.compare(ctx, v, q, code)
		if err != nil {
			return SignedIn{}, err
		}
		if !g.right {
			if err := s.refuse(ctx, g); err != nil {
				return SignedIn{}, err
			}
			continue
		}
		in, err := s.accept(ctx, g, current)
		if !errors.Is(err, errConflict) {
			return in, err
		}
	}
	return SignedIn{}, errContended("verify code")
}

// pendingQuery returns the query for the browser's challenge for an address; without an address it
// finds the newest challenge first.
func (s *Service) pendingQuery(
	ctx context.Context, v visitor.Visitor, address string,
) (challenge.Query, error) {
	q := challenge.Query{Browser: v.Browser, Purpose: challenge.SignIn}
	if v.Browser == "" {
		return q, challenge.ErrNonePending()
	}
	if address != "" {
		email, err := account.ParseAddress(address)
		q.Email = email
		return q, err
	}
	return s.newest(ctx, q)
}

// newest completes a query with the address of its challenge.
func (s *Service) newest(ctx context.Context, q challenge.Query) (challenge.Query, error) {
	c, _, err := challenge.FindForAttempt(ctx, s.DB, q, s.Limits.Budgets())
	if err == nil && c.ID == "" {
		err = challenge.ErrNonePending()
	}
	q.Email = c.Email
	return q, err
}

// errConflict means that a concurrent request changed the data that an attempt was compared with.
var errConflict = errors.New("auth: another request was faster")

// accept writes the result of a right attempt, or reads an earlier result.
func (s *Service) accept(
	ctx context.Context, g attempt, current session.Session,
) (SignedIn, error) {
	if g.challenge.IsSpent() {
		in, err := s.repeat(ctx, g)
		in.Arrival = g.challenge.Arrival
		return in, err
	}
	keyID := s.Keys.Current().ID
	var in SignedIn
	var err error
	if g.challenge.Purpose == challenge.StepUp {
		in, err = s.renewSession(ctx, g, keyID)
	} else {
		in, err = s.signIn(ctx, g, keyID, current)
	}
	if errors.Is(err, errConflict) || fault.Is(err, fault.Unavailable) {
		return SignedIn{}, err
	}
	s.Limits.CountAttempt(true)
	s.Metrics.CodeCompared(true)
	if err != nil {
		return SignedIn{}, err
	}
	in.Device, in.Arrival = s.newDevice(g.device, g.challenge.Email), g.challenge.Arrival
	return in, nil
}

// Labels of the values that are derived for a challenge's session.
const (
	tokenLabel = "sana/session token/v1"
	idLabel    = "sana/session id/v1"
)

// sessionToken returns the token of a challenge's session: a function of the challenge and the
// browser, so that a repeat finds the same session. keyID names the secret key; the database stores
// it when the code is consumed. An instance without that key returns fault.Unavailable.
func (s *Service) sessionToken(browser visitor.Browser, challengeID, keyID string) (string, error) {
	key, err := s.outcomeKey(keyID)
	if err != nil {
		return "", err
	}
	return session.TokenOf(derive(key, tokenLabel, browser, challengeID)), nil
}

// sessionID returns the public id of the session that a first sign-in creates, derived in the same
// way.
func (s *Service) sessionID(browser visitor.Browser, challengeID, keyID string) (string, error) {
	key, err := s.outcomeKey(keyID)
	if err != nil {
		return "", err
	}
	raw := derive(key, idLabel, browser, challengeID)
	return hex.EncodeToString(raw[:16]), nil
}

func (s *Service) outcomeKey(keyID string) (keyring.Key, error) {
	key, ok := s.Keys.Find(keyID)
	if !ok {
		// Another instance has the key, as during a key rotation.
		err := fault.New(fault.Unavailable,
			"This code was accepted a moment ago by a server with newer keys. Try again in a "+
				"few seconds.")
		err.RetryAfter = 2 * time.Second
		return keyring.Key{}, err
	}
	return key, nil
}

func derive(
	key keyring.Key, label string, browser visitor.Browser, challengeID string,
) (derived [sha256.Size]byte) {
	mac := hmac.New(sha256.New, key.Derive(label))
	mac.Write([]byte(browser))
	mac.Write([]byte{0})
	mac.Write([]byte(challengeID))
	mac.Sum(derived[:0])
	return derived
}
