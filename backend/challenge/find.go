package challenge

import (
	"context"
	"encoding/hex"
	"errors"
	"time"

	"sana/backend/apps"
	"sana/backend/outbox"
	"sana/backend/postgres"
	"sana/backend/throttle"
	"sana/backend/visitor"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype/zeronull"
)

// Query says which challenge of a browser is meant: the newest open one that fits, else the newest.
type Query struct {
	Browser   visitor.Browser
	ID        string  // "" for any
	Email     string  // canonical, "" for any
	Purpose   Purpose // SignIn stands for step-ups too, unless their session was revoked
	SessionID string  // of a StepUp or ChangeEmail

	revoked bool // finds step-ups whose session was revoked, too
}

// Args adds what Fits needs.
func (q Query) Args(to pgx.NamedArgs) {
	to["browser"], to["query_id"], to["query_email"] = q.Browser.Hash(), q.ID, q.Email
	to["query_purpose"], to["query_session"], to["query_revoked"] = string(q.Purpose), q.SessionID,
		q.revoked
}

// Fits is the condition of a Query on rows of challenges. A step-up whose session was revoked does
// not pass for a sign-in: its code leads nowhere, and the person is to request one that signs in.
const Fits postgres.SQL = `(browser = @browser
	      AND (@query_id = '' OR challenges.id = nullif(@query_id, '')::uuid)
	      AND (@query_email = '' OR challenges.email = @query_email)
	      AND CASE WHEN @query_purpose <> 'sign_in'
	               THEN purpose = @query_purpose AND session_id = nullif(@query_session, '')::uuid
	               ELSE purpose = 'sign_in'
	                   OR purpose = 'step_up' AND (@query_revoked OR NOT EXISTS (
	                       SELECT
	                       FROM ended_sessions
	                       WHERE ended_sessions.id = challenges.session_id
	                         AND ended_sessions.reason NOT IN ('idle', 'max_age')))
	          END)`

// Conditions on rows of challenges, by the database's clock. They are false for times that lie
// further ahead than they can: those were written before that clock was set back.
const (
	// IsOpen is true if the code is still valid.
	IsOpen postgres.SQL = `(consumed_at IS NULL AND tries < 5
	      AND expires_at > now() AND expires_at <= now() + interval '11 minutes')`
	// IsRepeatable is true if the code was spent so recently that its browser may repeat it.
	IsRepeatable postgres.SQL = `(tries < 5
	      AND consumed_at > now() - interval '2 minutes'
	      AND consumed_at <= now() + interval '1 minute')`
	// IsRenewable is true if the code can be sent again.
	IsRenewable postgres.SQL = `(consumed_at IS NULL AND tries < 5
	      AND expires_at > now() + interval '2 minutes'
	      AND expires_at <= now() + interval '11 minutes')`
	// IsAddressBlocked is true if the address belongs to a blocked user. Then no code is mailed,
	// and the right one is a wrong one.
	IsAddressBlocked postgres.SQL = `EXISTS (
	          SELECT
	          FROM users
	          WHERE users.email = challenges.email
	            AND users.blocked_at IS NOT NULL)`
	// IsBlocked is IsAddressBlocked, or true if the user of the session is blocked: of a step-up or
	// a change of address.
	IsBlocked postgres.SQL = `(` + IsAddressBlocked + `
	      OR EXISTS (
	          SELECT
	          FROM users
	          WHERE users.id = challenges.user_id
	            AND users.blocked_at IS NOT NULL))`
)

// found is a challenge as a statement returns it, with the counts of the budgets that were read
// with it. All but the counts is NULL, and here a zero value, if there is no challenge.
type found struct {
	ID             zeronull.Text
	Email          zeronull.Text
	Purpose        zeronull.Text
	SessionID      zeronull.UUID
	UserID         zeronull.Text
	KeyID          zeronull.Text
	CodeKind       zeronull.Text
	CodeLength     zeronull.Int2
	Verifier       []byte
	Tries          zeronull.Int2
	Language       zeronull.Text
	UTCOffset      zeronull.Int2
	Platform       zeronull.Text
	Arrival        *apps.Arrival
	SentAt         zeronull.Timestamptz
	ResendAt       zeronull.Timestamptz
	ExpiresAt      zeronull.Timestamptz
	ConsumedAt     zeronull.Timestamptz
	Outcome        zeronull.Text
	OutcomeKeyID   zeronull.Text
	Blocked        *bool
	Mails          zeronull.Int2
	Delivery       zeronull.Text
	DeliveryReason zeronull.Text
	UseKeys        [][]byte
	UseAts         []time.Time
	Now            time.Time
}

func (f found) challenge() Challenge {
	c := Challenge{
		ID: string(f.ID), Email: string(f.Email), Purpose: Purpose(f.Purpose),
		UserID: string(f.UserID),
		Format: Format{CodeKind(f.CodeKind), int(f.CodeLength)}, KeyID: string(f.KeyID),
		Verifier: f.Verifier, Tries: int(f.Tries),
		Language: string(f.Language), UTCOffset: int(f.UTCOffset), Platform: string(f.Platform),
		SentAt: time.Time(f.SentAt), ResendAt: time.Time(f.ResendAt),
		ExpiresAt:  time.Time(f.ExpiresAt),
		ConsumedAt: time.Time(f.ConsumedAt),
		Outcome:    Outcome(f.Outcome), OutcomeKeyID: string(f.OutcomeKeyID),
		Blocked:  f.Blocked != nil && *f.Blocked,
		Mails:    int(f.Mails),
		Delivery: outbox.State(f.Delivery), Reason: outbox.Reason(f.DeliveryReason),
		Now: f.Now,
	}
	if c.Delivery == "" {
		c.Delivery = outbox.Queued
	}
	if f.SessionID != (zeronull.UUID{}) {
		c.SessionID = hex.EncodeToString(f.SessionID[:])
	}
	if f.Arrival != nil {
		c.Arrival = *f.Arrival
	}
	return c
}

// find reads one challenge and the counts of the budgets; it ends withNewestMail or withoutMail. It
// always returns a row.
const find = `
	SELECT c.id, c.email, c.purpose, c.session_id, c.user_id, c.key_id, c.code_kind, c.code_length,
	       c.verifier, c.tries, c.language, c.utc_offset, c.platform, c.arrival,
	       c.sent_at, c.resend_at, c.expires_at, c.consumed_at, c.outcome, c.outcome_key_id,
	       c.blocked,
	       m.number AS mails, m.state AS delivery, m.reason AS delivery_reason,
	       ` + string(throttle.State) + `
	FROM ` + string(throttle.StateSource) + `
	LEFT JOIN LATERAL (
	    SELECT *, ` + string(IsBlocked) + ` AS blocked
	    FROM challenges
	    WHERE `

const (
	withNewestMail = `
	) AS c ON true` + newestMail

	newestMail = `
	LEFT JOIN LATERAL (
	    SELECT number, state, reason
	    FROM mails
	    WHERE mails.ref = c.id
	    ORDER BY number DESC
	    LIMIT 1
	) AS m ON true`

	withoutMail = `
	) AS c ON true
	CROSS JOIN (VALUES (0::smallint, 'queued', '')) AS m (number, state, reason)`

	fitting = string(Fits) + `
	    ORDER BY ` + string(IsOpen) + ` DESC, created_at DESC
	    LIMIT 1`

	ofBrowser  = find + fitting + withNewestMail
	forAttempt = find + fitting + withoutMail
	byID       = find + `id = @id` + withNewestMail
)

// Find returns the challenge that q means, an empty one if there is none, and what was counted
// against the budgets, in one read.
func Find(
	ctx context.Context, db postgres.Querier, q Query, budgets throttle.Budgets,
) (Challenge, throttle.Counts, error) {
	args := pgx.NamedArgs{}
	q.Args(args)
	return query(ctx, db, ofBrowser, budgets, args)
}

// FindForAttempt is Find for an attempt, without the challenge's mail. If no other challenge fits,
// it returns a step-up whose session was revoked: the right code is then told that it leads to
// nothing.
func FindForAttempt(
	ctx context.Context, db postgres.Querier, q Query, budgets throttle.Budgets,
) (Challenge, throttle.Counts, error) {
	args := pgx.NamedArgs{}
	q.Args(args)
	c, counts, err := query(ctx, db, forAttempt, budgets, args)
	if err != nil || c.ID != "" || q.Purpose != SignIn {
		return c, counts, err
	}
	q.revoked = true
	q.Args(args)
	return query(ctx, db, forAttempt, budgets, args)
}

// Pending returns the challenge that the page of a browser shows: that of q, unless its code was
// used or expired more than an hour ago. It returns fault.NoPendingCode if there is none.
func Pending(ctx context.Context, db postgres.Querier, q Query) (Challenge, error) {
	c, _, err := Find(ctx, db, q, throttle.Budgets{})
	if err != nil {
		return Challenge{}, err
	}
	if c.ID == "" || c.IsSpent() || c.isAhead() || c.Now.Sub(c.ExpiresAt) > time.Hour {
		return Challenge{}, ErrNonePending()
	}
	return c, nil
}

// ByID returns a challenge, an empty one if there is none.
func ByID(ctx context.Context, db postgres.Querier, id string) (Challenge, error) {
	c, _, err := query(ctx, db, byID, throttle.Budgets{}, pgx.NamedArgs{"id": id})
	return c, err
}

func query(
	ctx context.Context, db postgres.Querier, sql string, budgets throttle.Budgets,
	args pgx.NamedArgs,
) (Challenge, throttle.Counts, error) {
	budgets.Args(args)
	sql, values := postgres.Positional(sql, args)
	rows, err := db.Query(ctx, sql, values...)
	if err != nil {
		return Challenge{}, throttle.Counts{}, postgres.Error("read challenge", err)
	}
	f, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[found])
	if errors.Is(err, pgx.ErrNoRows) {
		err = errors.New("the statement returned no row")
	}
	if err != nil {
		return Challenge{}, throttle.Counts{}, postgres.Error("read challenge", err)
	}
	return f.challenge(), throttle.Counts{Keys: f.UseKeys, Ats: f.UseAts, Now: f.Now}, nil
}
