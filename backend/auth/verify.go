package auth

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"

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
	var in SignedIn
	q := challenge.Query{Browser: v.Browser, Purpose: challenge.SignIn}
	err := s.tryCode(ctx, v, q, address, code, func(g attempt) (err error) {
		in, err = s.accept(ctx, g, current)
		return err
	})
	return in, err
}

// tryCode compares a code with the challenge of q for an address, or with the newest if address is
// "", and counts the attempt. It calls accept for a right code. It starts again if a concurrent
// request interfered; accept returns errConflict then.
func (s *Service) tryCode(
	ctx context.Context, v visitor.Visitor, q challenge.Query, address, code string,
	accept func(attempt) error,
) error {
	var err error
	if q.Email, err = s.pendingAddress(ctx, q, address); err != nil {
		return err
	}
	for range maxRounds {
		g, err := s.compare(ctx, v, q, code)
		if err != nil {
			return err
		}
		if g.right {
			err = accept(g)
		} else {
			err = s.refuse(ctx, g)
		}
		if errors.Is(err, errConflict) {
			continue
		}
		if g.right && !g.challenge.IsSpent() && !fault.Is(err, fault.Unavailable) {
			s.Limits.CountAttempt(true)
			s.Metrics.CodeCompared(true)
		}
		return err
	}
	return errContended("verify code")
}

// pendingAddress returns the canonical form of an address or, without one, the address of the
// newest challenge of q.
func (s *Service) pendingAddress(
	ctx context.Context, q challenge.Query, address string,
) (string, error) {
	if q.Browser == "" {
		return "", challenge.ErrNonePending()
	}
	if address != "" {
		return account.ParseAddress(address)
	}
	c, _, err := challenge.FindForAttempt(ctx, s.DB, q, s.Limits.Budgets())
	if err == nil && c.ID == "" {
		err = challenge.ErrNonePending()
	}
	return c.Email, err
}

// errConflict means that a concurrent request changed the data that an attempt was compared with.
var errConflict = errors.New("auth: another request was faster")

// accept writes the result of a right attempt, or reads an earlier result.
func (s *Service) accept(
	ctx context.Context, g attempt, current session.Session,
) (in SignedIn, err error) {
	switch {
	case g.challenge.IsSpent():
		in, err = s.repeat(ctx, g)
	case g.challenge.Purpose == challenge.StepUp:
		in, err = s.renewSession(ctx, g)
	default:
		in, err = s.signIn(ctx, g, current)
	}
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

// newSession returns the session that a code creates, without the values of the database. Its token
// and its id are functions of the challenge and the browser, so that a repeat finds the same
// session. The database stores the id of key when the code is consumed.
func newSession(g attempt, key keyring.Key) session.Session {
	c := g.challenge
	text := string(g.visitor.Browser) + "\x00" + c.ID
	return session.Session{
		ID:    hex.EncodeToString(macOf(key, idLabel, text)[:16]),
		Token: session.TokenOf([sha256.Size]byte(macOf(key, tokenLabel, text))),
		User:  session.User{ID: c.UserID, Email: c.Email},
	}
}
