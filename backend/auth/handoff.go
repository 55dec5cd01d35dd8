package auth

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"sana/backend/account"
	"sana/backend/apps"
	"sana/backend/fault"
	"sana/backend/postgres"
	"sana/backend/session"
	"sana/backend/throttle"
	"sana/backend/visitor"

	"github.com/jackc/pgx/v5"
)

// OpenHandoff creates a ticket for an app's host, for a browser with a session that came from the
// app. The ticket is valid once, for a minute. OpenHandoff creates it even if the user may not use
// the app: the gate refuses them at the app.
//
// It returns fault.NotFound if no app has the host, fault.ReauthenticationRequired if the user may
// use the app and it requires a newer sign-in, and fault.TooManyRequests.
func (s *Service) OpenHandoff(
	ctx context.Context, v visitor.Visitor, current session.Session, arrival apps.Arrival,
) (ticket string, err error) {
	app, ok := s.Apps.Load().FindHost(arrival.Host)
	if !ok {
		return "", fault.New(fault.NotFound, "There is no app at this address.")
	}
	now := time.Now()
	if app.Allows(current.User.Email, now) && !app.IsFresh(current.User.SignedInAt, now) {
		return "", errReauthenticationRequired()
	}

	uses := append([]throttle.Use{throttle.HandoffsBySession.Of(current.ID)},
		s.Limits.ByNetworks(throttle.HandoffsByNetwork, v.Networks)...)
	if _, err := s.spendAll(ctx, s.Limits.Budgets(uses...), errHandoffs); err != nil {
		return "", err
	}
	ticket = session.NewToken()
	_, err = s.DB.Exec(ctx, `
		INSERT INTO handoffs (ticket_hash, session_id, app, host, path, nonce_hash)
		VALUES (@ticket_hash, @session::uuid, @app, @host, @path, @nonce_hash)`,
		pgx.NamedArgs{
			"ticket_hash": hashTicket(ticket), "session": current.ID, "app": app.ID,
			"host": arrival.Host, "path": arrival.Path, "nonce_hash": arrival.NonceHash,
		})
	return ticket, postgres.Error("open handoff", err)
}

// finishHandoff deletes a handoff and returns its path, if it is for this app and host. If the
// ticket is valid too, it also returns the session, and records that the session opens the app: for
// the first opening by a user from a browser and system, within the retention of events, with an
// event.
const finishHandoff = `
	WITH spent AS (
	    DELETE FROM handoffs
	    WHERE ticket_hash = @ticket_hash
	    RETURNING session_id, path,
	        app = @app AND host = @host AS is_here,
	        nonce_hash = @nonce_hash
	            AND made_at > now() - interval '1 minute'
	            AND made_at <= now() + interval '1 minute' AS is_valid
	),
	granted AS (
	    SELECT session_id
	    FROM spent
	    WHERE is_here
	      AND is_valid
	),
	opened AS (
	    INSERT INTO session_apps (session_id, app)
	    SELECT session_id, @app
	    FROM granted
	    ON CONFLICT DO NOTHING
	),
	event AS (
	    INSERT INTO account_events (user_id, kind, platform, ip, details)
	    SELECT user_id, @kind, @platform, @ip, jsonb_build_object('app', @name::text)
	    FROM sessions
	    JOIN granted ON granted.session_id = sessions.id
	    WHERE ` + string(session.IsLive) + `
	      AND EXISTS (SELECT FROM users WHERE users.id = sessions.user_id)
	      AND NOT EXISTS (
	          SELECT
	          FROM account_events AS earlier
	          WHERE earlier.user_id = sessions.user_id
	            AND earlier.kind = @kind
	            AND earlier.platform = @platform
	            AND earlier.details ->> 'app' = @name)
	)
	SELECT path, coalesce((SELECT replace(session_id::text, '-', '') FROM granted), '')
	FROM spent
	WHERE is_here`

// FinishHandoff consumes a ticket in every case. It returns the path at which the browser
// continues, "/" if the ticket is unknown at this host, and the session of its app cookie, a zero
// one if it gets none. The browser gets an app cookie if the ticket was created within the last
// minute, for this app and host and for the browser with this nonce, and if its session is valid.
// Otherwise the browser may start again.
func (s *Service) FinishHandoff(
	ctx context.Context, v visitor.Visitor, app *apps.App, host, ticket, nonce string,
) (path string, current session.Session, err error) {
	path = "/"
	var id string
	err = s.DB.QueryRow(ctx, finishHandoff, pgx.NamedArgs{
		"ticket_hash": hashTicket(ticket), "app": app.ID, "host": host,
		"nonce_hash": apps.HashNonce(nonce), "kind": string(account.AppOpened), "name": app.Name,
		"platform": v.Platform, "ip": v.IP,
	}).Scan(&path, &id)
	if err = ignoreNoRows(err); err != nil || id == "" {
		return path, session.Session{}, postgres.Error("finish handoff", err)
	}
	current, err = s.Shared.ReadByID(ctx, id)
	if errors.Is(err, session.ErrNone) {
		return path, session.Session{}, nil
	}
	return path, current, err
}

// SweepSessionApps deletes the openings of sessions that no longer exist, and returns the number of
// rows.
func (s *Service) SweepSessionApps(ctx context.Context) (deleted int, err error) {
	tag, err := s.DB.Exec(ctx, `
		DELETE FROM session_apps
		WHERE NOT EXISTS (SELECT FROM sessions WHERE sessions.id = session_id)`)
	return int(tag.RowsAffected()), postgres.Error("sweep apps of sessions", err)
}

// dropHandoffs deletes the handoffs and openings of sessions that were revoked with their user's
// account.
func dropHandoffs(ctx context.Context, tx pgx.Tx, revoked []session.Session) error {
	var ids []string
	for _, e := range revoked {
		ids = append(ids, e.ID)
	}
	_, err := tx.Exec(ctx, `
		WITH dropped AS (
		    DELETE FROM handoffs
		    WHERE session_id = ANY(@sessions::uuid[])
		)
		DELETE FROM session_apps
		WHERE session_id = ANY(@sessions::uuid[])`,
		pgx.NamedArgs{"sessions": ids})
	return postgres.Error("drop handoffs", err)
}

// SignOutFromApp revokes the session behind an app cookie, for all apps and Sana itself. A session
// that is no longer valid is not an error.
func (s *Service) SignOutFromApp(
	ctx context.Context, v visitor.Visitor, userID, sessionID string,
) error {
	return postgres.InTx(ctx, s.DB, func(tx pgx.Tx) error {
		if err := s.lockIfExists(ctx, tx, userID); err != nil {
			return err
		}
		return s.signOut(ctx, tx, v, sessionID, userID)
	})
}

// MyApps returns the apps that the user of a session may use.
func (s *Service) MyApps(current session.Session) []*apps.App {
	return s.Apps.Load().For(current.User.Email, time.Now())
}

// ArrivalApp returns the app from which a browser came, false if there is none.
func (s *Service) ArrivalApp(arrival apps.Arrival) (*apps.App, bool) {
	return s.Apps.Load().FindHost(arrival.Host)
}

// hashTicket returns the stored form of a ticket, so that a dump has no tickets.
func hashTicket(ticket string) []byte {
	sum := sha256.Sum256([]byte(ticket))
	return sum[:]
}

// SweepHandoffs deletes handoffs whose tickets have expired, and returns their number.
func (s *Service) SweepHandoffs(ctx context.Context) (deleted int, err error) {
	tag, err := s.DB.Exec(ctx, `
		DELETE FROM handoffs
		WHERE made_at < now() - interval '1 minute'
		   OR made_at > now() + interval '1 minute'`)
	return int(tag.RowsAffected()), postgres.Error("sweep handoffs", err)
}

// errHandoffs is the error of a session or a network that opens apps too often.
func errHandoffs(v throttle.Verdict) error {
	return after(v.Wait, fault.TooManyRequests,
		fmt.Sprintf("Apps were opened too often. Try again in %s.", inWords(v.Wait)))
}
