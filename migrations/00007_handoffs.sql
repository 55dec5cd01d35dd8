-- +goose Up

-- One row for each browser that is on its way from Sana's host to an app's, where its ticket gets it the app cookie. A
-- ticket is spent by being presented, and good for a minute.
CREATE TABLE handoffs (
    ticket_hash bytea       PRIMARY KEY,             -- SHA-256 of the ticket
    session_id  uuid        NOT NULL,
    app         text        NOT NULL,                -- its id in the apps file
    host        text        NOT NULL,                -- of the app
    path        text        NOT NULL,                -- where the browser goes then
    nonce_hash  text        NOT NULL,                -- SHA-256 of the nonce of the browser that began at the app, in base64url
    made_at     timestamptz NOT NULL DEFAULT now()
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.05);
CREATE INDEX handoffs_made_at ON handoffs (made_at);
CREATE INDEX handoffs_session_id ON handoffs (session_id);

-- The app from which the browser came when it asked for the code: host, path and nonce_hash as in handoffs. NULL if it
-- came from none.
ALTER TABLE challenges ADD COLUMN arrival jsonb;

-- +goose Down

ALTER TABLE challenges DROP COLUMN arrival;
DROP TABLE handoffs;
