-- +goose Up

-- One row for each key that counts against a limit; which limits there are stands in backend/throttle/limits.go. The
-- key is an HMAC: whose it is cannot be told from the table. No index on ends_at and some room on the pages, so that
-- counting stays a heap-only update.
CREATE TABLE throttle (
    key     bytea         PRIMARY KEY,
    events  timestamptz[] NOT NULL, -- oldest first, at most as many as the limit's largest count
    ends_at timestamptz   NOT NULL  -- from then on no event matters any more
) WITH (fillfactor = 80);

-- Tries and wrong codes of the whole service, a few rows a minute, so that no row is everybody's.
CREATE TABLE throttle_service (
    minute timestamptz NOT NULL,
    shard  smallint    NOT NULL,
    tries  integer     NOT NULL,
    wrong  integer     NOT NULL,
    PRIMARY KEY (minute, shard)
) WITH (fillfactor = 80);

-- The release before this one does not write the new columns and reads codes of digits only.
ALTER TABLE challenges
    ADD COLUMN code_kind text NOT NULL DEFAULT 'digits' CHECK (code_kind IN ('digits', 'letters')),
    ADD COLUMN resend_at timestamptz, -- when a mail may be sent again, where that is not a minute after sent_at
    DROP CONSTRAINT challenges_code_length_check,
    ADD CONSTRAINT challenges_code_length_check CHECK (code_length BETWEEN 6 AND 13),
    DROP CONSTRAINT challenges_delivery_check,
    ADD CONSTRAINT challenges_delivery_check CHECK (delivery IN ('queued', 'sent', 'failed', 'held'));

-- +goose Down

DELETE FROM challenges WHERE code_kind <> 'digits' OR code_length > 8 OR delivery = 'held';
ALTER TABLE challenges
    DROP CONSTRAINT challenges_delivery_check,
    ADD CONSTRAINT challenges_delivery_check CHECK (delivery IN ('queued', 'sent', 'failed')),
    DROP CONSTRAINT challenges_code_length_check,
    ADD CONSTRAINT challenges_code_length_check CHECK (code_length BETWEEN 6 AND 8),
    DROP COLUMN resend_at,
    DROP COLUMN code_kind;
DROP TABLE throttle_service;
DROP TABLE throttle;
