-- +goose Up

-- One row for each counted use of a limit; backend/throttle/limits.go has the limits. The key is an HMAC: the table does
-- not tell whose it is.
CREATE TABLE uses (
    key     bytea       NOT NULL,
    at      timestamptz NOT NULL DEFAULT now(),
    ends_at timestamptz NOT NULL                     -- from then on no limit looks at it
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.05);
CREATE INDEX uses_key_at ON uses (key, at);

-- Attempts and wrong codes of the whole service, a few rows a minute, so that no row is a bottleneck.
CREATE TABLE service_attempts (
    minute   timestamptz NOT NULL,
    shard    smallint    NOT NULL,
    attempts integer     NOT NULL,
    wrong    integer     NOT NULL,
    PRIMARY KEY (minute, shard)
) WITH (fillfactor = 80);

-- +goose Down

DROP TABLE service_attempts;
DROP TABLE uses;
