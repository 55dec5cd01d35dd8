package session

import (
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// insertSession stores a session as package auth does at a sign-in. It returns the session with
// ID, Seed, ExpiresAt and Token set.
func insertSession(t testing.TB, db *pgxpool.Pool, limits Limits, session Session) Session {
	t.Helper()
	session.ID, session.Token, session.Seed = NewID(), NewToken(), randomBytes(16)
	err := db.QueryRow(t.Context(), `
		INSERT INTO sessions (k, v, e, id, user_id, idle_seconds, sweep_at)
		SELECT @key,
		       convert_to(jsonb_build_object(
		           'id', @id::text,
		           'user', jsonb_build_object(
		               'id', @user::text,
		               'email', @email::text,
		               'signed_in_at', @signed_in_at::timestamptz),
		           'created_at', @created_at::timestamptz,
		           'expires_at', ends,
		           'user_agent', @user_agent::text,
		           'platform', @platform::text,
		           'ip', @ip::text,
		           'seed', encode(@seed::bytea, 'base64'))::text, 'UTF8'),
		       floor(extract(epoch FROM ends))::bigint,
		       @id::uuid,
		       @user::uuid,
		       @idle::integer,
		       least(floor(extract(epoch FROM ends)),
		           ceil(extract(epoch FROM now())) + @idle::integer)::bigint
		FROM (SELECT @signed_in_at::timestamptz + @age::interval AS ends) AS age
		RETURNING (convert_from(v, 'UTF8')::jsonb ->> 'expires_at')::timestamptz`,
		pgx.NamedArgs{
			"key": mustKey(session.Token).text(), "id": session.ID, "seed": session.Seed,
			"user": session.User.ID, "email": session.User.Email,
			"signed_in_at": session.User.SignedInAt, "created_at": session.CreatedAt,
			"user_agent": session.UserAgent, "platform": session.Platform, "ip": session.IP,
			"idle": int(limits.Idle.Seconds()), "age": limits.MaxAge,
		}).Scan(&session.ExpiresAt)
	if err != nil {
		t.Fatal(err)
	}
	return session
}

// renewSession gives a valid session a new token, as package auth does at a step-up. It returns the
// session with Token, SignedInAt and ExpiresAt changed.
func renewSession(t testing.TB, db *pgxpool.Pool, limits Limits, old Session) Session {
	t.Helper()
	renewed := old
	renewed.Token, renewed.Unconfirmed = NewToken(), true
	err := db.QueryRow(t.Context(), `
		WITH old AS (
		    SELECT k, id, v, e
		    FROM sessions
		    WHERE id = @id::uuid
		      AND `+isLive+`
		    FOR UPDATE
		), replaced AS (
		    INSERT INTO replaced_tokens (k, id, v, e)
		    SELECT k, id, v, e
		    FROM old
		)
		UPDATE sessions
		SET k = @key,
		    v = convert_to((
		            jsonb_set(convert_from(old.v, 'UTF8')::jsonb,
		                '{user,signed_in_at}', to_jsonb(now()))
		            || jsonb_build_object(
		                'expires_at', now() + @age::interval,
		                'unconfirmed', true))::text, 'UTF8'),
		    e = floor(extract(epoch FROM now() + @age::interval))::bigint,
		    last_used_at = now(),
		    sweep_at = least(floor(extract(epoch FROM now() + @age::interval)),
		        ceil(extract(epoch FROM now())) + idle_seconds)::bigint
		FROM old
		WHERE sessions.id = old.id
		RETURNING now(), now() + @age::interval`,
		pgx.NamedArgs{"id": old.ID, "key": mustKey(renewed.Token).text(), "age": limits.MaxAge},
	).Scan(&renewed.User.SignedInAt, &renewed.ExpiresAt)
	if err != nil {
		t.Fatal(err)
	}
	return renewed
}

func mustKey(token string) key {
	k, ok := keyOf(token)
	if !ok {
		panic("malformed token")
	}
	return k
}
