-- +goose Up

-- The mail queue, and the delivery status of each mail. A mail is leased to an instance until next_at; next_at is in no
-- index, so that taking a lease stays a heap-only update.
CREATE TABLE mails (
    ref        uuid        NOT NULL,                 -- the challenge whose code it carries, or an id of its own
    number     smallint    NOT NULL,                 -- counts the mails of one ref from 1
    template   text        NOT NULL,
    content    jsonb,                                -- what a mail about no challenge says; NULL once it is done
    state      text        NOT NULL DEFAULT 'queued', -- delayed, sent, delivered, failed
    reason     text,                                 -- no_such_mailbox, blocked, refused, provider_away
    attempts   smallint    NOT NULL DEFAULT 0,       -- also names the lease: only its holder may record an outcome
    trace      text        NOT NULL DEFAULT '',      -- of the request that queued it; see tracing.Traceparent
    created_at timestamptz NOT NULL DEFAULT now(),
    next_at    timestamptz NOT NULL DEFAULT now(),   -- when it may be sent next: a retry, or the end of a lease
    done_at    timestamptz,                          -- when the queue was done with it
    event_at   timestamptz,                          -- the provider's newest event about it, by the provider's clock
    PRIMARY KEY (ref, number)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.05);
CREATE INDEX mails_waiting ON mails (created_at) WHERE done_at IS NULL;
CREATE INDEX mails_created_at ON mails (created_at);
CREATE INDEX mails_content_email ON mails ((content ->> 'email')) WHERE content IS NOT NULL;

-- Tokens of the provider's signed events: each is accepted once.
CREATE TABLE event_tokens (
    token   text        PRIMARY KEY,
    seen_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX event_tokens_seen_at ON event_tokens (seen_at);

-- +goose Down

DROP TABLE event_tokens;
DROP TABLE mails;
