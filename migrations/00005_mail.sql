-- +goose Up

-- What became of a challenge's newest mail, and what that mail says besides the code. The release before this one leaves
-- the new columns as they are and shows the new states as they come.
ALTER TABLE challenges
    ADD COLUMN mails           integer NOT NULL DEFAULT 0,  -- how many were queued; the newest has this number
    ADD COLUMN delivery_reason text CHECK (delivery_reason IN ('no_such_mailbox', 'blocked', 'refused', 'provider_away')),
    ADD COLUMN delivery_at     timestamptz,                 -- of the newest event that the provider told, by its clock
    ADD COLUMN language        text    NOT NULL DEFAULT '', -- see mail.Languages
    ADD COLUMN platform        text    NOT NULL DEFAULT '', -- browser and system that asked, in words
    DROP CONSTRAINT challenges_delivery_check,
    ADD CONSTRAINT challenges_delivery_check
        CHECK (delivery IN ('queued', 'delayed', 'sent', 'delivered', 'failed', 'held'));

-- What a mail says that is about no challenge, for a week. The queue knows its id only.
CREATE TABLE notices (
    id         uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
    email      text        NOT NULL,
    language   text        NOT NULL,
    platform   text        NOT NULL,
    ip         text        NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now() -- when it happened
);
CREATE INDEX notices_created_at ON notices (created_at);

-- Tokens of the provider's events, each good once, for as long as their time is taken.
CREATE TABLE event_tokens (
    token   text        PRIMARY KEY,
    seen_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX event_tokens_seen_at ON event_tokens (seen_at);

-- +goose Down

DROP TABLE event_tokens;
DROP TABLE notices;
UPDATE challenges SET delivery = 'queued' WHERE delivery = 'delayed';
UPDATE challenges SET delivery = 'sent' WHERE delivery = 'delivered';
ALTER TABLE challenges
    DROP CONSTRAINT challenges_delivery_check,
    ADD CONSTRAINT challenges_delivery_check CHECK (delivery IN ('queued', 'sent', 'failed', 'held')),
    DROP COLUMN platform,
    DROP COLUMN language,
    DROP COLUMN delivery_at,
    DROP COLUMN delivery_reason,
    DROP COLUMN mails;
