-- +goose Up

CREATE TABLE users (
    id                uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
    email             text        NOT NULL UNIQUE, -- canonical: see signin.ParseAddress
    created_at        timestamptz NOT NULL DEFAULT now(),
    last_signed_in_at timestamptz NOT NULL DEFAULT now()
);

-- One row for each code. The code is not here: it is derived from the id with a key that is not in the database.
CREATE TABLE challenges (
    id          uuid        PRIMARY KEY,
    email       text        NOT NULL,
    purpose     text        NOT NULL,
    key_id      text        NOT NULL,
    code_length smallint    NOT NULL CHECK (code_length BETWEEN 6 AND 8),
    tries       smallint    NOT NULL DEFAULT 0,
    delivery    text        NOT NULL DEFAULT 'queued' CHECK (delivery IN ('queued', 'sent', 'failed')),
    created_at  timestamptz NOT NULL DEFAULT now(),
    sent_at     timestamptz NOT NULL DEFAULT now(), -- when a mail was last queued
    expires_at  timestamptz NOT NULL,
    consumed_at timestamptz
);
CREATE INDEX challenges_expires_at ON challenges (expires_at);

-- +goose StatementBegin
CREATE FUNCTION session_user_id(v bytea) RETURNS uuid
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$ SELECT (convert_from(v, 'UTF8')::jsonb #>> '{user,id}')::uuid $$;
-- +goose StatementEnd

-- The columns k, v and e are those of github.com/gofiber/storage/postgres/v3, the others are ours. last_seen_at has no
-- index and its pages some room, so that touching a session stays a heap-only update.
CREATE TABLE sessions (
    k            text        PRIMARY KEY,                                         -- SHA-256 of the token, hex
    v            bytea       NOT NULL,                                            -- the session, JSON
    e            bigint      NOT NULL,                                            -- its absolute end, seconds since 1970
    idle_seconds integer     NOT NULL CHECK (idle_seconds > 0),
    last_seen_at timestamptz NOT NULL DEFAULT now(),
    user_id      uuid        GENERATED ALWAYS AS (session_user_id(v)) STORED
) WITH (fillfactor = 85);
CREATE INDEX sessions_e ON sessions (e);
CREATE INDEX sessions_user_id ON sessions (user_id) WHERE user_id IS NOT NULL;

-- What the storage package sees: only sessions that live by the database's clock, with an expiry of 0, so that no
-- application's clock has a say.
CREATE VIEW live_sessions AS
    SELECT k, v, 0::bigint AS e
    FROM sessions
    WHERE e > extract(epoch FROM now())
      AND last_seen_at > now() - make_interval(secs => idle_seconds);

-- +goose Down

DROP VIEW live_sessions;
DROP TABLE sessions;
DROP FUNCTION session_user_id(bytea);
DROP TABLE challenges;
DROP TABLE users;
