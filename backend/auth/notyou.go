package auth

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"strconv"
	"strings"
	"time"

	"sana/backend/keyring"
	"sana/backend/postgres"
	"sana/backend/session"
	"sana/backend/throttle"
	"sana/backend/visitor"

	"github.com/jackc/pgx/v5"
)

// notYouLabel separates this use of the secret keys from all others.
const notYouLabel = "not you link"

// notYouLifetime is the time after a sign-in in which the link in its mail can revoke the session.
const notYouLifetime = 7 * 24 * time.Hour

var notYouEncoding = base64.RawURLEncoding.Strict()

// notYouToken returns the token of the link in the mail about a sign-in, KEY.SESSION.UNTIL.MAC. No
// row is stored for it, and it is valid for RevokeDisownedSession only. A key's id may have dots.
func notYouToken(key keyring.Key, sessionID string, signedInAt time.Time) string {
	until := strconv.FormatInt(signedInAt.Add(notYouLifetime).Unix(), 10)
	mac := notYouMAC(key, sessionID, until)
	return strings.Join([]string{key.ID, sessionID, until, notYouEncoding.EncodeToString(mac)}, ".")
}

// openNotYouToken returns the session that a token is for; ok is false if it was not created with
// one of the keys, or has expired.
func openNotYouToken(keys keyring.Ring, token string, now time.Time) (sessionID string, ok bool) {
	rest, encoded := cutLast(token)
	rest, until := cutLast(rest)
	keyID, sessionID := cutLast(rest)
	key, known := keys.Find(keyID)
	mac, err := notYouEncoding.DecodeString(encoded)
	if !known || err != nil || !hmac.Equal(mac, notYouMAC(key, sessionID, until)) {
		return "", false
	}
	seconds, err := strconv.ParseInt(until, 10, 64)
	return sessionID, err == nil && now.Unix() < seconds
}

// notYouMAC returns the MAC over the session's id and the expiry, neither of which has a dot.
func notYouMAC(key keyring.Key, sessionID, until string) []byte {
	mac := hmac.New(sha256.New, key.Derive(notYouLabel))
	mac.Write([]byte(sessionID + "." + until))
	return mac.Sum(nil)
}

// cutLast cuts around the last dot; without one, before is empty.
func cutLast(s string) (before, after string) {
	at := strings.LastIndexByte(s, '.')
	return s[:max(at, 0)], s[at+1:]
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
	return postgres.InTx(ctx, s.DB, func(tx pgx.Tx) error {
		if err := s.lockIfExists(ctx, tx, userID); err != nil {
			return err
		}
		why := session.Ended{Reason: session.RevokedByLink, By: v.Platform}
		revoked, found, err := s.Shared.Revoke(ctx, tx, userID, id, why)
		if err != nil || !found {
			return err
		}
		return s.Accounts.Record(ctx, tx, v, entriesOf(why.Reason, revoked)...)
	})
}
