-- +goose Up

CREATE TABLE users (
    id                uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
    email             text        NOT NULL UNIQUE, -- canonical: see account.ParseAddress
    name              text        NOT NULL DEFAULT '', -- see account.ParseName
    created_at        timestamptz NOT NULL DEFAULT now(),
    last_signed_in_at timestamptz NOT NULL DEFAULT now()
);

-- What happened on an account, kept for 90 days. Rows never change, and leave early only with the whole account.
CREATE TABLE account_events (
    id       bigint      PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    user_id  uuid        NOT NULL REFERENCES users ON DELETE CASCADE,
    kind     text        NOT NULL,
    at       timestamptz NOT NULL DEFAULT now(),
    platform text        NOT NULL, -- browser and system that did it, in words; '' if there was none
    ip       text        NOT NULL, -- '' if there was none
    details  jsonb       NOT NULL
);
CREATE INDEX account_events_user_id ON account_events (user_id, id DESC);

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
CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON account_events
    FOR EACH STATEMENT EXECUTE FUNCTION keep_account_events();

-- +goose Down

DROP TABLE account_events;
DROP FUNCTION keep_account_events();
DROP TABLE users;
