-- +goose Up

-- One row for each code. The code is not here: it is derived from the id with a key that is not in the database. Browser,
-- address, purpose, session and user of a challenge never change.
--
-- The tables that a sign-in by code writes have no CHECK: Postgres parses the text of each one again for every statement
-- that writes, which took 7 % of its time. The values in question are constants in the code.
CREATE TABLE challenges (
    id             uuid        PRIMARY KEY,
    browser        bytea       NOT NULL,             -- SHA-256 of the token of the browser that asked
    email          text        NOT NULL,             -- canonical; where the code goes
    purpose        text        NOT NULL,             -- sign_in, step_up, change_email
    session_id     uuid,                             -- of a step-up and a change of address; NULL for a sign-in
    user_id        uuid,                             -- likewise
    key_id         text        NOT NULL,             -- the secret key that the code is derived with
    code_kind      text        NOT NULL,             -- digits, alphanumeric
    code_length    smallint    NOT NULL,             -- 6 to 13
    verifier       bytea,                            -- proves the code to its browser once the key is gone; NULL after a rekey
    tries          smallint    NOT NULL DEFAULT 0,   -- wrong guesses
    language       text        NOT NULL,             -- of the mail; see mail.Languages
    utc_offset     smallint    NOT NULL DEFAULT 0,   -- of times in the mail, in minutes east of UTC
    platform       text        NOT NULL,             -- browser and system that asked, in words
    created_at     timestamptz NOT NULL DEFAULT now(),
    sent_at        timestamptz NOT NULL DEFAULT now(), -- when a mail was last queued
    resend_at      timestamptz NOT NULL,             -- when the next mail can be asked for
    expires_at     timestamptz NOT NULL,
    consumed_at    timestamptz,                      -- when the right code came
    outcome        text,                             -- what it led to: see challenge.Outcome
    outcome_key_id text                              -- the secret key that session token and id are derived with
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.05);
CREATE INDEX challenges_browser ON challenges (browser);
CREATE INDEX challenges_email ON challenges (email);
CREATE INDEX challenges_user_id ON challenges (user_id) WHERE user_id IS NOT NULL;
-- For the sweep. expires_at has no index: when nearly all codes have expired, Postgres would plan a
-- statement that finds a challenge by its id, and checks its expiry, to read every valid code.
CREATE INDEX challenges_created_at ON challenges (created_at);

-- +goose Down

DROP TABLE challenges;
