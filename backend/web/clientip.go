package web

import (
	"net/netip"
	"strings"

	"sana/backend/signin"

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

// client is who asks, as far as limits go.
func (s *Server) client(c *fiber.Ctx) signin.Client {
	return signin.Client{Networks: networksOf(s.clientIP(c)), Device: s.device.token(c)}
}

// networksOf lists what an address is counted by, the narrowest first: an IPv4 address itself; of IPv6 the /64 that one
// connection gets, and the /56 and /48 that one customer may have.
func networksOf(address string) []string {
	ip, err := netip.ParseAddr(address)
	if err != nil || ip.Is4() {
		return []string{address}
	}
	var networks []string
	for _, bits := range []int{64, 56, 48} {
		networks = append(networks, netip.PrefixFrom(ip, bits).Masked().String())
	}
	return networks
}
