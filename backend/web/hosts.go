package web

import (
	"bytes"
	"html/template"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
)

// hosts are the hosts that Sana answers: that of PUBLIC_URL, and in development, with Vite and
// tests in between, this machine's names on any port. Other names are refused, so that caches and
// DNS rebinding cannot use them.
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

// answers reports whether a request with this Host header and path is served. Probes of the
// platform use the container's address, so their two paths allow any host.
func (h hosts) answers(host, path []byte) bool {
	if p := string(path); p == "/livez" || p == "/readyz" {
		return true
	}
	name := bytes.TrimSuffix(host, []byte(h.defaultPort))
	return len(name) == len(h.public) && strings.EqualFold(string(name), h.public) ||
		h.development && isThisMachine(strings.ToLower(string(host)))
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

// movedFor is the lifetime of the cookie that records a redirect to PUBLIC_URL.
const movedFor = 10 * time.Second

// sendHome redirects a visitor from another name of this host to the same page at PUBLIC_URL. The
// address takes only path and query of the request.
//
// Behind a proxy that changes the Host header, PUBLIC_URL arrives with another name, too. A browser
// that was just redirected therefore gets a page instead of an endless loop.
func (s *Server) sendHome(c *fiber.Ctx) error {
	if s.moved.token(c) != "" {
		return s.sendWrongHostPage(c)
	}
	s.moved.set(c, "redirected", movedFor)
	uri := c.Request().URI()
	home := s.PublicURL.Scheme + "://" + s.PublicURL.Host + string(uri.PathOriginal())
	if query := uri.QueryString(); len(query) > 0 {
		home += "?" + string(query)
	}
	c.Set(fiber.HeaderLocation, home)
	return c.SendStatus(fiber.StatusPermanentRedirect)
}

// wrongHostPage tells a visitor to try PUBLIC_URL or to tell the operator.
var wrongHostPage = template.Must(template.New("").Parse(`<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>This site is not set up correctly</title>
<h1>This site is not set up correctly</h1>
<p>It should be at <a href="{{.Home}}">{{.Home}}</a>.
<p>If that leads here again, tell the people who run this site: the proxy in front
of Sana must pass the Host header on unchanged.
<p><small>misdirected_request, request {{.RequestID}}</small>
`))

func (s *Server) sendWrongHostPage(c *fiber.Ctx) error {
	c.Set(fiber.HeaderContentType, "text/html; charset=utf-8")
	return wrongHostPage.Execute(c.Status(fiber.StatusMisdirectedRequest),
		struct{ Home, RequestID string }{
			s.PublicURL.Scheme + "://" + s.PublicURL.Host + "/", requestID(c),
		})
}
