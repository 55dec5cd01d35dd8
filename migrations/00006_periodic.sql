-- +goose Up

-- Periodic work takes turns: the instance that moves a row to the current period does the work of that period.
CREATE TABLE periodic (
    name   text        PRIMARY KEY,
    period timestamptz NOT NULL                      -- the newest one that an instance has taken
);

-- +goose Down

DROP TABLE periodic;
