package web

import (
	"net/netip"
	"strconv"
	"strings"

	"sana/backend/visitor"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/utils"
)

// visitor describes the sender of a request. Its strings remain valid after the request.
func (s *Server) visitor(c *fiber.Ctx) visitor.Visitor {
	address, userAgent := s.clientAddr(c), utils.CopyString(c.Get(fiber.HeaderUserAgent))
	v := visitor.Visitor{
		IP:             address.String(),
		UserAgent:      userAgent,
		Platform:       visitor.PlatformOf(userAgent).String(),
		AcceptLanguage: utils.CopyString(c.Get(fiber.HeaderAcceptLanguage)),
		UTCOffset:      parseUTCOffset(c.Get("UTC-Offset")),
		Device:         s.device.token(c),
		Browser:        visitor.ParseBrowser(s.browser.token(c)),
	}
	for _, group := range visitor.NetworksOf(address) {
		v.Networks = append(v.Networks, group.String())
	}
	return v
}

// parseUTCOffset returns the minutes in a header UTC-Offset, 0 if no time zone has that offset.
func parseUTCOffset(header string) int {
	const west, east = -12 * 60, 14 * 60
	minutes, err := strconv.Atoi(header)
	if err != nil || minutes < west || minutes > east {
		return 0
	}
	return minutes
}

// clientAddr returns the address of the client, normalized: with n trusted proxies, the n-th entry
// of X-Forwarded-For from the right, over all headers of that name. Each proxy appends the address
// of its client, and the client wrote everything to the left. With fewer or invalid entries it is
// the address of the connection.
func (s *Server) clientAddr(c *fiber.Ctx) netip.Addr {
	if s.TrustedProxyHops > 0 {
		entries := forwardedFor(c)
		if n := len(entries) - s.TrustedProxyHops; n >= 0 {
			if ip, ok := visitor.ParseAddress(entries[n]); ok {
				return ip
			}
		}
	}
	return connectionAddr(c)
}

// forwardedFor lists the entries of X-Forwarded-For, over all headers of that name.
func forwardedFor(c *fiber.Ctx) []string {
	var entries []string
	for _, header := range c.Request().Header.PeekAll(fiber.HeaderXForwardedFor) {
		entries = append(entries, strings.Split(string(header), ",")...)
	}
	return entries
}

// connectionAddr is the peer address of the connection, normalized: the client's, or the last
// proxy's.
func connectionAddr(c *fiber.Ctx) netip.Addr {
	ip, _ := netip.AddrFromSlice(c.Context().RemoteIP())
	return visitor.FoldAddress(ip)
}
