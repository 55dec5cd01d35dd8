package web

import (
	"net/netip"
	"strings"

	"github.com/gofiber/fiber/v2"
)

// clientIP returns the address of the client: with n trusted proxies in front, the n-th entry of X-Forwarded-For from
// the right, because each of them appends the address it saw and everything to the left is the client's own invention.
// With fewer or unreadable entries it is the address of the connection.
func (s *Server) clientIP(c *fiber.Ctx) string {
	if s.TrustedProxyHops > 0 {
		var entries []string
		for _, header := range c.Request().Header.PeekAll(fiber.HeaderXForwardedFor) {
			entries = append(entries, strings.Split(string(header), ",")...)
		}
		if n := len(entries) - s.TrustedProxyHops; n >= 0 {
			if ip, err := netip.ParseAddr(strings.TrimSpace(entries[n])); err == nil {
				return ip.Unmap().WithZone("").String()
			}
		}
	}
	ip, _ := netip.AddrFromSlice(c.Context().RemoteIP())
	return ip.Unmap().String()
}
