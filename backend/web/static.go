package web

import (
	"bytes"
	"errors"
	"html"
	"io/fs"
	"mime"
	"net/url"
	"path"
	"strings"

	"sana/backend/fault"

	"github.com/gofiber/fiber/v2"
)

// file is one file of the SPA, ready to be sent.
type file struct {
	body         []byte
	brotli       []byte // the same after brotli, where Vite has left it so
	stranger     []byte // a page as it is for a browser without a session
	contentType  string
	cacheControl string
}

// indexPath is the SPA's page; every page of it is this file.
const indexPath = "/index.html"

// hashedPrefix is where Vite puts files whose name contains a hash of their content.
const hashedPrefix = "/assets/"

// pages are the paths that the SPA knows; on others it says that there is no such page, with status 404.
var pages = map[string]bool{"/": true, "/verify": true, "/account": true, "/sessions": true, "/activity": true}

// readFiles makes the exact map of what is served: nothing outside it is ever opened.
func readFiles(spa fs.FS, publicURL *url.URL) (map[string]file, error) {
	files := map[string]file{}
	err := fs.WalkDir(spa, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || strings.HasPrefix(entry.Name(), ".") {
			return err
		}
		body, err := fs.ReadFile(spa, name)
		f := file{body: body, contentType: contentTypeOf(name), cacheControl: cacheControlOf("/" + name)}
		plain, isCompressed := strings.CutSuffix("/"+name, ".br")
		switch {
		case isCompressed:
			f = files[plain] // its name is the shorter one, so it was read before
			f.brotli = body
		case path.Ext(name) == ".html":
			f.body = withAddress(body, publicURL)
			f.stranger = bytes.Replace(f.body, []byte("<html "), []byte(`<html data-session="none" `), 1)
		}
		files[plain] = f
		return err
	})
	return files, err
}

// withAddress makes the paths in a page's metadata addresses: who reads those for a preview knows no page to start from
// (https://ogp.me).
func withAddress(page []byte, publicURL *url.URL) []byte {
	address := `content="` + html.EscapeString(publicURL.String()) + "/"
	return bytes.ReplaceAll(page, []byte(`content="/`), []byte(address))
}

// contentTypeOf goes by the name alone and not by the machine's own table, so that every machine answers alike.
func contentTypeOf(name string) string {
	switch path.Ext(name) {
	case ".ico":
		return "image/x-icon"
	case ".webmanifest":
		return "application/manifest+json"
	case ".txt":
		return "text/plain; charset=utf-8"
	case ".woff2":
		return "font/woff2"
	}
	if known := mime.TypeByExtension(path.Ext(name)); known != "" {
		return known
	}
	return "application/octet-stream"
}

func cacheControlOf(name string) string {
	switch {
	case strings.HasPrefix(name, hashedPrefix):
		return "public, max-age=31536000, immutable"
	case path.Ext(name) == ".html":
		return "no-store"
	default:
		return "public, max-age=3600"
	}
}

// serveFile is the last handler: a file of the SPA, or its page for a browser that asks for one, else what Fiber says
// (404, or 405 where another method is answered). Below /api, /auth and /dev there are no files and no pages.
func (s *Server) serveFile(c *fiber.Ctx) error {
	name := c.Path()
	if c.Method() != fiber.MethodGet && c.Method() != fiber.MethodHead || isReserved(name) {
		return c.Next()
	}
	if f, ok := s.files[name]; ok {
		return s.sendFile(c, f)
	}
	if !pages[name] && !wantsPage(c, name) {
		return c.Next()
	}
	index, ok := s.files[indexPath]
	if !ok {
		return fault.Wrap(fault.NotFound, "This binary was built without the pages; run: npm run build", errors.New("no index.html embedded"))
	}
	if !pages[name] {
		c.Status(fiber.StatusNotFound)
	}
	return s.sendFile(c, index)
}

func isReserved(name string) bool {
	top, _, _ := strings.Cut(strings.ToLower(strings.TrimLeft(name, "/")), "/")
	return top == "api" || top == "auth" || top == "dev"
}

// wantsPage reports whether a browser navigates: it accepts HTML, and the last part of the path is not a file's name.
func wantsPage(c *fiber.Ctx, name string) bool {
	return !strings.Contains(path.Base(name), ".") && strings.Contains(c.Get(fiber.HeaderAccept), "text/html")
}

// sendFile sends a file as this browser takes it. Whoever comes without a session is told so by the page itself, which then
// need not ask for what nobody has. Search engines are to know the front door alone.
func (s *Server) sendFile(c *fiber.Ctx, f file) error {
	if strings.HasPrefix(f.contentType, "text/html") {
		c.Set(fiber.HeaderContentSecurityPolicy, policySPA)
		if c.Path() != "/" {
			c.Set("X-Robots-Tag", "noindex")
		}
	}
	c.Set(fiber.HeaderCacheControl, f.cacheControl)
	c.Set(fiber.HeaderContentType, f.contentType)
	if f.brotli != nil {
		c.Set(fiber.HeaderVary, fiber.HeaderAcceptEncoding)
		if takesBrotli(c.Get(fiber.HeaderAcceptEncoding)) {
			c.Set(fiber.HeaderContentEncoding, "br")
			return c.Send(f.brotli)
		}
	}
	if f.stranger != nil && s.cookie.token(c) == "" {
		return c.Send(f.stranger)
	}
	return c.Send(f.body)
}

// takesBrotli reads an Accept-Encoding header (RFC 9110, 12.5.3). Whoever names no coding gets none.
func takesBrotli(accepted string) bool {
	for coding := range strings.SplitSeq(accepted, ",") {
		name, weight, isWeighed := strings.Cut(coding, ";")
		if strings.EqualFold(strings.TrimSpace(name), "br") {
			return !isWeighed || strings.Trim(weight, " q=0.") != ""
		}
	}
	return false
}
