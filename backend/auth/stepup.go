package auth

import (
	"context"
	"encoding/json"

	"sana/backend/challenge"
	"sana/backend/observe/tracing"
	"sana/backend/postgres"
	"sana/backend/session"
	"sana/backend/throttle"

	"github.com/jackc/pgx/v5"
)

// stepUpStatement spends the code of a step-up. A valid session goes on under a new token, with the old
// token beside it (see session.Shared); for one that has only expired a new session of the same user is
// created. If the session was revoked, or the user is gone or has another address, the code is spent and
// leads to nothing. It never creates a user. The user's row is locked by an earlier statement, so that
// this one sees every revocation that it waited for.
const stepUpStatement = `
	WITH ` + string(throttle.Full) + `,
	granted AS (
	    UPDATE challenges
	    SET consumed_at = now(),
	        outcome = 'signed_in',
	        outcome_key_id = @outcome_key
	    WHERE id = @id
	      AND key_id = @key
	      AND ` + string(challenge.IsOpen) + `
	      AND NOT ` + string(challenge.IsBlocked) + `
	      AND ` + string(throttle.NotFull) + `
	    RETURNING email, user_id, session_id
	),
	person AS (
	    UPDATE users
	    SET last_signed_in_at = now()
	    FROM granted
	    WHERE users.id = granted.user_id
	      AND users.email = granted.email
	    RETURNING users.id, users.email, users.name
	),
	current AS (
	    SELECT k, v, e, sessions.id, ` + string(session.IsLive) + ` AS is_live
	    FROM sessions
	    JOIN granted ON granted.session_id = sessions.id
	    JOIN person ON person.id = sessions.user_id
	),
	replaced AS (
	    INSERT INTO replaced_tokens (k, id, v, e)
	    SELECT k, id, v, e
	    FROM current
	    WHERE is_live
	),
	renewed AS (
	    UPDATE sessions
	    SET k = @token_key,
	        v = convert_to((convert_from(current.v, 'UTF8')::jsonb || jsonb_build_object(
	            'user', jsonb_build_object(
	                'id', person.id, 'email', person.email, 'name', person.name, 'signed_in_at', now()),
	            'expires_at', now() + @max_age::interval,
	            'user_agent', @user_agent::text,
	            'platform', @platform::text,
	            'ip', @ip::text,
	            'unconfirmed', true))::text, 'UTF8'),
	        e = floor(extract(epoch FROM now() + @max_age::interval))::bigint,
	        idle_seconds = @idle::integer,
	        last_used_at = now(),
	        sweep_at = ` + sweepAt + `
	    FROM current
	    CROSS JOIN person
	    WHERE sessions.k = current.k
	      AND current.is_live
	    RETURNING sessions.v
	),
	issued AS (` + insertSession + `
	    WHERE NOT EXISTS (SELECT FROM current WHERE is_live)
	      AND (EXISTS (SELECT FROM current)
	           OR EXISTS (
	               SELECT
	               FROM ended_sessions
	               JOIN granted ON granted.session_id = ended_sessions.id
	               WHERE reason IN ('idle', 'max_age')))
	      AND @in_postgres
	    RETURNING v
	),
	proven AS (
	    SELECT v FROM renewed
	    UNION ALL
	    SELECT v FROM issued
	    UNION ALL
	    SELECT NULL FROM person WHERE NOT @in_postgres
	),
	event AS (
	    INSERT INTO account_events (user_id, kind, platform, ip, details)
	    SELECT person.id, 'signed_in', @platform, @ip, '{}'
	    FROM person
	    WHERE EXISTS (SELECT FROM proven)
	),
	notice AS (
	    INSERT INTO mails (ref, number, template, content, trace)
	    SELECT gen_random_uuid(), 1, '` + newDeviceTemplate + `',
	           jsonb_strip_nulls(@notice::jsonb || jsonb_build_object('session_id',
	               (SELECT convert_from(v, 'UTF8')::jsonb ->> 'id' FROM proven))),
	           @trace
	    FROM person
	    WHERE EXISTS (SELECT FROM proven)
	      AND @notice::jsonb IS NOT NULL
	)
	SELECT EXISTS (SELECT FROM proven), (SELECT v FROM proven), coalesce((SELECT k FROM current), ''), now()
	FROM granted`

// renewSession spends the code of a step-up. It returns errTooSlow if another request was faster, and
// fault.CodeExpired if the code leads to nothing.
func (s *Service) renewSession(ctx context.Context, g guess, keyID string) (SignedIn, error) {
	next, err := s.newSession(g, keyID)
	if err != nil {
		return SignedIn{}, err
	}
	args := s.sessionArgs(g, next, keyID)
	args["in_postgres"] = s.inPostgres()
	args["notice"], args["trace"] = s.newDeviceNotice(g, ""), tracing.Traceparent(ctx)

	var spent, proven bool
	var value []byte
	var old string
	var sessions int
	err = postgres.InBatch(ctx, s.DB, func(b *postgres.Batch) error {
		spent = false
		g.lock(b)
		b.Queue(stepUpStatement, args).QueryRow(func(row pgx.Row) error {
			err := row.Scan(&proven, &value, &old, &next.User.SignedInAt)
			spent = err == nil
			return ignoreNoRows(err)
		})
		g.queueForget(b)
		if s.inPostgres() {
			b.Queue(countSessions, args).QueryRow(func(row pgx.Row) error { return row.Scan(&sessions) })
			b.AfterCommit(func() { s.Shared.Evict(old) }) // others follow the log; no user waits for that
		}
		b.AfterCommit(s.Outbox.Wake)
		return nil
	})
	switch {
	case err != nil:
		return SignedIn{}, postgres.Error("step up", err)
	case !spent:
		return SignedIn{}, errTooSlow
	case !proven:
		return SignedIn{}, challenge.ErrExpired()
	}
	if err := s.endSurplus(ctx, g.challenge.UserID, sessions, args); err != nil {
		return SignedIn{}, err
	}
	if !s.inPostgres() {
		next.ID, next.CreatedAt = g.challenge.SessionID, next.User.SignedInAt
		next, err = s.finish(next, next.User.SignedInAt)
		return SignedIn{Session: next}, err
	}
	renewed := session.Session{}
	if err := json.Unmarshal(value, &renewed); err != nil {
		return SignedIn{}, err
	}
	renewed.Token, renewed.Keep = next.Token, session.KeepFor(s.sessionLimits().MaxAge)
	return SignedIn{Session: renewed}, nil
}
