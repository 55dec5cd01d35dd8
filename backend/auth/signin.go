package auth

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"time"

	"sana/backend/challenge"
	"sana/backend/observe/tracing"
	"sana/backend/outbox"
	"sana/backend/postgres"
	"sana/backend/session"
	"sana/backend/throttle"
	"sana/backend/visitor"

	"github.com/jackc/pgx/v5"
)

// signInStatement returns the statement that consumes a code, finds or creates the user, creates
// the session if sessions are rows, records the event and, with notice, queues the mail about a new
// browser if the user existed before. If signUp is false, it only finds the user. The statement
// returns no row if the challenge or a budget changed since it was read, or the user was blocked;
// then nothing is written.
//
// There are several texts because each part takes time even if it writes nothing.
func signInStatement(signUp, notice bool) string {
	text := findUser
	if signUp {
		text = findOrCreateUser
	}
	if notice {
		return text + signIn + `,` + queueNotice + signedIn
	}
	return text + signIn + signedIn
}

// The parts of signInStatement.
const (
	findOrCreateUser = `
	WITH ` + string(throttle.Full) + `,
	granted AS (
	    UPDATE challenges
	    SET consumed_at = now(),
	        outcome = CASE WHEN ` + recoveryRequired + `
	                       THEN 'recovery_required' ELSE 'signed_in' END,
	        outcome_key_id = @outcome_key` + whereOpenAndNot +
		string(challenge.IsAddressBlocked) + `
	    RETURNING email, outcome
	),
	person AS (
	    INSERT INTO users (email)
	    SELECT email
	    FROM granted
	    WHERE outcome = 'signed_in'
	    ON CONFLICT (email) DO UPDATE SET last_signed_in_at = now()
	    RETURNING id, email, name, created_at
	),`

	findUser = `
	WITH ` + string(throttle.Full) + `,
	granted AS (
	    UPDATE challenges
	    SET consumed_at = now(),
	        outcome = CASE WHEN ` + recoveryRequired + ` THEN 'recovery_required'
	                       WHEN EXISTS (SELECT FROM users WHERE users.email = challenges.email)
	                       THEN 'signed_in' ELSE 'sign_up_closed' END,
	        outcome_key_id = @outcome_key` + whereOpenAndNot +
		string(challenge.IsAddressBlocked) + `
	    RETURNING email, outcome
	),
	person AS (
	    UPDATE users
	    SET last_signed_in_at = now()
	    FROM granted
	    WHERE users.email = granted.email
	      AND granted.outcome = 'signed_in'
	    RETURNING users.id, users.email, users.name, users.created_at
	),`

	// whereOpenAndNot precedes the condition of a blocked user.
	whereOpenAndNot = `
	    WHERE id = @id
	      AND key_id = @key
	      AND ` + string(challenge.IsOpen) + `
	      AND ` + string(throttle.NotFull) + `
	      AND NOT `

	signIn = `
	issued AS (` + insertSession + `
	    WHERE @in_postgres
	),
	event AS (
	    INSERT INTO account_events (user_id, kind, platform, ip, details)
	    SELECT id, CASE WHEN created_at = now() THEN 'account_created' ELSE 'signed_in' END,
	           @platform, @ip, @details::jsonb
	    FROM person
	)`

	queueNotice = `
	notice AS (
	    INSERT INTO mails (ref, number, template, content, trace)
	    SELECT gen_random_uuid(), 1, '` + newDeviceTemplate + `', @notice::jsonb, @trace
	    FROM person
	    WHERE created_at < now()
	)`

	signedIn = `
	SELECT coalesce(person.id::text, ''), coalesce(person.created_at = now(), false), now(),
	    granted.outcome
	FROM granted
	LEFT JOIN person ON true`
)

// recoveryRequired is true for a challenge whose right code does not sign its user in.
const recoveryRequired = `EXISTS (
	            SELECT
	            FROM users
	            JOIN passkeys ON passkeys.user_id = users.id
	            WHERE users.email = challenges.email
	              AND users.codes_for = 'recovery'
	              AND passkeys.rp_id = @rp_id)`

// insertSession inserts the session of the CTE `person`. The names in the JSON are those of
// session.Session.
const insertSession = `
	    INSERT INTO sessions (k, v, e, id, user_id, idle_seconds, sweep_at)
	    SELECT @token_key,
	           convert_to(jsonb_build_object(
	               'id', @session_id::text,
	               'user', jsonb_build_object(
	                   'id', id, 'email', email, 'name', name, 'signed_in_at', now()),
	               'created_at', now(),
	               'expires_at', now() + @max_age::interval,
	               'user_agent', @user_agent::text,
	               'platform', @platform::text,
	               'ip', @ip::text,
	               'seed', @seed::text)::text, 'UTF8'),
	           floor(extract(epoch FROM now() + @max_age::interval))::bigint,
	           @session_id::text::uuid,
	           id,
	           @idle::integer,
	           ` + sweepAt + `
	    FROM person`

// sweepAt is the time at which the sweep first checks a session: its earliest possible expiry.
const sweepAt = `least(floor(extract(epoch FROM now() + @max_age::interval)),
	           ceil(extract(epoch FROM now())) + @idle::integer)::bigint`

// countSessions counts the valid sessions of the user who has signed in. It is a separate
// statement, so that it sees sessions created while the one before it waited for the user's row.
const countSessions = `
	SELECT count(*)
	FROM sessions
	WHERE user_id = (SELECT user_id FROM sessions WHERE k = @token_key)
	  AND ` + string(session.IsLive)

// revokeSurplus revokes the oldest sessions of a user who has more than MaxPerUser, the new one
// last, and records the reason. Another sign-in may have revoked that one already. It returns their
// keys.
const revokeSurplus = `
	WITH surplus AS (
	    SELECT k
	    FROM sessions
	    WHERE user_id = @user
	      AND ` + string(session.IsLive) + `
	    ORDER BY k = @token_key DESC, e DESC, k
	    OFFSET @most
	    FOR UPDATE
	),
	deleted AS (
	    DELETE FROM sessions
	    USING surplus
	    WHERE sessions.k = surplus.k
	    RETURNING sessions.k, sessions.id, sessions.user_id,
	        convert_from(sessions.v, 'UTF8')::jsonb ->> 'platform' AS platform
	),
	erased AS (` + string(session.EraseReplaced) + `),
	reason AS (
	    INSERT INTO ended_sessions (k, id, user_id, reason)
	    SELECT k, id, user_id, 'too_many_sessions'
	    FROM deleted
	),
	event AS (
	    INSERT INTO account_events (user_id, kind, platform, ip, details)
	    SELECT user_id, 'session_ended', @platform, @ip,
	           jsonb_strip_nulls(jsonb_build_object(
	               'ended', nullif(platform, ''), 'reason', 'too_many_sessions'))
	    FROM deleted
	)
	SELECT k
	FROM deleted`

// endCurrent revokes the session that the browser had before the sign-in, if any.
const endCurrent = `
	WITH deleted AS (
	    DELETE FROM sessions
	    WHERE id = @current::uuid
	      AND ` + string(session.IsLive) + `
	      AND EXISTS (SELECT FROM sessions WHERE k = @token_key)
	    RETURNING k, id, user_id
	),
	erased AS (` + string(session.EraseReplaced) + `),
	reason AS (
	    INSERT INTO ended_sessions (k, id, user_id, reason)
	    SELECT k, id, user_id, 'signed_out'
	    FROM deleted
	)
	SELECT k
	FROM deleted`

// signIn consumes the code of a sign-in. It returns errConflict if a concurrent request interfered.
func (s *Service) signIn(
	ctx context.Context, g attempt, current session.Session,
) (SignedIn, error) {
	key := s.Keys.Current()
	next := newSession(g, key)
	args := g.args()
	args["outcome_key"], args["current"] = key.ID, current.ID
	s.sessionArgs(args, g.visitor, next)
	args["notice"] = s.newDeviceNotice(g.visitor, g.device, g.challenge.Email, next.ID)
	args["trace"] = tracing.Traceparent(ctx)
	statement := signInStatement(s.allowsSignUp(g.challenge.Email), g.device == "")

	wrote, err := s.writeSignIn(ctx, signInWrites{
		statement: statement, args: args, lock: g.lock, after: g.queueForget,
		notice: g.device == "",
	}, current)
	switch {
	case err != nil:
		return SignedIn{}, err
	case !wrote.spent:
		return SignedIn{}, errConflict
	case wrote.outcome == challenge.RecoveryRequired:
		return SignedIn{}, errRecoveryRequired()
	case wrote.userID == "":
		return SignedIn{}, errSignUpClosed()
	}
	return s.finishSignIn(ctx, next, wrote, args)
}

// signInWrites are the statements of a sign-in.
type signInWrites struct {
	statement   string // ends in signedIn
	args        pgx.NamedArgs
	lock, after func(b *postgres.Batch) // queue statements before and after this one
	notice      bool                    // the statement may queue a mail
}

// signInResult is the result of a sign-in.
type signInResult struct {
	spent    bool   // the code or passkey was consumed; else nothing was written
	userID   string // "" if there is no user
	created  bool   // the user was created
	at       time.Time
	outcome  challenge.Outcome
	sessions int // valid sessions of the user
}

// writeSignIn sends the statements of a sign-in as one transaction.
func (s *Service) writeSignIn(
	ctx context.Context, w signInWrites, current session.Session,
) (signInResult, error) {
	var r signInResult
	var deleted []string
	err := postgres.InBatch(ctx, s.DB, func(b *postgres.Batch) error {
		r, deleted = signInResult{}, nil
		w.lock(b)
		b.Queue(w.statement, w.args).QueryRow(func(row pgx.Row) error {
			err := row.Scan(&r.userID, &r.created, &r.at, &r.outcome)
			r.spent = err == nil
			return ignoreNoRows(err)
		})
		w.after(b)
		if s.inPostgres() {
			b.Queue(countSessions,
				w.args).QueryRow(func(row pgx.Row) error { return row.Scan(&r.sessions) })
		}
		if s.inPostgres() && current.ID != "" {
			b.Queue(endCurrent, w.args).Query(collectInto(&deleted))
			b.AfterCommit(func() { s.Shared.Evict(deleted...) })
		}
		if w.notice {
			b.AfterCommit(s.Outbox.Wake)
		}
		return nil
	})
	return r, postgres.Error("sign in", err)
}

// finishSignIn completes the session of a sign-in that was written.
func (s *Service) finishSignIn(
	ctx context.Context, next session.Session, wrote signInResult, args pgx.NamedArgs,
) (SignedIn, error) {
	next.User.ID, next.CreatedAt = wrote.userID, wrote.at
	if err := s.revokeSurplus(ctx, wrote.userID, wrote.sessions, args); err != nil {
		return SignedIn{}, err
	}
	next, err := s.finish(next, wrote.at)
	return SignedIn{Session: next, Created: wrote.created}, err
}

// revokeSurplus revokes the oldest sessions of a user who has too many after a sign-in. It is a
// separate transaction, because it is rarely needed: if it fails, the next sign-in repeats it. args
// are those of the sign-in.
func (s *Service) revokeSurplus(
	ctx context.Context, userID string, sessions int, args pgx.NamedArgs,
) error {
	if sessions <= session.MaxPerUser {
		return nil
	}
	args["user"], args["most"] = userID, session.MaxPerUser
	var deleted []string
	err := postgres.InBatch(ctx, s.DB, func(b *postgres.Batch) error {
		deleted = nil
		queueUserLock(b, userID)
		b.Queue(revokeSurplus, args).Query(collectInto(&deleted))
		b.AfterCommit(func() { s.Shared.Evict(deleted...) })
		return nil
	})
	return postgres.Error("end sessions", err)
}

// sessionArgs adds the arguments of the statements that create or renew a session.
func (s *Service) sessionArgs(args pgx.NamedArgs, v visitor.Visitor, next session.Session) {
	limits := s.Store().Limits()
	args["token_key"], _ = session.Key(next.Token)
	args["session_id"] = next.ID
	args["user_agent"] = session.Printable(v.UserAgent, 256)
	args["platform"], args["ip"] = v.Platform, v.IP
	args["seed"] = newSeed()
	args["idle"], args["max_age"] = int(limits.Idle.Seconds()), limits.MaxAge
	args["in_postgres"] = s.inPostgres()
	args["details"], args["rp_id"] = "{}", s.recoveryHost()
}

// newSeed returns the seed of a session: 16 random bytes, encoded as in its JSON.
func newSeed() string {
	var seed [16]byte
	rand.Read(seed[:]) // never fails: crypto/rand ends the program if the system has no randomness
	return base64.StdEncoding.EncodeToString(seed[:])
}

// finish sets the times that depend on the time of the sign-in; in a cookie it seals the session.
func (s *Service) finish(next session.Session, at time.Time) (session.Session, error) {
	limits := s.Store().Limits()
	next.User.SignedInAt, next.ExpiresAt = at, at.Add(limits.MaxAge)
	if s.inPostgres() {
		next.CookieMaxAge = session.CookieMaxAge(limits.MaxAge)
		return next, nil
	}
	return s.Sealed.Seal(next)
}

// newDeviceNotice returns the content of the mail about a browser that is new to the user, for the
// session with this public id; nil if the browser is known, that is if device is not "".
func (s *Service) newDeviceNotice(v visitor.Visitor, device, email, sessionID string) []byte {
	if device != "" {
		return nil
	}
	n := outbox.Notice{Template: newDeviceTemplate, Email: email}
	if s.inPostgres() {
		n.SessionID = sessionID
	}
	return noticeOf(v, n).Content()
}

// collectInto returns a function that reads keys of sessions.
func collectInto(keys *[]string) func(rows pgx.Rows) error {
	return func(rows pgx.Rows) error {
		found, err := pgx.CollectRows(rows, pgx.RowTo[string])
		*keys = append(*keys, found...)
		return err
	}
}
