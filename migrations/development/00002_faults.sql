-- +goose Up

-- What became of a mail, as a provider would tell.
ALTER TABLE dev_inbox
    ADD COLUMN ref    text        NOT NULL DEFAULT '', -- the message's Ref
    ADD COLUMN state  text        NOT NULL DEFAULT 'delivered' CHECK (state IN ('delayed', 'sent', 'delivered', 'failed')),
    ADD COLUMN fault  text        NOT NULL DEFAULT 'none' CHECK (fault IN ('none', 'fail', 'delay', 'bounce')), -- that was played
    ADD COLUMN due_at timestamptz;                     -- when a delayed mail is taken, or a sent one arrives or bounces

-- What is to become of the next mail: one row, or none.
CREATE TABLE dev_fault (
    one     boolean PRIMARY KEY DEFAULT true CHECK (one),
    fault   text    NOT NULL CHECK (fault IN ('fail', 'delay', 'bounce')),
    seconds integer NOT NULL
);

-- +goose Down

DROP TABLE dev_fault;
ALTER TABLE dev_inbox
    DROP COLUMN due_at,
    DROP COLUMN fault,
    DROP COLUMN state,
    DROP COLUMN ref;
