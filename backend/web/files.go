package web

import (
	_ "embed"
	"encoding/json"
	"errors"
	"path"
	"slices"
	"strings"

	"sana/backend/fault"
	"sana/backend/web/static"

	"github.com/gofiber/fiber/v2"
)

//go:embed pages.json
var pagesJSON []byte

// pages are the paths that the SPA knows; for others it shows a not-found page, with status 404.
var pages = parsePages()

// parsePages reads pages.json, from which the SPA has its paths, too.
func parsePages() map[string]bool {
	var listed struct{ SignedIn, Open []string }
	if err := json.Unmarshal(pagesJSON, &listed); err != nil {
		panic("web: pages.json: " + err.Error())
	}
	known := map[string]bool{}
	for _, path := range slices.Concat(listed.SignedIn, listed.Open) {
		known[path] = true
	}
	return known
}

// serveFile is the last handler. It sends a file of the SPA, or its page to a browser that
// navigates; otherwise Fiber's error (404, or 405 if another method has a route). Below /api, /auth
// and /dev there are no files and no pages.
func (s *Server) serveFile(c *fiber.Ctx) error {
	name := c.Path()
	if isReserved(name) {
		return c.Next()
	}
	if c.Method() != fiber.MethodGet && c.Method() != fiber.MethodHead {
		if _, ok := s.files[name]; ok || pages[name] {
			c.Set(fiber.HeaderAllow, "GET, HEAD")
			return fiber.ErrMethodNotAllowed
		}
		return c.Next()
	}
	if f, ok := s.files[name]; ok {
		return s.sendFile(c, f)
	}
	isEncoded := isEncodedLink(name)
	isPage := pages[name] || isEncoded
	if !isPage && !wantsPage(c, name) {
		return c.Next()
	}
	index, ok := s.files[static.IndexPath]
	if !ok {
		return fault.Wrap(fault.NotFound,
			"This binary was built without the pages; run: npm run build",
			errors.New("no index.html embedded"))
	}
	if !isPage {
		c.Status(fiber.StatusNotFound)
	}
	if isEncoded {
		// The page's address has the code until its script runs: the requests for its files must
		// not send it as the referrer.
		c.Set(fiber.HeaderReferrerPolicy, "strict-origin")
	}
	return s.sendFile(c, index)
}

// isEncodedLink reports whether a path is the link of a mail whose # has become %23, as programs
// that rewrite links do. The page reads the code or token from its address and removes it there.
func isEncodedLink(name string) bool {
	for _, link := range []string{"/verify%23", "/not-you%23", "/recovery%23"} {
		if len(name) > len(link) && strings.EqualFold(name[:len(link)], link) {
			return true
		}
	}
	return false
}

func isReserved(name string) bool {
	top, _, _ := strings.Cut(strings.ToLower(strings.TrimLeft(name, "/")), "/")
	return top == "api" || top == "auth" || top == "dev"
}

// wantsPage reports whether a browser navigates: it accepts HTML, and the last part of the path has
// no extension.
func wantsPage(c *fiber.Ctx, name string) bool {
	return !strings.Contains(path.Base(name), ".") &&
		strings.Contains(c.Get(fiber.HeaderAccept), "text/html")
}

// sendFile sends a file in a coding that the browser accepts, or 304. A page for a browser without
// a session says so, and saves its first request for the session. Search engines may index the
// sign-in page only.
func (s *Server) sendFile(c *fiber.Ctx, f *static.File) error {
	if f.Policy != "" {
		c.Set(fiber.HeaderContentSecurityPolicy, f.Policy)
		if c.Path() != "/" {
			c.Set("X-Robots-Tag", "noindex")
		}
	}
	if f.SignedOut != nil && s.cookie.value(c) == nil {
		f = f.SignedOut
	}
	sent, coding := f.Plain, ""
	if f.Brotli.Body != nil {
		c.Set(fiber.HeaderVary, fiber.HeaderAcceptEncoding)
		sent, coding = f.TakenBy(c.Get(fiber.HeaderAcceptEncoding))
	}
	c.Set(fiber.HeaderCacheControl, f.CacheControl)
	if f.Policy != "" && s.needsBrowser(c) {
		// The answer sets a cookie: it must not be cached, and must not become a 304 without the
		// cookie.
		s.giveBrowser(c)
		return sendContent(c, f.ContentType, sent, coding)
	}
	c.Set(fiber.HeaderETag, sent.ETag)
	if c.Response().StatusCode() == fiber.StatusOK &&
		static.Matches(c.Get(fiber.HeaderIfNoneMatch), sent.ETag) {
		c.Status(fiber.StatusNotModified)
		return nil
	}
	return sendContent(c, f.ContentType, sent, coding)
}

func sendContent(c *fiber.Ctx, contentType string, sent static.Content, coding string) error {
	c.Set(fiber.HeaderContentType, contentType)
	if coding != "" {
		c.Set(fiber.HeaderContentEncoding, coding)
	}
	return c.Send(sent.Body)
}
