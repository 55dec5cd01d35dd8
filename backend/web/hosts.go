package web

import (
	"net"
	"net/url"
	"strings"
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
func (h hosts) answers(host, path string) bool {
	host = strings.ToLower(host)
	if path == "/livez" || path == "/readyz" || strings.TrimSuffix(host, h.defaultPort) == h.public {
		return true
	}
	if !h.development {
		return false
	}
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		name = strings.Trim(host, "[]")
	}
	return name == "localhost" || name == "127.0.0.1" || name == "::1"
}
