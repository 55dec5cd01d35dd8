package web

import (
	"context"
	"encoding/json"
	"net/netip"
	"time"

	"sana/backend/fault"

	"github.com/gofiber/fiber/v2"
)

// readyTimeout bounds the database query of a readiness probe.
const readyTimeout = time.Second

type healthAnswer struct {
	Status   string `json:"status"`
	Version  string `json:"version"`
	Instance string `json:"instance"`
}

// Request and answer headers of sana doctor's /livez request.
const (
	headerProof      = "X-Sana-Proof"
	headerClientView = "X-Sana-Seen"
)

// clientView is the server's view of a request, for an operator who sets TRUSTED_PROXY_HOPS.
type clientView struct {
	Address    netip.Addr `json:"address"`    // the address that limits count
	Connection netip.Addr `json:"connection"` // of the last proxy, or of the client
	Entries    int        `json:"entries"`    // in X-Forwarded-For
	Hops       int        `json:"hops"`       // TRUSTED_PROXY_HOPS
}

// live answers liveness probes. A client that proves possession of the secret keys also gets the
// server's view of its request.
func (s *Server) live(c *fiber.Ctx) error {
	if proof := c.Get(headerProof); proof != "" && s.Proven != nil && s.Proven(proof) {
		arrived, err := json.Marshal(
			clientView{s.clientAddr(c), connectionAddr(c), len(forwardedFor(c)),
				s.TrustedProxyHops})
		if err != nil {
			return err
		}
		c.Set(headerClientView, string(arrived))
	}
	return sendJSON(c, healthAnswer{"ok", s.Version, s.Instance})
}

func (s *Server) ready(ctx context.Context, c *fiber.Ctx) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	if s.retiring.Load() {
		going := fault.StoreUnavailable(nil)
		going.Message = "Not ready: this instance is about to stop."
		return going
	}
	if err := s.Ready(ctx); err != nil {
		away := fault.StoreUnavailable(err)
		away.Message =
			"Not ready: the database does not answer or takes no writes, or its schema is older " +
				"than this version needs."
		return away
	}
	return sendJSON(c, healthAnswer{"ok", s.Version, s.Instance})
}
