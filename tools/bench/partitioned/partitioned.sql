-- Sessions in a table that is partitioned by the hash of their key. This is not one of Sana's
-- migrations, but the experiment that docs/scaling.md mentions. To try it, copy it to
-- migrations/00010_partitioned.sql and run: go test ./backend/session
--
-- +goose Up

DROP VIEW live_sessions;
ALTER TABLE sessions RENAME TO sessions_whole;
ALTER INDEX sessions_pkey RENAME TO sessions_whole_pkey;
ALTER INDEX sessions_id RENAME TO sessions_whole_id;
ALTER INDEX sessions_user_id RENAME TO sessions_whole_user_id;
ALTER INDEX sessions_sweep_at RENAME TO sessions_whole_sweep_at;

CREATE TABLE sessions (
    k            text        PRIMARY KEY,
    v            bytea       NOT NULL,
    e            bigint      NOT NULL,
    id           uuid        NOT NULL,
    user_id      uuid        NOT NULL,
    idle_seconds integer     NOT NULL,
    last_used_at timestamptz NOT NULL DEFAULT now(),
    sweep_at     bigint      NOT NULL
) PARTITION BY HASH (k);

-- +goose StatementBegin
DO $$
BEGIN
    FOR n IN 0..15 LOOP
        EXECUTE format('CREATE TABLE sessions_%s PARTITION OF sessions '
            'FOR VALUES WITH (MODULUS 16, REMAINDER %s) '
            'WITH (fillfactor = 85, autovacuum_vacuum_scale_factor = 0.02, '
            'autovacuum_analyze_scale_factor = 0.05)', n, n);
    END LOOP;
END $$;
-- +goose StatementEnd

-- A unique index has to contain the partition key. 128 random bits are unique without one.
CREATE INDEX sessions_id ON sessions (id);
CREATE INDEX sessions_user_id ON sessions (user_id);
CREATE INDEX sessions_sweep_at ON sessions (sweep_at);

INSERT INTO sessions (k, v, e, id, user_id, idle_seconds, last_used_at, sweep_at)
SELECT k, v, e, id, user_id, idle_seconds, last_used_at, sweep_at
FROM sessions_whole;
DROP TABLE sessions_whole;

CREATE VIEW live_sessions AS
    SELECT k, v, 0::bigint AS e
    FROM sessions
    WHERE e > extract(epoch FROM now())
      AND last_used_at > now() - make_interval(secs => idle_seconds);

CREATE TRIGGER log_delete AFTER DELETE ON sessions
    FOR EACH ROW
    WHEN (OLD.e > extract(epoch FROM now())
          AND OLD.last_used_at > now() - make_interval(secs => OLD.idle_seconds))
    EXECUTE FUNCTION log_session_revocation();

CREATE TRIGGER log_update AFTER UPDATE ON sessions
    FOR EACH ROW
    WHEN (NEW.last_used_at < OLD.last_used_at
          OR (NEW.k, NEW.v, NEW.e, NEW.idle_seconds)
              IS DISTINCT FROM (OLD.k, OLD.v, OLD.e, OLD.idle_seconds))
    EXECUTE FUNCTION log_session_revocation();

CREATE TRIGGER log_truncate AFTER TRUNCATE ON sessions
    FOR EACH STATEMENT
    EXECUTE FUNCTION log_all_sessions_revoked();
