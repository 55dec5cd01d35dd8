-- +goose Up

CREATE TABLE passkeys (
    id              bytea       PRIMARY KEY CHECK (octet_length(id) BETWEEN 1 AND 1023), -- the credential's, as the authenticator chose it
    user_id         uuid        NOT NULL REFERENCES users ON DELETE CASCADE,
    rp_id           text        NOT NULL,            -- the host of PUBLIC_URL that it was made for; it works at no other
    public_key      bytea       NOT NULL,            -- COSE
    sign_count      bigint      NOT NULL,            -- the authenticator's newest; 0 for synced passkeys
    backup_eligible boolean     NOT NULL,            -- may be synced to other devices
    backed_up       boolean     NOT NULL,            -- is synced
    aaguid          uuid        NOT NULL,            -- the model of the authenticator; all zeros if it does not tell
    name            text        NOT NULL,            -- see account.ParseName
    created_at      timestamptz NOT NULL DEFAULT now(),
    used_at         timestamptz                      -- by its newest sign-in; NULL before the first
);
CREATE INDEX passkeys_user_id ON passkeys (user_id);

-- Challenges of ceremonies that succeeded, so that none succeeds twice. A challenge has no row before: it proves itself.
CREATE TABLE passkey_challenges (
    hash       bytea       PRIMARY KEY,              -- SHA-256 of the challenge
    expires_at timestamptz NOT NULL                  -- from then on the challenge is refused by its age
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.05);
CREATE INDEX passkey_challenges_expires_at ON passkey_challenges (expires_at);

-- What codes are for: with 'recovery' a right code begins a wait instead of a session, while the user has a passkey of
-- PUBLIC_URL's host.
ALTER TABLE users ADD COLUMN codes_for text NOT NULL DEFAULT 'sign_in'; -- or 'recovery'
ALTER TABLE users ADD COLUMN codes_suspended boolean NOT NULL DEFAULT false; -- the user knows that 'recovery' is not in effect
CREATE INDEX users_codes_for_recovery ON users (id) WHERE codes_for = 'recovery';


-- Users who have entered a right code that does not sign in, and wait. At ends_at their passkeys, sessions and access
-- keys end, and codes sign in again.
CREATE TABLE recoveries (
    user_id  uuid        PRIMARY KEY REFERENCES users ON DELETE CASCADE,
    id       uuid        NOT NULL UNIQUE DEFAULT gen_random_uuid(), -- the link in the mail names it
    browser  bytea       NOT NULL,                   -- as in challenges
    language text        NOT NULL,                   -- of the mail at the end
    began_at timestamptz NOT NULL DEFAULT now(),
    ends_at  timestamptz NOT NULL
);
CREATE INDEX recoveries_ends_at ON recoveries (ends_at);
CREATE INDEX recoveries_browser ON recoveries (browser);

-- +goose Down

DROP TABLE recoveries;
ALTER TABLE users DROP COLUMN codes_for, DROP COLUMN codes_suspended;
DROP TABLE passkey_challenges;
DROP TABLE passkeys;
