-- +goose Up

-- The headers of a mail as its recipient could see them, one a line.
ALTER TABLE dev_inbox ADD COLUMN headers text NOT NULL DEFAULT '';

-- What the development pages do to see by hand what otherwise takes days. The functions are here, so that no database but
-- that of a developer has them.

-- Makes the sign-in of a session older, so that sensitive calls want another one.
-- +goose StatementBegin
CREATE FUNCTION dev_age_sign_in(session uuid, by interval) RETURNS boolean
    LANGUAGE sql
    AS $$
    WITH aged AS (
        UPDATE sessions
        SET v = convert_to(jsonb_set(convert_from(v, 'UTF8')::jsonb, '{user,signed_in_at}',
            to_jsonb((convert_from(v, 'UTF8')::jsonb #>> '{user,signed_in_at}')::timestamptz - by))::text, 'UTF8')
        WHERE id = session
        RETURNING k
    )
    SELECT count(*) > 0 FROM aged
$$;
-- +goose StatementEnd

-- Ends a session for a reason, as if that had happened by itself.
-- +goose StatementBegin
CREATE FUNCTION dev_end_session(session uuid, why text, ender text) RETURNS boolean
    LANGUAGE sql
    AS $$
    WITH gone AS (
        DELETE FROM sessions
        WHERE id = session
        RETURNING k, id, user_id
    ), replaced AS (
        DELETE FROM replaced_tokens
        WHERE id = session
    ), ended AS (
        INSERT INTO ended_sessions (k, id, user_id, reason, ended_by)
        SELECT k, id, user_id, why, ender
        FROM gone
        RETURNING k
    )
    SELECT count(*) > 0 FROM ended
$$;
-- +goose StatementEnd

-- Signs the user of a session in from three more devices. Nobody has their tokens.
-- +goose StatementBegin
CREATE FUNCTION dev_add_devices(session uuid) RETURNS boolean
    LANGUAGE sql
    AS $$
    WITH devices (platform, user_agent, ip, unused) AS (
        VALUES
            ('Safari on iOS', 'Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) '
                'Version/18.0 Mobile/15E148 Safari/604.1', '2001:db8::17', interval '20 minutes'),
            ('Firefox on Windows', 'Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0',
                '192.0.2.7', interval '5 hours'),
            ('Chrome on Android', 'Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) '
                'Chrome/140.0.0.0 Mobile Safari/537.36', '198.51.100.23', interval '20 hours')
    ), added AS (
        INSERT INTO sessions (k, v, e, id, user_id, idle_seconds, last_used_at, sweep_at)
        SELECT encode(sha256(convert_to(n.id::text, 'UTF8')), 'hex'),
               convert_to((convert_from(s.v, 'UTF8')::jsonb || jsonb_build_object(
                   'id', replace(n.id::text, '-', ''), 'platform', d.platform, 'user_agent', d.user_agent, 'ip', d.ip))::text, 'UTF8'),
               s.e, n.id, s.user_id, s.idle_seconds, now() - d.unused, s.sweep_at
        FROM sessions AS s, devices AS d, LATERAL (SELECT gen_random_uuid() AS id, d.ip) AS n
        WHERE s.id = session
        RETURNING id
    )
    SELECT count(*) > 0 FROM added
$$;
-- +goose StatementEnd

-- Gives the user of a session a month of events before those that there are. Events are read in the order of their ids, so
-- that the present ones are written again behind the new ones.
-- +goose StatementBegin
CREATE FUNCTION dev_add_activity(session uuid) RETURNS boolean
    LANGUAGE plpgsql
    AS $$
DECLARE
    owner uuid := (SELECT user_id FROM sessions WHERE id = session);
BEGIN
    IF owner IS NULL THEN
        RETURN false;
    END IF;
    ALTER TABLE account_events DISABLE TRIGGER append_only;
    WITH before AS (
        DELETE FROM account_events WHERE user_id = owner RETURNING id, kind, at, platform, ip, details
    ), places (n, platform, ip) AS (
        VALUES (0, 'Firefox on Linux', '192.0.2.7'), (1, 'Safari on iOS', '2001:db8::17'), (2, 'Chrome on Android', '198.51.100.23')
    ), month AS (
        SELECT 0 AS id,
               (ARRAY['signed_in', 'signed_in', 'signed_out', 'name_changed', 'signed_in', 'session_ended', 'app_opened'])[1 + day % 7] AS kind,
               now() - interval '30 days' + day * interval '16 hours' AS at, places.platform, places.ip,
               CASE day % 7
                   WHEN 5 THEN '{"ended": "Chrome on Android", "reason": "ended_elsewhere"}'::jsonb
                   WHEN 6 THEN '{"app": "Wiki"}'::jsonb
                   ELSE '{}'::jsonb
               END AS details
        FROM generate_series(0, 44) AS numbers (day)
             JOIN places ON places.n = numbers.day % 3
    )
    INSERT INTO account_events (user_id, kind, at, platform, ip, details)
    SELECT owner, kind, at, platform, ip, details
    FROM (SELECT * FROM month UNION ALL SELECT * FROM before) AS events
    ORDER BY id > 0, id, at;
    ALTER TABLE account_events ENABLE TRIGGER append_only;
    RETURN true;
END $$;
-- +goose StatementEnd

-- Lets the pending codes of a browser expire.
-- +goose StatementBegin
CREATE FUNCTION dev_expire_codes(asking bytea) RETURNS boolean
    LANGUAGE sql
    AS $$
    WITH expired AS (
        UPDATE challenges
        SET expires_at = now()
        WHERE browser = asking
          AND consumed_at IS NULL
          AND expires_at > now()
        RETURNING id
    )
    SELECT count(*) > 0 FROM expired
$$;
-- +goose StatementEnd

-- Ends the wait of a recovery that a browser has begun.
-- +goose StatementBegin
CREATE FUNCTION dev_end_recovery(asking bytea) RETURNS boolean
    LANGUAGE sql
    AS $$
    WITH ended AS (
        UPDATE recoveries
        SET ends_at = now()
        WHERE browser = asking
        RETURNING user_id
    )
    SELECT count(*) > 0 FROM ended
$$;
-- +goose StatementEnd

-- Forgets all that was counted against limits.
-- +goose StatementBegin
CREATE FUNCTION dev_forget_limits() RETURNS void
    LANGUAGE sql
    AS $$
    DELETE FROM uses;
    DELETE FROM service_attempts;
    UPDATE challenges SET resend_at = now() WHERE resend_at > now();
$$;
-- +goose StatementEnd

-- +goose Down

DROP FUNCTION dev_forget_limits();
DROP FUNCTION dev_end_recovery(bytea);
DROP FUNCTION dev_expire_codes(bytea);
DROP FUNCTION dev_add_activity(uuid);
DROP FUNCTION dev_add_devices(uuid);
DROP FUNCTION dev_end_session(uuid, text, text);
DROP FUNCTION dev_age_sign_in(uuid, interval);
ALTER TABLE dev_inbox DROP COLUMN headers;
