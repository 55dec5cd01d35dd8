-- +goose Up

-- A blocked user cannot sign in, and their access keys are gone. Only blocked users are in the index: looking an address
-- up there takes as long for one with an account as for one without.
ALTER TABLE users ADD COLUMN blocked_at timestamptz;
CREATE INDEX users_blocked ON users (email) WHERE blocked_at IS NOT NULL;

-- Access keys, with which programs use an app as a user. A key itself is not here.
CREATE TABLE access_keys (
    k            text        PRIMARY KEY,            -- SHA-256 of the key, hex
    id           uuid        NOT NULL UNIQUE DEFAULT gen_random_uuid(), -- its public id
    user_id      uuid        NOT NULL REFERENCES users ON DELETE CASCADE,
    app          text        NOT NULL,               -- its id in the apps file
    name         text        NOT NULL,               -- what the user calls it
    by_operator  boolean     NOT NULL,               -- an operator made it
    created_at   timestamptz NOT NULL DEFAULT now(),
    expires_at   timestamptz NOT NULL,
    last_used_at timestamptz,                        -- NULL before the first use
    last_used_ip text        NOT NULL DEFAULT ''     -- where it was used last; '' if unknown
) WITH (fillfactor = 85);
CREATE INDEX access_keys_user_id ON access_keys (user_id);
CREATE INDEX access_keys_expires_at ON access_keys (expires_at);

-- Instances cache keys as they cache sessions, and follow the same log. Recording a use is not logged.
CREATE TRIGGER log_delete AFTER DELETE ON access_keys
    FOR EACH ROW
    EXECUTE FUNCTION log_session_revocation();
CREATE TRIGGER log_update AFTER UPDATE ON access_keys
    FOR EACH ROW
    WHEN ((NEW.k, NEW.user_id, NEW.app, NEW.expires_at)
          IS DISTINCT FROM (OLD.k, OLD.user_id, OLD.app, OLD.expires_at))
    EXECUTE FUNCTION log_session_revocation();
CREATE TRIGGER log_truncate AFTER TRUNCATE ON access_keys
    FOR EACH STATEMENT
    EXECUTE FUNCTION log_all_sessions_revoked();

-- A cached key has its user's address and name.
-- +goose StatementBegin
CREATE FUNCTION log_keys_of_user_changed() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    INSERT INTO session_revocations (k) SELECT k FROM access_keys WHERE user_id = NEW.id;
    RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER log_keys AFTER UPDATE OF email, name, blocked_at ON users
    FOR EACH ROW
    WHEN ((NEW.email, NEW.name, NEW.blocked_at) IS DISTINCT FROM (OLD.email, OLD.name, OLD.blocked_at))
    EXECUTE FUNCTION log_keys_of_user_changed();

-- Which apps a session has opened, for the list of where a user is signed in. The sweep deletes rows of sessions that
-- are gone.
CREATE TABLE session_apps (
    session_id uuid        NOT NULL,
    app        text        NOT NULL,                 -- its id in the apps file
    PRIMARY KEY (session_id, app)
);

-- +goose Down

DROP TABLE session_apps;
DROP TRIGGER log_keys ON users;
DROP FUNCTION log_keys_of_user_changed();
DROP TABLE access_keys;
DROP INDEX users_blocked;
ALTER TABLE users DROP COLUMN blocked_at;
