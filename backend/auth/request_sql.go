package auth

import (
	"context"
	"errors"
	"time"

	"sana/backend/apps"
	"sana/backend/challenge"
	"sana/backend/mail/templates"
	"sana/backend/outbox"
	"sana/backend/postgres"
	"sana/backend/throttle"
	"sana/backend/visitor"

	"github.com/jackc/pgx/v5"
)

// createChallenge returns the statement that checks and counts the limits, creates a challenge and
// queues its mail. The statement returns the row, or none if a limit is reached, the browser has a
// challenge that can be sent again, or the user was deleted. If ofUser is false, the challenge
// belongs to no user. See signInStatement for why there are two texts.
func createChallenge(ofUser bool) string {
	if ofUser {
		return insertChallenge + userExists + queueCode + isBlocked + fromGranted
	}
	return insertChallenge + queueCode + isAddressBlocked + fromGranted
}

// The parts of createChallenge.
const (
	insertChallenge = `
	WITH ` + string(throttle.Full) + `,
	granted AS (
	    INSERT INTO challenges (
	        id, browser, email, purpose, session_id, user_id, key_id, code_kind, code_length,
	        verifier, language, utc_offset, platform, arrival, resend_at, expires_at)
	    SELECT @id::uuid, @browser, @email, @purpose, nullif(@session, '')::uuid,
	           nullif(@user, '')::uuid,
	           @key, @kind, @length::smallint, @verifier::bytea,
	           @language, @utc_offset::smallint, @platform, @arrival::jsonb,
	           now() + @resend_in::interval, now() + @lifetime::interval
	    WHERE ` + string(throttle.NotFull) + `
	      AND NOT EXISTS (
	          SELECT
	          FROM challenges
	          WHERE ` + string(challenge.Fits) + `
	            AND ` + string(challenge.IsRenewable) + `
	            AND (code_kind = @kind OR @kind = 'digits'))`

	userExists = `
	      AND EXISTS (SELECT FROM users WHERE users.id = nullif(@user, '')::uuid)`

	queueCode = `
	    RETURNING id, sent_at, resend_at, expires_at
	),
	counted AS (` + string(throttle.Count) + `),
	queued AS (
	    INSERT INTO mails (ref, number, template, trace, attempts, next_at)
	    SELECT id, 1, '` + codeTemplate + `', @trace, @attempts::smallint, now() + @lease::interval
	    FROM granted
	)
	SELECT 1, now(), sent_at, resend_at, expires_at, `

	fromGranted = `
	FROM granted`

	// isAddressBlocked and isBlocked are the conditions of package challenge, for the address and
	// the user of a request.
	isAddressBlocked = `EXISTS (
	        SELECT
	        FROM users
	        WHERE users.email = @email
	          AND users.blocked_at IS NOT NULL)`
	isBlocked = `(` + isAddressBlocked + `
	    OR EXISTS (
	        SELECT
	        FROM users
	        WHERE users.id = nullif(@user, '')::uuid
	          AND users.blocked_at IS NOT NULL))`
)

// create creates a challenge. Its ID is "" if a concurrent request interfered.
func (s *Service) create(
	ctx context.Context, v visitor.Visitor, t target, format challenge.Format, limits sendLimits,
	resendIn time.Duration,
) (challenge.Challenge, error) {
	key := s.Keys.Current()
	c := challenge.Challenge{
		ID: challenge.NewID(), Email: t.email, Purpose: t.purpose,
		SessionID: t.sessionID, UserID: t.userID,
		Format: format, KeyID: key.ID,
		Language: templates.MatchLanguage(v.AcceptLanguage), UTCOffset: v.UTCOffset,
		Platform: v.Platform, Arrival: t.arrival,
	}
	args := pgx.NamedArgs{
		"id": c.ID, "email": t.email, "purpose": t.purpose, "session": t.sessionID,
		"user": t.userID,
		"key":  key.ID, "kind": format.Kind, "length": format.Length,
		"verifier": challenge.Verifier(v.Browser, c.ID, challenge.Code(key, c)),
		"language": c.Language, "utc_offset": c.UTCOffset, "platform": c.Platform,
		"arrival":   arrivalOrNull(t.arrival),
		"resend_in": resendIn, "lifetime": throttle.CodeLifetime,
	}
	t.query(v).Args(args)
	return s.writeRequest(ctx, "create challenge", createChallenge(t.userID != ""), c, args, limits)
}

// arrivalOrNull returns the stored form of an arrival: NULL for none.
func arrivalOrNull(arrival apps.Arrival) *apps.Arrival {
	if arrival == (apps.Arrival{}) {
		return nil
	}
	return &arrival
}

// resendChallenge checks and counts the limits and queues the next mail of a challenge. It returns
// the row, or none if a limit is reached or the challenge has changed.
const resendChallenge = `
	WITH ` + string(throttle.Full) + `,
	granted AS (
	    UPDATE challenges
	    SET sent_at = now(),
	        resend_at = now() + @resend_in::interval
	    WHERE id = @id
	      AND ` + string(challenge.IsRenewable) + `
	      AND resend_at <= now()
	      AND ` + string(throttle.NotFull) + `
	    RETURNING id, sent_at, resend_at, expires_at
	),
	counted AS (` + string(throttle.Count) + `),
	queued AS (
	    INSERT INTO mails (ref, number, template, trace, attempts, next_at)
	    SELECT id, (SELECT max(number) + 1 FROM mails WHERE ref = granted.id),
	           '` + codeTemplate + `', @trace, @attempts::smallint, now() + @lease::interval
	    FROM granted
	    RETURNING number
	)
	SELECT queued.number, now(), sent_at, resend_at, expires_at, ` + isBlocked + `
	FROM granted
	CROSS JOIN queued`

// sendAgain queues the mail of a challenge again. ID is "" if a concurrent request interfered.
func (s *Service) sendAgain(
	ctx context.Context, c challenge.Challenge, limits sendLimits, resendIn time.Duration,
) (challenge.Challenge, error) {
	args := pgx.NamedArgs{"id": c.ID, "email": c.Email, "user": c.UserID, "resend_in": resendIn}
	return s.writeRequest(ctx, "resend code", resendChallenge, c, args, limits)
}

// writeRequest runs a statement that queues a mail for c, under the locks of its limits, and wakes
// the worker that sends it. It returns the changed c, or an empty challenge if the statement
// returned no row.
func (s *Service) writeRequest(
	ctx context.Context, operation, sql string, c challenge.Challenge, args pgx.NamedArgs,
	limits sendLimits,
) (challenge.Challenge, error) {
	limits.both.Args(args)
	handover := s.Outbox.Handover(ctx)
	defer handover.Release()
	handover.Args(args)
	granted := false
	err := postgres.InBatch(ctx, s.DB, func(b *postgres.Batch) error {
		granted = false
		limits.both.Lock(b, limits.lock)
		if c.UserID != "" {
			queueUserLock(b, c.UserID) // the next statements see a deletion that this waits for
		}
		b.Queue(sql, args).QueryRow(func(row pgx.Row) error {
			err := row.Scan(&c.Mails, &c.Now, &c.SentAt, &c.ResendAt, &c.ExpiresAt, &c.Blocked)
			granted = err == nil
			return ignoreNoRows(err)
		})
		return nil
	})
	if err != nil || !granted {
		return challenge.Challenge{}, postgres.Error(operation, err)
	}
	c.Delivery, c.Reason = outbox.Queued, ""
	m := outbox.Mail{Ref: c.ID, Number: c.Mails, Template: codeTemplate}
	handover.Send(m, func(ctx context.Context) (outbox.Composed, error) {
		return s.writeCode(ctx, c)
	})
	return c, nil
}

// count counts one use of each budget. It returns false if a concurrent request interfered.
func (s *Service) count(ctx context.Context, budgets throttle.Budgets) (counted bool, err error) {
	if budgets.Empty() {
		return true, nil
	}
	args := pgx.NamedArgs{}
	budgets.Args(args)
	err = postgres.InBatch(ctx, s.DB, func(b *postgres.Batch) error {
		budgets.Lock(b)
		b.Queue(`
			WITH `+string(throttle.Full)+`,
			granted AS (
			    SELECT true
			    WHERE `+string(throttle.NotFull)+`
			),
			counted AS (`+string(throttle.Count)+`)
			SELECT EXISTS (SELECT FROM granted)`,
			args).QueryRow(func(row pgx.Row) error { return row.Scan(&counted) })
		return nil
	})
	return counted, postgres.Error("count use", err)
}

// ignoreNoRows returns nil for pgx.ErrNoRows.
func ignoreNoRows(err error) error {
	if errors.Is(err, pgx.ErrNoRows) {
		return nil
	}
	return err
}
