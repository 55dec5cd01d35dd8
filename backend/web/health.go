package web

import (
	"context"
	"encoding/json"
	"net/netip"
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

// What sana doctor sends to /livez, and what it alone gets with the answer.
const (
	headerProof = "X-Sana-Proof"
	headerSeen  = "X-Sana-Seen"
)

// seen is how a request arrived, for an operator who sets TRUSTED_PROXY_HOPS.
type seen struct {
	Address    netip.Addr `json:"address"`    // what limits would count
	Connection netip.Addr `json:"connection"` // of the last proxy, or of the client
	Entries    int        `json:"entries"`    // in X-Forwarded-For
	Hops       int        `json:"hops"`       // TRUSTED_PROXY_HOPS
}

// live shows whoever holds the secret keys how the request arrived, and nobody else.
func (s *Server) live(c *fiber.Ctx) error {
	if proof := c.Get(headerProof); proof != "" && s.Proven != nil && s.Proven(proof) {
		arrived, err := json.Marshal(seen{s.clientAddr(c), connectionAddr(c), len(forwardedFor(c)), s.TrustedProxyHops})
		if err != nil {
			return err
		}
		c.Set(headerSeen, string(arrived))
	}
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
		away.Message = "Not ready: the database does not answer or takes no writes, or its schema is older than this version needs."
		return away
	}
	return sendJSON(c, contentTypeJSON, healthAnswer{"ok", s.Version, s.Instance})
}
