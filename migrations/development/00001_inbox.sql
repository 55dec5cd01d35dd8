-- +goose Up

CREATE TABLE dev_inbox (
    id      bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    "to"    text        NOT NULL,
    subject text        NOT NULL,
    text    text        NOT NULL,
    html    text        NOT NULL,
    sent_at timestamptz NOT NULL DEFAULT now()
);

-- +goose Down

DROP TABLE dev_inbox;
