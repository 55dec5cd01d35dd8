-- +goose Up

-- One row for each counted use of a limit; backend/throttle/limits.go has the limits. The key is an HMAC: the table does
-- not tell whose it is.
CREATE TABLE uses (
    key     bytea       NOT NULL,
    at      timestamptz NOT NULL DEFAULT now(),
    ends_at timestamptz NOT NULL                     -- from then on no limit looks at it
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.05);
CREATE INDEX uses_key_at ON uses (key, at);

-- Attempts and wrong codes of the whole service. Each instance adds to the row of the minute once a second.
CREATE TABLE service_attempts (
    minute   timestamptz PRIMARY KEY,
    attempts integer     NOT NULL,
    wrong    integer     NOT NULL
) WITH (fillfactor = 80);

-- +goose Down

DROP TABLE service_attempts;
DROP TABLE uses;
