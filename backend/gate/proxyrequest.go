package gate

import (
	"bytes"
	"net/netip"
	"strings"

	"sana/backend/apps"
	"sana/backend/session"

	"github.com/valyala/fasthttp"
)

// proxyRequest is a proxy's description of a visitor's request.
type proxyRequest struct {
	app  *apps.App
	host string // one of the app's
	// sentHost is the unknown host that was sent, printable, for the log.
	sentHost string
	target   string // as sent; used only as the path to return to
	method   string
	isPage   bool // the request is a browser's navigation
}

// maxSentHost is the length of the longest name in DNS (RFC 1035, 2.3.4).
const maxSentHost = 255

// family is a set of headers with which a proxy describes a request. Headers of another family than
// that of the path are refused: the proxy would have forwarded them from its client.
type family struct {
	prefix string // of the path; the app's id follows
	url    string // header with the URL of the request, if the family has one
	host   string // header with its host, else
	uri    string // header with its target, else
	method string // header with its method
	addr   string // header whose last entry is the proxy's client
	// forwardsResponses is false for nginx: it turns all responses but 2xx, 401 and 403 into 500,
	// and forwards none of them to the client. The others forward every response that is not 2xx.
	forwardsResponses bool
}

// The families, with their headers as fasthttp normalizes them.
var (
	nginx = family{
		prefix: "/gate/nginx/", url: "X-Original-Url", method: "X-Original-Method",
		addr: "X-Original-Addr",
	}
	forward = family{
		prefix: "/gate/forward/", host: "X-Forwarded-Host", uri: "X-Forwarded-Uri",
		method: "X-Forwarded-Method",
		addr:   "X-Forwarded-For", forwardsResponses: true,
	}
	families = []*family{&nginx, &forward}
)

// familyHeaders maps the headers to their family. X-Forwarded-Proto belongs to forward and is not
// used.
var familyHeaders = map[string]*family{
	"X-Original-Url": &nginx, "X-Original-Method": &nginx, "X-Original-Addr": &nginx,
	"X-Forwarded-Host": &forward, "X-Forwarded-Uri": &forward, "X-Forwarded-Method": &forward,
	"X-Forwarded-For": &forward, "X-Forwarded-Proto": &forward,
}

// Reasons of Misconfigured, as logged.
const (
	wrongPath       = "the address is not /gate/nginx/APP or /gate/forward/APP"
	unknownApp      = "no app has this name"
	otherFamily     = "a header of the other family came along; the proxy must remove it"
	duplicateHeader = "a header is there twice; the proxy must set it, not add it"
	missing         = "a header is missing: the proxy must set the host and the method"
	unknownHost     = "the host is not one of the app's"
	hasBody         = "a body came along; the proxy must send none"
)

// read reads a proxy's request. problem is a reason of Misconfigured, "" for none; the family and
// the app are set as far as they are known.
func (g *Gate) read(ctx *fasthttp.RequestCtx) (f *family, a proxyRequest, problem string) {
	path := string(ctx.URI().PathOriginal())
	for _, one := range families {
		if id, ok := strings.CutPrefix(path, one.prefix); ok {
			f = one
			a.app, ok = g.Apps.Load().Find(id)
			if !ok {
				return f, a, unknownApp
			}
		}
	}
	if f == nil {
		return nil, a, wrongPath
	}
	header := &ctx.Request.Header
	if problem := f.checkHeaders(header); problem != "" {
		return f, a, problem
	}
	if header.ContentLength() > 0 || header.ContentLength() == -1 {
		return f, a, hasBody
	}

	host := header.Peek(f.host)
	if f.url != "" {
		host, a.target = splitURL(header.Peek(f.url))
	} else {
		a.target = string(header.Peek(f.uri))
	}
	a.method = string(header.Peek(f.method))
	if len(host) == 0 || a.method == "" {
		return f, a, missing
	}
	normal, ok := apps.NormalizeHost(host)
	if !ok || !a.app.Serves(normal) {
		a.sentHost = session.Printable(string(host), maxSentHost)
		return f, a, unknownHost
	}
	a.host = normal
	a.isPage = IsNavigation(header)
	return f, a, ""
}

// lastAddress returns the address that the proxy itself has appended, "" if there is none. Earlier
// entries are from the client.
func lastAddress(list []byte) string {
	last := bytes.TrimSpace(list[bytes.LastIndexByte(list, ',')+1:])
	address, err := netip.ParseAddr(string(last))
	if err != nil {
		return ""
	}
	return address.Unmap().WithZone("").String()
}

// checkHeaders rejects headers of the other family and duplicate headers.
func (f *family) checkHeaders(header *fasthttp.RequestHeader) (problem string) {
	var seen [8]string
	n := 0
	for name := range header.All() {
		if len(name) < 2 || name[0] != 'X' || name[1] != '-' {
			continue
		}
		of, ok := familyHeaders[string(name)]
		if !ok {
			continue
		}
		if of != f {
			return otherFamily
		}
		for _, earlier := range seen[:n] {
			if earlier == string(name) {
				return duplicateHeader
			}
		}
		seen[n] = string(name)
		n++
	}
	return ""
}

// splitURL splits an absolute URL into its host and its target.
func splitURL(url []byte) (host []byte, target string) {
	rest, ok := bytes.CutPrefix(url, []byte("https://"))
	if !ok {
		if rest, ok = bytes.CutPrefix(url, []byte("http://")); !ok {
			return nil, ""
		}
	}
	if at := bytes.IndexAny(rest, "/?#"); at >= 0 {
		return rest[:at], string(rest[at:])
	}
	return rest, ""
}

// IsNavigation reports whether the request is a browser's navigation. Browsers send Sec-Fetch
// headers; old ones are recognized by their Accept header. The user agent is ignored.
func IsNavigation(header *fasthttp.RequestHeader) bool {
	if mode := header.Peek("Sec-Fetch-Mode"); len(mode) > 0 {
		return string(mode) == "navigate"
	}
	return bytes.Contains(header.Peek("Accept"), []byte("text/html"))
}
