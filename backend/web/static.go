package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"html"
	"io"
	"io/fs"
	"mime"
	"net/url"
	"path"
	"regexp"
	"strings"

	"sana/backend/fault"

	"github.com/andybalholm/brotli"
	"github.com/gofiber/fiber/v2"
)

// file is one file of the SPA, ready to be sent.
type file struct {
	plain        content
	brotli, gzip content // the same after compression, where that was worth it
	contentType  string
	cacheControl string
	policy       string // Content-Security-Policy of a page, "" for other files
	stranger     *file  // a page as it is for a browser without a session
}

// content is a body in one coding.
type content struct {
	body []byte
	etag string // of this body alone: a cache must not take one coding for another (RFC 9110, 8.8.3.3)
}

func newContent(body []byte) content {
	digest := sha256.Sum256(body)
	return content{body: body, etag: `"` + base64.RawURLEncoding.EncodeToString(digest[:12]) + `"`}
}

// indexPath is the SPA's page; every page of it is this file.
const indexPath = "/index.html"

// hashedPrefix is where Vite puts files whose name contains a hash of their content.
const hashedPrefix = "/assets/"

// pages are the paths that the SPA knows; on others it says that there is no such page, with status 404.
var pages = map[string]bool{"/": true, "/verify": true, "/account": true, "/sessions": true, "/activity": true}

// readFiles makes the exact map of what is served: nothing outside it is ever opened. Vite has compressed what is large; a
// page is compressed here, because it names PUBLIC_URL.
func readFiles(spa fs.FS, publicURL *url.URL) (map[string]*file, error) {
	files := map[string]*file{}
	err := fs.WalkDir(spa, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || strings.HasPrefix(entry.Name(), ".") {
			return err
		}
		body, err := fs.ReadFile(spa, name)
		if err != nil {
			return err
		}
		// The name of what is compressed is the longer one, so the file itself was read before.
		switch extension := path.Ext(name); extension {
		case ".br":
			files["/"+strings.TrimSuffix(name, extension)].brotli = newContent(body)
		case ".gz":
			files["/"+strings.TrimSuffix(name, extension)].gzip = newContent(body)
		case ".html":
			files["/"+name], err = newPage(name, withAddress(body, publicURL))
		default:
			files["/"+name] = newFile(name, body)
		}
		return err
	})
	return files, err
}

func newFile(name string, body []byte) *file {
	return &file{plain: newContent(body), contentType: contentTypeOf(name), cacheControl: cacheControlOf("/" + name)}
}

// newPage makes both kinds of a page: for whoever may have a session, and for whoever has none.
func newPage(name string, body []byte) (*file, error) {
	page := newFile(name, body)
	stranger := newFile(name, bytes.Replace(body, []byte("<html "), []byte(`<html data-session="none" `), 1))
	page.stranger = stranger
	policy := policyOf(body)
	for _, f := range []*file{page, stranger} {
		f.policy = policy
		if err := f.compress(); err != nil {
			return nil, err
		}
	}
	return page, nil
}

// quickBrotli is for pages: a tenth larger than the best, and done within a millisecond of the start and little memory.
var quickBrotli = brotli.WriterOptions{Quality: 5, LGWin: 14}

func (f *file) compress() error {
	var small, older bytes.Buffer
	toBrotli, toGzip := brotli.NewWriterOptions(&small, quickBrotli), gzip.NewWriter(&older)
	for _, w := range []io.WriteCloser{toBrotli, toGzip} {
		if _, err := w.Write(f.plain.body); err != nil {
			return err
		}
		if err := w.Close(); err != nil {
			return err
		}
	}
	f.brotli, f.gzip = newContent(small.Bytes()), newContent(older.Bytes())
	return nil
}

// ownStyle is the style that the build has put into the page.
var ownStyle = regexp.MustCompile(`(?s)<style>(.*?)</style>`)

// policyOf is policySPA with the hash of the page's own style: what else stands in the page as a style is not one.
func policyOf(page []byte) string {
	found := ownStyle.FindSubmatch(page)
	if found == nil {
		return policySPA
	}
	digest := sha256.Sum256(found[1])
	return strings.Replace(policySPA, "style-src 'self'", "style-src 'self' 'sha256-"+base64.StdEncoding.EncodeToString(digest[:])+"'", 1)
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
	isEncoded := isEncodedLink(name)
	isPage := pages[name] || isEncoded
	if !isPage && !wantsPage(c, name) {
		return c.Next()
	}
	index, ok := s.files[indexPath]
	if !ok {
		return fault.Wrap(fault.NotFound, "This binary was built without the pages; run: npm run build", errors.New("no index.html embedded"))
	}
	if !isPage {
		c.Status(fiber.StatusNotFound)
	}
	if isEncoded {
		// The code stands in the page's address until its script runs: the requests for its files must not repeat it.
		c.Set(fiber.HeaderReferrerPolicy, "strict-origin")
	}
	return s.sendFile(c, index)
}

// isEncodedLink reports whether a path is that of the link in a mail with its # as %23, as programs that rewrite links leave
// it. The page reads the code out of its address and removes it there.
func isEncodedLink(name string) bool {
	const link = "/verify%23"
	return len(name) > len(link) && strings.EqualFold(name[:len(link)], link)
}

func isReserved(name string) bool {
	top, _, _ := strings.Cut(strings.ToLower(strings.TrimLeft(name, "/")), "/")
	return top == "api" || top == "auth" || top == "dev"
}

// wantsPage reports whether a browser navigates: it accepts HTML, and the last part of the path is not a file's name.
func wantsPage(c *fiber.Ctx, name string) bool {
	return !strings.Contains(path.Base(name), ".") && strings.Contains(c.Get(fiber.HeaderAccept), "text/html")
}

// sendFile sends a file as this browser takes it, or says that the browser has it already. Whoever comes without a session is
// told so by the page itself, which then need not ask for what nobody has. Search engines are to know the front door alone.
func (s *Server) sendFile(c *fiber.Ctx, f *file) error {
	if f.policy != "" {
		c.Set(fiber.HeaderContentSecurityPolicy, f.policy)
		if c.Path() != "/" {
			c.Set("X-Robots-Tag", "noindex")
		}
	}
	if f.stranger != nil && s.cookie.value(c) == nil {
		f = f.stranger
	}
	sent, coding := f.plain, ""
	if f.brotli.body != nil {
		c.Set(fiber.HeaderVary, fiber.HeaderAcceptEncoding)
		sent, coding = f.takenBy(c.Get(fiber.HeaderAcceptEncoding))
	}
	c.Set(fiber.HeaderCacheControl, f.cacheControl)
	if f.policy != "" && s.needsBrowser(c) {
		// The answer sets a cookie: nothing may keep it, and it must not become a 304 without that.
		s.giveBrowser(c)
		return sendContent(c, f.contentType, sent, coding)
	}
	c.Set(fiber.HeaderETag, sent.etag)
	if c.Response().StatusCode() == fiber.StatusOK && names(c.Get(fiber.HeaderIfNoneMatch), sent.etag) {
		c.Status(fiber.StatusNotModified)
		return nil
	}
	return sendContent(c, f.contentType, sent, coding)
}

func sendContent(c *fiber.Ctx, contentType string, sent content, coding string) error {
	c.Set(fiber.HeaderContentType, contentType)
	if coding != "" {
		c.Set(fiber.HeaderContentEncoding, coding)
	}
	return c.Send(sent.body)
}

// takenBy chooses by an Accept-Encoding header.
func (f *file) takenBy(accepted string) (sent content, coding string) {
	switch {
	case takes(accepted, "br"):
		return f.brotli, "br"
	case f.gzip.body != nil && takes(accepted, "gzip"):
		return f.gzip, "gzip"
	default:
		return f.plain, ""
	}
}

// takes reads an Accept-Encoding header (RFC 9110, 12.5.3). Whoever names no coding gets none.
func takes(accepted, wanted string) bool {
	for coding := range strings.SplitSeq(accepted, ",") {
		name, weight, isWeighed := strings.Cut(coding, ";")
		if strings.EqualFold(strings.TrimSpace(name), wanted) {
			return !isWeighed || strings.Trim(weight, " q=0.") != ""
		}
	}
	return false
}

// names reads an If-None-Match header (RFC 9110, 13.1.2).
func names(known, etag string) bool {
	for one := range strings.SplitSeq(known, ",") {
		if one = strings.TrimSpace(one); one == "*" || strings.TrimPrefix(one, "W/") == etag {
			return true
		}
	}
	return false
}
