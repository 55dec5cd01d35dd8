package auth

import (
	"context"
	"encoding/json"
	"errors"

	"sana/backend/challenge"
	"sana/backend/postgres"
	"sana/backend/session"

	"github.com/jackc/pgx/v5"
)

// repeat returns the result of a used code to the browser that used it. It writes nothing. It
// returns fault.CodeExpired if that session is no longer valid, or has another token now.
func (s *Service) repeat(ctx context.Context, g attempt) (in SignedIn, err error) {
	if g.challenge.Outcome == challenge.SignUpClosed {
		return SignedIn{}, errSignUpClosed()
	}
	if g.challenge.Outcome == challenge.RecoveryRequired {
		return SignedIn{}, errRecoveryRequired()
	}
	key, ok := s.Keys.Find(g.challenge.OutcomeKeyID)
	if !ok { // another instance has the key, as during a key rotation
		return SignedIn{}, errNewerKey()
	}
	next := newSession(g, key)
	if s.inPostgres() {
		in, err = s.repeatFromRow(ctx, g, next)
	} else {
		in, err = s.repeatSealed(ctx, g, next)
	}
	if errors.Is(err, pgx.ErrNoRows) {
		return SignedIn{}, challenge.ErrExpired()
	}
	return in, postgres.Error("repeat sign-in", err)
}

func (s *Service) repeatFromRow(
	ctx context.Context, g attempt, next session.Session,
) (in SignedIn, err error) {
	key, _ := session.Key(next.Token)
	var value []byte
	err = postgres.InBatch(ctx, s.DB, func(b *postgres.Batch) error {
		g.lock(b)
		b.Queue(`
			SELECT v, users.created_at = @consumed_at
			FROM sessions
			JOIN users ON users.id = sessions.user_id
			WHERE k = @key
			  AND `+string(session.IsLive),
			pgx.NamedArgs{"key": key, "consumed_at": g.challenge.ConsumedAt},
		).QueryRow(func(row pgx.Row) error { return row.Scan(&value, &in.Created) })
		return nil
	})
	if err != nil {
		return SignedIn{}, err
	}
	if err := json.Unmarshal(value, &in.Session); err != nil {
		return SignedIn{}, err
	}
	in.Session.Token = next.Token
	in.Session.CookieMaxAge = session.CookieMaxAge(in.Session.ExpiresAt.Sub(g.challenge.Now))
	return in, nil
}

// repeatSealed seals the session again, with the same id and the time of the first response.
func (s *Service) repeatSealed(
	ctx context.Context, g attempt, next session.Session,
) (in SignedIn, err error) {
	err = postgres.InBatch(ctx, s.DB, func(b *postgres.Batch) error {
		g.lock(b)
		b.Queue(`
			SELECT id::text, created_at = @consumed_at
			FROM users
			WHERE email = @email
			  AND (@user = '' OR id = nullif(@user, '')::uuid)`,
			pgx.NamedArgs{"email": next.User.Email, "user": g.challenge.UserID,
				"consumed_at": g.challenge.ConsumedAt},
		).QueryRow(func(row pgx.Row) error { return row.Scan(&next.User.ID, &in.Created) })
		return nil
	})
	if err != nil {
		return SignedIn{}, err
	}
	if g.challenge.Purpose == challenge.StepUp {
		next.ID = g.challenge.SessionID
	}
	next.CreatedAt = g.challenge.ConsumedAt
	in.Session, err = s.finish(next, g.challenge.ConsumedAt)
	return in, err
}
