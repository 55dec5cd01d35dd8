-- +goose Up

-- Proves a code to whoever has the secret of the browser that waits for it, also when the key that the code was derived
-- with has gone. NULL where the browser has no such secret.
ALTER TABLE challenges ADD COLUMN verifier bytea;

-- +goose StatementBegin
CREATE FUNCTION session_id(v bytea) RETURNS uuid
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$ SELECT (convert_from(v, 'UTF8')::jsonb ->> 'id')::uuid $$;
-- +goose StatementEnd

-- The public name, which is in the JSON too.
ALTER TABLE sessions ADD COLUMN id uuid GENERATED ALWAYS AS (session_id(v)) STORED;
CREATE UNIQUE INDEX sessions_id ON sessions (id);

-- Why sessions of signed-in people ended, for a week. Nothing here leads back to a session.
CREATE TABLE ended_sessions (
    k        text        PRIMARY KEY,                -- as in sessions
    id       uuid        NOT NULL,                   -- the session's public name
    user_id  uuid        NOT NULL,
    reason   text        NOT NULL,
    ended_by text        NOT NULL DEFAULT '',        -- browser and system that ended it
    ended_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ended_sessions_ended_at ON ended_sessions (ended_at);
CREATE INDEX ended_sessions_id ON ended_sessions (id);

-- +goose Down

DROP TABLE ended_sessions;
ALTER TABLE sessions DROP COLUMN id;
DROP FUNCTION session_id(bytea);
ALTER TABLE challenges DROP COLUMN verifier;
