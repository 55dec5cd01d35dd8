-- +goose NO TRANSACTION
-- +goose Up

-- When the sweep is to look at a session, seconds since 1970: 0, or no later than it may have expired. A touch does not
-- write it, so that it can have an index and a touch stays a heap-only update. The release before this one leaves it at 0.
ALTER TABLE sessions ADD COLUMN IF NOT EXISTS sweep_at bigint NOT NULL DEFAULT 0;
DROP INDEX CONCURRENTLY IF EXISTS sessions_sweep_at; -- what a run leaves that was killed
CREATE INDEX CONCURRENTLY sessions_sweep_at ON sessions (sweep_at);
DROP INDEX CONCURRENTLY IF EXISTS sessions_e; -- nobody reads it

-- Postgres' own settings wait until a fifth of a table is dead, which is two million rows of ten million.
ALTER TABLE sessions SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.05);
ALTER TABLE ended_sessions SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.05);
ALTER TABLE challenges SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.05);
ALTER TABLE throttle SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.05);
ALTER TABLE river_job SET (
    autovacuum_vacuum_scale_factor = 0.01,
    autovacuum_analyze_scale_factor = 0.05,
    autovacuum_vacuum_cost_delay = 0);

-- +goose Down

ALTER TABLE river_job RESET (autovacuum_vacuum_scale_factor, autovacuum_analyze_scale_factor, autovacuum_vacuum_cost_delay);
ALTER TABLE throttle RESET (autovacuum_vacuum_scale_factor, autovacuum_analyze_scale_factor);
ALTER TABLE challenges RESET (autovacuum_vacuum_scale_factor, autovacuum_analyze_scale_factor);
ALTER TABLE ended_sessions RESET (autovacuum_vacuum_scale_factor, autovacuum_analyze_scale_factor);
ALTER TABLE sessions RESET (autovacuum_vacuum_scale_factor, autovacuum_analyze_scale_factor);
CREATE INDEX CONCURRENTLY IF NOT EXISTS sessions_e ON sessions (e);
ALTER TABLE sessions DROP COLUMN IF EXISTS sweep_at;
