-- +goose Up

-- The columns k, v and e have the shape that github.com/gofiber/storage/postgres/v3 reads; the others are ours. id and
-- user_id repeat what v says, for the indexes; neither ever changes. last_used_at has no index and the pages some room,
-- so that recording a use stays a heap-only update.
CREATE TABLE sessions (
    k            text        PRIMARY KEY,            -- SHA-256 of the token, hex; a renewed session has a new one
    v            bytea       NOT NULL,               -- the session as JSON
    e            bigint      NOT NULL,               -- when it expires whatever its use, seconds since 1970
    id           uuid        NOT NULL,               -- its public id, from sign-in to its end
    user_id      uuid        NOT NULL,
    idle_seconds integer     NOT NULL,
    last_used_at timestamptz NOT NULL DEFAULT now(),
    sweep_at     bigint      NOT NULL                -- when the sweep looks at it, no later than it may expire, seconds since 1970
) WITH (fillfactor = 85, autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.05);
CREATE UNIQUE INDEX sessions_id ON sessions (id);
CREATE INDEX sessions_user_id ON sessions (user_id);
CREATE INDEX sessions_sweep_at ON sessions (sweep_at);

-- Tokens that a later proof has replaced, with the session as it was under each. Until the new token is first presented,
-- and ten seconds longer, such a token still is that session; after that it can only end it.
CREATE TABLE replaced_tokens (
    k            text        PRIMARY KEY,            -- as in sessions
    id           uuid        NOT NULL,               -- the session's public id
    v            bytea       NOT NULL,               -- the session as it was
    e            bigint      NOT NULL,               -- when it expired as it was, seconds since 1970
    replaced_at  timestamptz NOT NULL DEFAULT now(),
    presented_at timestamptz                         -- when the new token was first presented; NULL before that
);
CREATE INDEX replaced_tokens_id ON replaced_tokens (id);
CREATE INDEX replaced_tokens_replaced_at ON replaced_tokens (replaced_at);

-- What the storage package sees: sessions that are valid by the database's clock, with an expiry of 0, so that no
-- application's clock decides. A replaced token is not here: it is found by the statement that follows a miss.
CREATE VIEW live_sessions AS
    SELECT k, v, 0::bigint AS e
    FROM sessions
    WHERE e > extract(epoch FROM now())
      AND last_used_at > now() - make_interval(secs => idle_seconds);

-- Why sessions ended, for a week. Nothing here leads back to a session.
CREATE TABLE ended_sessions (
    k        text        PRIMARY KEY,                -- as in sessions
    id       uuid        NOT NULL,                   -- the session's public id
    user_id  uuid        NOT NULL,
    reason   text        NOT NULL,
    ended_by text        NOT NULL DEFAULT '',        -- browser and system that ended it
    ended_at timestamptz NOT NULL DEFAULT now()
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.05);
CREATE INDEX ended_sessions_ended_at ON ended_sessions (ended_at);
CREATE INDEX ended_sessions_id ON ended_sessions (id);
CREATE INDEX ended_sessions_user_id ON ended_sessions (user_id);

-- The revocation log: sessions that were revoked or changed, for instances that cache them. Triggers write it, so that it
-- also has what an operator changes by hand. Rows stay for minutes.
--
-- A row is found by its transaction: a reader asks next for what the snapshot of its last answer did not show
-- (backend/session/revocations.go). A sequence would not do: its numbers are not in the order of the commits.
CREATE TABLE session_revocations (
    tx xid8 NOT NULL DEFAULT pg_current_xact_id(),
    k  text -- as in sessions; NULL for all of them
);
CREATE INDEX session_revocations_tx ON session_revocations (tx);

-- One row. Of transactions before swept, rows may be gone; every transaction before next had ended at next_at.
CREATE TABLE session_revocations_swept (
    swept   xid8        NOT NULL,
    next    xid8        NOT NULL,
    next_at timestamptz NOT NULL DEFAULT now()
);
INSERT INTO session_revocations_swept (swept, next)
VALUES ('0', pg_snapshot_xmin(pg_current_snapshot()));

-- +goose StatementBegin
CREATE FUNCTION log_session_revocation() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    INSERT INTO session_revocations (k) VALUES (OLD.k);
    RETURN NULL;
END $$;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE FUNCTION log_all_sessions_revoked() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    INSERT INTO session_revocations (k) VALUES (NULL);
    RETURN NULL;
END $$;
-- +goose StatementEnd

-- An expired session is not logged: cached sessions expire by themselves. So a sweep of a million sessions writes nothing here.
CREATE TRIGGER log_delete AFTER DELETE ON sessions
    FOR EACH ROW
    WHEN (OLD.e > extract(epoch FROM now())
          AND OLD.last_used_at > now() - make_interval(secs => OLD.idle_seconds))
    EXECUTE FUNCTION log_session_revocation();

-- Recording a use is not logged, any other change is.
CREATE TRIGGER log_update AFTER UPDATE ON sessions
    FOR EACH ROW
    WHEN (NEW.last_used_at < OLD.last_used_at
          OR (NEW.k, NEW.v, NEW.e, NEW.idle_seconds) IS DISTINCT FROM (OLD.k, OLD.v, OLD.e, OLD.idle_seconds))
    EXECUTE FUNCTION log_session_revocation();

CREATE TRIGGER log_truncate AFTER TRUNCATE ON sessions
    FOR EACH STATEMENT
    EXECUTE FUNCTION log_all_sessions_revoked();

-- +goose Down

DROP VIEW live_sessions;
DROP TABLE sessions;
DROP TABLE replaced_tokens;
DROP TABLE ended_sessions;
DROP FUNCTION log_all_sessions_revoked();
DROP FUNCTION log_session_revocation();
DROP TABLE session_revocations_swept;
DROP TABLE session_revocations;
