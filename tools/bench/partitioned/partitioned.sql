-- Sessions in a table that is partitioned by the hash of their key. Not a migration of Sana's, but what docs/scaling.md
-- says works; to try it, copy it to migrations/00010_partitioned.sql and run: go test ./backend/session
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
    idle_seconds integer     NOT NULL CHECK (idle_seconds > 0),
    last_seen_at timestamptz NOT NULL DEFAULT now(),
    user_id      uuid        GENERATED ALWAYS AS (session_user_id(v)) STORED,
    id           uuid        GENERATED ALWAYS AS (session_id(v)) STORED,
    sweep_at     bigint      NOT NULL DEFAULT 0
) PARTITION BY HASH (k);

-- +goose StatementBegin
DO $$
BEGIN
    FOR n IN 0..15 LOOP
        EXECUTE format('CREATE TABLE sessions_%s PARTITION OF sessions FOR VALUES WITH (MODULUS 16, REMAINDER %s) '
            'WITH (fillfactor = 85, autovacuum_vacuum_scale_factor = 0.02)', n, n);
    END LOOP;
END $$;
-- +goose StatementEnd

-- Unique it can be within a partition only; 128 random bits are unique without.
CREATE INDEX sessions_id ON sessions (id);
CREATE INDEX sessions_user_id ON sessions (user_id) WHERE user_id IS NOT NULL;
CREATE INDEX sessions_sweep_at ON sessions (sweep_at);

INSERT INTO sessions (k, v, e, idle_seconds, last_seen_at, sweep_at)
SELECT k, v, e, idle_seconds, last_seen_at, sweep_at
FROM sessions_whole;
DROP TABLE sessions_whole;

CREATE VIEW live_sessions AS
    SELECT k, v, 0::bigint AS e
    FROM sessions
    WHERE e > extract(epoch FROM now())
      AND last_seen_at > now() - make_interval(secs => idle_seconds);

CREATE TRIGGER log_ending AFTER DELETE ON sessions
    FOR EACH ROW
    WHEN (OLD.user_id IS NOT NULL
          AND OLD.e > extract(epoch FROM now())
          AND OLD.last_seen_at > now() - make_interval(secs => OLD.idle_seconds))
    EXECUTE FUNCTION log_session_ending();

CREATE TRIGGER log_change AFTER UPDATE ON sessions
    FOR EACH ROW
    WHEN (OLD.user_id IS NOT NULL
          AND (NEW.last_seen_at < OLD.last_seen_at
               OR (NEW.k, NEW.v, NEW.e, NEW.idle_seconds) IS DISTINCT FROM (OLD.k, OLD.v, OLD.e, OLD.idle_seconds)))
    EXECUTE FUNCTION log_session_ending();

CREATE TRIGGER log_truncate AFTER TRUNCATE ON sessions
    FOR EACH STATEMENT
    EXECUTE FUNCTION log_all_sessions_ending();
