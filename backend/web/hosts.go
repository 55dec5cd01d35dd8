package web

import (
	"bytes"
	"net"
	"net/url"
	"strings"

	"github.com/gofiber/fiber/v2"
)

// hosts says which hosts Sana answers: PUBLIC_URL's alone, and in development, where Vite and tests come in between, this
// machine's names on any port. So nobody else's name leads here, be it in a cache or by DNS rebinding.
type hosts struct {
	public      string
	defaultPort string
	development bool
}

func newHosts(publicURL *url.URL, development bool) hosts {
	defaultPort := ":80"
	if publicURL.Scheme == "https" {
		defaultPort = ":443"
	}
	return hosts{
		public:      strings.TrimSuffix(strings.ToLower(publicURL.Host), defaultPort),
		defaultPort: defaultPort,
		development: development,
	}
}

// answers reports whether a request with this Host header and path is for us. Probes of the platform come to the
// container's address, so their two paths answer any host.
func (h hosts) answers(host, path []byte) bool {
	if p := string(path); p == "/livez" || p == "/readyz" {
		return true
	}
	name := bytes.TrimSuffix(host, []byte(h.defaultPort))
	return len(name) == len(h.public) && strings.EqualFold(string(name), h.public) || h.development && isThisMachine(strings.ToLower(string(host)))
}

func isThisMachine(host string) bool {
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		name = strings.Trim(host, "[]")
	}
	return name == "localhost" || name == "127.0.0.1" || name == "::1"
}

// asksForPage reports whether a request is the navigation of a browser to a page.
func asksForPage(c *fiber.Ctx) bool {
	isRead := c.Method() == fiber.MethodGet || c.Method() == fiber.MethodHead
	return isRead && !isReserved(c.Path()) && wantsPage(c, c.Path())
}

// sendHome redirects a person who came by another name of this host to the same page at PUBLIC_URL.
// Nothing of the request but its path and query gets into the address.
func (s *Server) sendHome(c *fiber.Ctx) error {
	uri := c.Request().URI()
	home := s.PublicURL.Scheme + "://" + s.PublicURL.Host + string(uri.PathOriginal())
	if query := uri.QueryString(); len(query) > 0 {
		home += "?" + string(query)
	}
	c.Set(fiber.HeaderLocation, home)
	return c.SendStatus(fiber.StatusPermanentRedirect)
}
