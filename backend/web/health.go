package web

import (
	"context"
	"time"

	"sana/backend/fault"

	"github.com/gofiber/fiber/v2"
)

// readyTimeout is what the database gets to answer a readiness probe.
const readyTimeout = time.Second

type healthAnswer struct {
	Status   string `json:"status"`
	Version  string `json:"version"`
	Instance string `json:"instance"`
}

func (s *Server) live(c *fiber.Ctx) error {
	return sendJSON(c, contentTypeJSON, healthAnswer{"ok", s.Version, s.Instance})
}

func (s *Server) ready(ctx context.Context, c *fiber.Ctx) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	if s.retiring.Load() {
		going := fault.StoreAway(nil)
		going.Message = "Not ready: this instance is about to stop."
		return going
	}
	if err := s.Ready(ctx); err != nil {
		away := fault.StoreAway(err)
		away.Message = "Not ready: the database does not answer, or its schema is older than this version needs."
		return away
	}
	return sendJSON(c, contentTypeJSON, healthAnswer{"ok", s.Version, s.Instance})
}
