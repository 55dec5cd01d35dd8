// Package static prepares the files of the single-page app to be sent: compressed, with their
// headers.
package static

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"html"
	"io"
	"io/fs"
	"mime"
	"net/url"
	"path"
	"regexp"
	"strings"

	"sana/backend/brand"

	"github.com/andybalholm/brotli"
)

// File is one file of the SPA, ready to be sent.
type File struct {
	Plain        Content
	Brotli, Gzip Content // compressed variants; empty if compression saves too little
	ContentType  string
	CacheControl string
	Policy       string // Content-Security-Policy of a page, "" for other files
	SignedOut    *File  // the variant of a page for browsers without a session
}

// Content is a body in one coding.
type Content struct {
	Body []byte
	ETag string // of this body alone: a cache must not mix codings (RFC 9110, 8.8.3.3)
}

func newContent(body []byte) Content {
	digest := sha256.Sum256(body)
	return Content{Body: body, ETag: `"` + base64.RawURLEncoding.EncodeToString(digest[:12]) + `"`}
}

// IndexPath is the SPA's only page, which serves all its paths.
const IndexPath = "/index.html"

// policySPA is the Content-Security-Policy of the pages.
const policySPA = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; " +
	"img-src 'self' data:; manifest-src 'self'; form-action 'self'; base-uri 'none'; " +
	"frame-ancestors 'none'; object-src 'none'; " +
	"require-trusted-types-for 'script'; trusted-types 'none'"

// policyLogo prevents scripts in a logo that is opened by itself.
const policyLogo = "default-src 'none'; sandbox"

const forEver = "public, max-age=31536000, immutable"

// hashedPrefix is the path of files whose name contains a hash of their content.
const hashedPrefix = "/assets/"

// Read builds the exact map of served files: no other file is ever opened. Vite has compressed
// large files; pages are compressed here, because they name PUBLIC_URL.
//
// A page has the name, colors, logo and links of b.
func Read(spa fs.FS, publicURL *url.URL, b brand.Brand) (map[string]*File, error) {
	files := map[string]*File{}
	if b.Logo != nil {
		logo := newFile(b.Logo.Path, b.Logo.Body)
		logo.CacheControl = forEver
		logo.Policy = policyLogo
		files[b.Logo.Path] = logo
	}
	err := fs.WalkDir(spa, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || strings.HasPrefix(entry.Name(), ".") {
			return err
		}
		body, err := fs.ReadFile(spa, name)
		if err != nil {
			return err
		}
		// The name of a compressed file sorts after the file's own, so the file itself was read
		// before.
		switch extension := path.Ext(name); extension {
		case ".br":
			files["/"+strings.TrimSuffix(name, extension)].Brotli = newContent(body)
		case ".gz":
			files["/"+strings.TrimSuffix(name, extension)].Gzip = newContent(body)
		case ".html":
			files["/"+name], err = newPage(name, withAddress(withBrand(body, b), publicURL))
		default:
			files["/"+name] = newFile(name, body)
		}
		return err
	})
	return files, err
}

func newFile(name string, body []byte) *File {
	return &File{Plain: newContent(body), ContentType: contentTypeOf(name),
		CacheControl: cacheControlOf("/" + name)}
}

// newPage creates both variants of a page: for browsers with a session cookie, and without.
func newPage(name string, body []byte) (*File, error) {
	page := newFile(name, body)
	stranger := newFile(name,
		bytes.Replace(body, []byte("<html "), []byte(`<html data-session="none" `), 1))
	page.SignedOut = stranger
	policy := policyOf(body)
	for _, f := range []*File{page, stranger} {
		f.Policy = policy
		if err := f.compress(); err != nil {
			return nil, err
		}
	}
	return page, nil
}

// quickBrotli is for pages: a tenth larger than the best level, but done within a millisecond at
// startup and with little memory.
var quickBrotli = brotli.WriterOptions{Quality: 5, LGWin: 14}

func (f *File) compress() error {
	var small, older bytes.Buffer
	toBrotli, toGzip := brotli.NewWriterOptions(&small, quickBrotli), gzip.NewWriter(&older)
	for _, w := range []io.WriteCloser{toBrotli, toGzip} {
		if _, err := w.Write(f.Plain.Body); err != nil {
			return err
		}
		if err := w.Close(); err != nil {
			return err
		}
	}
	f.Brotli, f.Gzip = newContent(small.Bytes()), newContent(older.Bytes())
	return nil
}

// ownStyle matches the style that the build has put into the page.
var ownStyle = regexp.MustCompile(`(?s)<style>(.*?)</style>`)

// policyOf returns policySPA with the hash of the page's own style: no other style is allowed.
func policyOf(page []byte) string {
	found := ownStyle.FindSubmatch(page)
	if found == nil {
		return policySPA
	}
	digest := sha256.Sum256(found[1])
	return strings.Replace(policySPA, "style-src 'self'",
		"style-src 'self' 'sha256-"+base64.StdEncoding.EncodeToString(digest[:])+"'", 1)
}

// withAddress makes the paths in a page's metadata absolute: sites that read them for a preview do
// not resolve relative ones (https://ogp.me).
func withAddress(page []byte, publicURL *url.URL) []byte {
	address := `content="` + html.EscapeString(publicURL.String()) + "/"
	return bytes.ReplaceAll(page, []byte(`content="/`), []byte(address))
}

// contentTypeOf uses the extension and not the machine's own table, so that every machine answers
// alike.
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
		return forEver
	case path.Ext(name) == ".html":
		return "no-store"
	default:
		return "public, max-age=3600"
	}
}

// TakenBy chooses a variant by an Accept-Encoding header.
func (f *File) TakenBy(accepted string) (sent Content, coding string) {
	switch {
	case accepts(accepted, "br"):
		return f.Brotli, "br"
	case f.Gzip.Body != nil && accepts(accepted, "gzip"):
		return f.Gzip, "gzip"
	default:
		return f.Plain, ""
	}
}

// accepts parses an Accept-Encoding header (RFC 9110, 12.5.3). Without the header no coding is
// used.
func accepts(accepted, coding string) bool {
	for part := range strings.SplitSeq(accepted, ",") {
		name, weight, isWeighed := strings.Cut(part, ";")
		if strings.EqualFold(strings.TrimSpace(name), coding) {
			return !isWeighed || strings.Trim(weight, " q=0.") != ""
		}
	}
	return false
}

// Matches parses an If-None-Match header (RFC 9110, 13.1.2).
func Matches(known, etag string) bool {
	for one := range strings.SplitSeq(known, ",") {
		if one = strings.TrimSpace(one); one == "*" || strings.TrimPrefix(one, "W/") == etag {
			return true
		}
	}
	return false
}
