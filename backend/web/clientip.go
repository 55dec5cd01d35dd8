package web

import (
	"net/netip"
	"strings"

	"sana/backend/clientaddr"
	"sana/backend/platform"
	"sana/backend/signin"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/utils"
)

// clientAddr returns the address of the client, folded: with n trusted proxies in front, the n-th entry of
// X-Forwarded-For from the right, over all headers of that name, because each proxy appends the address it saw and
// everything to the left is the client's own invention. With fewer or unreadable entries it is the address of the
// connection.
func (s *Server) clientAddr(c *fiber.Ctx) netip.Addr {
	if s.TrustedProxyHops > 0 {
		entries := forwardedFor(c)
		if n := len(entries) - s.TrustedProxyHops; n >= 0 {
			if ip, ok := clientaddr.Parse(entries[n]); ok {
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

// connectionAddr is the address at the other end of the connection, folded: the client's, or the last proxy's.
func connectionAddr(c *fiber.Ctx) netip.Addr {
	ip, _ := netip.AddrFromSlice(c.Context().RemoteIP())
	return clientaddr.Fold(ip)
}

// clientIP is clientAddr as text.
func (s *Server) clientIP(c *fiber.Ctx) string { return s.clientAddr(c).String() }

// client is who asks, as far as limits and mails go.
func (s *Server) client(c *fiber.Ctx) signin.Client {
	client := signin.Client{
		Device:         s.device.token(c),
		AcceptLanguage: utils.CopyString(c.Get(fiber.HeaderAcceptLanguage)),
		Platform:       platform.Of(utils.CopyString(c.Get(fiber.HeaderUserAgent))).String(),
		IP:             s.clientIP(c),
	}
	for _, group := range clientaddr.Groups(s.clientAddr(c)) {
		client.Networks = append(client.Networks, group.String())
	}
	return client
}
