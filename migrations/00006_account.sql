-- +goose Up

ALTER TABLE users ADD COLUMN name text NOT NULL DEFAULT ''; -- see account.ParseName

-- What happened on an account, for 90 days. Nothing is ever changed here, and nothing goes before its time but with the
-- whole account.
CREATE TABLE account_events (
    id       bigint      PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    user_id  uuid        NOT NULL REFERENCES users ON DELETE CASCADE,
    kind     text        NOT NULL,
    at       timestamptz NOT NULL DEFAULT now(),
    platform text        NOT NULL, -- browser and system that did it, in words; '' where none did
    ip       text        NOT NULL, -- '' where there was none
    details  jsonb       NOT NULL
);
CREATE INDEX account_events_user_id ON account_events (user_id, id DESC);
CREATE INDEX account_events_at ON account_events (at);

-- +goose StatementBegin
CREATE FUNCTION keep_account_events() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF TG_OP = 'DELETE' AND (OLD.at < now() - interval '90 days' OR NOT EXISTS (SELECT FROM users WHERE id = OLD.user_id)) THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'account_events is append-only' USING ERRCODE = 'restrict_violation';
END $$;
-- +goose StatementEnd

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON account_events
    FOR EACH ROW EXECUTE FUNCTION keep_account_events();
CREATE TRIGGER append_only_as_a_whole BEFORE TRUNCATE ON account_events
    FOR EACH STATEMENT EXECUTE FUNCTION keep_account_events();

-- Whose address a challenge is to change; NULL for one that signs in.
ALTER TABLE challenges ADD COLUMN user_id uuid;
CREATE INDEX challenges_user_id ON challenges (user_id) WHERE user_id IS NOT NULL;
CREATE INDEX challenges_email ON challenges (email);
CREATE INDEX notices_email ON notices (email);
CREATE INDEX ended_sessions_user_id ON ended_sessions (user_id);

-- What a mail about a changed address says; '' in others.
ALTER TABLE notices
    ADD COLUMN old_email text NOT NULL DEFAULT '',
    ADD COLUMN new_email text NOT NULL DEFAULT '';

-- +goose Down

DROP INDEX ended_sessions_user_id;
DROP INDEX notices_email;
DROP INDEX challenges_email;
ALTER TABLE notices
    DROP COLUMN new_email,
    DROP COLUMN old_email;
DELETE FROM challenges WHERE purpose <> 'sign_in';
ALTER TABLE challenges DROP COLUMN user_id;
DROP TABLE account_events;
DROP FUNCTION keep_account_events();
ALTER TABLE users DROP COLUMN name;
