package auth

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
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

// openHandoff checks and counts the limits and inserts a handoff. It returns false if a limit is
// reached.
const openHandoff = `
	WITH ` + string(throttle.Full) + `,
	granted AS (
	    INSERT INTO handoffs (ticket_hash, session_id, app, host, path, nonce_hash)
	    SELECT @ticket_hash, @session::uuid, @app, @host, @path, @nonce_hash
	    WHERE ` + string(throttle.NotFull) + `
	    RETURNING true
	),
	counted AS (` + string(throttle.Count) + `)
	SELECT EXISTS (SELECT FROM granted)`

// Handoff is a ticket with which a browser gets the app cookie of a host.
type Handoff struct {
	Host   string
	Ticket string // valid once, for a minute
}

// OpenHandoff creates a ticket for an app's host, for a browser with a session that came from the
// app. It does so even if the user may not use the app: the gate refuses them at the app.
//
// It returns fault.NotFound if no app has the host, fault.ReauthenticationRequired if the user may
// use the app and it requires a newer sign-in, and fault.TooManyRequests.
func (s *Service) OpenHandoff(
	ctx context.Context, v visitor.Visitor, current session.Session, arrival apps.Arrival,
) (Handoff, error) {
	app, ok := s.apps().FindHost(arrival.Host)
	if !ok {
		return Handoff{}, fault.New(fault.NotFound, "There is no app at this address.")
	}
	now := time.Now()
	if app.Allows(current.User.Email, now) && !app.IsFresh(current.User.SignedInAt, now) {
		return Handoff{}, errReauthenticationRequired()
	}

	budgets := s.Limits.Budgets(append(
		[]throttle.Use{throttle.HandoffsBySession.Of(current.ID)},
		s.Limits.ByNetworks(throttle.HandoffsByNetwork, v.Networks)...)...)
	ticket := newTicket()
	nonceHash, err := ticketEncoding.DecodeString(arrival.NonceHash)
	if err != nil {
		return Handoff{},
			fault.Wrap(fault.InvalidRequest, "The hash of the nonce is malformed.", err)
	}
	args := pgx.NamedArgs{
		"ticket_hash": hashTicket(ticket), "session": current.ID, "app": app.ID,
		"host": arrival.Host, "path": arrival.Path, "nonce_hash": nonceHash,
	}
	budgets.Args(args)
	for range maxRounds {
		counts, err := throttle.Read(ctx, s.DB, budgets)
		if err != nil {
			return Handoff{}, err
		}
		if verdict := budgets.Judge(counts); verdict.Refused != nil {
			s.Metrics.Refused(verdict.Refused.Label())
			return Handoff{}, errHandoffs(verdict)
		}
		opened := false
		err = postgres.InBatch(ctx, s.DB, func(b *postgres.Batch) error {
			budgets.Lock(b)
			b.Queue(openHandoff,
				args).QueryRow(func(row pgx.Row) error { return row.Scan(&opened) })
			return nil
		})
		if err != nil {
			return Handoff{}, postgres.Error("open handoff", err)
		}
		if opened {
			return Handoff{Host: arrival.Host, Ticket: ticket}, nil
		}
	}
	return Handoff{}, errContended("open handoff")
}

// FinishedHandoff is the result of a ticket.
type FinishedHandoff struct {
	// Path is the page at which the browser continues; "/" if the ticket is unknown at this host.
	Path    string
	Session session.Session // for the app cookie; its ID is "" if the browser gets none
}

// FinishHandoff consumes a ticket in every case. The browser gets an app cookie if the ticket was
// created within the last minute, for this app and host and for the browser with this nonce, and if
// its session is valid. Otherwise the browser may start again.
func (s *Service) FinishHandoff(
	ctx context.Context, v visitor.Visitor, app *apps.App, host, ticket, nonce string,
) (FinishedHandoff, error) {
	finished := FinishedHandoff{Path: "/"}
	var sessionID string
	err := postgres.InTx(ctx, s.DB, func(tx pgx.Tx) error {
		sessionID = ""
		found, err := spendTicket(ctx, tx, ticket)
		if err != nil || found.appID != app.ID || found.host != host {
			return err
		}
		finished.Path = found.path
		nonceHash := sha256.Sum256([]byte(nonce))
		isSame := subtle.ConstantTimeCompare(nonceHash[:], found.nonceHash) == 1
		if !found.isValid || !isSame {
			return nil
		}
		sessionID = found.sessionID
		if err := recordAppOfSession(ctx, tx, app, sessionID); err != nil {
			return err
		}
		return s.recordOpening(ctx, tx, v, app, sessionID)
	})
	if err != nil || sessionID == "" {
		return finished, postgres.Error("finish handoff", err)
	}

	current, err := s.Shared.ReadByID(ctx, sessionID)
	if errors.Is(err, session.ErrNone) {
		return finished, nil
	}
	finished.Session = current
	return finished, err
}

// handoffRow is a row of handoffs.
type handoffRow struct {
	sessionID, appID, host, path string
	nonceHash                    []byte
	isValid                      bool
}

// spendTicket deletes a handoff and returns it, or an empty one if there is none.
func spendTicket(ctx context.Context, tx pgx.Tx, ticket string) (r handoffRow, err error) {
	err = tx.QueryRow(ctx, `
		DELETE FROM handoffs
		WHERE ticket_hash = @ticket_hash
		RETURNING replace(session_id::text, '-', ''), app, host, path, nonce_hash,
		          made_at > now() - interval '1 minute' AND made_at <= now() + interval '1 minute'`,
		pgx.NamedArgs{"ticket_hash": hashTicket(ticket)},
	).Scan(&r.sessionID, &r.appID, &r.host, &r.path, &r.nonceHash, &r.isValid)
	return r, ignoreNoRows(err)
}

// recordOpening records the first opening of an app by a user from a browser and system, within the
// retention of events.
func (s *Service) recordOpening(
	ctx context.Context, tx pgx.Tx, v visitor.Visitor, app *apps.App, sessionID string,
) error {
	_, err := tx.Exec(ctx, `
		INSERT INTO account_events (user_id, kind, platform, ip, details)
		SELECT user_id, @kind, @platform, @ip, jsonb_build_object('app', @name::text)
		FROM sessions
		WHERE id = @session::uuid
		  AND `+string(session.IsLive)+`
		  AND EXISTS (SELECT FROM users WHERE users.id = sessions.user_id)
		  AND NOT EXISTS (
		      SELECT
		      FROM account_events AS earlier
		      WHERE earlier.user_id = sessions.user_id
		        AND earlier.kind = @kind
		        AND earlier.platform = @platform
		        AND earlier.details ->> 'app' = @name)`,
		pgx.NamedArgs{
			"kind": string(account.AppOpened), "platform": v.Platform, "ip": v.IP, "name": app.Name,
			"session": sessionID,
		})
	return postgres.Error("record opening of app", err)
}

// recordAppOfSession records that a session opens an app.
func recordAppOfSession(ctx context.Context, tx pgx.Tx, app *apps.App, sessionID string) error {
	_, err := tx.Exec(ctx, `
		INSERT INTO session_apps (session_id, app)
		VALUES (@session::uuid, @app)
		ON CONFLICT (session_id, app) DO UPDATE SET opened_at = now()`,
		pgx.NamedArgs{"session": sessionID, "app": app.ID})
	return postgres.Error("record app of session", err)
}

// appsOfSessions returns the ids of the apps that each of a user's sessions has opened, by the
// session's public id, in alphabetical order.
func (s *Service) appsOfSessions(ctx context.Context, userID string) (map[string][]string, error) {
	rows, err := s.DB.Query(ctx, `
		SELECT replace(session_id::text, '-', ''), app
		FROM session_apps
		JOIN sessions ON sessions.id = session_id
		WHERE user_id = @user
		ORDER BY app`, pgx.NamedArgs{"user": userID})
	if err != nil {
		return nil, postgres.Error("list apps of sessions", err)
	}
	found := map[string][]string{}
	var id, app string
	_, err = pgx.ForEachRow(rows, []any{&id, &app}, func() error {
		found[id] = append(found[id], app)
		return nil
	})
	return found, postgres.Error("list apps of sessions", err)
}

// SweepSessionApps deletes the openings of sessions that no longer exist, and returns the number of
// rows. It waits a minute, which is longer than any transaction that creates a session or opens an
// app.
func (s *Service) SweepSessionApps(ctx context.Context) (deleted int, err error) {
	tag, err := s.DB.Exec(ctx, `
		DELETE FROM session_apps
		WHERE opened_at < now() - interval '1 minute'
		  AND NOT EXISTS (SELECT FROM sessions WHERE sessions.id = session_id)`)
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
		DELETE FROM handoffs
		WHERE session_id = ANY(@sessions::uuid[])`,
		pgx.NamedArgs{"sessions": ids})
	if err != nil {
		return postgres.Error("drop handoffs", err)
	}
	_, err = tx.Exec(ctx, `
		DELETE FROM session_apps
		WHERE session_id = ANY(@sessions::uuid[])`,
		pgx.NamedArgs{"sessions": ids})
	return postgres.Error("drop apps of sessions", err)
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
	return s.apps().For(current.User.Email, time.Now())
}

// ArrivalApp returns the app from which a browser came, false if there is none.
func (s *Service) ArrivalApp(arrival apps.Arrival) (*apps.App, bool) {
	return s.apps().FindHost(arrival.Host)
}

// apps returns the current set of apps, nil without a gate.
func (s *Service) apps() *apps.Set {
	if s.Apps == nil {
		return nil
	}
	return s.Apps.Load()
}

var ticketEncoding = base64.RawURLEncoding.Strict()

// newTicket returns 256 random bits in base64url.
func newTicket() string {
	var raw [32]byte
	rand.Read(raw[:]) // never fails: crypto/rand ends the program if the system has no randomness
	return ticketEncoding.EncodeToString(raw[:])
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
	err := fault.New(fault.TooManyRequests,
		fmt.Sprintf("Apps were opened too often. Try again in %s.", inWords(v.Wait)))
	err.RetryAfter = v.Wait
	return err
}
