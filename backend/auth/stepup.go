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

// stepUpStatement consumes the code of a step-up. A valid session gets a new token, with the old
// token beside it (see session.Shared); for an expired one it creates a new session of the same
// user. If the session was revoked, or the user was deleted or has another address, the code is
// consumed without a result. It never creates a user. An earlier statement locks the user's row, so
// that this one sees every revocation that it waited for.
const stepUpStatement = stepUpByCode + stepUp

const stepUpByCode = `
	WITH ` + string(throttle.Full) + `,
	granted AS (
	    UPDATE challenges
	    SET consumed_at = now(),
	        outcome = CASE WHEN ` + recoveryRequired +
	` THEN 'recovery_required' ELSE 'signed_in' END,
	        outcome_key_id = @outcome_key` + whereOpenAndNot +
	string(challenge.IsBlocked) + `
	    RETURNING email, user_id, session_id, outcome
	),`

// stepUp renews the session of the CTE granted for its user.
const stepUp = `
	person AS (
	    UPDATE users
	    SET last_signed_in_at = now()
	    FROM granted
	    WHERE users.id = granted.user_id
	      AND users.email = granted.email
	      AND granted.outcome = 'signed_in'
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
	                'id', person.id, 'email', person.email, 'name', person.name,
	                'signed_in_at', now()),
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
	    SELECT person.id, 'signed_in', @platform, @ip, @details::jsonb
	    FROM person
	    WHERE EXISTS (SELECT FROM proven)
	),
	notice AS ( -- names the renewed session, also if @notice names another
	    INSERT INTO mails (ref, number, template, content, trace)
	    SELECT gen_random_uuid(), 1, '` + newDeviceTemplate + `',
	           jsonb_strip_nulls(@notice::jsonb || jsonb_build_object('session_id',
	               (SELECT convert_from(v, 'UTF8')::jsonb ->> 'id' FROM proven))),
	           @trace
	    FROM person
	    WHERE EXISTS (SELECT FROM proven)
	      AND @notice::jsonb IS NOT NULL
	)
	SELECT EXISTS (SELECT FROM proven), (SELECT v FROM proven),
	    coalesce((SELECT k FROM current), ''), now(), outcome
	FROM granted`

// renewSession consumes the code of a step-up. It returns errConflict if a concurrent request
// interfered, and fault.CodeExpired if the code has no result.
func (s *Service) renewSession(ctx context.Context, g attempt) (SignedIn, error) {
	key := s.Keys.Current()
	next := newSession(g, key)
	args := g.args()
	args["outcome_key"] = key.ID
	s.sessionArgs(args, g.visitor, next)
	args["notice"] = s.newDeviceNotice(g.visitor, g.device, g.challenge.Email, "")
	args["trace"] = tracing.Traceparent(ctx)
	return s.renew(ctx, renewal{
		next: next, userID: g.challenge.UserID, sessionID: g.challenge.SessionID,
		statement: stepUpStatement, args: args, lock: g.lock, after: g.queueForget,
		errUseless: challenge.ErrExpired,
	})
}

// renewal is a pending renewal of a session.
type renewal struct {
	next              session.Session // as newSession returns it
	userID, sessionID string
	statement         string // ends in stepUp
	args              pgx.NamedArgs
	lock, after       func(b *postgres.Batch) // queue statements before and after this one
	errUseless        func() error            // is the error if there is no session to renew
}

// renew renews a session. It returns errConflict if the data changed since the caller read it.
func (s *Service) renew(ctx context.Context, r renewal) (SignedIn, error) {
	var spent, proven bool
	var value []byte
	var old string
	var outcome challenge.Outcome
	var sessions int
	err := postgres.InBatch(ctx, s.DB, func(b *postgres.Batch) error {
		spent = false
		r.lock(b)
		b.Queue(r.statement, r.args).QueryRow(func(row pgx.Row) error {
			err := row.Scan(&proven, &value, &old, &r.next.User.SignedInAt, &outcome)
			spent = err == nil
			return ignoreNoRows(err)
		})
		r.after(b)
		if s.inPostgres() {
			b.Queue(countSessions,
				r.args).QueryRow(func(row pgx.Row) error { return row.Scan(&sessions) })
			b.AfterCommit(func() { s.Shared.Evict(old) })
		}
		b.AfterCommit(s.Outbox.Wake)
		return nil
	})
	switch {
	case err != nil:
		return SignedIn{}, postgres.Error("step up", err)
	case !spent:
		return SignedIn{}, errConflict
	case outcome == challenge.RecoveryRequired:
		return SignedIn{}, errRecoveryRequired()
	case !proven:
		return SignedIn{}, r.errUseless()
	}
	if err := s.revokeSurplus(ctx, r.userID, sessions, r.args); err != nil {
		return SignedIn{}, err
	}
	if !s.inPostgres() {
		r.next.ID, r.next.CreatedAt = r.sessionID, r.next.User.SignedInAt
		next, err := s.finish(r.next, r.next.User.SignedInAt)
		return SignedIn{Session: next}, err
	}
	renewed := session.Session{}
	if err := json.Unmarshal(value, &renewed); err != nil {
		return SignedIn{}, err
	}
	renewed.Token = r.next.Token
	renewed.CookieMaxAge = session.CookieMaxAge(s.Store().Limits().MaxAge)
	return SignedIn{Session: renewed}, nil
}
