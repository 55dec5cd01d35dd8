package web

import (
	"context"
	"regexp"
	"time"

	"sana/backend/fault"
	"sana/backend/session"
	"sana/backend/visitor"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/utils"
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
	Apps       []string  `json:"apps"` // names of the opened apps
}

func (s *Server) listSessions(ctx context.Context, c *fiber.Ctx, current session.Session) error {
	list, complete, err := s.Auth.Sessions(ctx, s.visitor(c), current)
	if err != nil {
		return err
	}
	return sendJSON(c,
		sessionsAnswer{Complete: complete, Sessions: s.listedSessionsOf(list, current)})
}

// sessionID is the form of a session's public id.
var sessionID = regexp.MustCompile(`^[0-9a-f]{32}$`)

// revokeSession revokes one session of the user. An unknown session is not an error.
func (s *Server) revokeSession(ctx context.Context, c *fiber.Ctx, current session.Session) error {
	id := utils.CopyString(c.Params("id"))
	if !sessionID.MatchString(id) {
		return fault.New(fault.NotFound, "There is nothing at this address.")
	}
	if err := s.Auth.RevokeSession(ctx, s.visitor(c), current, id); err != nil {
		return err
	}
	if id == current.ID {
		return s.forgetSession(c)
	}
	return c.SendStatus(fiber.StatusNoContent)
}

func (s *Server) revokeOtherSessions(
	ctx context.Context, c *fiber.Ctx, current session.Session,
) error {
	keys := query(c, "access_keys") == "true"
	if err := s.Auth.RevokeOtherSessions(ctx, s.visitor(c), current, keys); err != nil {
		return err
	}
	return c.SendStatus(fiber.StatusNoContent)
}

// revokeDisownedSession revokes the session that the link in a mail is for. The answer is the same
// for every token, and the caller's own cookies stay unchanged.
func (s *Server) revokeDisownedSession(ctx context.Context, c *fiber.Ctx) error {
	var request struct {
		Token string `json:"token"`
	}
	if err := readJSON(c, &request); err != nil {
		return err
	}
	if err := s.Auth.RevokeDisownedSession(ctx, s.visitor(c), request.Token); err != nil {
		return err
	}
	return c.SendStatus(fiber.StatusNoContent)
}

func (s *Server) listedSessionsOf(list []session.Listed, current session.Session) []listedSession {
	listed := make([]listedSession, len(list))
	for i, l := range list {
		on := visitor.PlatformOf(l.UserAgent)
		listed[i] = listedSession{
			ID:         l.ID,
			Current:    l.ID == current.ID,
			Browser:    on.Browser,
			System:     on.System,
			IP:         l.IP,
			SignedInAt: l.User.SignedInAt.UTC(),
			LastSeenAt: l.LastUsedAt.UTC(),
			ExpiresAt:  l.ExpiresAt.UTC(),
			Apps:       []string{},
		}
		for _, id := range l.Apps {
			listed[i].Apps = append(listed[i].Apps, s.Auth.AppName(id))
		}
	}
	return listed
}
