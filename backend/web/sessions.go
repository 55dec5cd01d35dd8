package web

import (
	"context"
	"time"

	"sana/backend/account"
	"sana/backend/fault"
	"sana/backend/platform"
	"sana/backend/session"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/utils"
	"github.com/jackc/pgx/v5"
)

type sessionsAnswer struct {
	Complete bool            `json:"complete"`
	Sessions []listedSession `json:"sessions"`
}

type listedSession struct {
	ID         string    `json:"id"`
	Current    bool      `json:"current"`
	Browser    string    `json:"browser"`
	System     string    `json:"system"`
	IP         string    `json:"ip"`
	SignedInAt time.Time `json:"signed_in_at"`
	LastSeenAt time.Time `json:"last_seen_at"`
	ExpiresAt  time.Time `json:"expires_at"`
}

// listSessions answers where the person is signed in.
func (s *Server) listSessions(ctx context.Context, c *fiber.Ctx) error {
	current, err := s.readSignedIn(ctx, c)
	if err != nil {
		return err
	}
	list, err := s.sessionsOf(ctx, c, current)
	if err != nil {
		return err
	}
	return sendJSON(c, contentTypeJSON, sessionsAnswer{Complete: s.SharedSessions != nil, Sessions: list})
}

// sessionsOf lists the sessions of the person of this one. A store that keeps no list knows of this session only, as it is
// now.
func (s *Server) sessionsOf(ctx context.Context, c *fiber.Ctx, current session.Session) ([]listedSession, error) {
	if s.SharedSessions == nil {
		this := session.Listed{Session: s.from(c, current), LastSeenAt: time.Now()}
		return []listedSession{listedSessionOf(this, current.ID)}, nil
	}
	list, err := s.SharedSessions.List(ctx, current.User.ID)
	listed := []listedSession{}
	for _, l := range list {
		listed = append(listed, listedSessionOf(l, current.ID))
	}
	return listed, err
}

// endSession ends one session of the person's. The one of this browser is signed out, which wants no fresh sign-in.
func (s *Server) endSession(ctx context.Context, c *fiber.Ctx) error {
	current, err := s.readSignedIn(ctx, c)
	if err != nil {
		return err
	}
	id := utils.CopyString(c.Params("id"))
	if id == current.ID {
		return s.endThis(ctx, c, current)
	}
	if err := s.mayEndOthers(ctx, current); err != nil {
		return err
	}
	why := s.ended(c, session.EndedElsewhere)
	err = s.Account.Record(ctx, current.User.ID, s.actor(c), func(ctx context.Context, tx pgx.Tx) ([]account.Entry, error) {
		ended, found, err := s.SharedSessions.EndOne(ctx, tx, current.User.ID, id, why)
		if err == nil && !found {
			err = fault.New(fault.NotFound, "You are not signed in there (any more).")
		}
		return []account.Entry{sessionEnded(ended, why.Reason)}, err
	})
	if err != nil {
		return err
	}
	return c.SendStatus(fiber.StatusNoContent)
}

// endOtherSessions ends all sessions of the person's but this one.
func (s *Server) endOtherSessions(ctx context.Context, c *fiber.Ctx) error {
	current, err := s.readSignedIn(ctx, c)
	if err != nil {
		return err
	}
	if err := s.mayEndOthers(ctx, current); err != nil {
		return err
	}
	err = s.Account.Record(ctx, current.User.ID, s.actor(c), func(ctx context.Context, tx pgx.Tx) ([]account.Entry, error) {
		ended, err := s.SharedSessions.EndOthers(ctx, tx, current.User.ID, current.ID, s.ended(c, session.EndedEverywhere))
		if len(ended) == 0 {
			return nil, err
		}
		return []account.Entry{{Kind: account.SessionsEnded}}, err
	})
	if err != nil {
		return err
	}
	return c.SendStatus(fiber.StatusNoContent)
}

// mayEndOthers returns why the person of a session cannot end his other ones now, nil if he can.
func (s *Server) mayEndOthers(ctx context.Context, current session.Session) error {
	if s.SharedSessions == nil {
		return fault.New(fault.NotWithThisStore,
			"Here sessions are kept in the browsers themselves (SESSION_STORE=cookie), so they can only be ended there.")
	}
	return s.requireRecent(ctx, current)
}

// ended is the end of a session that this request brings about.
func (s *Server) ended(c *fiber.Ctx, reason session.Reason) session.Ended {
	return session.Ended{Reason: reason, By: platform.Of(c.Get(fiber.HeaderUserAgent)).String()}
}

// sessionEnded is what the end of one session leaves on the account.
func sessionEnded(ended session.Session, reason session.Reason) account.Entry {
	return account.Entry{Kind: account.SessionEnded, Details: account.Details{
		Ended: platform.Of(ended.UserAgent).String(), Reason: string(reason),
	}}
}

func listedSessionOf(l session.Listed, currentID string) listedSession {
	on := platform.Of(l.UserAgent)
	return listedSession{
		ID:         l.ID,
		Current:    l.ID == currentID,
		Browser:    on.Browser,
		System:     on.System,
		IP:         l.IP,
		SignedInAt: l.User.SignedInAt.UTC(),
		LastSeenAt: l.LastSeenAt.UTC(),
		ExpiresAt:  l.ExpiresAt.UTC(),
	}
}
