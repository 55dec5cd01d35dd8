-- +goose Up

-- Sessions that are not what they were, for instances that keep copies of them. Whatever ends or changes one writes here,
-- also the release before this one and a person at psql: triggers do it. Rows stay for minutes.
--
-- A row is found by its transaction: whoever has read the log with a snapshot asks next for what that snapshot did not
-- show (backend/session/endings.go). A sequence would not do: its numbers are not in the order of the commits.
CREATE TABLE session_endings (
    tx xid8 NOT NULL DEFAULT pg_current_xact_id(),
    k  text -- as in sessions; NULL for all of them
);
CREATE INDEX session_endings_tx ON session_endings (tx);

-- One row. Of transactions before swept, rows may be gone; every one before next had ended at next_at.
CREATE TABLE session_endings_swept (
    swept   xid8        NOT NULL,
    next    xid8        NOT NULL,
    next_at timestamptz NOT NULL DEFAULT now()
);
INSERT INTO session_endings_swept (swept, next)
VALUES ('0', pg_snapshot_xmin(pg_current_snapshot()));

-- +goose StatementBegin
CREATE FUNCTION log_session_ending() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    INSERT INTO session_endings (k) VALUES (OLD.k);
    RETURN NULL;
END $$;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE FUNCTION log_all_sessions_ending() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    INSERT INTO session_endings (k) VALUES (NULL);
    RETURN NULL;
END $$;
-- +goose StatementEnd

-- Only of signed-in people, and not what has expired: nobody keeps a copy of the one, and copies of the other have
-- expired too. So a sweep of a million sessions writes nothing here, and a first sign-in neither.
CREATE TRIGGER log_ending AFTER DELETE ON sessions
    FOR EACH ROW
    WHEN (OLD.user_id IS NOT NULL
          AND OLD.e > extract(epoch FROM now())
          AND OLD.last_seen_at > now() - make_interval(secs => OLD.idle_seconds))
    EXECUTE FUNCTION log_session_ending();

-- Sessions do not change but for being seen later. If somebody changes one by hand, that is heard too.
CREATE TRIGGER log_change AFTER UPDATE ON sessions
    FOR EACH ROW
    WHEN (OLD.user_id IS NOT NULL
          AND (NEW.last_seen_at < OLD.last_seen_at
               OR (NEW.k, NEW.v, NEW.e, NEW.idle_seconds) IS DISTINCT FROM (OLD.k, OLD.v, OLD.e, OLD.idle_seconds)))
    EXECUTE FUNCTION log_session_ending();

CREATE TRIGGER log_truncate AFTER TRUNCATE ON sessions
    FOR EACH STATEMENT
    EXECUTE FUNCTION log_all_sessions_ending();

-- +goose Down

DROP TRIGGER log_truncate ON sessions;
DROP TRIGGER log_change ON sessions;
DROP TRIGGER log_ending ON sessions;
DROP FUNCTION log_all_sessions_ending();
DROP FUNCTION log_session_ending();
DROP TABLE session_endings_swept;
DROP TABLE session_endings;
