package auth

import (
	"context"
	"strconv"
	"strings"
	"time"

	"sana/backend/keyring"
	"sana/backend/session"
	"sana/backend/throttle"
	"sana/backend/visitor"
)

const notYouLabel = "not you link"

// notYouLifetime is the time after a sign-in in which the link in its mail can revoke the session.
const notYouLifetime = 7 * 24 * time.Hour

// notYouToken returns the token of the link in the mail about a sign-in, SESSION.UNTIL.MAC. It is
// valid for RevokeDisownedSession only.
func notYouToken(key keyring.Key, sessionID string, signedInAt time.Time) string {
	until := strconv.FormatInt(signedInAt.Add(notYouLifetime).Unix(), 10)
	return linkToken(key, notYouLabel, sessionID+"."+until)
}

// openNotYouToken returns the session that a token is for; ok is false if it was not created with
// one of the keys, or has expired.
func openNotYouToken(keys keyring.Ring, token string, now time.Time) (sessionID string, ok bool) {
	text, ok := openLinkToken(keys, notYouLabel, token)
	sessionID, until, _ := strings.Cut(text, ".")
	seconds, err := strconv.ParseInt(until, 10, 64)
	return sessionID, ok && err == nil && now.Unix() < seconds
}

// RevokeDisownedSession revokes the session that the link in a new-device mail is for, and nothing
// else. A forged or expired token, and a session that is no longer valid, are not errors, so that
// the result reveals nothing. It returns fault.TooManyRequests.
func (s *Service) RevokeDisownedSession(
	ctx context.Context, v visitor.Visitor, token string,
) error {
	budgets := s.Limits.Budgets(s.Limits.ByNetworks(throttle.DisownedByNetwork, v.Networks)...)
	now, err := s.spendAll(ctx, budgets, func(verdict throttle.Verdict) error {
		return errNetwork("requests to end a session", verdict.Wait)
	})
	if err != nil {
		return err
	}
	id, ok := openNotYouToken(s.Keys, token, now)
	if !ok || !s.inPostgres() {
		return nil
	}
	userID, err := s.Shared.Owner(ctx, id)
	if err != nil || userID == "" {
		return err
	}
	why := session.Ended{Reason: session.RevokedByLink, By: v.Platform}
	_, err = s.revokeSession(ctx, v, userID, id, why)
	return err
}
